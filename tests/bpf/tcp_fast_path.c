/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TCP fast path between local ENIs (lib/fast/tcp.h) and the SYN cache (lib/flow/syn_cache.h): opening connections.
 * They allow nothing that the slow path doesn't allow (P1, P2, P5, P7), and count the same (P8). Here each condition
 * has a test, as in tcp_fast_path_known.c. tcp_fast_path_scripts.c compares both paths by random packets.
 */
#include "tests/bpf/tcp_path_util.h"

#include <bpf/btf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static uint32_t row;

LAB_SUITE(tcp_fast_path, tcp_lab_open(&row));

/* Copies the entries of the SYN cache to every slot of every CPU: only what an entry says tells whose it is. */
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
	struct packet_spec p = tcp_syn(PORTS_FROM);

	cr_expect_eq(VPC_ABI_VERSION, 8);
	tcp_expect_slow("a SYN", ENI_A, p);
	cr_expect_eq(tcp_the_flow(true).tag, 0x9f2540b5d47dd9bd);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	tcp_expect_slow("of IPv6", ENI_A, p);
	cr_expect_eq(tcp_the_flow(true).tag, 0xa7959696f0f81bbf);
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

	tcp_expect_slow("the first SYN", ENI_A, tcp_syn(1000));
	first = tcp_the_flow(true);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	tcp_expect_fast("the second", ENI_A, tcp_syn(PORTS_FROM));
	second = tcp_the_flow(true);
	expect_same_flow(&first, &second);
	cr_expect_eq(second.created_ns, second.last_seen_ns);
	cr_expect_leq(lab_now_ns() - second.created_ns, 1000000000ull);
	cr_expect_eq(lab_half_open(l), 1);
	tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	cr_expect_eq(tcp_the_flow(true).timeout_s, 60);
	tcp_expect_fast("ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(tcp_the_flow(true).timeout_s, 432000);
	tcp_expect_fast("FIN", ENI_A, tcp_from_a(PORTS_FROM, FIN | ACK, 1, 1));
	tcp_expect_fast("its FIN", ENI_B, tcp_from_b(PORTS_FROM, FIN | ACK, 1, 2));
	cr_expect_eq(tcp_the_flow(true).timeout_s, 120);
	tcp_expect_fast("the last ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 2, 2));
	cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 0);
	tcp_expect_nothing_counted();
	cr_expect_eq(lab_row_packets(l, row), 2, "counted by the rule");
	cr_expect_eq(lab_row_packets(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4), 2, "and by the sender's");
}

Test(tcp_fast_path, the_entry_is_of_the_epoch_of_now)
{
	tcp_fill_syn_cache();
	lab_commit(l);
	tcp_expect_fast("nothing has changed", ENI_A, tcp_syn(PORTS_FROM));
	cr_expect_eq(tcp_the_flow(true).epoch, lab_epoch(l));
}

Test(tcp_fast_path, ipv6)
{
	struct packet_spec p = tcp_syn(1000);

	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	tcp_expect_slow("the first", ENI_A, p);
	p.sport = PORTS_FROM;
	tcp_expect_fast("the second", ENI_A, p);
	p = tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1);
	p.src = "fd00:1::11", p.dst = "fd00:1::10";
	tcp_expect_fast("SYN-ACK", ENI_B, p);
	p = tcp_from_a(PORTS_FROM, ACK, 1, 1);
	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	tcp_expect_fast("ACK", ENI_A, p);
	cr_expect_eq(lab_established(l, ENI_B), 1);
}

/* Their keys are the same as those of the IPv4 packets that they look like. */
Test(tcp_fast_path, ipv4_in_ipv6)
{
	static const uint8_t flags[] = {SYN, ACK, FIN | ACK};
	struct vpc_flow before, after;
	struct packet_spec p;

	tcp_fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	syn_cache_everywhere();
	before = tcp_the_flow(true);
	for (size_t i = 0; i < sizeof(flags); i++) {
		p = tcp_from_a(flags[i] == SYN ? 3000 : PORTS_FROM, flags[i], 1, 1);
		p.src = "::ffff:10.0.0.10", p.dst = "::ffff:10.0.0.11";
		tcp_expect_drop("mapped", ENI_A, p, VPC_DROP_SPECIAL_ADDRESS);
	}
	after = tcp_the_flow(true);
	cr_expect_arr_eq(&before, &after, sizeof(before));
	tcp_expect_fast("its own", ENI_A, tcp_from_a(PORTS_FROM, FIN | ACK, 1, 1));
	tcp_expect_fast("its own", ENI_A, tcp_syn(3000));
}

