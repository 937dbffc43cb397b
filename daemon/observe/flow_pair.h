/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows between two VPCs by a peering. The kernel has two entries of such a flow, one for each VPC, with the same
 * tuple. Each has the ENI of its own VPC, and a word (VPC_PEER_WORD) of the other one. Lists have the flow once: the
 * opener's entry, with what the other one says of the responder. On any thread.
 */
#ifndef OBSERVE_FLOW_PAIR_H
#define OBSERVE_FLOW_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

#include "observe/flow_filter.h"

struct maps;

struct flow_pair {
	struct vpc_flow_key key; /* of the entry of the other VPC */
	struct vpc_flow flow;
};

/* The side that is in a peered VPC; -1: neither is. */
int flow_peer_side(const struct vpc_flow_key *key, const struct vpc_flow *flow);
/* The other VPC's entry. now_ns: CLOCK_MONOTONIC. False: there is none, it has expired, or it is of other ENIs. */
bool flow_pair_find(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		    uint64_t now_ns, struct flow_pair *ret);
/* Whether the other VPC's entry was cut before this epoch, or by hand: the flow has passed no more since. UINT64_MAX:
 * whether it is cut. */
bool flow_pair_was_cut(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		       uint64_t epoch);
/* The state of both: a flow that is cut in one VPC passes in neither. */
unsigned flow_pair_state(const struct vpc_flow *flow, const struct flow_pair *pair);

/* Whether a list by the filter has this entry: the filter names it, and the flow isn't told by its other entry.
 * now_ns: CLOCK_MONOTONIC. */
bool flow_pair_is_told(const struct maps *maps, const struct flow_filter *f, const struct vpc_flow_key *key,
		       const struct vpc_flow *flow, uint64_t now_ns);

/* Flows by peerings that were told, so that a receipt of a change that cuts both entries has the flow once. */
struct flow_pairs;
/* So many are remembered. */
#define FLOW_PAIRS_MAX 65536u
/* Whether the receipt of the change of this epoch has this entry, which the change cuts: it is the first one of its
 * flow, and no earlier change has cut the other one. Flows that go by no peering have one entry, which the receipt has.
 * *p NULL: none was told; it is made at need. */
bool flow_pairs_tell(struct flow_pairs **p, const struct maps *maps, const struct vpc_flow_key *key,
		     const struct vpc_flow *flow, uint64_t epoch);
/* NULL is fine. */
void flow_pairs_free(struct flow_pairs *p);

#endif
