/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep, drain and later cuts (rule 8), with real packets through the loaded programs, for TCP, UDP and ICMP. A grace
 * spares only what was allowed until the change that grants it. A later cut always wins. A vpcd that is killed in
 * between changes none of it. Needs root and `ip`.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>

#include "tests/bpf/maps_util.h"

#define SYN 2
#define ACK 16

#define EGRESS 1  /* group of the clients, 1 and 3: egress everything */
#define SERVER 2  /* of the server, 2: the rules */
#define OTHER  3  /* of another server, 4 */
#define EMPTY  9  /* nothing */
#define JOINED 10 /* nothing, too */

static struct maps *t;
static int proto;
static const char *telling = "";
static struct maps_change *unretired[32];
static unsigned n_unretired;

/* The state that a story begins with: no rule of a server. */
static void base_state(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, EGRESS, 0), e2 = eni_rec(2, SERVER, JOINED), e3 = eni_rec(3, EGRESS, JOINED),
			  e4 = eni_rec(4, OTHER, 0);
	const struct eni_record *all[] = {&e1, &e2, &e3, &e4};

	tp_init(tp);
	tp_vpc(tp, true, 1);
	tp_all(tp, true, EGRESS, 100);
	for (unsigned i = 0; i < 4; i++) {
		struct eni_record e = *all[i];

		e.tcp_idle_s = 3600;
		e.udp_idle_s = 30;
		e.udp_stream_idle_s = 180;
		tp_eni(tp, NULL, &e);
		tp_addr(tp, true, 4 + i + 1, i + 1);
	}
}

static void with_ports(void)
{
	struct test_plan tp;
	char command[128];

	maps_setup();
	for (unsigned i = 1; i <= 4; i++) {
		snprintf(command, sizeof(command), "ip link add p%u index %u type veth peer name q%u", i,
			 VPC_ENI_FIRST + i, i);
		cr_assert_eq(system(command), 0);
	}
	t = maps_small(true);
	base_state(&tp);
	maps_apply(t, &tp);
}

/* No flow, and the state as at the beginning. */
static void start_over(void)
{
	_cleanup_(maps_expiry_freep) struct maps_expiry *x = NULL;
	struct test_plan tp;
	unsigned deleted = 0;

	cr_assert_eq(maps_expiry_new(t, 10000, &x), 0);
	cr_assert_eq(maps_expiry_read(x), 0);
	while (maps_expiry_step(t, x, monotonic_ns() + 1000000000000000, &deleted) > 0)
		;
	base_state(&tp);
	maps_mend(t, &tp);
}

static void without_ports(void)
{
	for (unsigned i = 0; i < n_unretired; i++)
		change_free(unretired[i]);
	maps_close(t);
	maps_teardown();
}

TestSuite(maps_grace, .init = with_ports, .fini = without_ports, .timeout = 280);

/* --- changes --- */

static void commit(struct maps_change *c)
{
	maps_publish(t, c);
	cr_assert(!maps_sweep_pending(t));
	maps_retire(t, c); /* no program is running */
}

/* A rule of a group for flow n of the protocol in hand. */
static struct maps_change *rule_change(uint32_t sg, bool add, uint16_t n, enum flows_mode flows, uint32_t drain_s)
{
	struct test_plan tp;
	struct plan_row *row = &tp.rows[0];

	tp_init(&tp);
	tp_row(&tp, add, sg, (uint16_t)(5000 + n), 0, sg * 1000u + n + (proto == IPPROTO_UDP) * 100u);
	if (proto == IPPROTO_UDP)
		row->slot = VPC_SLOT_UDP;
	if (proto == IPPROTO_ICMP) {
		row->slot = VPC_SLOT_ICMP;
		row->port = (uint16_t)(n ? 13 << 8 : 8 << 8);
	}
	tp.p.flows = flows;
	tp.p.drain_s = drain_s;
	return maps_prepared(t, &tp);
}

static void rule(bool add, uint16_t n, enum flows_mode flows)
{
	commit(rule_change(SERVER, add, n, flows, 0));
}

static void egress(bool add, enum flows_mode flows)
{
	struct test_plan tp;

	tp_init(&tp);
	tp_all(&tp, add, EGRESS, 100);
	tp.p.flows = flows;
	commit(maps_prepared(t, &tp));
}