Test(tcp_fast_path, rule_revoked)
{
	tcp_fill_syn_cache();
	lab_revoke(l, row);
	lab_commit(l);
	tcp_expect_drop("revoked", ENI_A, tcp_syn(PORTS_FROM), VPC_DROP_NO_INGRESS_RULE);
	row = tcp_allow_web("10.0.0.10/32");
	lab_commit(l);
	tcp_expect_slow("allowed again", ENI_A, tcp_syn(PORTS_FROM));
	tcp_expect_fast("and remembered", ENI_A, tcp_syn(PORTS_FROM + 1));
	lab_revoke(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4);
	lab_commit(l);
	tcp_expect_drop("the sender's", ENI_A, tcp_syn(PORTS_FROM + 2), VPC_DROP_NO_EGRESS_RULE);
}

/* keep, drain, and a rule that expires so: what there is goes on, gen_revoke waits; nothing new is let in. */
Test(tcp_fast_path, rule_taken_away_without_a_cut)
{
	tcp_fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	lab_kill_row(l, row);
	lab_commit(l);
	tcp_expect_drop("at the receiver", ENI_A, tcp_syn(PORTS_FROM + 1), VPC_DROP_NO_INGRESS_RULE);
	tcp_expect_fast("what there is goes on", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	row = tcp_allow_web("10.0.0.10/32");
	lab_commit(l);
	tcp_expect_slow("allowed again", ENI_A, tcp_syn(PORTS_FROM + 2));
	lab_kill_row(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4);
	lab_commit(l);
	tcp_expect_drop("at the sender", ENI_A, tcp_syn(PORTS_FROM + 3), VPC_DROP_NO_EGRESS_RULE);
}

/* The row that counts is the one that the slow path would find. */
Test(tcp_fast_path, another_rule_allows_the_same)
{
	struct vpc_flow before, after;

	tcp_fill_syn_cache();
	lab_kill_row(l, row);
	tcp_allow_web("10.0.0.0/24");
	lab_commit(l);
	tcp_expect_slow("by another rule", ENI_A, tcp_syn(PORTS_FROM));
	before = tcp_the_flow(true);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	tcp_expect_fast("remembered", ENI_A, tcp_syn(PORTS_FROM + 1));
	after = tcp_the_flow(true);
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
	tcp_fill_syn_cache();
	lab_join(l, ENI_A, false, GROUPS(SG_D)); /* with keep: its gen_any, not its gen_revoke */
	lab_commit(l);
	tcp_expect_drop("the sender isn't of the group", ENI_A, tcp_syn(PORTS_FROM), VPC_DROP_NO_INGRESS_RULE);
	lab_join(l, ENI_A, false, GROUPS(SG_A));
	lab_commit(l);
	tcp_expect_slow("again", ENI_A, tcp_syn(PORTS_FROM));
	tcp_expect_fast("remembered", ENI_A, tcp_syn(PORTS_FROM + 1));
	lab_join(l, ENI_B, false, GROUPS(SG_D));
	lab_commit(l);
	tcp_expect_drop("the receiver has other groups", ENI_A, tcp_syn(PORTS_FROM + 2), VPC_DROP_NO_INGRESS_RULE);
}

Test(tcp_fast_path, address_moved)
{
	lab_eni(l, &(struct eni_spec){.number = LAB_ENI(4)});
	lab_join(l, LAB_ENI(4), false, GROUPS(SG_D));
	lab_commit(l);
	tcp_fill_syn_cache();
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", LAB_ENI(4));
	lab_commit(l);
	tcp_expect_drop("the receiver is another", ENI_A, tcp_syn(PORTS_FROM), VPC_DROP_NO_INGRESS_RULE);
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", ENI_B);
	lab_commit(l);
	tcp_expect_slow("back again", ENI_A, tcp_syn(PORTS_FROM));
	tcp_expect_fast("remembered", ENI_A, tcp_syn(PORTS_FROM + 1));
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_addr(l, 1, "10.0.0.10", LAB_ENI(4));
	lab_commit(l);
	tcp_expect_drop("the sender has lost its own", ENI_A, tcp_syn(PORTS_FROM + 2), VPC_DROP_FORGED_SOURCE);
}

/* By the incarnation alone: nothing else tells. */
Test(tcp_fast_path, number_given_again)
{
	static const uint32_t numbers[] = {ENI_A, ENI_B};

	for (size_t i = 0; i < 2; i++) {
		tcp_fill_syn_cache();
		tcp_handshake(PORTS_FROM);
		lab_eni_row(l, numbers[i])->incarnation = 7 + (uint32_t)i;
		tcp_expect_slow("opened anew", ENI_A, tcp_syn(PORTS_FROM + 1));
		tcp_expect_drop("another's connection", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_NO_FLOW);
		tcp_expect_drop("and back", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1), VPC_DROP_NO_FLOW);
		lab_age(l, 500000);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
}

Test(tcp_fast_path, receiver_deleted)
{
	tcp_fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_join(l, ENI_B, true, NO_GROUPS);
	lab_commit(l);
	tcp_expect_drop("nobody", ENI_A, tcp_syn(PORTS_FROM + 1), VPC_DROP_UNKNOWN_DESTINATION);
	memset(lab_eni_row(l, ENI_B), 0, sizeof(struct vpc_eni));
	tcp_expect_drop("nobody", ENI_A, tcp_syn(PORTS_FROM + 1), VPC_DROP_UNKNOWN_DESTINATION);
	tcp_expect_drop("nor its connection", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_UNKNOWN_DESTINATION);
}

Test(tcp_fast_path, syn_cache_is_of_one_port_and_two_addresses)
{
	struct packet_spec p = tcp_syn(PORTS_FROM);

	lab_addr(l, 1, "10.0.0.20", ENI_A);
	lab_addr(l, 1, "10.0.0.21", ENI_B);
	lab_addr(l, 1, "10.0.0.99", ENI_C);
	lab_revoke(l, lab_sg(l, SG_A)->dir[VPC_EGRESS].all4);
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_A, .direction = VPC_EGRESS, .slot = VPC_SLOT_TCP, .peer = "10.0.0.11/32"});
	lab_commit(l);
	tcp_fill_syn_cache();
	syn_cache_everywhere();
	tcp_expect_fast("this one", ENI_A, p);
	p.dport = 81;
	tcp_expect_drop("another port", ENI_A, p, VPC_DROP_NO_INGRESS_RULE);
	p = tcp_syn(PORTS_FROM), p.src = "10.0.0.20";
	tcp_expect_drop("the sender's other address", ENI_A, p, VPC_DROP_NO_INGRESS_RULE);
	p = tcp_syn(PORTS_FROM), p.dst = "10.0.0.21";
	tcp_expect_drop("the receiver's other address", ENI_A, p, VPC_DROP_NO_EGRESS_RULE);
	p = tcp_syn(PORTS_FROM);
	tcp_expect_drop("another ENI in its name", ENI_C, p, VPC_DROP_FORGED_SOURCE);
	tcp_expect_drop("another VPC", ENI_D, p, VPC_DROP_UNKNOWN_DESTINATION);
	p = tcp_from_b(80, SYN, 0, 0), p.sport = PORTS_FROM;
	tcp_expect_drop("back", ENI_B, p, VPC_DROP_NO_INGRESS_RULE);
}

