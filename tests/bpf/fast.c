/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path to a local ENI. It sends a packet to the port that bridge and router would have sent it to, with the
 * same headers; packets that it can't send go by bridge and router. The flow cache never lets through what the maps
 * don't allow. BPF_PROG_TEST_RUN carries out no redirect, so the counters tell the receiver; tests/system/fast.bats
 * uses real ports.
 */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define ACK 0x10
#define SYN 0x02
#define FIN 0x01
#define RST 0x04

static uint32_t row;

LAB_SUITE(fast, lab_usual_fast_path(&row));

/* The flow is one that CPUs remember from here on. */
static void stream(void)
{
	lab_expect_path(l, "first", ENI_A, ENI_B, lab_udp);
	lab_expect_path(l, "answer", ENI_B, ENI_A, lab_udp_back);
	for (int i = 0; i < 3; i++) {
		lab_expect_path(l, "more", ENI_A, ENI_B, lab_udp);
		lab_expect_path(l, "more answers", ENI_B, ENI_A, lab_udp_back);
	}
}

Test(fast, counts_both_sides)
{
	stream();
	cr_expect_eq(lab_packets(l, ENI_A, true), 4);
	cr_expect_eq(lab_packets(l, ENI_A, false), 4);
	cr_expect_eq(lab_packets(l, ENI_B, true), 4);
	cr_expect_eq(lab_packets(l, ENI_B, false), 4);
}

Test(fast, within_a_subnet_the_frame_stays_as_it_is)
{
	struct packet_spec p = lab_udp;
	struct frame before;

	p.smac = lab_mac(ENI_A), p.dmac = lab_mac(ENI_B), p.ttl = 1;
	frame_build(&before, &p);
	for (int i = 0; i < 3; i++) {
		lab_expect_path(l, "switched, TTL 1", ENI_A, ENI_B, p);
		cr_expect_eq(lab_out(l)->length, before.length);
		cr_expect_arr_eq(lab_out(l)->data, before.data, before.length);
	}
}

/* What the router would have made of it: MACs, one hop less, a right checksum, and nothing else. */
static void expect_routed(struct packet_spec p, uint32_t to)
{
	struct frame wanted;

	for (int i = 0; i < 3; i++) {
		lab_expect_path(l, "routed", ENI_A, to, p);
		struct packet_spec after = p;

		after.smac = lab_gateway_mac(), after.dmac = lab_mac(to), after.ttl = p.ttl - 1;
		frame_build(&wanted, &after);
		cr_expect_eq(lab_out(l)->length, wanted.length);
		cr_expect_arr_eq(lab_out(l)->data, wanted.data, wanted.length);
	}
}

Test(fast, across_subnets_it_does_what_the_router_does)
{
	struct packet_spec p = lab_udp;

	p.dst = "10.0.1.12";
	for (unsigned ttl = 2; ttl < 256; ttl += 23) {
		p.ttl = (uint8_t)ttl;
		p.fragment_id = (uint16_t)(ttl * 257); /* other checksums */
		expect_routed(p, ENI_C);
	}
	p.src = "fd00:1::10", p.dst = "fd00:1:0:1::12", p.ttl = 64, p.fragment_id = 0;
	expect_routed(p, ENI_C);
}

Test(fast, out_of_hops_ends_at_the_port_that_says_so)
{
	struct packet_spec p = lab_udp, p6 = lab_udp;

	p.dst = "10.0.1.12", p6.src = "fd00:1::10", p6.dst = "fd00:1:0:1::12";
	for (int i = 0; i < 3; i++) {
		p.ttl = p6.ttl = 64;
		lab_expect_path(l, "enough", ENI_A, ENI_C, p);
		lab_expect_path(l, "enough", ENI_A, ENI_C, p6);
		p.ttl = p6.ttl = 1;
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_HOP_LIMIT);
		cr_expect_eq(lab_send(l, ENI_A, p6).reason, VPC_DROP_HOP_LIMIT);
	}
}

Test(fast, too_big_goes_to_the_router_who_fragments_it)
{
	struct packet_spec p = lab_udp;

	for (int i = 0; i < 3; i++) {
		p.payload = 1500 - 28;
		lab_expect_path(l, "as big as the MTU", ENI_A, ENI_B, p);
		p.payload = 1501 - 28;
		lab_expect_path(l, "one byte more", ENI_A, 0, p);
	}
	lab_eni_row(l, ENI_B)->mtu = 1400;
	p.payload = 1401 - 28;
	lab_expect_path(l, "a smaller MTU counts at once", ENI_A, 0, p);
	p.payload--;
	lab_expect_path(l, "and fits", ENI_A, ENI_B, p);
}

