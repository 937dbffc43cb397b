/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows a change cuts by closing their way inside the VPC: by its network ACLs, or by detaching an ENI. The
 * entries of flows stay as they are, since the programs look at both for each packet. So the ACLs of before the change
 * and of after it are asked about the packets of each flow.
 */
#ifndef DATAPATH_MAPS_FLOWS_PATH_CUT_H
#define DATAPATH_MAPS_FLOWS_PATH_CUT_H

#include <vpc/cleanup.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

struct path_cut;

/* Whether a change may cut flows so. */
bool path_cut_possible(const struct maps_change *c);
/* For a prepared or published change, which is not retired. It refers to nothing of it. before: the change is not
 * retired until the end, so that what an earlier change cut is not told again. *ret NULL: no flow can be cut. -ENOMEM.
 */
int path_cut_new(const struct maps *maps, const struct maps_change *c, bool before, struct path_cut **ret);
/* Returns NULL. NULL is fine. */
struct path_cut *path_cut_free(struct path_cut *x);
DEFINE_CLEANUP(struct path_cut *, path_cut_free);

/* Whether flows of an ENI may be cut. On any thread. x NULL: no. */
bool path_cut_concerns(const struct path_cut *x, uint32_t eni);
/* Whether the change cuts a flow, which is not cut yet: an end of it is detached, or an ACL denies one of its
 * directions by now. ACLs are not asked about ICMP, nor about what an appliance forwards. On the event loop. x NULL:
 * no. */
bool path_cut_flow(const struct maps *maps, const struct path_cut *x, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow);

#endif