/* --- limits --- */

Test(tcp_fast_path, budgets_are_full)
{
	static const uint32_t numbers[] = {ENI_A, ENI_B};

	tcp_fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	for (size_t i = 0; i < 2; i++) {
		lab_eni_row(l, numbers[i])->flow_budget = 1;
		tcp_expect_drop("none left", ENI_A, tcp_syn(PORTS_FROM + 1), VPC_DROP_FLOW_BUDGET);
		cr_expect_eq(lab_half_open(l), 0);
		lab_eni_row(l, numbers[i])->flow_budget = 2;
		tcp_expect_fast("one left", ENI_A, tcp_syn(PORTS_FROM + 2));
		tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM + 2, SYN | ACK, 0, 1));
		lab_eni_row(l, numbers[i])->flow_budget = 1;
		tcp_expect_slow("taken meanwhile", ENI_A, tcp_from_a(PORTS_FROM + 2, ACK, 1, 1));
		cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, false), "it works, where it may be evicted");
		cr_expect_eq(lab_established(l, ENI_A), 1);
		cr_expect_eq(lab_established(l, ENI_B), 1);
		cr_expect_eq(lab_half_open(l), 0);
		lab_eni_row(l, numbers[i])->flow_budget = 1000;
		lab_age(l, 500000);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
		tcp_handshake(PORTS_FROM);
	}
}

