/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP, UDP and ICMP flows: states, maps, timeouts, budget. */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static struct lab *l;

static void setup(void)
{
	l = lab_usual();
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_ICMP, .port = 8 << 8, .port_plen = 8, .peer = "10.0.0.0/24"});
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(flow, .init = setup, .fini = teardown);

static int tcp(bool from_a, uint8_t flags)
{
	struct packet_spec p = {.src = "10.0.0.10",
				.dst = "10.0.0.11",
				.proto = IPPROTO_TCP,
				.sport = 4000,
				.dport = 80,
				.tcp_flags = flags};

	if (from_a)
		return lab_cross(l, ENI_A, ENI_B, p).reason;
	p.src = "10.0.0.11";
	p.dst = "10.0.0.10";
	p.sport = 80;
	p.dport = 4000;
	return lab_cross(l, ENI_B, ENI_A, p).reason;
}

static int udp(bool from_a)
{
	struct packet_spec p = {
		.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_UDP, .sport = 4000, .dport = 53};

	if (from_a)
		return lab_cross(l, ENI_A, ENI_B, p).reason;
	p.src = "10.0.0.11";
	p.dst = "10.0.0.10";
	p.sport = 53;
	p.dport = 4000;
	return lab_cross(l, ENI_B, ENI_A, p).reason;
}

static int icmp(bool from_a, uint8_t type)
{
	struct packet_spec p = {
		.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_ICMP, .icmp_type = type, .icmp_id = 1};

	if (from_a)
		return lab_cross(l, ENI_A, ENI_B, p).reason;
	p.src = "10.0.0.11";
	p.dst = "10.0.0.10";
	return lab_cross(l, ENI_B, ENI_A, p).reason;
}

static void establish(void)
{
	cr_assert_eq(tcp(true, SYN), 0);
	cr_assert_eq(tcp(false, SYN | ACK), 0);
	cr_assert_eq(tcp(true, ACK), 0);
	cr_assert(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
}

static uint32_t timeout_of(bool established)
{
	struct vpc_flow_key key;
	struct vpc_flow f = {};

	lab_flow(l, established, &key, &f);
	return f.timeout_s;
}

Test(flow, tcp_handshake_and_promotion)
{
	cr_expect_eq(tcp(true, SYN | 0xc0), 0, "ECN bits aside");
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_SENT, false));
	cr_expect_eq(timeout_of(false), 60);
	cr_expect_eq(tcp(false, SYN | ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_RECEIVED, false));
	cr_expect_eq(tcp(false, ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_RECEIVED, false), "the opener's ACK establishes, no other");
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(tcp(true, ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
	cr_expect_eq(lab_flows(l, false), 0);
	cr_expect_eq(timeout_of(true), 432000);
	cr_expect_eq(lab_established(l, ENI_A), 1);
	cr_expect_eq(lab_established(l, ENI_B), 1);
	cr_expect_eq(tcp(true, SYN), 0, "a retransmitted SYN");
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true), "resets nothing");
}

Test(flow, tcp_only_a_syn_opens)
{
	static const uint8_t others[] = {ACK, SYN | ACK, FIN | ACK, RST, RST | ACK};

	for (size_t i = 0; i < sizeof(others); i++) {
		cr_expect_eq(tcp(true, others[i]), VPC_DROP_NO_FLOW);
		cr_expect_eq(tcp(false, others[i]), VPC_DROP_NO_FLOW);
	}
	cr_expect_eq(lab_flows(l, false) + lab_flows(l, true), 0);
}

Test(flow, tcp_nonsense_flags)
{
	static const uint8_t nonsense[] = {0,	0x08,	   0x20, SYN | FIN,	 SYN | RST, SYN | FIN | ACK,
					   FIN, FIN | RST, 0x3f, SYN | ACK | RST};

	establish();
	for (size_t i = 0; i < sizeof(nonsense); i++)
		cr_expect_eq(tcp(true, nonsense[i]), VPC_DROP_INVALID_FLAGS, "%x", nonsense[i]);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
}

