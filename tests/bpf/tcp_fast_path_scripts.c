/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random scripts of TCP between two ENIs, played three times: with redirects, so that lib/fast/tcp.h takes what it may;
 * the same with slots for young connections (lib/flow/young.h); and with nobody to be redirected to, so that all of it
 * takes the slow path. Verdicts, every field of every entry that is left, budgets, half-open ones and rules' counters
 * must be the same (P4, P8).
 */
#include "tests/bpf/young_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define SCRIPTS	   3000
#define LEAST	   300 /* so many on a machine, an emulated one, that takes longer than TIME_NS for all of them */
#define TIME_NS	   30000000000ull
#define STEPS_MAX  32
#define FLOWS_MAX  64
#define TUPLES	   4
/* A script takes some milliseconds. One that was held up for longer than this is played again: times are compared to
 * half a second. */
#define HELD_UP_NS 300000000ull
#define TRIES	   200

enum kind { SEGMENT, AGE, RULE, BUDGET, HALF_OPEN, SWEEP, LISTEN };

struct step {
	enum kind kind;
	uint32_t tuple, from; /* from: 0 A, 1 B */
	uint8_t flags;
	uint32_t seq, ack, payload;
	uint64_t value; /* of the other kinds */
	bool cut;
};

struct script {
	unsigned n;
	struct step step[STEPS_MAX];
};

struct entry {
	struct vpc_flow_key key;
	struct vpc_flow flow; /* times and epochs as distances */
	bool established;
};

/* What a script comes to. */
struct outcome {
	int reason[STEPS_MAX];
	int64_t established[2], half_open;
	uint64_t row_packets[3];
	unsigned n, on_fast_path, segments, young;
	uint64_t took_ns;
	struct entry entry[FLOWS_MAX];
};

static const struct {
	const char *a, *b;
	uint16_t a_port, b_port;
} tuples[TUPLES] = {{"10.0.0.10", "10.0.0.11", 1001, 80},
		    {"10.0.0.10", "10.0.0.11", 1002, 80}, /* A may be opened at 1002 */
		    {"fd00:1::10", "fd00:1::11", 1001, 80},
		    {"10.0.0.10", "10.0.0.11", 1003, 81}}; /* B may not */

static struct lab *l;
static uint64_t dice;
static uint32_t rows[3];

static uint32_t roll(uint32_t sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 20) % sides;
}

/* --- making a script --- */

/* What each side has sent of a tuple so far, so that most segments fit. */
struct ends {
	uint32_t next[2]; /* sequence number */
	unsigned stage;	  /* of an ordinary connection */
};

static void segment_ordinary(struct step *s, struct ends *e)
{
	static const struct {
		uint8_t from, flags;
	} course[] = {{0, SYN},	      {1, SYN | ACK}, {0, ACK},	      {0, ACK}, {1, ACK},
		      {0, FIN | ACK}, {1, ACK},	      {1, FIN | ACK}, {0, ACK}};
	unsigned stage = e->stage++ % (sizeof(course) / sizeof(course[0]));

	s->from = course[stage].from;
	s->flags = course[stage].flags;
	if (stage == 5 && roll(3) == 0) { /* B closes first */
		s->from = 1;
		e->stage = roll(2) ? 5 : 6;
	}
}

static void segment_odd(struct step *s, struct ends *e)
{
	static const uint8_t flags[] = {SYN,	   SYN | ACK, ACK, ACK,	      ACK, FIN | ACK,
					FIN | ACK, FIN | ACK, RST, RST | ACK, FIN, SYN | FIN};

	s->from = roll(2);
	s->flags = flags[roll(sizeof(flags))];
	if (roll(4) == 0)
		e->stage = roll(9);
}

static void make_segment(struct step *s, struct ends *e)
{
	uint32_t *next;

	s->kind = SEGMENT;
	if (roll(10) < 7)
		segment_ordinary(s, e);
	else
		segment_odd(s, e);
	next = &e->next[s->from];
	s->seq = *next - (roll(12) == 0); /* sometimes again */
	s->ack = e->next[s->from ^ 1] - (roll(12) == 0);
	s->payload = (s->flags & (SYN | RST)) || roll(3) ? 0 : 1 + roll(200);
	*next = s->seq + s->payload + ((s->flags & (SYN | FIN)) != 0);
}