Test(tcp_fast_path, half_open_ones_are_few)
{
	tcp_fill_syn_cache();
	lab_ctl(l)->half_open_max = 2;
	tcp_expect_fast("one", ENI_A, tcp_syn(PORTS_FROM));
	tcp_expect_fast("two", ENI_A, tcp_syn(PORTS_FROM + 1));
	tcp_expect_slow("three", ENI_A, tcp_syn(PORTS_FROM + 2));
	cr_expect_eq(lab_half_open(l), 2);
	cr_expect_eq(lab_flows(l, true), 2);
	cr_expect_eq(lab_flows(l, false), 1, "where a flood may go");
	tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	tcp_expect_fast("ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	tcp_expect_fast("four", ENI_A, tcp_syn(PORTS_FROM + 3));
	tcp_expect_slow("the SYN again", ENI_A, tcp_syn(PORTS_FROM + 3));
	cr_expect_eq(lab_half_open(l), 2);
}

/* What there is of the tuple already, in either map of flows, is the slow path's: a tombstone, too. */
Test(tcp_fast_path, tombstones)
{
	for (int established = 0; established < 2; established++) {
		tcp_fill_syn_cache();
		lab_ctl(l)->half_open_max = established ? 100 : 0;
		cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM)).reason, 0);
		lab_ctl(l)->half_open_max = 100;
		lab_sweep(l, VPC_SWEEP_CUT, 0);
		cr_assert_eq(tcp_the_flow(established).state, VPC_FLOW_TOMBSTONE);
		tcp_expect_drop("cut", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1), VPC_DROP_REVOKED);
		tcp_expect_slow("a new connection", ENI_A, tcp_syn(PORTS_FROM));
		cr_expect_eq(tcp_the_flow(false).state, VPC_FLOW_SYN_SENT, "instead of it");
		tcp_expect_nothing_counted();
		lab_age(l, 61);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
}

Test(tcp_fast_path, simultaneous_open)
{
	struct packet_spec back = tcp_from_b(PORTS_FROM, SYN, 0, 0), answer = tcp_from_a(PORTS_FROM, SYN | ACK, 0, 1);

	lab_allow(l, &(struct rule_spec){.sg = SG_A, .slot = VPC_SLOT_TCP, .peer = "10.0.0.11/32"});
	lab_commit(l);
	tcp_fill_syn_cache();
	back.sport = 79;
	cr_expect_eq(lab_send(l, ENI_B, back).reason, 0);
	back.sport = 78;
	tcp_expect_fast("both directions are remembered", ENI_B, back);
	answer.dport = 78;
	tcp_expect_fast("its answer", ENI_A, answer);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	tcp_expect_fast("A's", ENI_A, tcp_syn(PORTS_FROM));
	back.sport = 80;
	tcp_expect_slow("B's", ENI_B, back);
	cr_expect_eq(tcp_the_flow(true).state, VPC_FLOW_SYN_RECEIVED);
	cr_expect_eq(tcp_the_flow(true).eni[0], ENI_A, "one connection");
	cr_expect_eq(lab_half_open(l), 1);
	tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	tcp_expect_fast("SYN-ACK", ENI_A, tcp_from_a(PORTS_FROM, SYN | ACK, 0, 1));
	tcp_expect_fast("ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(tcp_the_flow(true).state, VPC_FLOW_ESTABLISHED);
	cr_expect_eq(lab_half_open(l), 0);
}

Test(tcp_fast_path, listeners_hear_of_each)
{
	struct vpc_event e;

	tcp_fill_syn_cache();
	lab_ctl(l)->listeners = VPC_LISTEN_FLOWS;
	for (uint16_t i = 0; i < 3; i++) {
		tcp_expect_slow("somebody listens", ENI_A, tcp_syn(PORTS_FROM + i));
		cr_assert(lab_event(l, &e));
		cr_expect_eq(e.type, VPC_EVENT_OPEN);
		cr_expect_eq(ntohs(e.sport), PORTS_FROM + i);
	}
	lab_ctl(l)->listeners = VPC_LISTEN_DROPS;
	tcp_expect_fast("nobody listens to flows", ENI_A, tcp_syn(PORTS_FROM + 3));
}
