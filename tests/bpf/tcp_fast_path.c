/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TCP fast path between local ENIs (lib/fast/tcp.h) and the SYN cache (lib/flow/syn_cache.h). They allow
 * nothing that the slow path doesn't allow (P1, P2, P5, P7), and count the same (P8). tcp_fast_path_scripts.c compares
 * both paths by random packets; here each condition has a test. lab_slow_path() tells which path a packet took.
 */
#include "tests/bpf/lab_util.h"

#include <bpf/btf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define PORTS_FROM 2000 /* A's, of connections that a test opens; below it those before */
#define ISN_A	   1000
#define ISN_B	   70000

static struct lab *l;
static uint32_t row;

static uint32_t allow_web(const char *peer)
{
	return lab_allow(
		l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = peer});
}

static void setup(void)
{
	lab_stay();
	l = lab_usual();
	row = allow_web("10.0.0.10/32");
	allow_web("fd00:1::10/128");
	lab_ctl(l)->half_open_max = 100;
	for (unsigned i = 0; i < 4; i++)
		lab_set_fast_path(l, LAB_ENI(i), true);
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(tcp_fast_path, .init = setup, .fini = teardown);

/* --- packets --- */

static struct packet_spec from_a(uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct packet_spec){.src = "10.0.0.10",
				    .dst = "10.0.0.11",
				    .proto = IPPROTO_TCP,
				    .sport = sport,
				    .dport = 80,
				    .tcp_flags = flags,
				    .tcp_seq = ISN_A + seq,
				    .tcp_ack = ISN_B + ack};
}

static struct packet_spec from_b(uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct packet_spec){.src = "10.0.0.11",
				    .dst = "10.0.0.10",
				    .proto = IPPROTO_TCP,
				    .sport = 80,
				    .dport = dport,
				    .tcp_flags = flags,
				    .tcp_seq = ISN_B + seq,
				    .tcp_ack = ISN_A + ack};
}

static struct packet_spec syn(uint16_t sport)
{
	return from_a(sport, SYN, 0, 0);
}

/* Sends it; reason: 0 allowed. */
static void expect(const char *what, uint32_t from, struct packet_spec p, int reason, bool slow_path)
{
	struct verdict v;

	lab_slow_path(l);
	v = lab_send(l, from, p);
	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
	cr_expect_eq(lab_slow_path(l), slow_path, "%s: by the %s way", what, slow_path ? "short" : "long");
}

static void expect_short(const char *what, uint32_t from, struct packet_spec p)
{
	expect(what, from, p, 0, false);
}

static void expect_long(const char *what, uint32_t from, struct packet_spec p)
{
	expect(what, from, p, 0, true);
}

static void expect_drop(const char *what, uint32_t from, struct packet_spec p, int reason)
{
	expect(what, from, p, reason, true);
}

/* This CPU remembers A's opening of port 80 at B; the connection it was is gone. */
static void remember(void)
{
	cr_assert_eq(lab_send(l, ENI_A, syn(1000)).reason, 0);
	expect_short("remembered", ENI_A, syn(1001));
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	cr_assert_eq(lab_flows(l, true) + lab_flows(l, false), 0);
}

/* A connection by the TCP fast path, but for the SYN if nothing is remembered. */
static void handshake(uint16_t sport)
{
	cr_expect_eq(lab_send(l, ENI_A, syn(sport)).reason, 0);
	expect_short("SYN-ACK", ENI_B, from_b(sport, SYN | ACK, 0, 1));
	expect_short("ACK", ENI_A, from_a(sport, ACK, 1, 1));
}

static struct vpc_flow the_flow(bool established)
{
	struct vpc_flow_key key;
	struct vpc_flow f;

	cr_assert_eq(lab_flows(l, established), 1);
	cr_assert_eq(lab_flows(l, !established), 0);
	cr_assert(lab_flow(l, established, &key, &f));
	return f;
}

static void expect_nothing_counted(void)
{
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(lab_established(l, ENI_B), 0);
	cr_expect_eq(lab_half_open(l), 0);
}