/* Idle times have 37 ms beside whole seconds, so that no sum is where something ends. */
static void make_other(struct step *s)
{
	static const uint64_t ages_s[] = {0, 0, 1, 1, 2, 20, 29, 31, 59, 61, 119, 121, 500, 431000, 432001};

	s->kind = AGE + (enum kind)roll(LISTEN - AGE + 1);
	switch (s->kind) {
	case AGE:
		s->value = ages_s[roll(sizeof(ages_s) / sizeof(ages_s[0]))] * 1000 + 37;
		break;
	case RULE:
		s->value = roll(3);
		s->cut = roll(3) != 0;
		break;
	case BUDGET:
	case HALF_OPEN:
		s->value = roll(4);
		s->from = roll(2);
		break;
	default:
		s->value = roll(4) == 0;
	}
}

static void make_script(struct script *ret)
{
	struct ends ends[TUPLES] = {};
	uint32_t tuple = 0;

	for (uint32_t i = 0; i < TUPLES; i++)
		ends[i] = (struct ends){.next = {1000 + roll(3) * 70000, 64 * 1024 - 3}};
	ret->n = 8 + roll(STEPS_MAX - 8 + 1);
	for (unsigned i = 0; i < ret->n; i++) {
		struct step *s = &ret->step[i];

		*s = (struct step){};
		if (i && roll(8) == 0) {
			make_other(s);
			continue;
		}
		if (roll(4) == 0)
			tuple = roll(8) < 7 ? roll(3) : 3;
		s->tuple = tuple;
		make_segment(s, &ends[tuple]);
	}
}

/* --- playing it --- */

static void allow_all_rules(void)
{
	rows[0] = lab_allow(
		l, &(struct rule_spec){
			   .sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = "10.0.0.0/24"});
	rows[1] = lab_allow(
		l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer_sg = SG_A});
	rows[2] = lab_allow(
		l, &(struct rule_spec){
			   .sg = SG_A, .slot = VPC_SLOT_TCP, .port = 1002, .port_plen = 16, .peer = "10.0.0.11/32"});
}

static void clear(int fd)
{
	struct vpc_flow_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		cr_assert_eq(bpf_map_delete_elem(fd, &key), 0);
}

enum way { FAST_PATH, YOUNG, SLOW_PATH, WAYS };

/* As before every script. */
static void begin(enum way way)
{
	bool fast_path = way != SLOW_PATH;

	clear(bpf_map__fd(l->skel->maps.flow));
	clear(bpf_map__fd(l->skel->maps.flow_new));
	memset(lab_vpc_flows(l, 1), 0, sizeof(struct vpc_vpc_flows));
	for (uint32_t i = 0; i < 2; i++) {
		memset(lab_eni_flows(l, LAB_ENI(i)), 0, sizeof(struct vpc_eni_flows));
		lab_eni_row(l, LAB_ENI(i))->flow_budget = 1000;
		lab_eni_row(l, LAB_ENI(i))->gen_any = lab_epoch(l) + 1; /* what is remembered of those before */
		lab_set_fast_path(l, LAB_ENI(i), fast_path);
	}
	lab_ctl(l)->half_open_max = 100;
	lab_ctl(l)->listeners = 0;
	young_clear(l);
	young_use(l, way == YOUNG ? VPC_YOUNG_SLOTS : 0);
	allow_all_rules();
	lab_commit(l);
}

/* An ACK goes to the other end, by its program, too, if it isn't redirected to: the last one is its to take. Of the
 * others only the sender's program is played: a SYN that is repeated after a change may be judged again by both. */
static struct verdict play_segment(const struct step *s)
{
	struct packet_spec p = {
		.src = tuples[s->tuple].a,
		.dst = tuples[s->tuple].b,
		.sport = tuples[s->tuple].a_port,
		.dport = tuples[s->tuple].b_port,
		.proto = IPPROTO_TCP,
		.tcp_flags = s->flags,
		.tcp_seq = s->seq,
		.tcp_ack = s->ack,
		.payload = s->payload,
	};
	const char *src = p.src;
	uint16_t sport = p.sport;

	if (s->from)
		p.src = p.dst, p.dst = src, p.sport = p.dport, p.dport = sport;
	return s->flags == ACK ? lab_cross(l, LAB_ENI(s->from), LAB_ENI(s->from ^ 1), p)
			       : lab_send(l, LAB_ENI(s->from), p);
}

static void play_rule(const struct step *s)
{
	if (lab_row(l, rows[s->value])->died != VPC_ALIVE)
		allow_all_rules();
	else if (s->cut)
		lab_revoke(l, rows[s->value]);
	else
		lab_kill_row(l, rows[s->value]);
	lab_commit(l);
}

