/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows with the outside a change cuts by taking a way out or in from them: a route, the route table of a subnet,
 * a NAT gateway, an elastic IP, a publication, host access. Their entries stay as they are, since the programs ask for
 * the way of each packet; so what was taken away is noted here, and compared with each flow.
 */
#ifndef DATAPATH_MAPS_FLOWS_EDGE_CUT_H
#define DATAPATH_MAPS_FLOWS_EDGE_CUT_H

#include <vpc/cleanup.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

struct edge_cut;

/* Whether a change may take a way from a flow. A route that is added may: it may be more specific than another. */
bool edge_cut_possible(const struct maps_change *c);
/* What a change takes away, prepared or published and not yet retired. It refers to nothing of the change. *ret NULL:
 * nothing. -ENOMEM. */
int edge_cut_new(const struct maps *maps, const struct maps_change *c, struct edge_cut **ret);
/* Returns NULL. NULL is fine. */
struct edge_cut *edge_cut_free(struct edge_cut *x);
DEFINE_CLEANUP(struct edge_cut *, edge_cut_free);

/* Whether flows of an ENI may be cut. On any thread. x NULL: no. */
bool edge_cut_concerns(const struct edge_cut *x, uint32_t eni);
/* Whether the change cuts a flow, which is not cut yet. now_ns: CLOCK_MONOTONIC. Reads nat_out where the flow may be
 * translated. x NULL: no. */
bool edge_cut_flow(const struct maps *maps, const struct edge_cut *x, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow, uint64_t now_ns);

#endif