static void groups(uint32_t eni, uint32_t g1, uint32_t g2, enum flows_mode flows)
{
	struct eni_record before = eni_rec(eni, 0, 0), after = eni_rec(eni, g1, g2);
	struct test_plan tp;

	after.tcp_idle_s = 3600;
	after.udp_idle_s = 30;
	after.udp_stream_idle_s = 180;
	tp_init(&tp);
	tp_eni(&tp, &before, &after);
	tp.p.flows = flows;
	commit(maps_prepared(t, &tp));
}

/* --- packets --- */

/* One packet of flow n between a client (1, or 3 whose server is 4) and its server, at the port of its sender. */
static bool packet(uint32_t client, bool reply, uint16_t n, uint8_t flags)
{
	unsigned server = client + 1, from = reply ? server : client, to = reply ? client : server;
	unsigned char frame[80] = {2, 0, 0, 0, 0, (unsigned char)to, 2, 0, 0, 0, 0, (unsigned char)from, 8, 0};
	unsigned char *ip = frame + 14, *l4 = ip + 20;
	uint16_t service = htons((uint16_t)(5000 + n)), mine = htons(4000);
	struct __sk_buff skb = {.ifindex = VPC_ENI_FIRST + from};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
			    .ctx_size_in = sizeof(skb));

	ip[0] = 0x45;
	ip[3] = 66;
	ip[8] = 64;
	ip[9] = (unsigned char)proto;
	ip[12] = ip[16] = 10;
	ip[15] = (unsigned char)(4 + from);
	ip[19] = (unsigned char)(4 + to);
	if (proto == IPPROTO_ICMP) {
		l4[0] = n ? (reply ? 14 : 13) : (reply ? 0 : 8);
		l4[5] = 1;
	} else {
		memcpy(l4, reply ? &service : &mine, 2);
		memcpy(l4 + 2, reply ? &mine : &service, 2);
	}
	if (proto == IPPROTO_UDP)
		l4[5] = 46;
	if (proto == IPPROTO_TCP) {
		l4[12] = 5 << 4;
		l4[13] = flags;
	}
	cr_assert_eq(bpf_prog_test_run_opts(maps_prog_from_workload(t), &opts), 0, "%m");
	return opts.retval != TC_ACT_SHOT;
}

static bool opens(uint32_t client, uint16_t n)
{
	return packet(client, false, n, SYN) && packet(client, true, n, SYN | ACK) && packet(client, false, n, ACK);
}

/* Whether both directions pass; it must be the same for both, whichever is first. */
static bool lives_of(uint32_t client, uint16_t n)
{
	bool answer = packet(client, true, n, ACK), more = packet(client, false, n, ACK);

	cr_assert_eq(answer, more, "protocol %d: one direction only, %s", proto, telling);
	return answer;
}

static bool lives(uint16_t n)
{
	return lives_of(1, n);
}

/* --- in short ---
 * A story: each word is a step, and at its end flow 0 lives or is cut.
 *   open, use          flow 0
 *   +N -N ~N %N        rule N is authorized, revoked with cut, with keep, with drain=1
 *   -e ~e +e           the clients' egress
 *   -c -s ~c ~s        client, server lose their groups (with cut, with keep) and have the empty one
 *   -j ~j +j           the server leaves (cut, keep) and joins a group that says nothing
 *   wait               until a drain is over
 *   restart            vpcd ends and comes again */
static void reopen(void)
{
	maps_close(t);
	t = maps_small(true);
	cr_assert(t->adopted);
}

/* As if the time of every drain were over. */
static int end_drain(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct vpc_flow over = *flow;

	(void)userdata;
	for (unsigned i = 0; i < 2; i++)
		if (over.grace_until[i] && over.grace_until[i] != VPC_GRACE_KEEP)
			over.grace_until[i] = 1;
	return bpf_map_update_elem(t->map[established ? MAP_FLOW : MAP_FLOW_NEW].fd, key, &over, BPF_EXIST);
}

static void step_groups(char how, char what)
{
	enum flows_mode mode = how == '~' ? FLOWS_KEEP : FLOWS_CUT;

	if (what == 'c')
		groups(1, EMPTY, 0, mode);
	else if (what == 's')
		groups(2, EMPTY, 0, mode);
	else
		groups(2, SERVER, how == '+' ? JOINED : 0, mode);
}