/* What is remembered stands in every slot of every CPU: only what the entry says tells whose it is. */
static void syn_cache_everywhere(void)
{
	struct bpf_map *map = l->skel->maps.syn_cache_of_cpu;
	size_t value = (bpf_map__value_size(map) + 7u) & ~7u, cpus = (size_t)libbpf_num_possible_cpus();
	uint8_t *all = calloc(cpus, value), *one = calloc(cpus + 1, value), *none = one + cpus * value;
	bool found = false;

	cr_assert(all && one);
	for (uint32_t slot = 0; slot < bpf_map__max_entries(map); slot++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &slot, one), 0);
		for (size_t cpu = 0; cpu < cpus; cpu++) {
			if (!memcmp(one + cpu * value, none, value))
				continue;
			for (size_t to = 0; to < cpus; to++)
				memcpy(all + to * value, one + cpu * value, value);
			found = true;
		}
	}
	cr_assert(found);
	for (uint32_t slot = 0; slot < bpf_map__max_entries(map); slot++)
		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), &slot, all, BPF_ANY), 0);
	free(all);
	free(one);
}

/* Programs of another build find the pinned flows of this one by their tags, or no connection outlives an upgrade (P6):
 * whoever changes the digest changes the version, too, and both here. */
Test(tcp_fast_path, tags_are_part_of_the_abi)
{
	struct packet_spec p = syn(PORTS_FROM);

	cr_expect_eq(VPC_ABI_VERSION, 7);
	expect_long("a SYN", ENI_A, p);
	cr_expect_eq(the_flow(true).tag, 0x9f2540b5d47dd9bd);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	expect_long("of IPv6", ENI_A, p);
	cr_expect_eq(the_flow(true).tag, 0xa7959696f0f81bbf);
}

/* --- opening --- */

static void expect_same_flow(const struct vpc_flow *a, const struct vpc_flow *b)
{
	struct vpc_flow x = *a, y = *b;

	x.tag = y.tag = x.last_seen_ns = y.last_seen_ns = x.created_ns = y.created_ns = 0;
	cr_expect_arr_eq(&x, &y, sizeof(x));
}

Test(tcp_fast_path, from_the_second_on_all_of_it_takes_the_fast_path)
{
	struct vpc_flow first, second;

	expect_long("the first SYN", ENI_A, syn(1000));
	first = the_flow(true);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	expect_short("the second", ENI_A, syn(PORTS_FROM));
	second = the_flow(true);
	expect_same_flow(&first, &second);
	cr_expect_eq(second.created_ns, second.last_seen_ns);
	cr_expect_leq(lab_now_ns() - second.created_ns, 1000000000ull);
	cr_expect_eq(lab_half_open(l), 1);
	expect_short("SYN-ACK", ENI_B, from_b(PORTS_FROM, SYN | ACK, 0, 1));
	cr_expect_eq(the_flow(true).timeout_s, 60);
	expect_short("ACK", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(the_flow(true).timeout_s, 432000);
	expect_short("FIN", ENI_A, from_a(PORTS_FROM, FIN | ACK, 1, 1));
	expect_short("its FIN", ENI_B, from_b(PORTS_FROM, FIN | ACK, 1, 2));
	cr_expect_eq(the_flow(true).timeout_s, 120);
	expect_short("the last ACK", ENI_A, from_a(PORTS_FROM, ACK, 2, 2));
	cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 0);
	expect_nothing_counted();
	cr_expect_eq(lab_row_packets(l, row), 2, "counted by the rule");
	cr_expect_eq(lab_row_packets(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4), 2, "and by the sender's");
}

Test(tcp_fast_path, the_entry_is_of_the_epoch_of_now)
{
	remember();
	lab_commit(l);
	expect_short("nothing has changed", ENI_A, syn(PORTS_FROM));
	cr_expect_eq(the_flow(true).epoch, lab_epoch(l));
}

