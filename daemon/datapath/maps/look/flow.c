/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/look/flow.h"

#include <arpa/inet.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/flows/young.h"

/* Of the shares of the maps of flows: bpf/lib/flow/share.h explains them. */
#define SHARE_SHIFT 3
#define SHARE_PARTS ((1 << SHARE_SHIFT) - 1)
#define SHARE_ENI   4
#define SHARE_FEW   16
#define SHARE_SMALL 16

static bool is_after(const struct look_packet *p)
{
	int order = memcmp(p->src, p->dst, sizeof(p->src));

	return order > 0 || (order == 0 && p->sport > p->dport);
}

unsigned look_flow_key(const struct look_packet *p, uint32_t vpc, uint32_t via, struct vpc_flow_key *ret)
{
	unsigned from = is_after(p);
	uint8_t query;
	enum look_icmp icmp = look_icmp(p, &query);

	*ret = (struct vpc_flow_key){.vpc = vpc, .via = via, .proto = p->proto};
	memcpy(ret->addr[from], p->src, sizeof(ret->addr[0]));
	memcpy(ret->addr[from ^ 1], p->dst, sizeof(ret->addr[0]));
	ret->port[from] = htons(p->sport);
	ret->port[from ^ 1] = htons(p->dport);
	if (icmp != LOOK_ICMP_NONE) {
		ret->icmp_type = query;
		ret->icmp_code = p->icmp_code;
		ret->icmp_asker = (uint8_t)(from ^ (icmp == LOOK_ICMP_REPLY));
	}
	return from;
}

static bool has_expired(const struct look *l, const struct vpc_flow *f)
{
	return (int64_t)(l->now_ns - f->last_seen_ns) > (int64_t)(f->timeout_s * NS_PER_S);
}

bool look_flow(const struct look *l, const struct vpc_flow_key *key, struct vpc_flow *ret)
{
	static const enum map_id ids[] = {MAP_FLOW, MAP_FLOW_NEW, MAP_FLOW_OVERFLOW};

	if (young_find(l->maps, key, ret))
		return !has_expired(l, ret);
	for (unsigned i = 0; i < 3; i++)
		if (look_key(l, ids[i], key, ret))
			return !has_expired(l, ret);
	return false;
}

unsigned look_graces(const struct look *l, const struct vpc_flow *f)
{
	uint32_t now = (uint32_t)(l->now_ns >> VPC_GRACE_SHIFT);

	return (f->grace_until[0] > now ? 1u : 0) | (f->grace_until[1] > now ? 2u : 0);
}

static void raise(uint64_t *newest, uint64_t generation)
{
	if (generation > *newest)
		*newest = generation;
}

void look_stamp(const struct look *l, const struct vpc_eni *e, uint32_t set, struct look_stamp *stamp)
{
	const struct vpc_set *groups = look_row(l, MAP_SET, set);
	const struct vpc_ctl *ctl = look_row(l, MAP_CTL, 0);

	if (!groups || !ctl)
		return;
	if (groups->lists) {
		raise(&stamp->revoke, ctl->lists_revoke);
		raise(&stamp->any, ctl->lists_any);
	}
	raise(&stamp->revoke, e->gen_revoke);
	raise(&stamp->revoke, groups->gen_revoke);
	raise(&stamp->any, e->gen_any);
	raise(&stamp->any, groups->gen_any);
}

/* How many more established flows the VPC may have. */
static int64_t room_of(const struct vpc_vpc_flows *v, const struct vpc_host_flows *h)
{
	int64_t used = v->total, guaranteed = h->flow_guaranteed, left = (int64_t)h->flow_pool - h->pool_used;

	if (used < guaranteed)
		return guaranteed - used + ((left > 0 ? left * SHARE_PARTS : 0) >> SHARE_SHIFT);
	return (left * SHARE_PARTS - (used - guaranteed)) >> SHARE_SHIFT;
}

static bool may_open(int64_t opened, int64_t room, const struct vpc_host_flows *h, const struct vpc_eni *e)
{
	int64_t guaranteed = h->flow_guaranteed;

	return room > 0 && (opened * SHARE_FEW < guaranteed || opened < (room - (guaranteed >> 1)) * SHARE_ENI) &&
	       opened < (int64_t)e->flow_budget;
}

int look_flow_share(const struct look *l, uint32_t vpc, uint32_t opener, uint32_t responder)
{
	uint32_t number = opener ? opener : responder;
	const struct vpc_eni *e = look_eni(l, number), *other = look_eni(l, responder);
	const struct vpc_eni_flows *n = look_row(l, MAP_ENI_FLOWS, number);
	const struct vpc_eni_flows *mine = look_row(l, MAP_ENI_FLOWS, responder);
	const struct vpc_vpc_flows *v = look_row(l, MAP_VPC_FLOWS, vpc);
	const struct vpc_host_flows *h = look_row(l, MAP_HOST_FLOWS, 0);

	if (!e || !n || !v || !h || !may_open(n->opened, room_of(v, h), h, e))
		return opener ? 0 : 1;
	if (!opener || !responder)
		return -1;
	return other && mine && (mine->answered < other->flow_budget || n->opened * SHARE_SMALL < other->flow_budget)
		       ? -1
		       : 1;
}