/* calico 9605: a bad RST killed tracked flows */
Test(flow, tcp_rst_deletes_nothing)
{
	establish();
	cr_expect_eq(tcp(false, RST), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_RESET, false));
	cr_expect_eq(timeout_of(false), 30);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(tcp(true, ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true), "data brings it back");
	cr_expect_eq(lab_established(l, ENI_A), 1);
	cr_expect_eq(timeout_of(true), 432000);
	cr_expect_eq(tcp(true, RST), 0);
	lab_age(l, 31);
	cr_expect_eq(tcp(true, ACK), VPC_DROP_NO_FLOW);
}

Test(flow, tcp_close_and_reopen)
{
	establish();
	cr_expect_eq(tcp(true, FIN | ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true), "half closed");
	cr_expect_eq(tcp(false, ACK), 0);
	cr_expect_eq(tcp(false, FIN | ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, false));
	cr_expect_eq(timeout_of(false), 120);
	cr_expect_eq(lab_flows(l, true), 0);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(lab_established(l, ENI_B), 0);
	cr_expect_eq(tcp(true, ACK), 0, "the last ACK");
	cr_expect_eq(tcp(false, SYN), VPC_DROP_NO_INGRESS_RULE, "the other way it is another connection");
	cr_expect_eq(tcp(true, ACK), 0, "which changed nothing");
	cr_expect_eq(tcp(true, SYN), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_SENT, false), "the same ports again");
}

/* A connection that only its opener closed, and the same ports again: the old FIN is none of the new one's. */
Test(flow, tcp_reopen_after_half_a_close)
{
	establish();
	cr_expect_eq(tcp(true, FIN | ACK), 0);
	cr_expect_eq(tcp(true, SYN), 0);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(tcp(false, SYN | ACK), 0);
	cr_expect_eq(tcp(true, ACK), 0);
	cr_expect_eq(tcp(false, FIN | ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true), "half closed, for as long as it likes");
	lab_age(l, 3600);
	cr_expect_eq(tcp(true, ACK), 0);
}

Test(flow, tcp_syn_of_the_responder)
{
	cr_expect_eq(tcp(false, SYN), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(tcp(true, SYN), 0);
	cr_expect_eq(tcp(false, SYN), 0, "simultaneous open");
	cr_expect_eq(tcp(true, SYN | ACK), 0);
	cr_expect_eq(tcp(true, ACK), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));
	cr_expect_eq(tcp(false, SYN), VPC_DROP_NO_INGRESS_RULE, "a connection of its own");
	cr_expect_eq(tcp(false, ACK), 0);
	lab_allow_all(l, SG_A, VPC_INGRESS, 4);
	lab_commit(l);
	cr_expect_eq(tcp(false, SYN), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_SENT, false), "opened by the other side now");
	cr_expect_eq(lab_flows(l, true), 0);
	cr_expect_eq(lab_established(l, ENI_A), 0);
}

static bool closing_options; /* the following has IP options, so the router reads it */

/* Sends the segment with eight bytes of options that say nothing, through both ports. */
static int closing_step_with_options(uint32_t from, uint32_t to, struct packet_spec p)
{
	struct verdict v;
	struct frame f;

	p.smac = lab_mac(from), p.dmac = lab_gateway_mac();
	frame_build(&f, &p);
	frame_options4(&f, "\1\1\1\1\1\1\1\1", 8);
	v = lab_from(l, from, &f);
	if (v.reason)
		return v.reason;
	memcpy(f.data, lab_mac(to), 6);
	memcpy(f.data + 6, lab_gateway_mac(), 6);
	return lab_to(l, to, v.mark, &f).reason;
}

/* One step of a connection that closes in order, to the other end: also if the other port's program looks at it. */
static int closing_step(bool from_a, uint8_t flags, uint32_t seq, uint32_t ack)
{
	uint32_t from = from_a ? ENI_A : ENI_B;
	struct packet_spec p = lab_segment_spec(from, flags, seq, ack);
	struct verdict v;

	if (closing_options)
		return closing_step_with_options(from, from_a ? ENI_B : ENI_A, p);
	v = lab_send(l, from, p);
	if (v.reason || !v.mark) /* redirected to a veth */
		return v.reason;
	return lab_deliver(l, from_a ? ENI_B : ENI_A, v.mark, p).reason;
}

