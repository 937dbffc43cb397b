/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The naive model's rules and its list of flows. Numbers in parentheses are rules of security
 * groups (tests/README.md). */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "naive.h"

/* --- rules (security groups 2, 4, 5, 6) --- */

static bool in_range(int value, int from, int to)
{
	return from < 0 || (from <= value && value <= to);
}

bool naive_protocol_matches(const struct naive_rule *r, const struct tuple *t)
{
	if (r->protocol < 0)
		return true;
	if (r->protocol != t->proto)
		return false;
	if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP)
		return in_range(t->dport, r->from, r->to);
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6)
		/* each in its own family only; here from and to are not a range but a type and a code */
		return tuple_is_icmp(t) && in_range(t->type, r->from, r->from) && in_range(t->code, r->to, r->to);
	return true;
}

static bool carries(const struct naive_eni *e, int group)
{
	for (unsigned i = 0; i < e->n_groups; i++)
		if (e->groups[i] == group)
			return true;
	return false;
}

/* Whether any group of eni allows the tuple. peer: the ENI at the other end, or -1. */
static bool side_allows(const struct naive_state *s, int eni, bool egress, int peer, const struct tuple *t)
{
	for (int i = 0; i < NAIVE_RULES; i++) {
		const struct naive_rule *r = &s->rules[i];

		if (!r->used || r->egress != egress || !carries(&s->enis[eni], r->group) ||
		    !naive_protocol_matches(r, t))
			continue;
		if (r->peer_group >= 0) {
			if (peer >= 0 && carries(&s->enis[peer], r->peer_group))
				return true;
		} else if (prefix_contains(&r->cidr, t->family, egress ? &t->dst : &t->src)) {
			return true;
		}
	}
	return false;
}

bool naive_allows(const struct naive_state *s, int vpc, int via, const struct tuple *t)
{
	int opener = naive_eni_by_address(s, vpc, &t->src);
	int responder = naive_eni_by_address(s, vpc, &t->dst);

	/* An appliance is judged for what it forwards by itself, and by who really sent it only as an address. */
	if (via >= 0)
		return side_allows(s, via / 2, via % 2 == 0, -1, t);
	if (opener >= 0 && !side_allows(s, opener, true, responder, t))
		return false;
	return responder < 0 || side_allows(s, responder, false, opener, t);
}

/* --- flows --- */

/* Whether both open the same flow from the same side. ICMP queries are told apart by type, code and, if they have one,
 * id; of other protocols a flow is all there is between two addresses. */
static bool same_opener(const struct tuple *a, const struct tuple *b)
{
	if (a->family != b->family || a->proto != b->proto || !address_equal(&a->src, &b->src) ||
	    !address_equal(&a->dst, &b->dst))
		return false;
	if (a->proto == IPPROTO_TCP || a->proto == IPPROTO_UDP)
		return a->sport == b->sport && a->dport == b->dport;
	if (tuple_is_icmp(a))
		return a->type == b->type && a->code == b->code && (!tuple_has_id(a) || a->id == b->id);
	return true;
}

/* The opening packet of the flow that t is an answer in, if it is one. False: t can't be an answer. */
static bool answered(const struct tuple *t, struct tuple *ret)
{
	*ret = *t;
	ret->src = t->dst;
	ret->dst = t->src;
	ret->sport = t->dport;
	ret->dport = t->sport;
	/* An ICMP query is never the answer to another. */
	return !tuple_is_icmp(t) || tuple_is_reply(t, &ret->type);
}

/* Which ENI has the address: its life; 0: none. */
static unsigned life_of(const struct naive_state *s, int vpc, const struct address *a)
{
	int eni = naive_eni_by_address(s, vpc, a);

	return eni < 0 ? 0 : s->enis[eni].life;
}

/* Whether the ENIs that a flow is between still have its addresses. */
static bool is_between(const struct naive_state *s, const struct naive_flow *f)
{
	return f->life[0] == life_of(s, f->vpc, &f->open.src) && f->life[1] == life_of(s, f->vpc, &f->open.dst);
}

/* The flow that t is of, from either side. It ends when somebody else has one of its addresses. */
static struct naive_flow *find_flow(struct naive *n, int vpc, int via, const struct tuple *t)
{
	struct tuple back;
	bool may_answer = answered(t, &back);

	for (size_t i = n->n_flows; i-- > 0;) {
		struct naive_flow *f = &n->flows[i];

		if (f->vpc == vpc && f->via == via && is_between(&n->now, f) &&
		    (same_opener(&f->open, t) || (may_answer && same_opener(&f->open, &back))))
			return f;
	}
	return NULL;
}