Test(tcp_fast_path, ipv6)
{
	struct packet_spec p = syn(1000);

	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	expect_long("the first", ENI_A, p);
	p.sport = PORTS_FROM;
	expect_short("the second", ENI_A, p);
	p = from_b(PORTS_FROM, SYN | ACK, 0, 1);
	p.src = "fd00:1::11", p.dst = "fd00:1::10";
	expect_short("SYN-ACK", ENI_B, p);
	p = from_a(PORTS_FROM, ACK, 1, 1);
	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	expect_short("ACK", ENI_A, p);
	cr_expect_eq(lab_established(l, ENI_B), 1);
}

/* Their keys are the same as those of the IPv4 packets that they look like. */
Test(tcp_fast_path, ipv4_in_ipv6)
{
	static const uint8_t flags[] = {SYN, ACK, FIN | ACK};
	struct vpc_flow before, after;
	struct packet_spec p;

	remember();
	handshake(PORTS_FROM);
	syn_cache_everywhere();
	before = the_flow(true);
	for (size_t i = 0; i < sizeof(flags); i++) {
		p = from_a(flags[i] == SYN ? 3000 : PORTS_FROM, flags[i], 1, 1);
		p.src = "::ffff:10.0.0.10", p.dst = "::ffff:10.0.0.11";
		expect_drop("mapped", ENI_A, p, VPC_DROP_SPECIAL_ADDRESS);
	}
	after = the_flow(true);
	cr_expect_arr_eq(&before, &after, sizeof(before));
	expect_short("its own", ENI_A, from_a(PORTS_FROM, FIN | ACK, 1, 1));
	expect_short("its own", ENI_A, syn(3000));
}

Test(tcp_fast_path, rule_revoked)
{
	remember();
	lab_revoke(l, row);
	lab_commit(l);
	expect_drop("revoked", ENI_A, syn(PORTS_FROM), VPC_DROP_NO_INGRESS_RULE);
	row = allow_web("10.0.0.10/32");
	lab_commit(l);
	expect_long("allowed again", ENI_A, syn(PORTS_FROM));
	expect_short("and remembered", ENI_A, syn(PORTS_FROM + 1));
	lab_revoke(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4);
	lab_commit(l);
	expect_drop("the sender's", ENI_A, syn(PORTS_FROM + 2), VPC_DROP_NO_EGRESS_RULE);
}

/* keep, drain, and a rule that expires so: what there is goes on, gen_revoke waits; nothing new is let in. */
Test(tcp_fast_path, rule_taken_away_without_a_cut)
{
	remember();
	handshake(PORTS_FROM);
	lab_kill_row(l, row);
	lab_commit(l);
	expect_drop("at the receiver", ENI_A, syn(PORTS_FROM + 1), VPC_DROP_NO_INGRESS_RULE);
	expect_short("what there is goes on", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
	row = allow_web("10.0.0.10/32");
	lab_commit(l);
	expect_long("allowed again", ENI_A, syn(PORTS_FROM + 2));
	lab_kill_row(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4);
	lab_commit(l);
	expect_drop("at the sender", ENI_A, syn(PORTS_FROM + 3), VPC_DROP_NO_EGRESS_RULE);
}

/* The row that counts is the one that the slow path would find. */
Test(tcp_fast_path, another_rule_allows_the_same)
{
	struct vpc_flow before, after;

	remember();
	lab_kill_row(l, row);
	allow_web("10.0.0.0/24");
	lab_commit(l);
	expect_long("by another rule", ENI_A, syn(PORTS_FROM));
	before = the_flow(true);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	expect_short("remembered", ENI_A, syn(PORTS_FROM + 1));
	after = the_flow(true);
	expect_same_flow(&before, &after);
	cr_expect_neq(before.rule[1], row);
}

Test(tcp_fast_path, group_left)
{
	lab_revoke(l, row);
	lab_allow(l,
		  &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer_sg = SG_A});
	lab_allow_all(l, SG_D, VPC_EGRESS, 4);
	lab_commit(l);
	remember();
	lab_join(l, ENI_A, false, GROUPS(SG_D)); /* with keep: its gen_any, not its gen_revoke */
	lab_commit(l);
	expect_drop("the sender isn't of the group", ENI_A, syn(PORTS_FROM), VPC_DROP_NO_INGRESS_RULE);
	lab_join(l, ENI_A, false, GROUPS(SG_A));
	lab_commit(l);
	expect_long("again", ENI_A, syn(PORTS_FROM));
	expect_short("remembered", ENI_A, syn(PORTS_FROM + 1));
	lab_join(l, ENI_B, false, GROUPS(SG_D));
	lab_commit(l);
	expect_drop("the receiver has other groups", ENI_A, syn(PORTS_FROM + 2), VPC_DROP_NO_INGRESS_RULE);
}