/* GSO: what counts is how big its segments will be. */
Test(fast, segments)
{
	struct packet_spec p = lab_tcp, back = lab_tcp_back;

	lab_expect_path(l, "SYN", ENI_A, ENI_B, p);
	lab_expect_path(l, "SYN-ACK", ENI_B, ENI_A, back);
	p.tcp_flags = ACK, p.payload = 3000;
	for (int i = 0; i < 3; i++) {
		lab_gso(l, 1460);
		lab_expect_path(l, "segments that fit", ENI_A, ENI_B, p);
		lab_gso(l, 1461);
		lab_expect_path(l, "segments that don't", ENI_A, 0, p);
		lab_gso(l, 0);
		lab_expect_path(l, "no segments", ENI_A, 0, p);
	}
	p = lab_udp;
	p.payload = 3000;
	for (int i = 0; i < 3; i++) {
		lab_gso(l, 1472);
		lab_expect_path(l, "UDP segments that fit", ENI_A, ENI_B, p);
		lab_gso(l, 1473);
		lab_expect_path(l, "UDP segments that don't", ENI_A, 0, p);
	}
}

Test(fast, fragments_options_and_headers_go_by_the_router)
{
	static const uint8_t options[] = {17, 0, 1, 4, 0, 0, 0, 0};
	struct packet_spec p = lab_udp, later = lab_udp;
	struct frame f;
	struct verdict v;

	stream();
	p.more_fragments = true, p.fragment_id = 7;
	lab_expect_path(l, "first fragment", ENI_A, 0, p);
	later.fragment_offset = 104, later.fragment_id = 7;
	lab_expect_path(l, "later fragment", ENI_A, 0, later);
	p = lab_udp;
	p.dst = "10.0.1.12", p.smac = lab_mac(ENI_A), p.dmac = lab_gateway_mac();
	frame_build(&f, &p);
	frame_options4(&f, "\1\1\1\1\1\1\1\1", 8);
	for (int i = 0; i < 3; i++) {
		v = lab_from(l, ENI_A, &f);
		cr_expect_eq(v.action, TC_ACT_OK, "IPv4 options");
		cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
		lab_expect_path(l, "without options", ENI_A, ENI_C, p);
	}
	p.src = "fd00:1::10", p.dst = "fd00:1:0:1::12", p.ext = options, p.ext_length = 8;
	lab_expect_path(l, "extension header", ENI_A, 0, p);
	p.ext = NULL, p.ext_length = 0;
	lab_expect_path(l, "without", ENI_A, ENI_C, p);
}

Test(fast, mac_of_another)
{
	struct packet_spec p = lab_udp;

	for (int i = 0; i < 3; i++) {
		lab_expect_path(l, "right", ENI_A, ENI_B, lab_udp);
		p = lab_udp, p.dmac = lab_mac(ENI_C);
		lab_expect_path(l, "the IP is B's, the MAC not", ENI_A, ENI_B, p);
		cr_expect_arr_eq(lab_out(l)->data, lab_mac(ENI_B), 6, "it gets the right one");
		p.dmac = lab_mac(ENI_A);
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION);
		p.dmac = (const uint8_t[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_MULTICAST);
		p = lab_udp, p.smac = lab_mac(ENI_C);
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_MAC);
		p = lab_udp, p.dst = "10.0.1.12";
		lab_expect_path(l, "to the gateway", ENI_A, ENI_C, p);
		p.dmac = lab_mac(ENI_C);
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "of another subnet");
	}
	/* the same tuple from a port that isn't the address's */
	cr_expect_eq(lab_send(l, ENI_C, lab_udp).reason, VPC_DROP_FORGED_SOURCE);
}

Test(fast, target_down)
{
	stream();
	lab_set_fast_path(l, ENI_B, false);
	for (int i = 0; i < 3; i++)
		lab_expect_path(l, "its port is down", ENI_A, 0, lab_udp);
	lab_expect_path(l, "the other direction", ENI_B, ENI_A, lab_udp_back);
	lab_set_fast_path(l, ENI_B, true);
	lab_expect_path(l, "up again", ENI_A, ENI_B, lab_udp);
}

/* By its own MAC and by the gateway's; also when it is not known yet that its port can't be reached any more. */
Test(fast, target_attached_to_nothing)
{
	struct packet_spec switched = lab_udp, routed = lab_udp;

	switched.dmac = lab_mac(ENI_B), routed.dmac = lab_gateway_mac();
	stream();
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_DETACHED;
	for (int fast = 1; fast >= 0; fast--) {
		lab_set_fast_path(l, ENI_B, fast);
		for (int i = 0; i < 3; i++) {
			cr_expect_eq(lab_send(l, ENI_A, switched).reason, VPC_DROP_UNKNOWN_DESTINATION);
			cr_expect_eq(lab_send(l, ENI_A, routed).reason, VPC_DROP_UNKNOWN_DESTINATION);
			usleep(LAB_TICK_US);
		}
	}
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_UNKNOWN_DESTINATION), 12);
}

