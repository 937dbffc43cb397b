/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows a change of network ACLs cuts. The entries of flows stay as they are, since the programs ask the ACLs
 * about each packet. So the ACLs of before the change and of after it are asked about the packets of each flow.
 */
#ifndef DATAPATH_MAPS_FLOWS_ACL_CUT_H
#define DATAPATH_MAPS_FLOWS_ACL_CUT_H

#include <vpc/cleanup.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

struct acl_cut;

/* Whether a change may cut flows so. */
bool acl_cut_possible(const struct maps_change *c);
/* For a prepared or published change, which is not retired. It refers to nothing of it. before: the change is not
 * retired until the end, so that what an earlier change cut is not told again. *ret NULL: no flow can be cut. -ENOMEM.
 */
int acl_cut_new(const struct maps *maps, const struct maps_change *c, bool before, struct acl_cut **ret);
/* Returns NULL. NULL is fine. */
struct acl_cut *acl_cut_free(struct acl_cut *x);
DEFINE_CLEANUP(struct acl_cut *, acl_cut_free);

/* Whether flows of an ENI may be cut. On any thread. x NULL: no. */
bool acl_cut_concerns(const struct acl_cut *x, uint32_t eni);
/* Whether the change cuts a flow, which is not cut yet: packets of one of its directions are denied by now. Not for
 * ICMP, and not for what an appliance forwards. On the event loop. x NULL: no. */
bool acl_cut_flow(const struct maps *maps, const struct acl_cut *x, const struct vpc_flow_key *key,
		  const struct vpc_flow *flow);

#endif