Test(tcp_fast_path, address_moved)
{
	lab_eni(l, &(struct eni_spec){.number = LAB_ENI(4)});
	lab_join(l, LAB_ENI(4), false, GROUPS(SG_D));
	lab_commit(l);
	remember();
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", LAB_ENI(4));
	lab_commit(l);
	expect_drop("the receiver is another", ENI_A, syn(PORTS_FROM), VPC_DROP_NO_INGRESS_RULE);
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", ENI_B);
	lab_commit(l);
	expect_long("back again", ENI_A, syn(PORTS_FROM));
	expect_short("remembered", ENI_A, syn(PORTS_FROM + 1));
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_addr(l, 1, "10.0.0.10", LAB_ENI(4));
	lab_commit(l);
	expect_drop("the sender has lost its own", ENI_A, syn(PORTS_FROM + 2), VPC_DROP_FORGED_SOURCE);
}

/* By the incarnation alone: nothing else tells. */
Test(tcp_fast_path, number_given_again)
{
	static const uint32_t numbers[] = {ENI_A, ENI_B};

	for (size_t i = 0; i < 2; i++) {
		remember();
		handshake(PORTS_FROM);
		lab_eni_row(l, numbers[i])->incarnation = 7 + (uint32_t)i;
		expect_long("opened anew", ENI_A, syn(PORTS_FROM + 1));
		expect_drop("another's connection", ENI_A, from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_NO_FLOW);
		expect_drop("and back", ENI_B, from_b(PORTS_FROM, ACK, 1, 1), VPC_DROP_NO_FLOW);
		lab_age(l, 500000);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
}

Test(tcp_fast_path, receiver_deleted)
{
	remember();
	handshake(PORTS_FROM);
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_join(l, ENI_B, true, NO_GROUPS);
	lab_commit(l);
	expect_drop("nobody", ENI_A, syn(PORTS_FROM + 1), VPC_DROP_UNKNOWN_DESTINATION);
	memset(lab_eni_row(l, ENI_B), 0, sizeof(struct vpc_eni));
	expect_drop("nobody", ENI_A, syn(PORTS_FROM + 1), VPC_DROP_UNKNOWN_DESTINATION);
	expect_drop("nor its connection", ENI_A, from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_UNKNOWN_DESTINATION);
}

Test(tcp_fast_path, syn_cache_is_of_one_port_and_two_addresses)
{
	struct packet_spec p = syn(PORTS_FROM);

	lab_addr(l, 1, "10.0.0.20", ENI_A);
	lab_addr(l, 1, "10.0.0.21", ENI_B);
	lab_addr(l, 1, "10.0.0.99", ENI_C);
	lab_revoke(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4);
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_A, .direction = VPC_EGRESS, .slot = VPC_SLOT_TCP, .peer = "10.0.0.11/32"});
	lab_commit(l);
	remember();
	syn_cache_everywhere();
	expect_short("this one", ENI_A, p);
	p.dport = 81;
	expect_drop("another port", ENI_A, p, VPC_DROP_NO_INGRESS_RULE);
	p = syn(PORTS_FROM), p.src = "10.0.0.20";
	expect_drop("the sender's other address", ENI_A, p, VPC_DROP_NO_INGRESS_RULE);
	p = syn(PORTS_FROM), p.dst = "10.0.0.21";
	expect_drop("the receiver's other address", ENI_A, p, VPC_DROP_NO_EGRESS_RULE);
	p = syn(PORTS_FROM);
	expect_drop("another ENI in its name", ENI_C, p, VPC_DROP_FORGED_SOURCE);
	expect_drop("another VPC", ENI_D, p, VPC_DROP_UNKNOWN_DESTINATION);
	p = from_b(80, SYN, 0, 0), p.sport = PORTS_FROM;
	expect_drop("back", ENI_B, p, VPC_DROP_NO_INGRESS_RULE);
}

