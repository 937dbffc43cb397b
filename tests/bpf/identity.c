/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet is accepted only with its sender's MAC and address, and for the receiver that its MAC and address name (P5,
 * P7). */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define SYN 0x02
#define ACK 0x10

static struct lab *l;

static void setup(void)
{
	l = lab_usual();
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer_sg = SG_A});
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(identity, .init = setup, .fini = teardown);

static const struct packet_spec a_to_b = {
	.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_UDP, .sport = 1, .dport = 2};

Test(identity, macs)
{
	struct packet_spec p = a_to_b;

	p.smac = lab_mac(ENI_C);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_MAC);
	p.smac = NULL;
	p.dmac = lab_mac(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "redirected within the subnet");
	p.dmac = lab_mac(ENI_C);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "one that is nobody's in the subnet: the address counts");
	cr_expect_arr_eq(lab_out(l)->data, lab_mac(ENI_B), 6);
	p.dst = "10.0.1.12";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "in another subnet only by the gateway");
	p.dmac = (const uint8_t[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_MULTICAST);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, p).reason, VPC_DROP_MULTICAST);
	p.dmac = lab_mac(ENI_C);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION);
}

Test(identity, ethertypes)
{
	struct frame f;
	struct packet_spec p = a_to_b;

	p.smac = lab_mac(ENI_A);
	p.dmac = lab_gateway_mac();
	frame_build(&f, &p);
	f.data[12] = 0x81;
	f.data[13] = 0x00;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_ETHERTYPE, "a VLAN tag");
	f.data[12] = 0x88;
	f.data[13] = 0xcc;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_ETHERTYPE);
	cr_expect_eq(lab_to(l, ENI_A, 0, &f).reason, VPC_DROP_ETHERTYPE);
	f.data[12] = 0x08;
	f.data[13] = 0x06;
	cr_expect_eq(lab_to(l, ENI_A, 0, &f).reason, VPC_DROP_ETHERTYPE, "nobody's ARP reaches a workload");
	cr_expect_eq(lab_to(l, ENI_A, VPC_MARK_ANSWER | ENI_A, &f).reason, 0, "but its own port's answer");
	cr_expect_eq(lab_to(l, ENI_A, VPC_MARK_ANSWER | ENI_B, &f).reason, VPC_DROP_ETHERTYPE);
}

Test(identity, source_addresses)
{
	static const char *foreign[] = {"10.0.0.12", "10.0.0.11", "10.0.1.12", "8.8.8.8", "10.0.0.1"};
	struct packet_spec p = a_to_b;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		p.src = foreign[i];
		p.dst = "10.0.1.12";
		cr_expect_eq(lab_send(l, ENI_A, p).reason, i == 2 ? VPC_DROP_FORGED_SOURCE : VPC_DROP_FORGED_SOURCE,
			     "%s", foreign[i]);
	}
	p.src = "fd00:1::11";
	p.dst = "fd00:1:0:1::12";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
}

Test(identity, special_addresses)
{
	static const struct {
		const char *src, *dst;
		int reason;
	} cases[] = {
		{"127.0.0.1", "10.0.0.11", VPC_DROP_SPECIAL_ADDRESS},
		{"10.0.0.10", "127.0.0.1", VPC_DROP_SPECIAL_ADDRESS},
		{"10.0.0.10", "169.254.169.254", VPC_DROP_SPECIAL_ADDRESS},
		{"169.254.1.1", "10.0.0.11", VPC_DROP_SPECIAL_ADDRESS},
		{"10.0.0.10", "0.0.0.0", VPC_DROP_SPECIAL_ADDRESS},
		{"0.0.0.0", "10.0.0.11", VPC_DROP_SPECIAL_ADDRESS},
		{"10.0.0.10", "224.0.0.1", VPC_DROP_MULTICAST},
		{"10.0.0.10", "255.255.255.255", VPC_DROP_MULTICAST},
		{"10.0.0.10", "240.1.2.3", VPC_DROP_MULTICAST},
		{"10.0.0.10", "10.0.0.255", VPC_DROP_MULTICAST},
		{"224.0.0.5", "10.0.0.11", VPC_DROP_SPECIAL_ADDRESS},
		{"10.0.0.10", "10.0.0.99", VPC_DROP_UNKNOWN_DESTINATION},
		{"10.0.0.10", "10.0.77.9", VPC_DROP_UNKNOWN_DESTINATION},
		{"10.0.0.10", "10.0.0.10", VPC_DROP_WRONG_DESTINATION},
		{"fd00:1::10", "::1", VPC_DROP_SPECIAL_ADDRESS},
		{"::1", "fd00:1::11", VPC_DROP_SPECIAL_ADDRESS},
		{"fd00:1::10", "::ffff:10.0.0.11", VPC_DROP_SPECIAL_ADDRESS},
		{"::ffff:10.0.0.10", "fd00:1::11", VPC_DROP_SPECIAL_ADDRESS},
		{"fd00:1::10", "::", VPC_DROP_SPECIAL_ADDRESS},
		{"fd00:1::10", "fe80::5", VPC_DROP_LINK_LOCAL},
		{"fd00:1::10", "fe80::1", VPC_DROP_GATEWAY_CLOSED},
		{"fe80::5", "fd00:1::11", VPC_DROP_LINK_LOCAL},
		{"fd00:1::10", "ff02::1", VPC_DROP_MULTICAST},
		{"fd00:1::10", "fd00:1::99", VPC_DROP_UNKNOWN_DESTINATION},
		{"fd00:1::10", "2001:db8::1", 0},
		{"10.0.0.10", "8.8.8.8", 0},
		{"10.0.0.10", "10.0.0.1", VPC_DROP_GATEWAY_CLOSED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(lab_send(l, ENI_A,
				      (struct packet_spec){.src = cases[i].src,
							   .dst = cases[i].dst,
							   .proto = IPPROTO_UDP,
							   .sport = 7,
							   .dport = 8})
				     .reason,
			     cases[i].reason, "%s to %s", cases[i].src, cases[i].dst);
}

Test(identity, dhcp_stays_at_the_port)
{
	struct packet_spec p = {.src = "0.0.0.0",
				.dst = "255.255.255.255",
				.proto = IPPROTO_UDP,
				.sport = 68,
				.dport = 67,
				.dmac = (const uint8_t[]){255, 255, 255, 255, 255, 255}};

	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_UNANSWERED, "no template");
	p.sport = 67, p.dport = 68;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_MULTICAST, "plays no server");
}

