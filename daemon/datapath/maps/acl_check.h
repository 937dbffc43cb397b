/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs that stand in the kernel already: read back at a start, and compared with the mirror. */
#ifndef DATAPATH_MAPS_ACL_CHECK_H
#define DATAPATH_MAPS_ACL_CHECK_H

#include "datapath/maps/audit.h"
#include "datapath/maps/state.h"

/* At a start: what a change wrote that was never published goes. */
void acls_recover_half_done(struct maps *maps);
/* At a start, when the ENIs are read: the mirror gets the tables that are there. What is no table of its ACL is noted
 * as broken, and maps_diff's plan replaces it. */
void acls_recover(struct maps *maps);
/* Compare the tables of an ACL, or the ACL and the ENIs of a subnet, with the mirror. 1: *ret says what the difference
 * is; 0: none. While no change is prepared. */
int acl_check(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int subnet_acl_check(const struct maps *maps, uint32_t subnet, struct maps_finding *ret);

#endif
