/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What groups allow: every kind of rule, and nothing wider than written. P1, P3, P4, P9. */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

LAB_SUITE(policy, lab_usual());

static uint16_t source_port = 2000;

/* A to B with a source port of its own, so that each packet is a new flow. */
static int udp(const char *src, const char *dst, uint32_t from, uint32_t to, uint16_t port)
{
	return lab_cross(l, from, to,
			 (struct packet_spec){
				 .src = src, .dst = dst, .proto = IPPROTO_UDP, .sport = source_port++, .dport = port})
		.reason;
}

static int a_to_b(uint16_t port)
{
	return udp("10.0.0.10", "10.0.0.11", ENI_A, ENI_B, port);
}

static int a_to_b6(uint16_t port)
{
	return udp("fd00:1::10", "fd00:1::11", ENI_A, ENI_B, port);
}

Test(policy, denies_by_default)
{
	struct verdict v =
		lab_send(l, ENI_A, (struct packet_spec){.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_UDP});

	cr_expect_eq(v.reason, VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(v.counted, ENI_B, "counted at the ENI whose rules refused");
	cr_expect_eq(a_to_b6(1), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_flows(l, false) + lab_flows(l, true), 0);
}

Test(policy, port_prefixes)
{
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 1024, .port_plen = 6, .peer = "10.0.0.0/24"});
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer = "10.0.0.10/32"});
	cr_expect_eq(a_to_b(53), VPC_DROP_NO_INGRESS_RULE, "not committed yet");
	lab_commit(l);
	cr_expect_eq(a_to_b(53), 0);
	cr_expect_eq(a_to_b(52), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(a_to_b(54), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(a_to_b(1023), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(a_to_b(1024), 0);
	cr_expect_eq(a_to_b(2047), 0);
	cr_expect_eq(a_to_b(2048), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(a_to_b6(53), VPC_DROP_NO_INGRESS_RULE, "an IPv4 rule says nothing about IPv6");
}

struct peer_case {
	const char *peer;
	int expected;
};

/* A rule of a port of its own for each peer. */
static void check_peers(const struct peer_case *cases, size_t n, int (*send)(uint16_t port))
{
	uint16_t port = 100;

	for (size_t i = 0; i < n; i++, port++) {
		lab_allow(l, &(struct rule_spec){.sg = SG_B,
						 .slot = VPC_SLOT_UDP,
						 .port = port,
						 .port_plen = 16,
						 .peer = cases[i].peer});
		lab_commit(l);
		cr_expect_eq(send(port), cases[i].expected, "%s", cases[i].peer);
	}
}

Test(policy, peers)
{
	static const struct peer_case cases[] = {
		{"10.0.0.10/32", 0},
		{"10.0.0.8/30", 0},
		{"0.0.0.0/0", 0},
		{"10.0.0.0/31", VPC_DROP_NO_INGRESS_RULE},
		{"10.0.0.11/32", VPC_DROP_NO_INGRESS_RULE},
		{"128.0.0.0/1", VPC_DROP_NO_INGRESS_RULE},
		{"0.0.0.0/1", 0},
		{"::/0", VPC_DROP_NO_INGRESS_RULE},
	};

	check_peers(cases, sizeof(cases) / sizeof(cases[0]), a_to_b);
}

Test(policy, peers6)
{
	static const struct peer_case cases[] = {
		{"fd00:1::10/128", 0},
		{"fd00:1::/64", 0},
		{"fd00:1::/66", 0},
		{"fd00:1::10/127", 0},
		{"fd00::/15", 0},
		{"::/0", 0},
		{"fd00:1::/33", 0},
		{"fd00:2::/32", VPC_DROP_NO_INGRESS_RULE},
		{"fd00:1::11/128", VPC_DROP_NO_INGRESS_RULE},
		{"8000::/2", VPC_DROP_NO_INGRESS_RULE},
		{"0.0.0.0/0", VPC_DROP_NO_INGRESS_RULE},
	};

	check_peers(cases, sizeof(cases) / sizeof(cases[0]), a_to_b6);
}

Test(policy, group_as_peer_follows_membership)
{
	lab_allow(l,
		  &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 7, .port_plen = 16, .peer_sg = SG_C});
	lab_commit(l);
	cr_expect_eq(a_to_b(7), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(udp("10.0.1.12", "10.0.0.11", ENI_C, ENI_B, 7), 0);
	cr_expect_eq(udp("fd00:1:0:1::12", "fd00:1::11", ENI_C, ENI_B, 7), 0);
	lab_join(l, ENI_A, false, GROUPS(SG_A, SG_C));
	cr_expect_eq(a_to_b(7), VPC_DROP_NO_INGRESS_RULE, "not committed yet");
	lab_commit(l);
	cr_expect_eq(a_to_b(7), 0);
	cr_expect_eq(a_to_b6(7), 0);
	lab_join(l, ENI_A, true, GROUPS(SG_A));
	lab_commit(l);
	cr_expect_eq(a_to_b(7), VPC_DROP_NO_INGRESS_RULE);
	/* same bit of the bloom filter, other group */
	lab_join(l, ENI_A, true, GROUPS(SG_A, SG_C + 64));
	lab_commit(l);
	cr_expect_eq(a_to_b(7), VPC_DROP_NO_INGRESS_RULE);
}

Test(policy, group_as_peer_of_egress)
{
	lab_join(l, ENI_A, true, GROUPS(50));
	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_allow_all(l, SG_C, VPC_INGRESS, 4);
	lab_allow(l, &(struct rule_spec){.sg = 50, .direction = VPC_EGRESS, .slot = VPC_SLOT_UDP, .peer_sg = SG_B});
	lab_commit(l);
	cr_expect_eq(a_to_b(7), 0);
	cr_expect_eq(udp("10.0.0.10", "10.0.1.12", ENI_A, ENI_C, 7), VPC_DROP_NO_EGRESS_RULE);
	cr_expect_eq(udp("10.0.0.10", "8.8.8.8", ENI_A, ENI_C, 7), VPC_DROP_NO_EGRESS_RULE);
}

Test(policy, union_of_sixteen_groups)
{
	uint32_t groups[VPC_GROUPS_PER_ENI + 1] = {0};

	for (uint32_t i = 0; i < VPC_GROUPS_PER_ENI; i++)
		groups[i] = 100 + i;
	lab_join(l, ENI_B, false, groups);
	lab_allow(l, &(struct rule_spec){
			     .sg = 115, .slot = VPC_SLOT_UDP, .port = 9, .port_plen = 16, .peer = "10.0.0.0/8"});
	lab_allow(l, &(struct rule_spec){.sg = 107, .slot = VPC_SLOT_ANY, .peer = "10.0.1.0/24"});
	lab_commit(l);
	cr_expect_eq(a_to_b(9), 0);
	cr_expect_eq(a_to_b(10), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(udp("10.0.1.12", "10.0.0.11", ENI_C, ENI_B, 10), 0);
}

Test(policy, slots_keep_to_their_protocol)
{
	struct packet_spec
		tcp = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_TCP, .tcp_flags = 2, .dport = 47},
		gre = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = 47, .payload = 8},
		icmp = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_ICMP, .icmp_type = 8, .icmp_id = 5},
		icmp6 = {.src = "fd00:1::10", .dst = "fd00:1::11", .proto = IPPROTO_ICMPV6, .icmp_type = 128},
		icmp6in4 = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = 58, .icmp_type = 128},
		icmpin6 = {.src = "fd00:1::10", .dst = "fd00:1::11", .proto = 1, .icmp_type = 8};

	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_OTHER, .port = 47, .port_plen = 16, .peer = "0.0.0.0/0"});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, gre).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, tcp).reason, VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp).reason, VPC_DROP_NO_INGRESS_RULE);
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_ICMP, .port = 8 << 8, .port_plen = 8, .peer = "0.0.0.0/0"});
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_ICMPV6, .port = 128 << 8, .port_plen = 16, .peer = "::/0"});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp).reason, 0);
	icmp.icmp_code = 3;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp).reason, 0, "any code");
	icmp.icmp_type = 13;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp).reason, VPC_DROP_NO_INGRESS_RULE,
		     "another query with the same id");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp6).reason, 0);
	icmp6.icmp_code = 1;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp6).reason, VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp6in4).reason, VPC_DROP_NO_INGRESS_RULE, "protocol 58 in IPv4");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmpin6).reason, VPC_DROP_NO_INGRESS_RULE, "protocol 1 in IPv6");
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_OTHER, .port = 58, .port_plen = 16, .peer = "0.0.0.0/0"});
	lab_allow(l,
		  &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_OTHER, .port = 1, .port_plen = 16, .peer = "::/0"});
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmp6in4).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, icmpin6).reason, 0);
}