/* Nobody gains a group's rights by writing its members' address into a packet. */
Test(identity, marks)
{
	cr_expect_eq(lab_deliver(l, ENI_B, 0, a_to_b).reason, VPC_DROP_FORGED_SOURCE, "came by another device");
	cr_expect_eq(lab_deliver(l, ENI_B, 0xd4, a_to_b).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ANSWER | ENI_A, a_to_b).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_C, a_to_b).reason, VPC_DROP_FORGED_SOURCE,
		     "entered at another port");
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | 999, a_to_b).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_flows(l, false), 0);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, a_to_b).reason, 0);
	/* now that there is a flow: the same */
	cr_expect_eq(lab_deliver(l, ENI_B, 0, a_to_b).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_C, a_to_b).reason, VPC_DROP_FORGED_SOURCE);
}

Test(identity, marks_out)
{
	struct verdict v;

	lab_set_fast_path(l, ENI_B, false);
	v = lab_send(l, ENI_A, a_to_b);
	cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
	v = lab_deliver(l, ENI_B, v.mark, a_to_b);
	cr_expect_eq(v.reason, 0);
	cr_expect_eq(v.mark, 0, "nothing of it leaks into the workload's namespace");
	v = lab_send(l, ENI_A, (struct packet_spec){.src = "10.0.0.10", .dst = "10.0.0.99", .proto = IPPROTO_UDP});
	cr_expect_eq(v.mark, 0, "cleared first");
}

Test(identity, destination_must_be_its_own)
{
	struct packet_spec p = a_to_b;

	p.dst = "10.0.0.12";
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION);
	p.dst = "10.0.1.12";
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION);
}

Test(identity, addresses_come_and_go_by_epoch)
{
	struct packet_spec p = {.src = "10.0.0.20", .dst = "10.0.0.11", .proto = IPPROTO_UDP, .sport = 1, .dport = 2};

	lab_addr(l, 1, "10.0.0.20", ENI_A);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0, "a secondary address has the groups' rights");
	lab_addr_remove(l, 1, "10.0.0.20");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, VPC_DROP_FORGED_SOURCE);
	p.sport = 3;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, VPC_DROP_FORGED_SOURCE);
}

/* An appliance forwards for others: its own groups judge, the address counts for CIDR rules only. */
Test(identity, appliance)
{
	struct packet_spec out = {.src = "192.0.2.5",
				  .dst = "10.0.0.11",
				  .dmac = lab_mac(ENI_B),
				  .proto = IPPROTO_UDP,
				  .sport = 1,
				  .dport = 2},
			   in = {.src = "10.0.0.11", .dst = "192.0.2.5", .proto = IPPROTO_UDP, .sport = 2, .dport = 1},
			   as_c = {.src = "10.0.1.12",
				   .dst = "10.0.0.11",
				   .proto = IPPROTO_UDP,
				   .sport = 5,
				   .dport = 2};
	struct vpc_flow_key key;
	struct vpc_flow f;

	lab_eni_row(l, ENI_A)->flags = 0;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, a_to_b).reason, 0, "its own address is in its groups");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, out).reason, VPC_DROP_NO_INGRESS_RULE, "another isn't");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, as_c).reason, VPC_DROP_NO_INGRESS_RULE);
	out.smac = lab_mac(ENI_C);
	cr_expect_eq(lab_send(l, ENI_A, out).reason, VPC_DROP_FORGED_MAC, "but always its own MAC");
	out.smac = NULL;
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_UDP, .peer = "192.0.2.0/24"});
	lab_commit(l);
	lab_age(l, 1000);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	cr_expect_eq(lab_send(l, ENI_A, out).reason, 0);
	cr_assert(lab_flow(l, false, &key, &f));
	cr_expect_eq(key.via, ENI_A << 1);
	cr_expect_eq(f.eni[0], ENI_A);
	cr_expect_eq(f.eni[1], ENI_B);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, out).reason, 0);
	/* the answer goes through it, too; what else isn't for it, it receives on its own judgement */
	cr_expect_eq(lab_send(l, ENI_B, in).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, in).reason, 0);
	in.sport = 9;
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, in).reason, VPC_DROP_NO_INGRESS_RULE, "no answer");
	lab_allow(l, &(struct rule_spec){.sg = SG_A, .slot = VPC_SLOT_UDP, .peer_sg = SG_B});
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, in).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, in).reason, 0);
	/* without the permission to forward */
	lab_eni_row(l, ENI_A)->flags = VPC_ENI_SOURCE_DEST_CHECK;
	cr_expect_eq(lab_send(l, ENI_A, out).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, in).reason, VPC_DROP_WRONG_DESTINATION);
}
