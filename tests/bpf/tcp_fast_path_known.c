/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TCP fast path between local ENIs (lib/fast/tcp.h): established connections, and their ends. It allows nothing
 * that the slow path doesn't allow (P1, P2, P5, P7), and counts the same (P8).
 */
#include "tests/bpf/tcp_path_util.h"

#include <criterion/criterion.h>
#include <linux/pkt_cls.h>

static uint32_t row;

LAB_SUITE(tcp_fast_path_known, tcp_lab_open(&row));

/* --- each end is counted once --- */

static void close_in_turn(uint16_t port)
{
	tcp_expect_fast("FIN", ENI_A, tcp_from_a(port, FIN | ACK, 1, 1));
	tcp_expect_fast("FIN again", ENI_A, tcp_from_a(port, FIN | ACK, 1, 1));
	tcp_expect_fast("ACK", ENI_B, tcp_from_b(port, ACK, 1, 2));
	tcp_expect_fast("its FIN", ENI_B, tcp_from_b(port, FIN | ACK, 1, 2));
	tcp_expect_fast("of the data before", ENI_A, tcp_from_a(port, ACK, 2, 1));
	tcp_expect_fast("its FIN again", ENI_B, tcp_from_b(port, FIN | ACK, 1, 2));
	tcp_expect_fast("the last ACK", ENI_A, tcp_from_a(port, ACK, 2, 2));
	tcp_expect_drop("nothing is left", ENI_A, tcp_from_a(port, ACK, 2, 2), VPC_DROP_NO_FLOW);
}

static void close_by_b(uint16_t port)
{
	tcp_expect_fast("FIN", ENI_B, tcp_from_b(port, FIN | ACK, 1, 1));
	tcp_expect_fast("its FIN", ENI_A, tcp_from_a(port, FIN | ACK, 1, 2));
	tcp_expect_fast("the last ACK", ENI_B, tcp_from_b(port, ACK, 2, 2));
}

static void close_at_once(uint16_t port)
{
	tcp_expect_fast("FIN", ENI_A, tcp_from_a(port, FIN | ACK, 1, 1));
	tcp_expect_slow("both at once", ENI_B, tcp_from_b(port, FIN | ACK, 1, 1));
	tcp_expect_slow("its ACK", ENI_A, tcp_from_a(port, ACK, 2, 2));
	tcp_expect_slow("its ACK", ENI_B, tcp_from_b(port, ACK, 2, 2));
}

static void close_but_for_the_last_ack(uint16_t port)
{
	tcp_expect_fast("FIN", ENI_A, tcp_from_a(port, FIN | ACK, 1, 1));
	tcp_expect_fast("its FIN", ENI_B, tcp_from_b(port, FIN | ACK, 1, 2));
}

static void reset_by_b(uint16_t port)
{
	tcp_expect_slow("RST", ENI_B, tcp_from_b(port, RST | ACK, 1, 1));
}

static void reset_and_go_on(uint16_t port)
{
	tcp_expect_slow("RST", ENI_A, tcp_from_a(port, RST, 1, 1));
	tcp_expect_slow("that was none", ENI_B, tcp_from_b(port, ACK, 1, 1));
	close_in_turn(port);
}