static void step(const char *word)
{
	if (strcmp(word, "open") == 0)
		cr_assert(opens(1, 0));
	else if (strcmp(word, "use") == 0)
		(void)lives(0);
	else if (strcmp(word, "wait") == 0)
		cr_assert_eq(maps_each_flow(t, 0, end_drain, NULL), 0);
	else if (strcmp(word, "restart") == 0)
		reopen();
	else if (word[1] == 'e')
		egress(word[0] == '+', word[0] == '~' ? FLOWS_KEEP : FLOWS_CUT);
	else if (strchr("csj", word[1]))
		step_groups(word[0], word[1]);
	else
		commit(rule_change(SERVER, word[0] == '+', (uint16_t)(word[1] - '0'),
				   word[0] == '~'   ? FLOWS_KEEP
				   : word[0] == '%' ? FLOWS_DRAIN
						    : FLOWS_CUT,
				   1));
}

struct story {
	const char *words;
	bool lives;
};

/* With the flow idle from its opening to the end, and with a packet of each side after each step. */
static void tell(const struct story *s, bool idle)
{
	char words[128], *at = words, *word;
	bool opened = false;

	telling = s->words;
	snprintf(words, sizeof(words), "+0 +1 %s", s->words);
	while ((word = strsep(&at, " ")))
		if (*word) {
			step(word);
			if (!idle && opened)
				step("use");
			opened |= strcmp(word, "open") == 0;
		}
	cr_expect_eq(lives(0), s->lives, "protocol %d, %s: %s", proto, idle ? "idle" : "in use", s->words);
}

static void tell_all(const struct story *stories, size_t n, bool idle_only)
{
	static const int protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (size_t i = 0; i < n; i++)
		for (unsigned p = 0; p < 3; p++)
			for (unsigned idle = idle_only; idle < 2; idle++) {
				proto = protos[p];
				tell(&stories[i], idle);
				start_over();
			}
}
#define TELL(stories, idle_only) tell_all(stories, ARRAY_SIZE(stories), idle_only)

Test(maps_grace, what_was_cut_stays_cut)
{
	static const struct story stories[] = {
		{"open -0", false},	    {"open -0 ~1", false},	{"open -0 %1", false},
		{"open -0 ~j", false},	    {"open -0 ~e", false},	{"open -0 ~s", false},
		{"open -0 ~c ~s", false},   {"open %0 wait ~1", false}, {"open %0 wait %1", false},
		{"open %0 wait ~j", false}, {"open %0 wait -1", false}, {"open -e ~1", false},
		{"open -e ~0", false},	    {"open -0 ~1 ~e", false},	{"open -0 restart ~1", false},
		{"open -s ~e", false},
	};

	TELL(stories, false);
}

Test(maps_grace, a_later_cut_wins)
{
	static const struct story stories[] = {
		{"open ~0 +0 -0", false},
		{"open %0 +0 -0", false},
		{"open ~0 -e", false},
		{"open ~0 -c -s", false},
		{"open ~0 -s", false},
		{"open ~0 -c", false},
		{"open ~0 -j", false},
		{"open ~e +e -e", false},
		{"open ~e -0", false},
		{"open ~e -s", false},
		{"open ~0 ~e +0 -0", false},
		{"open ~0 ~e +e -e", false},
		{"open ~s -e", false},
		{"open ~0 ~1 -e", false},
		{"open ~0 +0 ~0 +0 -0", false},
		{"open ~0 +0 ~0 -e", false},
		{"open ~0 +0 -0 ~1", false},
		{"open ~0 restart +0 -0", false},
		{"open ~0 restart -s", false},
		{"open ~0 +0 restart -0", false},
		{"open ~0 restart restart -e", false},
	};

	TELL(stories, false);
}