static void play_step(const struct step *s, int *ret_reason)
{
	switch (s->kind) {
	case SEGMENT:
		*ret_reason = play_segment(s).reason;
		break;
	case AGE:
		lab_age_ms(l, s->value);
		break;
	case RULE:
		play_rule(s);
		break;
	case BUDGET:
		lab_eni_row(l, LAB_ENI(s->from))->flow_budget = (uint32_t)s->value;
		break;
	case HALF_OPEN:
		lab_ctl(l)->half_open_max = (uint32_t)s->value;
		break;
	case SWEEP:
		lab_sweep(l, s->value ? VPC_SWEEP_CUT : VPC_SWEEP_EXPIRE, 0);
		break;
	case LISTEN:
		lab_ctl(l)->listeners = s->value ? VPC_LISTEN_FLOWS : 0;
	}
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vpc_flow_key));
}

static void take_entries(struct outcome *o, bool established, uint64_t epoch)
{
	int fd = bpf_map__fd(established ? l->skel->maps.flow : l->skel->maps.flow_new);
	struct vpc_flow_key key, *previous = NULL;
	uint64_t now_ns = lab_now_ns();

	while (!bpf_map_get_next_key(fd, previous, &key)) {
		struct entry *e = &o->entry[o->n++];

		cr_assert(o->n < FLOWS_MAX);
		e->key = key;
		e->established = established;
		cr_assert_eq(bpf_map_lookup_elem(fd, &key, &e->flow), 0);
		if (e->flow.epoch)
			e->flow.epoch -= epoch;
		e->flow.last_seen_ns = (now_ns - e->flow.last_seen_ns + 500000000) / 1000000000;
		e->flow.created_ns = (now_ns - e->flow.created_ns + 500000000) / 1000000000;
		previous = &key;
	}
}

/* Whether a step depends on what counts to a share, which a young connection doesn't, or changes what is in maps.
 * tight: a share is so small that each connection matters. */
static bool counts(const struct step *s, bool tight)
{
	return s->kind == SEGMENT ? tight || s->flags == SYN : s->kind != RULE && s->kind != LISTEN;
}

static void play(const struct script *s, enum way way, struct outcome *ret)
{
	uint64_t epoch, began_ns, rows_before[3];
	bool tight = false;

	begin(way);
	epoch = lab_epoch(l);
	began_ns = lab_now_ns();
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < 3; i++)
		rows_before[i] = lab_row_packets(l, rows[i]);
	for (unsigned i = 0; i < s->n; i++) {
		bool segment = s->step[i].kind == SEGMENT;

		tight |= s->step[i].kind == BUDGET || s->step[i].kind == HALF_OPEN;
		if (counts(&s->step[i], tight))
			young_flush_all(l);
		if (way == YOUNG && segment && s->step[i].flags == SYN)
			young_recount(l);
		if (segment)
			lab_slow_path(l);
		play_step(&s->step[i], &ret->reason[i]);
		ret->segments += segment;
		ret->on_fast_path += segment && !lab_slow_path(l);
		ret->young += young_count(l) > 0;
	}
	young_flush_all(l);
	take_entries(ret, false, epoch);
	take_entries(ret, true, epoch);
	qsort(ret->entry, ret->n, sizeof(ret->entry[0]), by_key);
	for (unsigned i = 0; i < 3; i++)
		ret->row_packets[i] = lab_row_packets(l, rows[i]) - rows_before[i];
	for (uint32_t i = 0; i < 2; i++)
		ret->established[i] = lab_established(l, LAB_ENI(i));
	ret->half_open = lab_half_open(l);
	ret->took_ns = lab_now_ns() - began_ns;
}

/* --- comparing --- */

static bool same_entry(const struct entry *a, const struct entry *b)
{
	return !memcmp(&a->key, &b->key, sizeof(a->key)) && a->established == b->established &&
	       !memcmp(&a->flow, &b->flow, sizeof(a->flow));
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	if (memcmp(a->reason, b->reason, sizeof(a->reason)) != 0 ||
	    memcmp(a->established, b->established, sizeof(a->established)) != 0 || a->half_open != b->half_open ||
	    memcmp(a->row_packets, b->row_packets, sizeof(a->row_packets)) != 0 || a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!same_entry(&a->entry[i], &b->entry[i]))
			return false;
	return true;
}

/* Budgets and half-open ones are exactly what the entries say. */
static bool counted(const struct outcome *o)
{
	int64_t budgeted = 0, half_open = 0;

	for (unsigned i = 0; i < o->n; i++) {
		budgeted += (o->entry[i].flow.flags & VPC_FLOW_BUDGETED) != 0;
		half_open += (o->entry[i].flow.flags & VPC_FLOW_HALF_OPEN) != 0;
	}
	return o->established[0] == budgeted && o->established[1] == budgeted && o->half_open == half_open;
}