Test(tcp_fast_path_known, many_and_each_counted_once)
{
	static void (*const ends[])(uint16_t) = {
		close_in_turn, close_by_b,	close_at_once, close_but_for_the_last_ack,
		reset_by_b,    reset_and_go_on, NULL};
	enum { N = 20 * (sizeof(ends) / sizeof(ends[0])) };
	uint64_t opened = lab_row_packets(l, row);

	for (uint16_t i = 0; i < N; i++) {
		void (*end)(uint16_t) = ends[i % (sizeof(ends) / sizeof(ends[0]))];

		tcp_handshake(PORTS_FROM + i);
		if (end)
			end(PORTS_FROM + i);
		tcp_expect_fast("one that stays half-open", ENI_A, tcp_syn(PORTS_FROM + N + i));
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
Test(tcp_fast_path_known, something_was_taken_away)
{
	uint32_t set_a = (uint32_t)lab_set(l, GROUPS(SG_A)), set_b = (uint32_t)lab_set(l, GROUPS(SG_B));
	__u64 *generations[] = {&lab_eni_row(l, ENI_A)->gen_revoke, &lab_eni_row(l, ENI_B)->gen_revoke,
				&lab_set_row(l, set_a)->gen_revoke, &lab_set_row(l, set_b)->gen_revoke};

	tcp_handshake(PORTS_FROM);
	tcp_expect_fast("known", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	for (size_t i = 0; i < 4; i++) {
		*generations[i] = lab_commit(l);
		tcp_expect_slow("judged again", i % 2 ? ENI_A : ENI_B,
				i % 2 ? tcp_from_a(PORTS_FROM, ACK, 1, 1) : tcp_from_b(PORTS_FROM, ACK, 1, 1));
		cr_expect_eq(tcp_the_flow(true).epoch, lab_epoch(l));
		tcp_expect_fast("known", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
		tcp_expect_fast("known", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1));
		cr_expect_eq(lab_send(l, ENI_A, tcp_syn(3000)).reason, 0);
		tcp_expect_fast("the next opening", ENI_A, tcp_syn(3001));
		lab_age(l, 61);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
	lab_revoke(l, row);
	lab_commit(l);
	tcp_expect_drop("revoked", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
	tcp_expect_drop("both ways", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
	tcp_expect_nothing_counted();
}

Test(tcp_fast_path_known, idle_for_too_long)
{
	tcp_fill_syn_cache();
	tcp_expect_fast("SYN", ENI_A, tcp_syn(PORTS_FROM));
	lab_age(l, 59);
	tcp_expect_fast("in time", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	lab_age(l, 61);
	tcp_expect_drop("too late", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_NO_FLOW);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	lab_eni_row(l, ENI_B)->tcp_idle_s = 100;
	tcp_handshake(PORTS_FROM);
	cr_expect_eq(tcp_the_flow(true).timeout_s, 100, "the smaller one");
	for (int i = 0; i < 3; i++) {
		lab_age(l, 99);
		tcp_expect_fast("in time", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	}
	lab_eni_row(l, ENI_B)->tcp_idle_s = 200;
	tcp_expect_fast("half closed", ENI_A, tcp_from_a(PORTS_FROM, FIN | ACK, 1, 1));
	cr_expect_eq(tcp_the_flow(true).timeout_s, 100, "of when it was established");
	lab_age(l, 101);
	tcp_expect_drop("too late", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 2), VPC_DROP_NO_FLOW);
}

/* Everything about the frame that isn't as it should be is left to the slow path. */
Test(tcp_fast_path_known, frames_that_are_unusual)
{
	struct packet_spec ack = tcp_from_a(PORTS_FROM, SYN | ACK, 1, 1),
			   p; /* changes nothing, and is none for the flow cache */

	tcp_fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	for (int known = 0; known < 2; known++) {
		p = known ? ack : tcp_syn(3000);
		p.smac = lab_mac(ENI_C);
		tcp_expect_drop("another's MAC", ENI_A, p, VPC_DROP_FORGED_MAC);
		p.smac = NULL, p.dmac = lab_mac(ENI_A);
		tcp_expect_drop("to itself", ENI_A, p, VPC_DROP_WRONG_DESTINATION);
		p.dmac = NULL, p.ttl = 1;
		tcp_expect_drop("out of hops", ENI_A, p, VPC_DROP_HOP_LIMIT);
		p.ttl = 0, p.payload = 1461;
		tcp_expect_slow("too big", ENI_A, p);
		p.payload = 0, p.fragment_id = 7, p.more_fragments = true, p.payload = 64;
		tcp_expect_slow("a fragment", ENI_A, p);
		lab_age(l, known ? 0 : 61);
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	}
	p = ack, p.tcp_flags = SYN | FIN;
	tcp_expect_drop("nonsense", ENI_A, p, VPC_DROP_INVALID_FLAGS);
	tcp_expect_drop("another ENI in its name", ENI_C, ack, VPC_DROP_FORGED_SOURCE);
	tcp_expect_drop("another VPC", ENI_D, ack, VPC_DROP_UNKNOWN_DESTINATION);
	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	tcp_expect_slow("an appliance", ENI_A, ack);
	tcp_expect_slow("an appliance", ENI_A, tcp_syn(3001));
	lab_eni_row(l, ENI_A)->flags |= VPC_ENI_SOURCE_DEST_CHECK;
	lab_set_fast_path(l, ENI_B, false);
	tcp_expect_slow("not eligible", ENI_A, ack);
	tcp_expect_slow("not eligible", ENI_A, tcp_syn(3002));
	lab_set_fast_path(l, ENI_B, true);
	lab_gso(l, 1460);
	p = ack, p.payload = 3000;
	tcp_expect_fast("in segments", ENI_A, p);
	lab_gso(l, 1461);
	tcp_expect_slow("in segments too big", ENI_A, p);
}

/* A tap's own program runs, and finds the same. */
Test(tcp_fast_path_known, to_a_tap)
{
	struct packet_spec p = tcp_syn(PORTS_FROM);
	struct verdict v;

	lab_set_fast_path(l, ENI_B, false);
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_TAP;
	tcp_fill_syn_cache();
	lab_slow_path(l);
	v = lab_send(l, ENI_A, p);
	cr_expect_not(lab_slow_path(l));
	cr_expect_eq(v.action, TC_ACT_REDIRECT);
	cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
	cr_expect_eq(lab_deliver(l, ENI_B, v.mark, p).reason, 0);
	cr_expect_eq(tcp_the_flow(true).state, VPC_FLOW_SYN_SENT);
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_B, v.mark, p).reason, VPC_DROP_NO_INGRESS_RULE, "revoked on its way");
}
