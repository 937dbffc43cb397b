/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The naive model's judgement of packets, and its list of flows. Section numbers are SEMANTICS.md's. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"

#define PASS(text) ((struct naive_verdict){.pass = true, .why = text})
#define DROP(text) ((struct naive_verdict){.pass = false, .why = text})

/* --- rules (security groups 2, 4, 5, 6) --- */

static bool in_range(int value, int from, int to)
{
	return from < 0 || (from <= value && value <= to);
}

static bool protocol_matches(const struct naive_rule *r, const struct tuple *t)
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

		if (!r->used || r->egress != egress || !carries(&s->enis[eni], r->group) || !protocol_matches(r, t))
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
static bool same_opening(const struct tuple *a, const struct tuple *b)
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

static unsigned life_of(const struct naive_state *s, int vpc, const struct address *a)
{
	int eni = naive_eni_by_address(s, vpc, a);

	return eni < 0 ? 0 : s->enis[eni].life;
}

/* Whether the ENIs that a flow is between still have its addresses. */
static bool is_between(const struct naive *n, const struct naive_flow *f)
{
	return f->life[0] == life_of(&n->now, f->vpc, &f->open.src) &&
	       f->life[1] == life_of(&n->now, f->vpc, &f->open.dst);
}

static struct naive_flow *find_flow(struct naive *n, int vpc, int via, const struct tuple *t)
{
	struct tuple back;
	bool may_answer = answered(t, &back);

	for (size_t i = n->n_flows; i-- > 0;) {
		struct naive_flow *f = &n->flows[i];

		if (f->vpc == vpc && f->via == via && is_between(n, f) &&
		    (same_opening(&f->open, t) || (may_answer && same_opening(&f->open, &back))))
			return f;
	}
	return NULL;
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
	if (n->n_flows == n->room) {
		n->room = n->room ? 2 * n->room : 64;
		n->flows = reallocarray(n->flows, n->room, sizeof(*n->flows));
		if (!n->flows)
			abort(); /* a test may */
	}
	n->flows[n->n_flows++] = flow;
}

static bool flags_possible(uint8_t flags)
{
	uint8_t f = flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);

	if ((f & TCP_SYN) && (f & (TCP_FIN | TCP_RST)))
		return false;
	if ((f & TCP_FIN) && (f & TCP_RST))
		return false;
	/* everything but a SYN or a RST acknowledges something */
	return (f & (TCP_SYN | TCP_RST | TCP_ACK)) != 0;
}

/* The error belongs to a flow when that flow's packet went from where the error goes (3). */
static struct naive_verdict judge_error(struct naive *n, int vpc, int via, const struct packet *p)
{
	struct naive_flow *flow = find_flow(n, vpc, via, &p->quoted);

	if (!flow || !address_equal(&p->quoted.src, &p->t.dst))
		return DROP("an ICMP error about no flow");
	return naive_allows(&n->now, vpc, via, &flow->open) ? PASS("an ICMP error about a flow")
							    : DROP("an ICMP error about a flow that is cut");
}

/* 3, 7, 8: an open flow passes in both directions while the rules allow its opening packet; a cut one drops both, until
 * they allow it again. */
static struct naive_verdict judge(struct naive *n, int vpc, int via, const struct packet *p)
{
	struct naive_flow *flow;
	bool opens = true;
	uint8_t ignored;