static void print_outcome(const char *name, const struct outcome *o)
{
	fprintf(stderr, "%s: established %jd %jd, half open %jd, rows %ju %ju %ju\n", name, (intmax_t)o->established[0],
		(intmax_t)o->established[1], (intmax_t)o->half_open, (uintmax_t)o->row_packets[0],
		(uintmax_t)o->row_packets[1], (uintmax_t)o->row_packets[2]);
	for (unsigned i = 0; i < o->n; i++) {
		const struct vpc_flow *f = &o->entry[i].flow;

		fprintf(stderr,
			"  %s %u-%u: state %u flags %x saved %u opener %u timeout %u seen %ju created %ju epoch %ju "
			"last_ack %x packets %u eni %u %u incarnation %u %u rule %u %u tag %jx grace %u %u\n",
			o->entry[i].established ? "flow" : "flow_new", ntohs(o->entry[i].key.port[0]),
			ntohs(o->entry[i].key.port[1]), f->state, f->flags, f->saved_state, f->opener, f->timeout_s,
			(uintmax_t)f->last_seen_ns, (uintmax_t)f->created_ns, (uintmax_t)f->epoch, f->last_ack,
			f->packets, f->eni[0], f->eni[1], f->incarnation[0], f->incarnation[1], f->rule[0], f->rule[1],
			(uintmax_t)f->tag, f->grace_until[0], f->grace_until[1]);
	}
}

static void print_script(const struct script *s, const struct outcome *o)
{
	static const char *const ways[WAYS] = {"fast path", "with slots", "the slow path"};
	static const char *const kinds[] = {"segment", "age", "rule", "budget", "half_open", "sweep", "listen"};

	for (unsigned i = 0; i < s->n; i++) {
		const struct step *p = &s->step[i];

		fprintf(stderr,
			"  %2u %s tuple %u from %c flags %02x seq %u ack %u payload %u value %ju cut %d: %d %d %d\n", i,
			kinds[p->kind], p->tuple, p->from ? 'B' : 'A', p->flags, p->seq, p->ack, p->payload,
			(uintmax_t)p->value, p->cut, o[0].reason[i], o[1].reason[i], o[2].reason[i]);
	}
	for (unsigned way = 0; way < WAYS; way++)
		print_outcome(ways[way], &o[way]);
}

static void setup(void)
{
	lab_stay();
	l = lab_usual();
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(tcp_fast_path_scripts, .init = setup, .fini = teardown);

static bool held_up(const struct outcome *o)
{
	return o[0].took_ns >= HELD_UP_NS || o[1].took_ns >= HELD_UP_NS || o[2].took_ns >= HELD_UP_NS;
}

Test(tcp_fast_path_scripts, all_paths_come_to_the_same)
{
	static struct outcome o[WAYS];
	struct script s;
	unsigned segments = 0, on_fast_path = 0, young = 0, states[VPC_FLOW_STATES] = {}, i;
	uint64_t began_ns = lab_now_ns();

	dice = 0x9e3779b97f4a7c15ull;
	for (i = 0; i < SCRIPTS && (i < LEAST || lab_now_ns() - began_ns < TIME_NS); i++) {
		make_script(&s);
		for (unsigned tries = 0; tries == 0 || held_up(o); tries++) {
			cr_assert_lt(tries, TRIES, "script %u is held up each time", i);
			for (unsigned way = 0; way < WAYS; way++)
				play(&s, way, &o[way]);
		}
		if (!same(&o[0], &o[SLOW_PATH]) || !same(&o[1], &o[SLOW_PATH]) || !counted(&o[0]) || !counted(&o[1]) ||
		    !counted(&o[2])) {
			print_script(&s, o);
			cr_assert_fail("script %u", i);
		}
		segments += o[0].segments;
		on_fast_path += o[0].on_fast_path;
		young += o[YOUNG].young;
		for (unsigned k = 0; k < o[0].n; k++)
			states[o[0].entry[k].flow.state]++;
	}
	cr_expect_gt(on_fast_path * 3, segments, "only %u of %u segments took the TCP fast path", on_fast_path,
		     segments);
	cr_expect_gt(young * 16, segments, "only after %u of %u segments a connection was young", young, segments);
	for (unsigned state = VPC_FLOW_SYN_SENT; state <= VPC_FLOW_RESET; state++)
		cr_expect_gt(states[state], i / 100, "state %u: %u", state, states[state]);
	cr_expect_gt(states[VPC_FLOW_TOMBSTONE], i / 100);
}