Test(fast, target_deleted_and_its_number_reused)
{
	struct vpc_eni *b = lab_eni_row(l, ENI_B);
	struct vpc_eni copy = *b;

	stream();
	/* retiring clears the row word by word: at no point is it B's */
	copy = *b;
	b->incarnation = 0;
	cr_expect_neq(lab_send(l, ENI_A, lab_udp).action, TC_ACT_REDIRECT, "no ENI");
	b->incarnation = copy.incarnation;
	b->gen_revoke = b->gen_any = 0;
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).target, ENI_B);
	/* somebody else has the number and the address now */
	*b = copy;
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_join(l, ENI_B, true, NO_GROUPS);
	lab_commit(l);
	cr_expect_neq(lab_send(l, ENI_A, lab_udp).reason, 0, "gone");
	lab_eni(l, &(struct eni_spec){.number = ENI_B, .incarnation = 2});
	lab_set_fast_path(l, ENI_B, true);
	lab_addr(l, 1, "10.0.0.11", ENI_B);
	lab_join(l, ENI_B, true, GROUPS(SG_D));
	lab_commit(l);
	for (int i = 0; i < 3; i++)
		cr_expect_neq(lab_send(l, ENI_A, lab_udp).reason, 0, "another ENI, whose groups allow nothing");
}

Test(fast, sender_deleted_and_its_number_reused)
{
	stream();
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_join(l, ENI_A, true, NO_GROUPS);
	lab_commit(l);
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_NOT_READY);
	lab_eni(l, &(struct eni_spec){.number = ENI_A, .incarnation = 2});
	lab_join(l, ENI_A, true, GROUPS(SG_A));
	lab_commit(l);
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_FORGED_SOURCE, "the address is nobody's");
}

Test(fast, group_left_during_a_flow)
{
	stream();
	lab_join(l, ENI_B, true, GROUPS(SG_D));
	lab_expect_path(l, "not in force yet", ENI_A, ENI_B, lab_udp);
	lab_commit(l);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_REVOKED);
		cr_expect_eq(lab_send(l, ENI_B, lab_udp_back).reason, VPC_DROP_REVOKED);
	}
}

/* A set that only gained a group: what is then taken from the new set must cut, too. */
Test(fast, group_joined_then_rule_revoked)
{
	stream();
	lab_join(l, ENI_B, false, GROUPS(SG_B, SG_D));
	lab_commit(l);
	stream();
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_send(l, ENI_B, lab_udp_back).reason, VPC_DROP_REVOKED);
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_REVOKED);
}

Test(fast, rule_revoked)
{
	stream();
	lab_revoke(l, row);
	lab_expect_path(l, "not in force yet", ENI_A, ENI_B, lab_udp);
	lab_commit(l);
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_REVOKED);
	cr_expect_eq(lab_send(l, ENI_B, lab_udp_back).reason, VPC_DROP_REVOKED);
	row = lab_allow(l,
			&(struct rule_spec){
				.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_commit(l);
	stream();
}

/* No epoch tells of these two: the flow itself was ended. */
Test(fast, flow_cut_or_expired)
{
	stream();
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_CUT, 0), 1);
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_REVOKED);
	cr_expect_eq(lab_send(l, ENI_B, lab_udp_back).reason, VPC_DROP_REVOKED);
}

Test(fast, grace_that_ends)
{
	struct vpc_flow_key key;
	struct vpc_flow f;

	stream();
	lab_kill_row(l, row);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, lab_now_ns() + 3600000000000ull), 1);
	lab_raise(l, SG_B, true); /* for the next epoch: as of now nothing changes */
	for (int i = 0; i < 3; i++)
		lab_expect_path(l, "spared", ENI_A, ENI_B, lab_udp);
	lab_commit(l);
	for (int i = 0; i < 3; i++)
		lab_expect_path(l, "still spared", ENI_A, ENI_B, lab_udp);
	cr_assert(lab_flow(l, true, &key, &f));
	for (int side = 0; side < 2; side++)
		if (f.grace_until[side])
			f.grace_until[side] = (uint32_t)(lab_now_ns() >> VPC_GRACE_SHIFT);
	lab_flow_put(l, &key, &f);
	cr_expect_eq(lab_send(l, ENI_A, lab_udp).reason, VPC_DROP_REVOKED, "the grace is over");
}

/* Nobody counts as somebody: an appliance that forwards is judged at the target's port. */
Test(fast, appliances_go_by_the_router)
{
	struct packet_spec p = {.src = "10.0.0.77", .dst = "10.0.1.12", .proto = IPPROTO_UDP, .sport = 1, .dport = 2};

	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_eni_row(l, ENI_A)->gen_any = lab_epoch(l) + 1;
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_ANY, .peer = "0.0.0.0/0"});
	lab_commit(l);
	for (int i = 0; i < 3; i++)
		lab_expect_path(l, "somebody else's", ENI_A, 0, p);
	p.src = "10.0.0.10";
	lab_expect_path(l, "its own", ENI_A, ENI_C, p);
}

Test(fast, a_tap_judges_itself)
{
	struct verdict v;

	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_TAP;
	for (int i = 0; i < 3; i++) {
		v = lab_send(l, ENI_A, lab_udp);
		cr_expect_eq(v.action, TC_ACT_REDIRECT);
		cr_expect_eq(v.target, 0, "its own program counts it");
		cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
		cr_expect_eq(lab_deliver(l, ENI_B, v.mark, lab_udp).reason, 0);
	}
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_B, v.mark, lab_udp).reason, VPC_DROP_REVOKED);
}
