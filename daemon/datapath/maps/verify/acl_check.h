/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network ACLs that the kernel has: reading them back at a start, and comparing them with the mirror. */
#ifndef DATAPATH_MAPS_ACL_CHECK_H
#define DATAPATH_MAPS_ACL_CHECK_H

#include "datapath/maps/state.h"
#include "datapath/maps/verify/audit.h"

/* At a start: clears what a change wrote that was never published. */
void acls_recover_half_done(struct maps *maps);
/* At a start, after the ENIs were read: copies the kernel's tables to the mirror. A table that belongs to another ACL
 * is noted as broken, and maps_diff's plan replaces it. */
void acls_recover(struct maps *maps);
/* Compare the tables of an ACL, or the ACL and the ENIs of a subnet, with the mirror. Return 1: *ret says what the
 * difference is; 0: none. No change may be prepared. */
int acl_check(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int subnet_acl_check(const struct maps *maps, uint32_t subnet, struct maps_finding *ret);

#endif