Test(maps_grace, a_grace_spares_what_it_is_for)
{
	static const struct story stories[] = {
		{"open ~0", true},
		{"open %0", true},
		{"open %0 wait", false},
		{"open ~0 -1", true},
		{"open ~0 ~1 -1", true},
		{"open ~0 +2 -2", true},
		{"open ~0 restart -1", true},
		{"open -1 ~0", true}, /* judged again since, or not */
		{"open ~1 ~0", true},
		{"open ~0 ~e", true},
		{"open ~0 ~s", true},
		{"open ~0 ~c ~s", true},
		{"open ~s", true},
		{"open ~j", true},
		{"open -j ~0 +j", true},
		{"open ~0 ~j", true},
		{"open ~0 +0 ~0", true},
		{"open ~0 +0", true},
		{"open %0 +0 wait", true},
		{"open %0 ~e wait", false},
		{"open ~e %0 wait", false},
		{"open %0 ~e +0 wait", true},
		{"open %0 +0 ~0 wait", true},
		{"open ~0 %1 wait", true},
	};

	TELL(stories, false);
}

/* Cut while it is idle, and allowed again before anybody looked: as if nothing had been. */
Test(maps_grace, allowed_again_before_the_next_packet)
{
	static const struct story stories[] = {
		{"open -0 +0", true},
		{"open -0 +0 ~0", true},
		{"open -0 +0 ~0 -e", false},
		{"open -0 ~1 +0", true},
	};

	TELL(stories, true);
}

/* Only the flow's own ENIs: what others lose is nothing to it. */
Test(maps_grace, others_lose_their_groups)
{
	proto = IPPROTO_TCP;
	rule(true, 0, FLOWS_CUT);
	cr_assert(opens(1, 0));
	rule(false, 0, FLOWS_KEEP);
	groups(3, EGRESS, 0, FLOWS_CUT);
	groups(4, EMPTY, 0, FLOWS_CUT);
	cr_assert(lives(0));
}

/* --- killed --- */

enum kill_at { KILL_RAISED, KILL_GIVEN, KILL_STORED, KILL_FINISHED, KILLS };

/* What maps_publish does, up to where vpcd is killed; the maps are opened again as a start does. */
static void publish_and_kill(struct maps_change *c, enum kill_at at)
{
	unretired[n_unretired++] = c;
	generations_raise(t, c);
	if (at >= KILL_GIVEN)
		cr_assert_eq(grace_give(t, c), 0);
	if (at >= KILL_STORED)
		epoch_store(t, c->epoch);
	if (at >= KILL_FINISHED) {
		write_published(t, c);
		mirror_publish(&t->mirror, &c->mirror);
		cr_assert_eq(grace_finish(t), 0);
	}
	reopen();
}

/* Rule 0 of the server goes with keep while vpcd is killed. Flow 0 lives; what was cut before, here and elsewhere, does
 * not come back; and it all is as if nothing had happened to whoever changes something later. */
static void kill_at(enum kill_at at, bool cut_later)
{
	uint64_t epoch;

	rule(true, 0, FLOWS_CUT);
	rule(true, 1, FLOWS_CUT);
	commit(rule_change(OTHER, true, 2, FLOWS_CUT, 0));
	cr_assert(opens(1, 0));
	cr_assert(opens(1, 1));
	if (proto != IPPROTO_ICMP)
		cr_assert(opens(3, 2));
	rule(false, 1, FLOWS_CUT);
	commit(rule_change(OTHER, false, 2, FLOWS_CUT, 0));

	struct maps_change *c = rule_change(SERVER, false, 0, FLOWS_KEEP, 0);

	epoch = maps_change_epoch(c);
	publish_and_kill(c, at);
	if (maps_epoch(t) < epoch) {
		rule(false, 0, FLOWS_KEEP); /* what the reconcile finds, with what the store says */
	} else {
		cr_assert_eq(maps_epoch(t), epoch);
		cr_assert_eq(maps_resume_sweep(t, FLOWS_KEEP, 0), 0);
	}
	if (cut_later)
		egress(false, FLOWS_CUT);
	cr_expect_eq(lives(0), !cut_later, "protocol %d, killed at %d", proto, at);
	cr_expect(!lives(1), "protocol %d, killed at %d", proto, at);
	if (proto != IPPROTO_ICMP)
		cr_expect(!lives_of(3, 2), "protocol %d, killed at %d", proto, at);
	/* Twice is as good as once. */
	cr_assert_eq(maps_resume_sweep(t, FLOWS_KEEP, 0), 0);
	cr_expect_eq(lives(0), !cut_later);
	cr_expect(!lives(1));
}