Test(policy, rows_count_between_birth_and_death)
{
	uint32_t row = lab_allow(
		l, &(struct rule_spec){
			   .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 5, .port_plen = 16, .peer = "10.0.0.0/8"});

	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE);
	lab_commit(l);
	cr_expect_eq(a_to_b(5), 0);
	lab_revoke(l, row);
	cr_expect_eq(a_to_b(5), 0, "dies with the commit");
	lab_commit(l);
	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE);
	if (lab_classifier())
		return; /* the rest is the hash's; bpf/classifier.c has the like for classifiers */
	/* a hash element that points to another key's row must not count: the row says whose it is */
	lab_row(l, row)->died = VPC_ALIVE;
	lab_row(l, row)->key.plen = 9;
	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE);
	lab_row(l, row)->key.plen = 8;
	cr_expect_eq(a_to_b(5), 0);
}

/* A number that a group still has, and that another group's row was given: seen by its key. */
Test(policy, a_row_of_another_group)
{
	struct vpc_sg *b = lab_sg(l, SG_B), *c = lab_sg(l, SG_C);

	b->dir[VPC_INGRESS].all4 = c->dir[VPC_EGRESS].all4;
	cr_expect_eq(a_to_b(1), VPC_DROP_NO_INGRESS_RULE);
	b->dir[VPC_INGRESS].all4 = b->dir[VPC_EGRESS].all4;
	cr_expect_eq(a_to_b(1), VPC_DROP_NO_INGRESS_RULE, "its own, of the other direction");
	b->dir[VPC_INGRESS].all4 = 0;
	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_commit(l);
	cr_expect_eq(a_to_b(1), 0);
}