	if (tuple_is_error(&p->t))
		return judge_error(n, vpc, via, p);
	flow = find_flow(n, vpc, via, &p->t);
	if (p->t.proto == IPPROTO_TCP) {
		if (!flags_possible(p->flags))
			return DROP("TCP flags that no connection has");
		opens = (p->flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
		if (!flow && !opens)
			return DROP("TCP without a connection");
	}
	/* A SYN the other way is a connection of its own. */
	if (flow && opens && p->t.proto == IPPROTO_TCP && !same_opening(&flow->open, &p->t)) {
		if (!naive_allows(&n->now, vpc, via, &p->t))
			return DROP("no rule allows a connection the other way");
		open_flow(n, flow, vpc, via, &p->t);
		return PASS("a connection the other way");
	}
	if (flow)
		return naive_allows(&n->now, vpc, via, &flow->open) ? PASS("its flow is allowed")
								    : DROP("its flow is cut");
	if (tuple_is_reply(&p->t, &ignored))
		return DROP("an ICMP reply that nobody asked for");
	if (!naive_allows(&n->now, vpc, via, &p->t))
		return DROP("no rule allows it");
	open_flow(n, NULL, vpc, via, &p->t);
	return PASS("a rule allows it");
}

/* --- what is decided by addresses (11, 12) --- */

static bool in_text(const char *cidr_text, unsigned plen, uint8_t family, const struct address *a)
{
	struct prefix p = {.plen = plen};

	return address_parse(cidr_text, &p.addr, &p.family) == 0 && prefix_contains(&p, family, a);
}

/* Multicast, broadcast, loopback, link-local, unspecified: nothing of them crosses between ENIs or leaves a VPC. */
static bool is_special(uint8_t family, const struct address *a)
{
	if (family == 4)
		return in_text("0.0.0.0", 8, 4, a) || in_text("127.0.0.0", 8, 4, a) ||
		       in_text("169.254.0.0", 16, 4, a) || in_text("224.0.0.0", 3, 4, a);
	return in_text("::", 127, 6, a) || in_text("fe80::", 10, 6, a) || in_text("ff00::", 8, 6, a) ||
	       in_text("::ffff:0:0", 96, 6, a);
}

static bool is_echo_request(const struct tuple *t)
{
	return tuple_is_icmp(t) && t->type == (t->family == 4 ? 8 : 128);
}

static bool owns(const struct naive_eni *e, const struct address *a)
{
	for (unsigned i = 0; i < e->n_addrs; i++)
		if (address_equal(&e->addrs[i], a))
			return true;
	return false;
}

struct naive_verdict naive_out(struct naive *n, int eni, const struct packet *p)
{
	const struct naive_eni *e = &n->now.enis[eni];

	if (memcmp(p->smac, e->mac, sizeof(e->mac)) != 0)
		return DROP("the source MAC is not the sender's");
	if (is_special(p->t.family, &p->t.src))
		return DROP("a special source address");
	if (!owns(e, &p->t.src) && e->check)
		return DROP("the source address is not the sender's");
	if (address_is_gateway(&n->now, e->subnet, p->t.family, &p->t.dst))
		return is_echo_request(&p->t) ? PASS("echo to the gateway") : DROP("the gateway answers nothing else");
	if (is_special(p->t.family, &p->t.dst))
		return DROP("a special destination address");
	if (naive_in_vpc(&n->now, e->vpc, p->t.family, &p->t.dst) &&
	    naive_eni_by_address(&n->now, e->vpc, &p->t.dst) < 0)
		return DROP("nobody has that address");
	return judge(n, e->vpc, owns(e, &p->t.src) ? -1 : eni * 2, p);
}

/* 11: the gateway's echo replies, and its errors about the ENI's own packets. */
static struct naive_verdict from_gateway(struct naive *n, const struct naive_eni *e, const struct packet *p)
{
	uint8_t query;

	if (tuple_is_error(&p->t))
		return judge_error(n, e->vpc, -1, p);
	return tuple_is_reply(&p->t, &query) && query == (p->t.family == 4 ? 8 : 128)
		       ? PASS("the gateway's echo reply")
		       : DROP("the gateway sends nothing else");
}

struct naive_verdict naive_in(struct naive *n, int eni, int from, const struct packet *p)
{
	const struct naive_eni *e = &n->now.enis[eni];

	if (!owns(e, &p->t.dst) && e->check)
		return DROP("the destination address is not the receiver's");
	if (from == FROM_GATEWAY && address_is_gateway(&n->now, e->subnet, p->t.family, &p->t.src))
		return from_gateway(n, e, p);
	if (from < 0 && naive_in_vpc(&n->now, e->vpc, p->t.family, &p->t.src))
		return DROP("an address of the VPC that did not enter at its own port");
	if (is_special(p->t.family, &p->t.src))
		return DROP("a special source address");
	return judge(n, e->vpc, owns(e, &p->t.dst) ? -1 : eni * 2 + 1, p);
}
