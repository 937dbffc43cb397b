/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Revoking cuts established flows on their next packet, in both directions, and no others (P2, rule 8). */
#include "revoke_util.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <netinet/in.h>

static struct revoke_rows rows;

LAB_SUITE(revoke, revoke_lab_open(&rows));

/* The server's next packet must not re-create the flow as its own egress, which its rules allow. */
Test(revoke, tcp_by_the_server)
{
	revoke_establish();
	lab_revoke(l, rows.tcp);
	cr_expect_eq(revoke_tcp(false, ACK), 0, "not before the commit");
	lab_commit(l);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(false, FIN | ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(false, RST), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(true, SYN), VPC_DROP_NO_INGRESS_RULE, "a new connection, judged");
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(lab_established(l, ENI_A), 1, "a tombstone counts to no budget");
	cr_expect_eq(lab_established(l, ENI_B), 1);
	cr_expect_eq(revoke_udp(false), 0, "the other flow goes on");
	cr_expect_eq(revoke_udp(true), 0);
}

Test(revoke, udp_by_the_client)
{
	revoke_establish();
	lab_revoke(l, rows.udp);
	lab_commit(l);
	cr_expect_eq(revoke_udp(true), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(false, ACK), 0);
	lab_age(l, 900);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED, "refreshes it");
	lab_age(l, 900);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	lab_age(l, 961);
	cr_expect_eq(revoke_udp(true), VPC_DROP_NO_INGRESS_RULE, "ended 16 minutes after the last");
}

Test(revoke, allowing_again_goes_on)
{
	revoke_establish();
	lab_revoke(l, rows.udp);
	lab_revoke(l, rows.tcp);
	lab_commit(l);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 9, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_commit(l);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED, "something else was allowed");
	lab_allow(l,
		  &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer_sg = SG_A});
	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	lab_commit(l);
	cr_expect_eq(revoke_udp(false), 0);
	cr_expect_eq(revoke_udp(true), 0);
	cr_expect_eq(revoke_tcp(false, ACK), 0);
	cr_expect_eq(lab_established(l, ENI_A), 2);
	cr_expect_eq(lab_flows(l, true), 2);
	cr_expect_eq(lab_flows(l, false), 0);
}

Test(revoke, another_rule_keeps_it)
{
	revoke_establish();
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer = "10.0.0.10/32", .rule = 99});
	lab_commit(l);
	lab_revoke(l, rows.tcp);
	lab_revoke(l, rows.udp);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(false, ACK), 0);
	cr_expect_eq(revoke_udp(true), 0);

	struct vpc_flow_key key;
	struct vpc_flow f;

	cr_assert(lab_flow(l, true, &key, &f));
	cr_expect_eq(f.rule[1], 99, "and the flow knows which");
	cr_expect_eq(f.epoch, lab_epoch(l));
}

Test(revoke, egress_of_the_client)
{
	uint32_t row = lab_allow_all(l, SG_A, VPC_EGRESS, 4);

	lab_commit(l);
	revoke_establish();
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED, "the answer, too");
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(true, SYN), VPC_DROP_NO_EGRESS_RULE);
}

Test(revoke, member_leaves_the_peer_group)
{
	lab_join(l, ENI_A, false, GROUPS(SG_A, 60));
	lab_allow_all(l, 60, VPC_EGRESS, 4);
	lab_commit(l);
	revoke_establish();
	lab_join(l, ENI_A, true, GROUPS(60));
	lab_raise(l, SG_B, true); /* its rules name a group that loses a member */
	lab_commit(l);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(false, ACK), 0, "was allowed by address");
}

Test(revoke, address_moves_to_another)
{
	revoke_establish();
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(revoke_udp(false), VPC_DROP_UNKNOWN_DESTINATION);
	cr_expect_eq(revoke_tcp(true, SYN), VPC_DROP_FORGED_SOURCE);
	lab_addr(l, 1, "10.0.0.10", ENI_C);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, revoke_spec(true, IPPROTO_TCP, ACK)).reason, VPC_DROP_NO_FLOW,
		     "the new owner has no part in the old flow");
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, revoke_spec(true, IPPROTO_TCP, SYN)).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_C, revoke_spec(false, IPPROTO_TCP, SYN | ACK)).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, revoke_spec(false, IPPROTO_TCP, SYN | ACK)).reason,
		     VPC_DROP_WRONG_DESTINATION);
}