/* The entry goes with the last ACK, which must get there, or the other end waits and asks for it for minutes. */
Test(flow, tcp_the_last_ack_arrives)
{
	enum { FAST_PATH, ODD, UP, TAP, PATHS };

	lab_ctl(l)->half_open_max = 1;
	for (int path = FAST_PATH; path < PATHS; path++) {
		for (unsigned i = 0; i < 2; i++) {
			lab_set_fast_path(l, LAB_ENI(i), path <= ODD);
			if (path == TAP)
				lab_eni_row(l, LAB_ENI(i))->flags |= VPC_ENI_TAP;
		}
		cr_expect_eq(closing_step(true, SYN, 100, 0), 0);
		cr_expect_eq(closing_step(false, SYN | ACK, 7000, 101), 0);
		cr_expect_eq(closing_step(true, ACK, 101, 7001), 0);
		cr_expect_eq(closing_step(true, FIN | ACK, 101, 7001), 0);
		cr_expect_eq(closing_step(false, FIN | ACK, 7001, 102), 0);
		cr_expect(lab_flow_state(l, VPC_FLOW_CLOSING, true));
		closing_options = path == ODD; /* the router's, though the others was redirected */
		cr_expect_eq(closing_step(true, ACK, 102, 7002), 0, "path %d", path);
		closing_options = false;
		cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 0, "path %d", path);
		cr_expect_eq(lab_established(l, ENI_A), 0);
		cr_expect_eq(lab_established(l, ENI_B), 0);
	}
}

Test(flow, tcp_timeouts)
{
	establish();
	lab_age(l, 431000);
	cr_expect_eq(tcp(false, ACK), 0);
	lab_age(l, 431000);
	cr_expect_eq(tcp(true, ACK), 0, "was refreshed");
	lab_age(l, 432001);
	cr_expect_eq(tcp(true, ACK), VPC_DROP_NO_FLOW);
	cr_expect_eq(tcp(true, SYN), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_SYN_SENT, false));
	cr_expect_eq(lab_flows(l, true), 0, "the expired one was replaced");
	cr_expect_eq(lab_established(l, ENI_A), 0);
	lab_age(l, 61);
	cr_expect_eq(tcp(false, SYN | ACK), VPC_DROP_NO_FLOW);
}

Test(flow, tcp_pickup_window)
{
	lab_ctl(l)->pickup_until_ns = lab_now_ns() + 60000000000ull;
	cr_expect_eq(tcp(true, RST), VPC_DROP_NO_FLOW);
	cr_expect_eq(tcp(false, ACK), 0, "as the responder's: the other orientation is allowed");
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, true));

	struct vpc_flow_key key;
	struct vpc_flow f;

	cr_assert(lab_flow(l, true, &key, &f));
	cr_expect_eq(f.eni[0], ENI_A, "the opener is who may open");
	cr_expect(f.flags & VPC_FLOW_PICKED_UP);
	lab_ctl(l)->pickup_until_ns = 0;
	cr_expect_eq(tcp(true, ACK), 0);
}

Test(flow, budget_is_checked_at_the_syn)
{
	struct packet_spec p = {.src = "10.0.0.10",
				.dst = "10.0.0.11",
				.proto = IPPROTO_TCP,
				.sport = 5000,
				.dport = 80,
				.tcp_flags = SYN};
	struct verdict v;

	establish();
	lab_eni_row(l, ENI_B)->flow_budget = 1;
	v = lab_send(l, ENI_A, p);
	cr_expect_eq(v.reason, VPC_DROP_FLOW_BUDGET);
	cr_expect_eq(v.counted, ENI_B);
	cr_expect_eq(tcp(true, ACK), 0, "the established one goes on");
	/* let in before the budget shrank, it stays in flow_new and works */
	lab_eni_row(l, ENI_B)->flow_budget = 2;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
	lab_eni_row(l, ENI_B)->flow_budget = 1;
	p.tcp_flags = SYN | ACK;
	p.src = "10.0.0.11", p.dst = "10.0.0.10", p.sport = 80, p.dport = 5000;
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, p).reason, 0);
	p.tcp_flags = ACK;
	p.src = "10.0.0.10", p.dst = "10.0.0.11", p.sport = 5000, p.dport = 80;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ESTABLISHED, false));
	cr_expect_eq(lab_established(l, ENI_B), 1);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
}

