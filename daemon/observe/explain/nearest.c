/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule that comes nearest to a packet which no rule allows. It is looked for in the model, because people know the
 * rules by that. */
#include <netinet/in.h>
#include <stdlib.h>

#include "observe/explain/report.h"

/* So many rules are looked at, in a few milliseconds. A group may have more. */
#define RULES_MAX 100000

static bool protocol_matches(const struct rule *r, const struct look_packet *p)
{
	return r->protocol == PROTOCOL_ALL || r->protocol == p->proto;
}

static bool port_matches(const struct rule *r, const struct look_packet *p)
{
	if (r->protocol == PROTOCOL_ALL || r->from_port < 0)
		return true;
	switch (look_slot(p->family, p->proto)) {
	case VPC_SLOT_TCP:
	case VPC_SLOT_UDP:
		return r->from_port <= p->dport && p->dport <= r->to_port;
	case VPC_SLOT_ICMP:
	case VPC_SLOT_ICMPV6:
		return r->from_port == p->icmp_type && (r->to_port < 0 || r->to_port == p->icmp_code);
	default:
		return true;
	}
}

static bool set_has(const struct look *l, uint32_t set, uint32_t group)
{
	const struct vpc_set *s = set ? look_row(l, MAP_SET, set) : NULL;

	for (uint32_t i = 0; s && i < s->n && i < VPC_GROUPS_PER_ENI; i++)
		if (s->sg[i] == group)
			return true;
	return false;
}

static bool list_has(const struct model *m, uint32_t list, const struct ip *ip)
{
	const struct object *o = NULL;
	unsigned looked = 0;

	while (looked++ < RULES_MAX && (o = model_next_part(m, OBJECT_PREFIX_LIST, list, OBJECT_PREFIX_ENTRY, o)))
		if (!prefix_entry_of(o)->until && cidr_contains_ip(&prefix_entry_of(o)->cidr, ip))
			return true;
	return false;
}

static bool peer_matches(const struct model *m, const struct look *l, const struct explain_step *s,
			 const struct rule *r)
{
	const struct ip peer = explain_ip(s->direction == VPC_EGRESS ? s->packet.dst : s->packet.src);

	if (r->peer == PEER_SG)
		return set_has(l, s->peer_set, r->peer_sg);
	return r->peer == PEER_PREFIX_LIST ? list_has(m, r->peer_list, &peer) : cidr_contains_ip(&r->cidr, &peer);
}

static unsigned misses(const struct model *m, const struct look *l, const struct explain_step *s, const struct rule *r)
{
	unsigned missed = 0;

	if (!protocol_matches(r, &s->packet))
		missed |= EXPLAIN_MISS_PROTOCOL;
	else if (!port_matches(r, &s->packet))
		missed |= EXPLAIN_MISS_PORT;
	if (!peer_matches(m, l, s, r))
		missed |= EXPLAIN_MISS_PEER;
	return missed;
}

/* The fewer, the nearer: of rules that miss in one field, one with another port comes first, then one with another
 * peer, then one with another protocol. */
static unsigned distance(unsigned missed)
{
	return (missed & EXPLAIN_MISS_PORT ? 2u : 0) + (missed & EXPLAIN_MISS_PEER ? 3u : 0) +
	       (missed & EXPLAIN_MISS_PROTOCOL ? 4u : 0);
}

const struct rule *explain_nearest(const struct model *m, const struct look *l, const struct explain_step *s,
				   unsigned *ret_misses)
{
	const struct vpc_set *set = look_row(l, MAP_SET, s->set);
	const struct rule *best = NULL;
	unsigned looked = 0;

	*ret_misses = 0;
	for (uint32_t i = 0; set && i < set->n && i < VPC_GROUPS_PER_ENI; i++) {
		const struct rule *r = NULL;

		while (looked++ < RULES_MAX && (r = model_next_rule(m, set->sg[i], r))) {
			unsigned missed;

			if (r->direction != s->direction)
				continue;
			missed = misses(m, l, s, r);
			if (best && distance(missed) >= distance(*ret_misses))
				continue;
			best = r;
			*ret_misses = missed;
		}
	}
	return best;
}
