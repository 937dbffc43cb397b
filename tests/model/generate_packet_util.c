/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random packets: new ones, and more of flows that were seen, in both directions. */
#include <netinet/in.h>

#include "generate.h"

static const uint16_t ports[] = {0, 1, 22, 53, 80, 443, 444, 1023, 1024, 4096, 5000, 8080, 8081, 32768, 65534, 65535};
static const char *const outside4[] = {"198.51.100.7", "198.51.100.8", "203.0.113.9", "11.0.0.1"};
static const char *const outside6[] = {"2001:db8::8001:2:3:7", "2001:db8::8000:2:3:8", "2001:db8:ffff::9", "2a00::1"};

static uint16_t pick_port(struct generator *g)
{
	return ports[generator_pick(g, ARRAY_SIZE(ports))];
}

static bool is4(const struct address *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static struct address from_text(const char *s)
{
	struct address a = {{0}};
	uint8_t family;

	address_parse(s, &a, &family);
	return a;
}

/* An ENI of the VPC (-1: of any), or -1. */
static int pick_eni(struct generator *g, const struct naive_state *s, int vpc)
{
	unsigned start = generator_pick(g, NAIVE_ENIS);

	for (unsigned k = 0; k < NAIVE_ENIS; k++) {
		unsigned i = (start + k) % NAIVE_ENIS;

		if (s->enis[i].name[0] && (vpc < 0 || s->enis[i].vpc == vpc))
			return (int)i;
	}
	return -1;
}

/* One of an ENI's addresses of the family. False: it has none. */
static bool eni_address(struct generator *g, const struct naive_eni *e, uint8_t family, struct address *ret)
{
	unsigned start = generator_pick(g, e->n_addrs);

	for (unsigned k = 0; k < e->n_addrs; k++) {
		const struct address *a = &e->addrs[(start + k) % e->n_addrs];

		if (is4(a) == (family == 4)) {
			*ret = *a;
			return true;
		}
	}
	return false;
}

static struct address outside(struct generator *g, uint8_t family)
{
	return from_text(family == 4 ? outside4[generator_pick(g, ARRAY_SIZE(outside4))]
				     : outside6[generator_pick(g, ARRAY_SIZE(outside6))]);
}

/* Addresses that nobody may send from or to. */
static struct address odd_address(struct generator *g, uint8_t family)
{
	static const char *const odd4[] = {"10.0.0.200", "10.0.9.1", "127.0.0.1", "169.254.169.254", "224.0.0.5",
					   "0.0.0.0",	 "10.0.1.1", "10.0.0.1",  "255.255.255.255", "240.0.0.1"};
	static const char *const odd6[] = {
		"fd00:0:0:1::200", "fd00:0:0:9::1", "::1", "fe80::1234", "ff02::5", "::", "::ffff:10.0.0.5"};

	return from_text(family == 4 ? odd4[generator_pick(g, ARRAY_SIZE(odd4))]
				     : odd6[generator_pick(g, ARRAY_SIZE(odd6))]);
}

static void random_icmp(struct generator *g, struct tuple *t)
{
	static const uint8_t others4[] = {0, 13, 14, 17, 42}, others6[] = {129, 139, 140, 150, 200};

	t->id = (uint16_t)(1 + generator_pick(g, 4));
	t->type = t->family == 4 ? 8 : 128;
	if (generator_chance(g, 25)) {
		t->type = t->family == 4 ? others4[generator_pick(g, ARRAY_SIZE(others4))]
					 : others6[generator_pick(g, ARRAY_SIZE(others6))];
		t->code = (uint8_t)generator_pick(g, 3);
	}
}

static void random_transport(struct generator *g, struct tuple *t)
{
	static const uint8_t others[] = {4, 47, 89, 132, 253, 255};
	unsigned at = generator_pick(g, 100);

	if (at < 48) {
		t->proto = IPPROTO_TCP;
	} else if (at < 78) {
		t->proto = IPPROTO_UDP;
	} else if (at < 92) {
		t->proto = t->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		random_icmp(g, t);
	} else {
		t->proto = others[generator_pick(g, ARRAY_SIZE(others))];
	}
	if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
		t->sport = generator_chance(g, 70) ? (uint16_t)(40000 + generator_pick(g, 6)) : pick_port(g);
		t->dport = pick_port(g);
	}
}