/* --- limits --- */

Test(tcp_fast_path, budgets_are_full)
{
	static const uint32_t numbers[] = {ENI_A, ENI_B};

	remember();
	handshake(PORTS_FROM);
	for (size_t i = 0; i < 2; i++) {
		lab_eni_row(l, numbers[i])->flow_budget = 1;
		expect_drop("none left", ENI_A, syn(PORTS_FROM + 1), VPC_DROP_FLOW_BUDGET);
		cr_expect_eq(lab_half_open(l), 0);
		lab_eni_row(l, numbers[i])->flow_budget = 2;
		expect_short("one left", ENI_A, syn(PORTS_FROM + 2));
		expect_short("SYN-ACK", ENI_B, from_b(PORTS_FROM + 2, SYN | ACK, 0, 1));
		lab_eni_row(l, numbers[i])->flow_budget = 1;
		expect_long("taken meanwhile", ENI_A, from_a(PORTS_FROM + 2, ACK, 1, 1));
		cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, false), "it works, where it may be evicted");
		cr_expect_eq(lab_established(l, ENI_A), 1);
		cr_expect_eq(lab_established(l, ENI_B), 1);
		cr_expect_eq(lab_half_open(l), 0);
		lab_eni_row(l, numbers[i])->flow_budget = 1000;
		lab_age(l, 500000);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
		handshake(PORTS_FROM);
	}
}

