/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of network ACLs (include/vpc/abi/acl.h). A change makes the table of each direction that it touches
 * anew, in blocks that no program reads yet, and leads to it by the slot that is not in force. The blocks of the old
 * one are free after the grace period.
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

/* Builds the table of a record. free(ret->at). -ENOMEM, -E2BIG. */
int acl_build_record(const struct acl_record *record, struct classifier_blocks *ret);
/* As write_change, for its part, and before anything else of the change. ResourceLimitExceeded: there is no room for a
 * table; -EBUSY: there is once earlier changes are retired. */
int write_acls(struct maps *maps, struct maps_change *c, struct vpc_error *reterr);
/* Before the epoch is stored: what was remembered of packets between the subnets that the change concerns ends, and
 * packets ask for the tables that there are then. */
void acls_raise(struct maps *maps, struct maps_change *c);
/* After the epoch was stored: nobody asks any more for tables that are gone. */
void acls_lower(struct maps *maps, struct maps_change *c);
/* The change is retired. */
void acls_retire(struct maps *maps, struct maps_change *c);

#endif