/* An address that fails over while a UDP stream with fixed ports runs: the stream is judged with the new owner, and not
 * dropped for good as a cut flow of the old one (P6). */
Test(revoke, a_stream_to_an_address_that_moves)
{
	revoke_establish();
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", ENI_C);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_C, revoke_spec(true, IPPROTO_UDP, 0)).reason, VPC_DROP_NO_INGRESS_RULE);
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_UDP, .peer_sg = SG_A});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_C, revoke_spec(true, IPPROTO_UDP, 0)).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_C, ENI_A, revoke_spec(false, IPPROTO_UDP, 0)).reason, 0);
	cr_expect_eq(lab_send(l, ENI_B, revoke_spec(false, IPPROTO_UDP, 0)).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_send(l, ENI_A, revoke_spec(true, IPPROTO_TCP, ACK)).reason, VPC_DROP_NO_FLOW);
}

/* A SYN with the ports of the old owner's connection opens one with the new owner. */
Test(revoke, a_connection_to_an_address_that_moved)
{
	revoke_establish();
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", ENI_C);
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_TCP, .peer_sg = SG_A});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_C, revoke_spec(true, IPPROTO_TCP, SYN)).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_C, ENI_A, revoke_spec(false, IPPROTO_TCP, SYN | ACK)).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_C, revoke_spec(true, IPPROTO_TCP, ACK)).reason, 0);
	cr_expect_eq(lab_established(l, ENI_B), 1, "the stream's");
}

/* The same when the flow was cut before the address moved. */
Test(revoke, a_cut_flow_and_an_address_that_moves)
{
	revoke_establish();
	lab_revoke(l, rows.udp);
	lab_commit(l);
	cr_expect_eq(revoke_udp(true), VPC_DROP_REVOKED);
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", ENI_C);
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_UDP, .peer_sg = SG_A});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_C, revoke_spec(true, IPPROTO_UDP, 0)).reason, 0);
}

/* Flows of an ENI that is gone hold its peers' budget no longer than until somebody looks (P8): killed containers send
 * no FIN. */
Test(revoke, flows_of_who_is_gone)
{
	revoke_establish();
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 0);
	lab_eni_row(l, ENI_B)->incarnation = 2;
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 2);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(lab_flows(l, true), 0);
}

/* Both ping each other with the same id; one of them loses the permission, and with it the answers (P2). */
Test(revoke, icmp_echo_of_both_with_one_id)
{
	struct packet_spec ask = {.src = "10.0.0.10",
				  .dst = "10.0.0.11",
				  .proto = IPPROTO_ICMP,
				  .icmp_type = 8,
				  .icmp_id = 1},
			   ask_back = ask, answer_back = ask;
	uint32_t back = lab_allow(l, &(struct rule_spec){.sg = SG_A, .slot = VPC_SLOT_ICMP, .peer_sg = SG_B});

	ask_back.src = "10.0.0.11", ask_back.dst = "10.0.0.10";
	answer_back.icmp_type = 0;
	lab_commit(l);
	cr_assert_eq(lab_cross(l, ENI_A, ENI_B, ask).reason, 0);
	cr_assert_eq(lab_cross(l, ENI_A, ENI_B, answer_back).reason, VPC_DROP_NO_FLOW);
	cr_assert_eq(lab_cross(l, ENI_B, ENI_A, ask_back).reason, 0);
	cr_assert_eq(lab_cross(l, ENI_A, ENI_B, answer_back).reason, 0);
	lab_revoke(l, back);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, ask).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, answer_back).reason, VPC_DROP_REVOKED);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, ask_back).reason, VPC_DROP_REVOKED);
}

