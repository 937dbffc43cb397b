/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_pair.h"

#include <stdlib.h>
#include <uthash.h>
#include <vpc/clock.h>

#include "datapath/maps/look/flow.h"
#include "datapath/maps/traffic.h"

int flow_peer_side(const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	for (int i = 0; i < 2; i++)
		if (!key->via && !flow->eni[i] && flow->incarnation[i] && flow->eni[!i])
			return i;
	return -1;
}

/* Whether side i is, in the one entry, the ENI of which the other one has the word. */
static bool is_side(const struct vpc_flow *local, const struct vpc_flow *peered, int i)
{
	uint32_t number = local->eni[i];

	return number && !peered->eni[i] && VPC_PEER_WORD(number, local->incarnation[i]) == peered->incarnation[i];
}

bool flow_pair_find(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		    uint64_t now_ns, struct flow_pair *ret)
{
	const struct look look = {.maps = maps, .now_ns = now_ns};
	int peer = flow_peer_side(key, flow);

	if (peer < 0)
		return false;
	ret->key = *key;
	ret->key.vpc = maps_vpc_of_eni(maps, flow->incarnation[peer] & VPC_NUMBER_MASK);
	return ret->key.vpc && ret->key.vpc != key->vpc && look_flow(&look, &ret->key, &ret->flow) &&
	       ret->flow.opener == flow->opener && is_side(&ret->flow, flow, peer) && is_side(flow, &ret->flow, !peer);
}

bool flow_pair_was_cut(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		       uint64_t epoch)
{
	struct flow_pair pair;

	return flow_pair_find(maps, key, flow, monotonic_ns(), &pair) && pair.flow.state == VPC_FLOW_TOMBSTONE &&
	       (pair.flow.epoch < epoch || pair.flow.epoch == VPC_EPOCH_CUT);
}

unsigned flow_pair_state(const struct vpc_flow *flow, const struct flow_pair *pair)
{
	return pair->flow.state == VPC_FLOW_TOMBSTONE ? VPC_FLOW_TOMBSTONE : flow->state;
}

bool flow_pair_is_told(const struct maps *maps, const struct flow_filter *f, const struct vpc_flow_key *key,
		       const struct vpc_flow *flow, uint64_t now_ns)
{
	int peer = flow_peer_side(key, flow);
	struct vpc_flow mine = *flow, others;
	struct flow_filter any = *f;
	struct flow_pair pair;

	if (peer < 0)
		return flow_filter_matches(f, key, flow, now_ns);
	any.states = (1u << VPC_FLOW_STATES) - 1;
	if (!flow_filter_matches(&any, key, flow, now_ns))
		return false;
	if (!flow_pair_find(maps, key, flow, now_ns, &pair))
		return flow_filter_matches(f, key, flow, now_ns);
	others = pair.flow;
	mine.state = others.state = VPC_FLOW_TOMBSTONE;
	if (flow->state != VPC_FLOW_TOMBSTONE && pair.flow.state != VPC_FLOW_TOMBSTONE) {
		mine.state = flow->state;
		others.state = pair.flow.state;
	}
	if (!flow_filter_matches(f, key, &mine, now_ns))
		return false;
	return peer == 1 || !flow_filter_matches(f, &pair.key, &others, now_ns);
}

/* --- told --------------------------------------------------------------------------------------------------------- */

struct told {
	struct vpc_flow_key key; /* of the VPC with the lower number */
	UT_hash_handle hh;
};

struct flow_pairs {
	struct told *told;
};

static bool add_told(struct flow_pairs *p, const struct vpc_flow_key *key)
{
	struct told *t;

	HASH_FIND(hh, p->told, key, sizeof(*key), t);
	if (t)
		return false;
	t = HASH_COUNT(p->told) < FLOW_PAIRS_MAX ? calloc(1, sizeof(*t)) : NULL;
	if (!t)
		return true;
	t->key = *key;
	HASH_ADD(hh, p->told, key, sizeof(t->key), t);
	if (!t->hh.tbl)
		free(t);
	return true;
}

bool flow_pairs_tell(struct flow_pairs **p, const struct maps *maps, const struct vpc_flow_key *key,
		     const struct vpc_flow *flow, uint64_t epoch)
{
	int peer = flow_peer_side(key, flow);
	struct vpc_flow_key lower = *key;
	uint32_t vpc;

	if (peer < 0)
		return true;
	vpc = maps_vpc_of_eni(maps, flow->incarnation[peer] & VPC_NUMBER_MASK);
	if (!vpc)
		return true;
	if (vpc < lower.vpc)
		lower.vpc = vpc;
	if (!*p)
		*p = calloc(1, sizeof(**p));
	return (!*p || add_told(*p, &lower)) && !flow_pair_was_cut(maps, key, flow, epoch);
}

void flow_pairs_free(struct flow_pairs *p)
{
	struct told *t, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->told, t, next) {
		HASH_DEL(p->told, t);
		free(t);
	}
	free(p);
}
