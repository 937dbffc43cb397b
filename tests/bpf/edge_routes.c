/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the route table of a port's subnet sends a packet, by BPF_PROG_TEST_RUN: appliances, and what has no way. */
#include "edge_util.h"

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>

static struct edge_lab e;

static void setup(void)
{
	e.l = lab_usual();
	edge_versioned(&e, e.l->skel->maps.subnet_table, 1, EDGE_TABLE);
	edge_route(&e, "0.0.0.0/0", VPC_TARGET_ENI, ENI_B);
	lab_eni_row(e.l, ENI_B)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_allow_all(e.l, SG_B, VPC_INGRESS, 4);
	lab_commit(e.l);
}

static void teardown(void)
{
	lab_close(e.l);
}

TestSuite(edge_routes, .init = setup, .fini = teardown);

static struct verdict to_the_world(uint8_t ttl)
{
	return lab_send(e.l, ENI_A,
			(struct packet_spec){.src = "10.0.0.10",
					     .dst = "198.51.100.1",
					     .proto = IPPROTO_UDP,
					     .sport = 1000,
					     .dport = 53,
					     .ttl = ttl});
}

/* To the appliance's MAC, from its gateway, one hop on; its own rules judge it there. */
Test(edge_routes, appliance)
{
	struct verdict v = to_the_world(64);
	struct frame f = *lab_out(e.l);

	cr_expect_eq(v.action, TC_ACT_REDIRECT);
	cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
	cr_expect_arr_eq(f.data, lab_mac(ENI_B), 6);
	cr_expect_arr_eq(f.data + 6, lab_gateway_mac(), 6);
	cr_expect_eq(f.data[22], 63);
	cr_expect_eq(lab_to(e.l, ENI_B, v.mark, &f).reason, 0);
	cr_expect_eq(to_the_world(1).reason, VPC_DROP_HOP_LIMIT);
	cr_expect_eq(to_the_world(64).reason, 0, "also when the flow is known");
	cr_expect_arr_eq(lab_out(e.l)->data, lab_mac(ENI_B), 6);
}

/* The answer that an appliance of another subnet forwards: past the router, which has no route back to its source. Only
 * the appliance to which the receiver's route table leads sends it. */
Test(edge_routes, answer_by_an_appliance)
{
	struct packet_spec p = {
		.src = "198.51.100.1", .dst = "10.0.0.10", .proto = IPPROTO_UDP, .sport = 53, .dport = 1000, .ttl = 64};
	struct verdict v;
	struct frame f;

	lab_eni_row(e.l, ENI_C)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_allow_all(e.l, SG_C, VPC_INGRESS, 4);
	lab_commit(e.l);
	edge_route(&e, "0.0.0.0/0", VPC_TARGET_ENI, ENI_C);
	lab_commit(e.l);
	v = to_the_world(64);
	cr_expect_eq(v.reason, 0);
	f = *lab_out(e.l);
	cr_expect_eq(lab_to(e.l, ENI_C, v.mark, &f).reason, 0);
	for (int i = 0; i < 3; i++) {
		v = lab_send(e.l, ENI_C, p);
		cr_expect_eq(v.action, TC_ACT_REDIRECT);
		cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_C);
		f = *lab_out(e.l);
		cr_expect_arr_eq(f.data, lab_mac(ENI_A), 6);
		cr_expect_eq(f.data[22], 63);
		cr_expect_eq(lab_to(e.l, ENI_A, v.mark, &f).reason, 0);
	}
	p.ttl = 1;
	cr_expect_eq(lab_send(e.l, ENI_C, p).reason, VPC_DROP_HOP_LIMIT);
	p.ttl = 64;
	p.sport = 54;
	cr_expect_eq(lab_send(e.l, ENI_C, p).reason, VPC_DROP_NO_INGRESS_RULE, "nobody asked");
	p.sport = 53;
	p.src = "10.0.0.11";
	cr_expect_eq(lab_send(e.l, ENI_C, p).reason, VPC_DROP_NO_INGRESS_RULE, "an address of the VPC");
	lab_allow_all(e.l, SG_A, VPC_INGRESS, 4);
	lab_commit(e.l);
	cr_expect_eq(lab_send(e.l, ENI_C, p).reason, VPC_DROP_NO_RETURN_ROUTE, "an address of the VPC that A lets in");
	p.src = "198.51.100.1";
	edge_route(&e, "0.0.0.0/0", VPC_TARGET_ENI, ENI_B);
	lab_commit(e.l);
	cr_expect_eq(lab_send(e.l, ENI_C, p).reason, VPC_DROP_NO_RETURN_ROUTE, "on the next packet");
}

/* An ENI that doesn't forward, is the sender itself, or attached to nothing, is no target. */
Test(edge_routes, no_appliance)
{
	lab_eni_row(e.l, ENI_B)->flags |= VPC_ENI_DETACHED;
	cr_expect_eq(to_the_world(64).reason, VPC_DROP_BLACKHOLE);
	lab_eni_row(e.l, ENI_B)->flags &= ~VPC_ENI_DETACHED;
	cr_expect_eq(to_the_world(64).reason, 0);
	lab_eni_row(e.l, ENI_B)->flags |= VPC_ENI_SOURCE_DEST_CHECK;
	cr_expect_eq(to_the_world(64).reason, VPC_DROP_BLACKHOLE, "on the next packet");
	edge_route(&e, "0.0.0.0/0", VPC_TARGET_ENI, ENI_A);
	lab_commit(e.l);
	cr_expect_eq(to_the_world(64).reason, VPC_DROP_BLACKHOLE);
}

/* A destination inside the VPC is never routed out, whatever the table says. */
Test(edge_routes, inside)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "10.0.7.7", .proto = IPPROTO_UDP, .sport = 1, .dport = 2};

	edge_route(&e, "10.0.7.0/24", VPC_TARGET_ENI, ENI_B);
	lab_commit(e.l);
	cr_expect_eq(lab_send(e.l, ENI_A, p).reason, VPC_DROP_UNKNOWN_DESTINATION);
}

/* Without an uplink there is no way by a gateway; without a route none at all. */
Test(edge_routes, no_route_out)
{
	const struct vpc_uplink none = {};
	const uint32_t vpc = 1;

	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(e.l->skel->maps.uplink), &vpc, &none, BPF_ANY), 0);
	edge_route(&e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	lab_commit(e.l);
	cr_expect_eq(to_the_world(64).reason, VPC_DROP_NO_ROUTE, "no uplink");
	edge_route(&e, "0.0.0.0/0", VPC_TARGET_EIGW, 0);
	lab_commit(e.l);
	cr_expect_eq(to_the_world(64).reason, VPC_DROP_BLACKHOLE, "IPv6 only");
	edge_route(&e, "0.0.0.0/0", 0, 0);
	lab_commit(e.l);
	cr_expect_eq(to_the_world(64).reason, VPC_DROP_NO_ROUTE);
}