Test(tcp_fast_path, half_open_ones_are_few)
{
	remember();
	lab_ctl(l)->half_open_max = 2;
	expect_short("one", ENI_A, syn(PORTS_FROM));
	expect_short("two", ENI_A, syn(PORTS_FROM + 1));
	expect_long("three", ENI_A, syn(PORTS_FROM + 2));
	cr_expect_eq(lab_half_open(l), 2);
	cr_expect_eq(lab_flows(l, true), 2);
	cr_expect_eq(lab_flows(l, false), 1, "where a flood may go");
	expect_short("SYN-ACK", ENI_B, from_b(PORTS_FROM, SYN | ACK, 0, 1));
	expect_short("ACK", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
	expect_short("four", ENI_A, syn(PORTS_FROM + 3));
	expect_long("the SYN again", ENI_A, syn(PORTS_FROM + 3));
	cr_expect_eq(lab_half_open(l), 2);
}

/* What there is of the tuple already, in either table, is the slow path's: a tombstone, too. */
Test(tcp_fast_path, tombstones)
{
	for (int established = 0; established < 2; established++) {
		remember();
		lab_ctl(l)->half_open_max = established ? 100 : 0;
		cr_expect_eq(lab_send(l, ENI_A, syn(PORTS_FROM)).reason, 0);
		lab_ctl(l)->half_open_max = 100;
		lab_sweep(l, VPC_SWEEP_CUT, 0);
		cr_assert_eq(the_flow(established).state, VPC_FLOW_TOMBSTONE);
		expect_drop("cut", ENI_B, from_b(PORTS_FROM, SYN | ACK, 0, 1), VPC_DROP_REVOKED);
		expect_long("a new connection", ENI_A, syn(PORTS_FROM));
		cr_expect_eq(the_flow(false).state, VPC_FLOW_SYN_SENT, "instead of it");
		expect_nothing_counted();
		lab_age(l, 61);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
}

Test(tcp_fast_path, simultaneous_open)
{
	struct packet_spec back = from_b(PORTS_FROM, SYN, 0, 0), answer = from_a(PORTS_FROM, SYN | ACK, 0, 1);

	lab_allow(l, &(struct rule_spec){.sg = SG_A, .slot = VPC_SLOT_TCP, .peer = "10.0.0.11/32"});
	lab_commit(l);
	remember();
	back.sport = 79;
	cr_expect_eq(lab_send(l, ENI_B, back).reason, 0);
	back.sport = 78;
	expect_short("both directions are remembered", ENI_B, back);
	answer.dport = 78;
	expect_short("its answer", ENI_A, answer);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	expect_short("A's", ENI_A, syn(PORTS_FROM));
	back.sport = 80;
	expect_long("B's", ENI_B, back);
	cr_expect_eq(the_flow(true).state, VPC_FLOW_SYN_RECEIVED);
	cr_expect_eq(the_flow(true).eni[0], ENI_A, "one connection");
	cr_expect_eq(lab_half_open(l), 1);
	expect_short("SYN-ACK", ENI_B, from_b(PORTS_FROM, SYN | ACK, 0, 1));
	expect_short("SYN-ACK", ENI_A, from_a(PORTS_FROM, SYN | ACK, 0, 1));
	expect_short("ACK", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(the_flow(true).state, VPC_FLOW_ESTABLISHED);
	cr_expect_eq(lab_half_open(l), 0);
}

Test(tcp_fast_path, listeners_hear_of_each)
{
	struct vpc_event e;

	remember();
	lab_ctl(l)->listeners = VPC_LISTEN_FLOWS;
	for (uint16_t i = 0; i < 3; i++) {
		expect_long("somebody listens", ENI_A, syn(PORTS_FROM + i));
		cr_assert(lab_event(l, &e));
		cr_expect_eq(e.type, VPC_EVENT_OPEN);
		cr_expect_eq(ntohs(e.sport), PORTS_FROM + i);
	}
	lab_ctl(l)->listeners = VPC_LISTEN_DROPS;
	expect_short("nobody listens to flows", ENI_A, syn(PORTS_FROM + 3));
}

/* --- what ends in which way is counted once --- */

static void close_in_turn(uint16_t port)
{
	expect_short("FIN", ENI_A, from_a(port, FIN | ACK, 1, 1));
	expect_short("FIN again", ENI_A, from_a(port, FIN | ACK, 1, 1));
	expect_short("ACK", ENI_B, from_b(port, ACK, 1, 2));
	expect_short("its FIN", ENI_B, from_b(port, FIN | ACK, 1, 2));
	expect_short("of the data before", ENI_A, from_a(port, ACK, 2, 1));
	expect_short("its FIN again", ENI_B, from_b(port, FIN | ACK, 1, 2));
	expect_short("the last ACK", ENI_A, from_a(port, ACK, 2, 2));
	expect_drop("nothing is left", ENI_A, from_a(port, ACK, 2, 2), VPC_DROP_NO_FLOW);
}

static void close_by_b(uint16_t port)
{
	expect_short("FIN", ENI_B, from_b(port, FIN | ACK, 1, 1));
	expect_short("its FIN", ENI_A, from_a(port, FIN | ACK, 1, 2));
	expect_short("the last ACK", ENI_B, from_b(port, ACK, 2, 2));
}

static void close_at_once(uint16_t port)
{
	expect_short("FIN", ENI_A, from_a(port, FIN | ACK, 1, 1));
	expect_long("both at once", ENI_B, from_b(port, FIN | ACK, 1, 1));
	expect_long("its ACK", ENI_A, from_a(port, ACK, 2, 2));
	expect_long("its ACK", ENI_B, from_b(port, ACK, 2, 2));
}

static void close_but_for_the_last_ack(uint16_t port)
{
	expect_short("FIN", ENI_A, from_a(port, FIN | ACK, 1, 1));
	expect_short("its FIN", ENI_B, from_b(port, FIN | ACK, 1, 2));
}

static void reset_by_b(uint16_t port)
{
	expect_long("RST", ENI_B, from_b(port, RST | ACK, 1, 1));
}

static void reset_and_go_on(uint16_t port)
{
	expect_long("RST", ENI_A, from_a(port, RST, 1, 1));
	expect_long("that was none", ENI_B, from_b(port, ACK, 1, 1));
	close_in_turn(port);
}

Test(tcp_fast_path, many_and_each_counted_once)
{
	static void (*const ends[])(uint16_t) = {
		close_in_turn, close_by_b,	close_at_once, close_but_for_the_last_ack,
		reset_by_b,    reset_and_go_on, NULL};
	enum { N = 20 * (sizeof(ends) / sizeof(ends[0])) };
	uint64_t opened = lab_row_packets(l, row);

	for (uint16_t i = 0; i < N; i++) {
		void (*end)(uint16_t) = ends[i % (sizeof(ends) / sizeof(ends[0]))];

		handshake(PORTS_FROM + i);
		if (end)
			end(PORTS_FROM + i);
		expect_short("one that stays half-open", ENI_A, syn(PORTS_FROM + N + i));
		if (i % 40 == 39) { /* the half-open ones */
			cr_expect_eq(lab_half_open(l), 40);
			for (unsigned round = 0; round < 4; round++) {
				lab_age(l, round ? 0 : 121);
				lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
			}
			cr_expect_eq(lab_half_open(l), 0);
		}
	}
	cr_expect_eq(lab_row_packets(l, row) - opened, 2 * N);
	for (unsigned round = 0; round < 4; round++) { /* a sweep takes 64 */
		lab_age(l, round ? 0 : 121);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
	cr_expect_eq(lab_flows(l, true), N / (sizeof(ends) / sizeof(ends[0])), "those that nobody ended");
	cr_expect_eq(lab_established(l, ENI_A), lab_flows(l, true));
	cr_expect_eq(lab_established(l, ENI_B), lab_flows(l, true));
	cr_expect_eq(lab_flows(l, false), 0);
	cr_expect_eq(lab_half_open(l), 0);
}

/* --- a known one --- */

/* Each of the generations by itself sends it to the slow path, where it is judged again. */
Test(tcp_fast_path, something_was_taken_away)
{
	uint32_t set_a = (uint32_t)lab_set(l, GROUPS(SG_A)), set_b = (uint32_t)lab_set(l, GROUPS(SG_B));
	__u64 *generations[] = {&lab_eni_row(l, ENI_A)->gen_revoke, &lab_eni_row(l, ENI_B)->gen_revoke,
				&lab_set_row(l, set_a)->gen_revoke, &lab_set_row(l, set_b)->gen_revoke};

	handshake(PORTS_FROM);
	expect_short("known", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
	for (size_t i = 0; i < 4; i++) {
		*generations[i] = lab_commit(l);
		expect_long("judged again", i % 2 ? ENI_A : ENI_B,
			    i % 2 ? from_a(PORTS_FROM, ACK, 1, 1) : from_b(PORTS_FROM, ACK, 1, 1));
		cr_expect_eq(the_flow(true).epoch, lab_epoch(l));
		expect_short("known", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
		expect_short("known", ENI_B, from_b(PORTS_FROM, ACK, 1, 1));
		cr_expect_eq(lab_send(l, ENI_A, syn(3000)).reason, 0);
		expect_short("the next opening", ENI_A, syn(3001));
		lab_age(l, 61);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
	lab_revoke(l, row);
	lab_commit(l);
	expect_drop("revoked", ENI_B, from_b(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
	expect_drop("both ways", ENI_A, from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
	expect_nothing_counted();
}

Test(tcp_fast_path, idle_for_too_long)
{
	remember();
	expect_short("SYN", ENI_A, syn(PORTS_FROM));
	lab_age(l, 59);
	expect_short("in time", ENI_B, from_b(PORTS_FROM, SYN | ACK, 0, 1));
	lab_age(l, 61);
	expect_drop("too late", ENI_A, from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_NO_FLOW);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	lab_eni_row(l, ENI_B)->tcp_idle_s = 100;
	handshake(PORTS_FROM);
	cr_expect_eq(the_flow(true).timeout_s, 100, "the smaller one");
	for (int i = 0; i < 3; i++) {
		lab_age(l, 99);
		expect_short("in time", ENI_A, from_a(PORTS_FROM, ACK, 1, 1));
	}
	lab_eni_row(l, ENI_B)->tcp_idle_s = 200;
	expect_short("half closed", ENI_A, from_a(PORTS_FROM, FIN | ACK, 1, 1));
	cr_expect_eq(the_flow(true).timeout_s, 100, "of when it was established");
	lab_age(l, 101);
	expect_drop("too late", ENI_B, from_b(PORTS_FROM, ACK, 1, 2), VPC_DROP_NO_FLOW);
}

/* Everything about the frame that isn't as it should be is left to the slow path. */
Test(tcp_fast_path, frames_that_are_unusual)
{
	struct packet_spec ack = from_a(PORTS_FROM, SYN | ACK, 1, 1),
			   p; /* changes nothing, and is none for the flow cache */

	remember();
	handshake(PORTS_FROM);
	for (int known = 0; known < 2; known++) {
		p = known ? ack : syn(3000);
		p.smac = lab_mac(ENI_C);
		expect_drop("another's MAC", ENI_A, p, VPC_DROP_FORGED_MAC);
		p.smac = NULL, p.dmac = lab_mac(ENI_A);
		expect_drop("to itself", ENI_A, p, VPC_DROP_WRONG_DESTINATION);
		p.dmac = NULL, p.ttl = 1;
		expect_drop("out of hops", ENI_A, p, VPC_DROP_HOP_LIMIT);
		p.ttl = 0, p.payload = 1461;
		expect_long("too big", ENI_A, p);
		p.payload = 0, p.fragment_id = 7, p.more_fragments = true, p.payload = 64;
		expect_long("a fragment", ENI_A, p);
		lab_age(l, known ? 0 : 61);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
	p = ack, p.tcp_flags = SYN | FIN;
	expect_drop("nonsense", ENI_A, p, VPC_DROP_INVALID_FLAGS);
	expect_drop("another ENI in its name", ENI_C, ack, VPC_DROP_FORGED_SOURCE);
	expect_drop("another VPC", ENI_D, ack, VPC_DROP_UNKNOWN_DESTINATION);
	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	expect_long("an appliance", ENI_A, ack);
	expect_long("an appliance", ENI_A, syn(3001));
	lab_eni_row(l, ENI_A)->flags |= VPC_ENI_SOURCE_DEST_CHECK;
	lab_set_fast_path(l, ENI_B, false);
	expect_long("not eligible", ENI_A, ack);
	expect_long("not eligible", ENI_A, syn(3002));
	lab_set_fast_path(l, ENI_B, true);
	lab_gso(l, 1460);
	p = ack, p.payload = 3000;
	expect_short("in segments", ENI_A, p);
	lab_gso(l, 1461);
	expect_long("in segments too big", ENI_A, p);
}

/* A tap's own program runs, and finds the same. */
Test(tcp_fast_path, to_a_tap)
{
	struct packet_spec p = syn(PORTS_FROM);
	struct verdict v;

	lab_set_fast_path(l, ENI_B, false);
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_TAP;
	remember();
	lab_slow_path(l);
	v = lab_send(l, ENI_A, p);
	cr_expect_not(lab_slow_path(l));
	cr_expect_eq(v.action, TC_ACT_REDIRECT);
	cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
	cr_expect_eq(lab_deliver(l, ENI_B, v.mark, p).reason, 0);
	cr_expect_eq(the_flow(true).state, VPC_FLOW_SYN_SENT);
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_B, v.mark, p).reason, VPC_DROP_NO_INGRESS_RULE, "revoked on its way");
}