Test(maps_grace, killed_about_a_keep)
{
	static const int protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (unsigned p = 0; p < 3; p++)
		for (int at = 0; at < KILLS; at++)
			for (int later = 0; later < 2; later++) {
				proto = protos[p];
				kill_at((enum kill_at)at, later);
				start_over();
			}
}

/* A drain doesn't begin anew. */
Test(maps_grace, killed_about_a_drain)
{
	uint64_t until_ns = 0;
	unsigned seconds = 3;
	bool lived = false;

	proto = IPPROTO_TCP;
	/* again, should it have ended before it was looked at */
	for (; !lived && monotonic_ns() >= until_ns && seconds <= 24; seconds *= 2) {
		if (until_ns)
			start_over();
		rule(true, 0, FLOWS_CUT);
		cr_assert(opens(1, 0));
		until_ns = monotonic_ns() + seconds * 1000000000ull;
		publish_and_kill(rule_change(SERVER, false, 0, FLOWS_DRAIN, seconds), KILL_STORED);
		cr_assert_eq(maps_resume_sweep(t, FLOWS_DRAIN, until_ns), 0);
		lived = lives(0);
	}
	cr_assert(lived);
	while (monotonic_ns() < until_ns + 200000000)
		usleep(10000);
	cr_assert(!lives(0));
}

/* --- meanwhile --- */

/* Opened after the flows were looked at and before the epoch is stored: allowed until that very change. */
static void opened_meanwhile(bool killed)
{
	struct maps_change *c;

	proto = IPPROTO_TCP;
	rule(true, 0, FLOWS_CUT);
	c = rule_change(SERVER, false, 0, FLOWS_KEEP, 0);
	unretired[n_unretired++] = c;
	generations_raise(t, c);
	cr_assert_eq(grace_give(t, c), 0);
	cr_assert(opens(1, 0));
	epoch_store(t, c->epoch);
	if (killed) {
		reopen();
		cr_assert_eq(maps_resume_sweep(t, FLOWS_KEEP, 0), 0);
	} else {
		write_published(t, c);
		mirror_publish(&t->mirror, &c->mirror);
		t->prepared = NULL;
		cr_assert_eq(grace_finish(t), 0);
	}
	cr_assert(lives(0));
	cr_assert(!packet(1, false, 0, SYN), "new ones are refused");
	egress(false, FLOWS_CUT);
	cr_assert(!lives(0));
}

Test(maps_grace, opened_while_the_flows_are_read)
{
	opened_meanwhile(false);
}

Test(maps_grace, opened_while_the_flows_are_read_and_killed_then)
{
	opened_meanwhile(true);
}

/* A flow that has a grace stays in its map: a copy on its way to the other would carry it along. */
Test(maps_grace, it_stays_in_its_map)
{
	proto = IPPROTO_TCP;
	rule(true, 0, FLOWS_CUT);
	cr_assert(opens(1, 0));
	rule(false, 0, FLOWS_KEEP);
	for (int i = 0; i < 10; i++) {
		cr_assert(packet(1, true, 0, 4 /* RST */));
		cr_assert(lives(0));
	}
	rule(true, 0, FLOWS_CUT);
	rule(false, 0, FLOWS_CUT);
	cr_assert(!lives(0));
	proto = IPPROTO_UDP;
	rule(true, 0, FLOWS_CUT);
	cr_assert(packet(1, false, 0, 0) && packet(1, true, 0, 0));
	rule(false, 0, FLOWS_KEEP);
	for (int i = 0; i < 10; i++)
		cr_assert(lives(0));
	rule(true, 0, FLOWS_CUT);
	rule(false, 0, FLOWS_CUT);
	cr_assert(!lives(0));
}

/* --- what is told --- */

static int count_cut(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	(void)key, (void)flow;
	cr_assert(established);
	++*(unsigned *)userdata;
	return 0;
}