/* The peer of an ENI: mostly another one of its VPC. */
static struct address pick_peer(struct generator *g, const struct naive_state *s, int vpc, uint8_t family)
{
	unsigned at = generator_pick(g, 100);
	int eni = pick_eni(g, s, vpc);
	struct address a;

	if (at < 66 && eni >= 0 && eni_address(g, &s->enis[eni], family, &a))
		return a;
	return at < 94 ? outside(g, family) : odd_address(g, family);
}

static bool new_tuple(struct generator *g, const struct naive_state *s, struct sent_packet *ret)
{
	int eni = pick_eni(g, s, -1);
	struct address own, peer;

	memset(ret, 0, sizeof(*ret));
	if (eni < 0)
		return false;
	ret->vpc = s->enis[eni].vpc;
	ret->t.family = generator_chance(g, 60) ? 4 : 6;
	if (!eni_address(g, &s->enis[eni], ret->t.family, &own))
		return false;
	peer = pick_peer(g, s, ret->vpc, ret->t.family);
	ret->t.src = generator_chance(g, 75) ? own : peer;
	ret->t.dst = address_equal(&ret->t.src, &own) ? peer : own;
	random_transport(g, &ret->t);
	return true;
}

static void turn_round(struct tuple *t)
{
	struct tuple old = *t;

	t->src = old.dst;
	t->dst = old.src;
	t->sport = old.dport;
	t->dport = old.sport;
	if (!tuple_is_icmp(t))
		return;
	if (t->family == 4)
		t->type = old.type == 8 ? 0 : old.type == 0 ? 8 : old.type == 13 ? 14 : old.type;
	else
		t->type = old.type == 128 ? 129 : old.type == 129 ? 128 : old.type == 139 ? 140 : old.type;
}

static uint8_t pick_flags(struct generator *g, bool fresh)
{
	static const uint8_t flags[] = {
		TCP_SYN,
		TCP_SYN,
		TCP_SYN | TCP_ACK,
		TCP_SYN | TCP_ACK,
		TCP_ACK,
		TCP_ACK,
		TCP_ACK,
		TCP_PSH | TCP_ACK,
		TCP_PSH | TCP_ACK,
		TCP_FIN | TCP_ACK,
		TCP_RST,
		TCP_RST | TCP_ACK,
		TCP_SYN | TCP_FIN,
		0,
		TCP_FIN | TCP_PSH | TCP_URG,
		TCP_SYN | TCP_RST,
	};

	return fresh && generator_chance(g, 85) ? TCP_SYN : flags[generator_pick(g, ARRAY_SIZE(flags))];
}

/* An error about a packet of the tuple, sent by its receiver, the ENI's router or somebody on the way. */
static void make_error(struct generator *g, struct packet *p)
{
	static const uint8_t types4[] = {3, 3, 11, 12}, types6[] = {1, 2, 3, 4};

	p->quoted = p->t;
	p->quotes = true;
	memset(&p->t, 0, sizeof(p->t));
	p->t.family = p->quoted.family;
	p->t.proto = p->t.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	p->t.type = p->t.family == 4 ? types4[generator_pick(g, 4)] : types6[generator_pick(g, 4)];
	p->t.code = (uint8_t)generator_pick(g, 2);
	p->t.dst = p->quoted.src;
	p->t.src = generator_chance(g, 75) ? p->quoted.dst : outside(g, p->t.family);
	if (generator_chance(g, 5))
		p->t.dst = outside(g, p->t.family);
}