Test(flow, udp_states)
{
	cr_expect_eq(udp(false), VPC_DROP_NO_INGRESS_RULE, "an answer to nothing");
	cr_expect_eq(udp(true), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ONE_WAY, false));
	cr_expect_eq(timeout_of(false), 30);
	cr_expect_eq(udp(true), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ONE_WAY, false));
	cr_expect_eq(udp(false), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_REPLIED, false));
	cr_expect_eq(timeout_of(false), 30);
	cr_expect_eq(udp(true), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_STREAM, true));
	cr_expect_eq(timeout_of(true), 180);
	cr_expect_eq(lab_established(l, ENI_B), 1);
	lab_age(l, 100);
	cr_expect_eq(udp(false), 0);
	lab_age(l, 100);
	cr_expect_eq(udp(false), 0);
	lab_age(l, 181);
	cr_expect_eq(udp(false), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(udp(true), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_ONE_WAY, false));
	cr_expect_eq(lab_established(l, ENI_B), 0);
}

Test(flow, established_table_full)
{
	lab_eni_row(l, ENI_B)->flow_budget = 0;
	cr_expect_eq(udp(true), 0);
	cr_expect_eq(udp(false), 0);
	cr_expect_eq(udp(true), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_STREAM, false), "no room: it stays where it is");
	cr_expect_eq(udp(false), 0);
	lab_eni_row(l, ENI_B)->flow_budget = 10;
	lab_age(l, 2);
	cr_expect_eq(udp(false), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_STREAM, true), "moves when there is");
}

Test(flow, icmp_echo)
{
	cr_expect_eq(icmp(true, 0), VPC_DROP_NO_FLOW, "a reply to nothing");
	cr_expect_eq(icmp(false, 8), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(icmp(true, 8), 0);
	cr_expect_eq(icmp(false, 0), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_REPLIED, false));
	cr_expect_eq(icmp(true, 8), 0);
	cr_expect_eq(timeout_of(false), 30);
	/* both sides may use the same id: each needs its own permission */
	cr_expect_eq(icmp(false, 8), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(icmp(true, 0), VPC_DROP_NO_FLOW);
	lab_allow_all(l, SG_A, VPC_INGRESS, 4);
	lab_commit(l);
	cr_expect_eq(icmp(false, 8), 0);
	cr_expect_eq(icmp(true, 0), 0);
	cr_expect_eq(icmp(false, 0), 0);
	lab_age(l, 31);
	cr_expect_eq(icmp(false, 0), VPC_DROP_NO_FLOW);
}

Test(flow, other_protocols)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = 50, .payload = 20},
			   back = {.src = "10.0.0.11", .dst = "10.0.0.10", .proto = 50, .payload = 20};

	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_OTHER, .port = 50, .port_plen = 16, .peer = "10.0.0.10/32"});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, back).reason, VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, back).reason, 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_OTHER, false));
	cr_expect_eq(timeout_of(false), 600);
}

Test(flow, with_the_world)
{
	struct packet_spec
		out = {.src = "10.0.0.10", .dst = "192.0.2.7", .proto = IPPROTO_UDP, .sport = 1000, .dport = 53},
		in = {.src = "192.0.2.7", .dst = "10.0.0.10", .proto = IPPROTO_UDP, .sport = 53, .dport = 1000};

	cr_expect_eq(lab_deliver(l, ENI_A, 0, in).reason, VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_send(l, ENI_A, out).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, in).reason, 0, "an answer");
	cr_expect_eq(lab_deliver(l, ENI_B, 0, in).reason, VPC_DROP_WRONG_DESTINATION);
	in.sport = 54;
	cr_expect_eq(lab_deliver(l, ENI_A, 0, in).reason, VPC_DROP_NO_INGRESS_RULE);
	/* and the other way: opened from the world */
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_A, .slot = VPC_SLOT_UDP, .port = 1000, .port_plen = 16, .peer = "192.0.2.0/24"});
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, in).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0xd4, in).reason, 0, "a mark that isn't ours says nothing");
}

/* So many that some share a bucket, where an update during a walk would have it meet them again and again. */
Test(flow, the_laboratory_ages_each_flow_once)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_UDP, .dport = 53};
	struct vpc_flow_key key;
	struct vpc_flow f;

	for (p.sport = 1; p.sport <= 300; p.sport++)
		cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	lab_age(l, 5);
	cr_expect_eq(lab_flows(l, false), 300);
	cr_assert(lab_flow(l, false, &key, &f));
	cr_expect_eq((lab_now_ns() - f.last_seen_ns) / 5000000000ull, 1, "aged once");
}
