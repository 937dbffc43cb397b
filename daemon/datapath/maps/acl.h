/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of network ACLs (include/vpc/abi/acl.h). A change builds a new table for each direction that it
 * touches. The table is written to blocks that no program reads yet, and its number to the slot that is not in force.
 * The blocks of the old table are free after the grace period.
 */
#ifndef DATAPATH_MAPS_ACL_H
#define DATAPATH_MAPS_ACL_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/state.h"

MAPPED(vpc_acls_at, MAP_VPC_ACLS, __u64);
MAPPED(subnet_acl_at, MAP_SUBNET_ACL, struct vpc_versioned);
MAPPED(acl_at, MAP_ACL, struct vpc_acl);
MAPPED(acl_block_at, MAP_ACL_BLOCK, struct vpc_classifier_block);

/* Builds the table of a record. The caller frees ret->at. -ENOMEM; -E2BIG: the table would be too large. */
int acl_build_record(const struct acl_record *record, struct classifier_blocks *ret);
/* Does for ACLs what write_change does, and is called first. ResourceLimitExceeded: there is no room for a table.
 * -EBUSY: there will be room when earlier changes are retired. */
int write_acls(struct maps *maps, struct maps_change *c, struct vpc_error *reterr);
/* To be called before the epoch is stored. Ends the cached verdicts about packets between the subnets that the change
 * concerns, so that their packets ask the new tables. */
void acls_raise(struct maps *maps, struct maps_change *c);
/* To be called after the epoch was stored. Clears what sends packets to tables that are gone. */
void acls_lower(struct maps *maps, struct maps_change *c);
/* Frees the old tables when the change is retired. */
void acls_retire(struct maps *maps, struct maps_change *c);

#endif