/* calico 13356: another endpoint's approval was trusted */
Test(revoke, number_given_to_another_eni)
{
	revoke_establish();
	lab_eni(l, &(struct eni_spec){.number = ENI_B, .incarnation = 2});
	lab_join(l, ENI_B, false, GROUPS(70));
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_NO_FLOW);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, revoke_spec(true, IPPROTO_TCP, ACK)).reason,
		     VPC_DROP_NO_FLOW);
	cr_expect_eq(revoke_udp(true), VPC_DROP_NO_INGRESS_RULE);
}

Test(revoke, icmp_echo)
{
	struct packet_spec ask = {.src = "10.0.0.10",
				  .dst = "10.0.0.11",
				  .proto = IPPROTO_ICMP,
				  .icmp_type = 8,
				  .icmp_id = 1},
			   answer = {.src = "10.0.0.11", .dst = "10.0.0.10", .proto = IPPROTO_ICMP, .icmp_id = 1};

	cr_assert_eq(lab_cross(l, ENI_A, ENI_B, ask).reason, 0);
	lab_revoke(l, rows.icmp);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, answer).reason, VPC_DROP_REVOKED);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, ask).reason, VPC_DROP_REVOKED);
}

Test(revoke, while_the_packet_is_between_the_programs)
{
	struct verdict v;

	lab_set_fast_path(l, ENI_B, false);
	revoke_establish();
	v = lab_send(l, ENI_A, revoke_spec(true, IPPROTO_TCP, ACK));
	cr_assert_eq(v.reason, 0);
	lab_revoke(l, rows.tcp);
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_B, v.mark, revoke_spec(true, IPPROTO_TCP, ACK)).reason, VPC_DROP_REVOKED);
}

Test(revoke, sweep_cut_and_expire)
{
	revoke_establish();
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 0);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_CUT, 0), 2);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(true, SYN), 0, "its rules are as they were");
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 0);
	lab_age(l, 961);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 2);
	cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 0);
}

Test(revoke, expiry_frees_the_budget)
{
	revoke_establish();
	lab_age(l, 432001);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 2);
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(lab_established(l, ENI_B), 0);
}

Test(revoke, flow_events)
{
	struct vpc_event e;

	lab_ctl(l)->listeners = VPC_LISTEN_FLOWS | VPC_LISTEN_DROPS;
	cr_assert_eq(revoke_tcp(true, SYN), 0);
	cr_assert(lab_event(l, &e));
	cr_expect_eq(e.type, VPC_EVENT_OPEN);
	cr_expect_eq(e.eni, ENI_A);
	cr_expect_eq(e.peer, ENI_B);
	cr_expect_eq(e.rule[1], rows.tcp);
	cr_expect_eq(e.dport, htons(80));
	cr_expect_not(lab_event(l, &e), "one");
	lab_revoke(l, rows.tcp);
	lab_commit(l);
	cr_assert_eq(revoke_tcp(false, SYN | ACK), VPC_DROP_REVOKED);
	cr_assert(lab_event(l, &e));
	cr_expect_eq(e.type, VPC_EVENT_CUT);
	cr_assert(lab_event(l, &e));
	cr_expect_eq(e.type, VPC_EVENT_DROP);
	cr_expect_eq(e.reason, VPC_DROP_REVOKED);
	cr_expect_eq(e.eni, ENI_B);
	cr_expect_eq(e.direction, VPC_EGRESS);
	cr_expect_eq(e.sport, htons(80));
	uint64_t began_ns = lab_now_ns();

	for (int i = 0; i < 6000; i++)
		cr_assert_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	/* 1,000, and one for each millisecond that it took; to a hundredth */
	uint64_t allowed = 1010 + (lab_now_ns() - began_ns) / 1000000;
	unsigned n = 0, lost = 0;

	while (lab_event(l, &e)) {
		n++;
		lost += e.lost;
	}
	cr_expect(n >= 900 && n <= allowed, "%u of 6000 events, where %" PRIu64 " are allowed", n, allowed);
	lab_ctl(l)->listeners = 0;
	cr_assert_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	cr_expect_not(lab_event(l, &e), "nobody listens");
}