/* --- what a change does to flows (8) --- */

/* The ENI of a side of a flow: 0 the opener's, 1 the responder's; -1: none. */
static int eni_of_side(const struct naive_state *s, const struct naive_flow *f, unsigned side)
{
	return naive_eni_by_address(s, f->vpc, side == 0 ? &f->open.src : &f->open.dst);
}

/* Whether the rules of a side's ENI would allow the flow to be opened. */
static bool allows_side(const struct naive_state *s, const struct naive_flow *f, unsigned side)
{
	int eni = eni_of_side(s, f, side);

	return eni < 0 || side_allows(s, eni, side == 0, eni_of_side(s, f, 1 - side), &f->open);
}

/* Whether the flow may go on: the rules would allow it to be opened now, or a grace spares the side that they don't. */
static bool stands(const struct naive *n, const struct naive_flow *f)
{
	if (f->via >= 0)
		return naive_allows(&n->now, f->vpc, f->via, &f->open);
	for (unsigned side = 0; side < 2; side++)
		if (!allows_side(&n->now, f, side) && f->grace[side] == NAIVE_CUT)
			return false;
	return true;
}

/* A packet found that it doesn't stand: no grace of before counts any more. */
static void cut(struct naive_flow *f)
{
	f->cut = true;
	f->grace[0] = f->grace[1] = NAIVE_CUT;
}

static bool lost_a_group(const struct naive_state *before, const struct naive_state *after, int eni)
{
	for (unsigned i = 0; eni >= 0 && i < before->enis[eni].n_groups; i++)
		if (!carries(&after->enis[eni], before->enis[eni].groups[i]))
			return true;
	return false;
}

/* A later cut always wins: what was allowed again has no grace any more, and who loses a group (quarantine) has none.
 */
static void end_graces(const struct naive_state *before, const struct naive_state *after, struct naive_flow *f)
{
	bool quarantine = lost_a_group(before, after, eni_of_side(before, f, 0)) ||
			  lost_a_group(before, after, eni_of_side(before, f, 1));

	for (unsigned side = 0; side < 2; side++)
		if (quarantine || allows_side(before, f, side))
			f->grace[side] = NAIVE_CUT;
}

/* What was allowed until this very change is spared. What only a grace allowed keeps that grace. */
static void give_graces(const struct naive_state *before, const struct naive_state *after, struct naive_flow *f,
			enum naive_flows flows)
{
	for (unsigned side = 0; side < 2; side++)
		if (f->cut || (!allows_side(before, f, side) && f->grace[side] == NAIVE_CUT))
			return;
	for (unsigned side = 0; side < 2; side++)
		if (allows_side(before, f, side))
			f->grace[side] = allows_side(after, f, side) ? NAIVE_CUT : flows;
}

/* A grace doesn't outlast the address. */
static void end_graces_without_address(const struct naive *n, const struct naive_state *next, struct naive_flow *f)
{
	if (is_between(&n->now, f) && !is_between(next, f))
		f->grace[0] = f->grace[1] = NAIVE_CUT;
}

void naive_commit(struct naive *n, const struct naive_state *next, enum naive_flows flows)
{
	for (size_t i = 0; i < n->n_flows; i++) {
		struct naive_flow *f = &n->flows[i];

		end_graces_without_address(n, next, f);
		if (!is_between(&n->now, f) || !is_between(next, f) || f->via >= 0)
			continue;
		if (flows == NAIVE_CUT)
			end_graces(&n->now, next, f);
		else
			give_graces(&n->now, next, f, flows);
	}
	memcpy(&n->now, next, sizeof(n->now));
}

void naive_end_drains(struct naive *n)
{
	for (size_t i = 0; i < n->n_flows; i++)
		for (unsigned side = 0; side < 2; side++)
			if (n->flows[i].grace[side] == NAIVE_DRAIN)
				n->flows[i].grace[side] = NAIVE_CUT;
}

static void open_flow(struct naive *n, struct naive_flow *old, int vpc, int via, const struct tuple *t)
{
	struct naive_flow flow = {
		.vpc = vpc,
		.via = via,
		.open = *t,
		.life = {life_of(&n->now, vpc, &t->src), life_of(&n->now, vpc, &t->dst)},
	};

	if (old) {
		*old = flow;
		return;
	}
	n->flows = array_grow(n->flows, &n->room, n->n_flows + 1, sizeof(*n->flows));
	if (!n->flows)
		abort(); /* a test may */
	n->flows[n->n_flows++] = flow;
}