Test(policy, versioned_set_and_not_ready)
{
	struct vpc_eni *e = lab_eni_row(l, ENI_A);
	struct vpc_versioned saved = e->set;

	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_commit(l);
	cr_expect_eq(a_to_b(1), 0);
	e->set.slot[0] = (lab_epoch(l) + 1) << VPC_VERSIONED_SHIFT | 1;
	e->set.slot[1] = (lab_epoch(l) + 2) << VPC_VERSIONED_SHIFT | 1;
	cr_expect_eq(a_to_b(1), VPC_DROP_TRY_AGAIN, "both slots are ahead of the epoch");
	e->set = saved;
	lab_join(l, ENI_A, true, NO_GROUPS);
	cr_expect_eq(a_to_b(1), 0);
	lab_commit(l);
	cr_expect_eq(a_to_b(1), VPC_DROP_NOT_READY);
	lab_join(l, ENI_A, false, GROUPS(SG_A));
	lab_join(l, ENI_B, true, NO_GROUPS);
	lab_commit(l);
	cr_expect_eq(a_to_b(1), VPC_DROP_NOT_READY);
	cr_expect_eq(lab_drops(l, ENI_B, VPC_DROP_NOT_READY), 1, "the receiver isn't ready");
	e->incarnation = 0;
	cr_expect_eq(a_to_b(1), VPC_DROP_NOT_READY);
}

Test(policy, counts_rows_and_packets)
{
	uint32_t row = lab_allow(l, &(struct rule_spec){.sg = SG_B,
							.slot = VPC_SLOT_UDP,
							.port = 5,
							.port_plen = 16,
							.peer = "10.0.0.0/8",
							.rule = 77});
	struct vpc_flow_key key;
	struct vpc_flow f;

	lab_commit(l);
	cr_expect_eq(a_to_b(5), 0);
	cr_assert(lab_flow(l, false, &key, &f));
	cr_expect_eq(f.rule[1], 77, "the flow knows the rule that let it in");
	cr_expect_neq(f.rule[0], 0);
	cr_expect_eq(f.eni[0], ENI_A);
	cr_expect_eq(f.eni[1], ENI_B);
	cr_expect_eq(lab_row_packets(l, row), 1);
	cr_expect_eq(lab_packets(l, ENI_A, true), 1);
	cr_expect_eq(lab_packets(l, ENI_B, false), 1);
	cr_expect_eq(a_to_b(6), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_row_packets(l, row), 1);
	cr_expect_eq(lab_packets(l, ENI_A, true), 1);
}

Test(policy, overlapping_vpcs_are_apart)
{
	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_allow_all(l, SG_D, VPC_INGRESS, 4);
	lab_commit(l);
	cr_expect_eq(udp("10.0.0.10", "10.0.0.11", ENI_D, ENI_B, 1), VPC_DROP_UNKNOWN_DESTINATION);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_D,
				 (struct packet_spec){.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_UDP})
			     .reason,
		     VPC_DROP_FORGED_SOURCE);
	/* a flow of the same tuple in VPC 1 helps nobody in VPC 2 */
	cr_expect_eq(a_to_b(1), 0);
	cr_expect_eq(lab_send(l, ENI_D,
			      (struct packet_spec){.src = "10.0.0.10",
						   .dst = "10.0.0.11",
						   .proto = IPPROTO_UDP,
						   .sport = 2001,
						   .dport = 1})
			     .reason,
		     VPC_DROP_UNKNOWN_DESTINATION);
}
