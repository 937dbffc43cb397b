/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fast path to a local ENI makes of a flow: its states, the map that it is in, budgets. */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define ACK 0x10
#define SYN 0x02
#define FIN 0x01
#define RST 0x04

static struct lab *l;

static void setup(void)
{
	uint32_t row;

	l = lab_usual_fast_path(&row);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(fast_states, .init = setup, .fini = teardown);

/* TCP: data takes the TCP fast path, what changes the connection doesn't. */
Test(fast_states, connection)
{
	struct packet_spec a = lab_tcp, b = lab_tcp_back;

	lab_expect_path(l, "SYN", ENI_A, ENI_B, a);
	lab_expect_path(l, "SYN-ACK", ENI_B, ENI_A, b);
	a.tcp_flags = b.tcp_flags = ACK;
	for (int i = 0; i < 3; i++) {
		lab_expect_path(l, "data", ENI_A, ENI_B, a);
		lab_expect_path(l, "data", ENI_B, ENI_A, b);
	}
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
	a.tcp_flags = 0;
	cr_expect_eq(lab_send(l, ENI_A, a).reason, VPC_DROP_INVALID_FLAGS);
	a.tcp_flags = RST;
	lab_expect_path(l, "RST", ENI_A, ENI_B, a);
	cr_expect(lab_flow_state(l, VPC_FLOW_RESET, false));
	lab_expect_path(l, "data brings it back at once", ENI_B, ENI_A, b);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
	a.tcp_flags = FIN | ACK, b.tcp_flags = FIN | ACK;
	lab_expect_path(l, "FIN", ENI_A, ENI_B, a);
	lab_expect_path(l, "FIN", ENI_B, ENI_A, b);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, false));
	a.tcp_flags = SYN;
	lab_expect_path(l, "the same ports again", ENI_A, ENI_B, a);
	b.tcp_flags = SYN | ACK, a.tcp_flags = ACK;
	lab_expect_path(l, "SYN-ACK", ENI_B, ENI_A, b);
	lab_expect_path(l, "the last ACK is not taken for data", ENI_A, ENI_B, a);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
}

static void segment(uint32_t from, uint8_t flags, uint32_t seq, uint32_t ack)
{
	cr_expect_eq(lab_segment(l, from, flags, seq, ack), 0);
}

static void handshake(void)
{
	segment(ENI_A, SYN, 100, 0);
	segment(ENI_B, SYN | ACK, 70000, 101);
	segment(ENI_A, ACK, 101, 70001);
}

/* While few are half-open a connection is made where it will stay, and counts to the budget when it is one. */
Test(fast_states, a_syn_goes_into_the_established_map)
{
	lab_ctl(l)->half_open_max = 1;
	segment(ENI_A, SYN, 100, 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_SENT, true));
	cr_expect_eq(lab_half_open(l), 1);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	segment(ENI_B, SYN | ACK, 70000, 101);
	segment(ENI_A, ACK, 101, 70001);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
	cr_expect_eq(lab_half_open(l), 0);
	cr_expect_eq(lab_established(l, ENI_A), 1);
	cr_expect_eq(lab_established(l, ENI_B), 1);
	cr_expect_eq(lab_flows(l, false), 0);
}

Test(fast_states, half_open_ones_are_few)
{
	struct packet_spec p = {
		.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_TCP, .dport = 80, .tcp_flags = SYN};

	lab_ctl(l)->half_open_max = 3;
	for (p.sport = 1; p.sport <= 20; p.sport++)
		cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_flows(l, true), 3, "a flood fills only what is for it");
	cr_expect_eq(lab_flows(l, false), 17);
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	cr_expect_eq(lab_flows(l, true), 0);
	cr_expect_eq(lab_half_open(l), 0, "the ended ones give back what they counted for");
	p.sport = 1;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	p.tcp_flags = RST;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_half_open(l), 0);
	p.tcp_flags = SYN, p.sport = 2;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	lab_sweep(l, VPC_SWEEP_CUT, 0);
	cr_expect_eq(lab_half_open(l), 0, "a tombstone counts for nothing");
}

Test(fast_states, no_budget_left_when_the_connection_is_established)
{
	lab_ctl(l)->half_open_max = 1;
	segment(ENI_A, SYN, 100, 0);
	segment(ENI_B, SYN | ACK, 70000, 101);
	lab_eni_row(l, ENI_B)->flow_budget = 0;
	segment(ENI_A, ACK, 101, 70001);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, false), "it works, where it may be evicted");
	cr_expect_eq(lab_flows(l, true), 0);
	cr_expect_eq(lab_half_open(l), 0);
	cr_expect_eq(lab_established(l, ENI_A), 0);
}

Test(fast_states, leaves_at_the_last_ack)
{
	lab_ctl(l)->half_open_max = 1;
	handshake();
	segment(ENI_A, FIN | ACK, 101, 70001);
	segment(ENI_B, ACK, 70001, 102);
	segment(ENI_B, FIN | ACK, 70001, 102);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, true));
	cr_expect_eq(lab_established(l, ENI_A), 1, "counts until it has left");
	segment(ENI_A, ACK, 102, 70001);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, true), "acknowledges what was before the FIN");
	segment(ENI_B, ACK, 70001, 102);
	segment(ENI_B, FIN | ACK, 70001, 102);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, true), "the FIN again");
	segment(ENI_A, ACK, 102, 70002);
	cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 0);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(lab_established(l, ENI_B), 0);
	handshake();
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true), "the same ports again");
}

/* Both at once: each FIN has still to be acknowledged, so it waits out its time. */
Test(fast_states, closed_from_both_sides_at_once)
{
	lab_ctl(l)->half_open_max = 1;
	handshake();
	segment(ENI_A, FIN | ACK, 101, 70001);
	segment(ENI_B, FIN | ACK, 70001, 101);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, false));
	segment(ENI_A, ACK, 102, 70002);
	segment(ENI_B, ACK, 70002, 102);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, false));
	cr_expect_eq(lab_established(l, ENI_A), 0);
}

/* One request and its answer, then one more: a stream, however fast they come. */
Test(fast_states, udp_states)
{
	lab_expect_path(l, "request", ENI_A, ENI_B, lab_udp);
	lab_expect_path(l, "again", ENI_A, ENI_B, lab_udp);
	cr_expect(lab_flow_state(l, VPC_FLOW_ONE_WAY, false));
	lab_expect_path(l, "answer", ENI_B, ENI_A, lab_udp_back);
	cr_expect(lab_flow_state(l, VPC_FLOW_REPLIED, false));
	lab_expect_path(l, "and again", ENI_A, ENI_B, lab_udp);
	cr_expect(lab_flow_state(l, VPC_FLOW_STREAM, true));
}