/* --- TCP --- */

#define JUDGED_FLAGS (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)

static bool flags_possible(uint8_t flags)
{
	uint8_t f = flags & JUDGED_FLAGS;

	if ((f & TCP_SYN) && (f & (TCP_FIN | TCP_RST)))
		return false;
	if ((f & TCP_FIN) && (f & TCP_RST))
		return false;
	/* everything but a SYN or a RST acknowledges something */
	return (f & (TCP_SYN | TCP_RST | TCP_ACK)) != 0;
}

/* A segment that passed: what the connection has seen. from: 0 its opener sent it, 1 its responder. */
static void tcp_seen(struct naive_flow *f, uint8_t flags, unsigned from)
{
	f->cut = false;
	f->reset = (flags & TCP_RST) != 0; /* perhaps; data takes it back */
	if (from == 1 && (flags & TCP_SYN))
		f->answered = true;
	if (flags & TCP_FIN)
		f->fin[from] = true;
}

/* Whether a pure SYN asks for a connection of its own, rather than belonging to f: the opener's once more (but not
 * after its FIN), or the answer of a responder that opens at the same time (RFC 9293, 3.5). One that was cut is over
 * for a SYN. */
static bool tcp_is_new(const struct naive_flow *f, unsigned from)
{
	return f->cut || f->reset || (f->fin[0] && f->fin[1]) || (from == 0 ? f->fin[0] : f->answered);
}

static struct naive_verdict judge_tcp(struct naive *n, int vpc, int via, const struct packet *p)
{
	struct naive_flow *flow = find_flow(n, vpc, via, &p->t);
	bool opens = (p->flags & JUDGED_FLAGS) == TCP_SYN;
	unsigned from = flow && !same_opener(&flow->open, &p->t);

	if (!flags_possible(p->flags))
		return DROP("TCP flags that no connection has");
	/* A SYN that asks for itself cuts nothing when it is refused: the opener's, and the responder's where it can't
	 * be the answer of one that opens at the same time. */
	if (flow && !stands(n, flow) && (!opens || (from == 1 && !tcp_is_new(flow, from))))
		cut(flow);
	/* No grace spares a SYN of the opener: by it the opener asks, perhaps once more. */
	if (flow && opens && from == 0 && !naive_allows(&n->now, vpc, via, &p->t))
		return DROP("no rule allows the connection");
	if (flow && (!opens || !tcp_is_new(flow, from)) && stands(n, flow)) {
		tcp_seen(flow, p->flags, from);
		return PASS("its connection is allowed");
	}
	if (!opens)
		return flow ? DROP("its connection is cut") : DROP("TCP without a connection");
	if (!naive_allows(&n->now, vpc, via, &p->t))
		return DROP("no rule allows the connection");
	open_flow(n, flow, vpc, via, &p->t);
	return PASS("a rule allows the connection");
}

/* --- the rest --- */

/* 3: an ICMP error belongs to a flow when that flow's packet went out from where the error goes. */
struct naive_verdict naive_judge_error(struct naive *n, int vpc, int via, const struct packet *p)
{
	struct naive_flow *flow = find_flow(n, vpc, via, &p->quoted);

	if (!flow || !address_equal(&p->quoted.src, &p->t.dst))
		return DROP("an ICMP error about no flow");
	if (stands(n, flow))
		return PASS("an ICMP error about a flow");
	cut(flow);
	return DROP("an ICMP error about a flow that is cut");
}

/* 3, 7, 8: an open flow passes in both directions while the rules allow its opening packet; a cut one drops both, until
 * they allow it again. */
struct naive_verdict naive_judge(struct naive *n, int vpc, int via, const struct packet *p)
{
	struct naive_flow *flow;
	uint8_t ignored;

	if (tuple_is_error(&p->t))
		return naive_judge_error(n, vpc, via, p);
	if (p->t.proto == IPPROTO_TCP)
		return judge_tcp(n, vpc, via, p);
	flow = find_flow(n, vpc, via, &p->t);
	if (flow && !stands(n, flow)) {
		cut(flow);
		return DROP("its flow is cut");
	}
	if (flow) {
		flow->cut = false;
		return PASS("its flow is allowed");
	}
	if (tuple_is_reply(&p->t, &ignored))
		return DROP("an ICMP reply that nobody asked for");
	if (!naive_allows(&n->now, vpc, via, &p->t))
		return DROP("no rule allows it");
	open_flow(n, NULL, vpc, via, &p->t);
	return PASS("a rule allows it");
}