/* What the thread and the event loop find together. */
static unsigned found_cut(struct maps_change *c, unsigned *steps)
{
	_cleanup_(maps_cut_search_freep) struct maps_cut_search *x = NULL;
	unsigned n = 0;
	int r = MAPS_CUT_SEARCH_READ;

	cr_assert_eq(maps_cut_search_new(t, c, true, &x), 0);
	while (x && r != MAPS_CUT_SEARCH_END) {
		if (r == MAPS_CUT_SEARCH_READ)
			cr_assert_eq(maps_cut_search_read(x), 0);
		r = maps_cut_search_step(t, x, count_cut, &n);
		cr_assert_geq(r, 0);
		++*steps;
	}
	if (x)
		cr_assert_eq(maps_cut_search_last(t, c, count_cut, &n), 0);
	return n;
}

static unsigned cut_by(struct maps_change *c)
{
	unsigned before = 0, after = 0, found, steps = 0;

	cr_assert_eq(maps_cut_flows(t, c, monotonic_ns(), count_cut, &before), 0);
	maps_publish(t, c);
	cr_assert_eq(maps_cut_flows(t, c, monotonic_ns(), count_cut, &after), 0);
	cr_expect_eq(before, after, "a dry run says %u, and the change %u", before, after);
	found = found_cut(c, &steps);
	cr_expect_eq(found, after, "and %u are found", found);
	maps_retire(t, c);
	return after;
}

/* A few at a time, and each once. */
Test(maps_grace, many_flows_are_cut)
{
	struct maps_change *c;
	struct test_plan tp;
	unsigned steps = 0, found;

	proto = IPPROTO_UDP;
	tp_init(&tp);
	tp_row(&tp, true, SERVER, 0, 0, 7);
	tp.rows[0].slot = VPC_SLOT_UDP;
	tp.rows[0].port_plen = 0;
	commit(maps_prepared(t, &tp));
	for (uint16_t n = 0; n < 90; n++)
		cr_assert(opens(1, n) && lives(n));
	tp.rows[0].add = false;
	c = maps_prepared(t, &tp);
	maps_publish(t, c);
	cr_expect(!lives(3), "before anybody looks");
	found = found_cut(c, &steps);
	cr_expect_eq(found, 90, "%u", found);
	maps_retire(t, c);
}

Test(maps_grace, which_flows_a_change_cuts)
{
	struct eni_record server = eni_rec(2, 0, 0), moved = eni_rec(2, EMPTY, 0);
	struct maps_change *c;
	struct test_plan tp;
	unsigned n = 0, steps = 0;

	proto = IPPROTO_TCP;
	for (uint16_t i = 0; i < 3; i++)
		rule(true, i, FLOWS_CUT);
	for (uint16_t i = 0; i < 3; i++)
		cr_assert(opens(1, i));
	cr_expect_eq(cut_by(rule_change(SERVER, false, 0, FLOWS_CUT, 0)), 1);
	cr_expect_eq(cut_by(rule_change(SERVER, false, 1, FLOWS_CUT, 0)), 1, "not again what is cut already, and idle");
	rule(false, 2, FLOWS_KEEP);
	rule(true, 3, FLOWS_CUT);
	cr_expect_eq(cut_by(rule_change(SERVER, false, 3, FLOWS_CUT, 0)), 0, "another rule");
	tp_init(&tp);
	tp_eni(&tp, &server, &moved);
	c = maps_prepared(t, &tp);
	maps_publish(t, c);
	cr_assert_eq(maps_cut_flows(t, c, monotonic_ns(), count_cut, &n), 0);
	cr_expect_eq(n, 1, "the kept one, whose server lost the group");
	cr_expect_eq(found_cut(c, &steps), 1);
	maps_retire(t, c);
}

/* The list of who has a grace doesn't fit into memory: all flows are looked at. */
Test(maps_grace, without_a_list)
{
	proto = IPPROTO_TCP;
	rule(true, 0, FLOWS_CUT);
	rule(true, 1, FLOWS_CUT);
	cr_assert(opens(1, 0) && opens(1, 1));
	rule(false, 0, FLOWS_KEEP);
	rule(false, 1, FLOWS_KEEP);
	t->graced.n = 0;
	t->graced_lost = true;
	rule(true, 0, FLOWS_CUT);
	rule(false, 0, FLOWS_CUT);
	cr_assert(!t->graced_lost);
	cr_assert(!lives(0));
	cr_assert(lives(1));
	t->graced.n = 0;
	t->graced_lost = true;
	groups(2, EMPTY, 0, FLOWS_CUT);
	cr_assert(!lives(1));
}