/* Where the packet enters: at its sender's port, or by the router. False: nowhere. */
static bool place(struct generator *g, const struct naive_state *s, int vpc, const struct packet *p,
		  char line[LINE_MAX_BYTES])
{
	int from = naive_eni_by_address(s, vpc, &p->t.src), to = naive_eni_by_address(s, vpc, &p->t.dst);
	char text[LINE_MAX_BYTES - 64];

	packet_to_text(p, text, sizeof(text));
	if (generator_chance(g, 3)) /* somebody else of the VPC claims the address */
		from = pick_eni(g, s, vpc);
	if (from >= 0 && generator_chance(g, 97))
		snprintf(line, LINE_MAX_BYTES, "out %s %s", s->enis[from].name, text);
	else if (to >= 0)
		snprintf(line, LINE_MAX_BYTES, "in %s %s %s", s->enis[to].name,
			 generator_chance(g, 92) ? "router" : "gateway", text);
	else
		return false;
	return true;
}

/* What the subnet's router itself sends to an ENI: echo replies, errors; and what it must not. */
static bool gateway_packet(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	const struct sent_packet *r = &g->sent[generator_pick(g, g->n_sent ? g->n_sent : 1)];
	int eni = pick_eni(g, s, -1);
	struct packet p = {0};
	char text[LINE_MAX_BYTES - 64];

	if (eni < 0 || g->n_sent == 0)
		return false;
	p.t = r->t;
	if (generator_chance(g, 60)) {
		eni = naive_eni_by_address(s, r->vpc, &r->t.src);
		if (eni < 0)
			return false;
		make_error(g, &p);
		p.t.dst = p.quoted.src;
	} else {
		p.t.family = generator_chance(g, 60) ? 4 : 6;
		random_transport(g, &p.t);
		if (!eni_address(g, &s->enis[eni], p.t.family, &p.t.dst))
			return false;
	}
	if (p.t.family == 6 && !s->subnets[s->enis[eni].subnet].cidr6.family)
		return false;
	p.t.src = p.t.family == 4 ? naive_gateway(&s->subnets[s->enis[eni].subnet]) : from_text("fe80::1");
	if (!p.quotes && generator_chance(g, 40)) { /* the ENI asks the gateway */
		turn_round(&p.t);
		p.flags = TCP_SYN;
		packet_to_text(&p, text, sizeof(text));
		snprintf(line, LINE_MAX_BYTES, "out %s %s", s->enis[eni].name, text);
		return true;
	}
	p.flags = TCP_SYN;
	packet_to_text(&p, text, sizeof(text));
	snprintf(line, LINE_MAX_BYTES, "in %s %s %s", s->enis[eni].name, generator_chance(g, 85) ? "gateway" : "router",
		 text);
	return true;
}

void generate_packet(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	bool fresh = g->n_sent == 0 || generator_chance(g, 30);
	struct sent_packet *r = &g->sent[generator_pick(g, g->n_sent ? g->n_sent : 1)];
	struct packet p = {0};

	snprintf(line, LINE_MAX_BYTES, "# nothing to send");
	if (generator_chance(g, 4) && gateway_packet(g, s, line))
		return;
	if (fresh) {
		r = &g->sent[g->n_sent < SENT_MAX ? g->n_sent : generator_pick(g, SENT_MAX)];
		if (!new_tuple(g, s, r))
			return;
		if (g->n_sent < SENT_MAX)
			g->n_sent++;
	}
	p.t = r->t;
	if (!fresh && generator_chance(g, 50))
		turn_round(&p.t);
	p.flags = pick_flags(g, fresh);
	if (!fresh && generator_chance(g, 6) && !tuple_is_error(&p.t))
		make_error(g, &p);
	if (p.t.proto != IPPROTO_TCP)
		p.flags = 0;
	place(g, s, r->vpc, &p, line);
}
