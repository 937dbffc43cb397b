/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows with the outside a change cuts, because it takes away the route, the NAT gateway, the elastic IP, the
 * publication or the host access that they pass by. */
#ifndef DATAPATH_MAPS_FLOWS_EDGE_CUT_H
#define DATAPATH_MAPS_FLOWS_EDGE_CUT_H

#include "datapath/maps/flows/edge_change.h"

/* Whether the change cuts a flow, which is not cut yet. now_ns: CLOCK_MONOTONIC. Reads nat_out where the flow may be
 * translated. x NULL: no. */
bool edge_cut_flow(const struct maps *maps, const struct edge_change *x, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow, uint64_t now_ns);

#endif
