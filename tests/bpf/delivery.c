/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a frame goes whose destination MAC isn't that of who has the packet's address: to the address's owner, or to
 * the appliance that has the MAC. */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <string.h>

#define SYN 0x02
#define PSH 0x08
#define ACK 0x10

static struct lab *l;

/* The usual world, but that ENI_D is in the subnet of ENI_A and ENI_B; B and D let everything in from A's group, and
 * from 10.0.0.0/16 and what is behind D. */
static void setup(void)
{
	static const uint32_t groups[] = {SG_B, SG_D};

	l = lab_usual();
	lab_eni(l, &(struct eni_spec){.number = ENI_D});
	lab_addr(l, 1, "10.0.0.13", ENI_D);
	lab_addr(l, 1, "fd00:1::13", ENI_D);
	lab_join(l, ENI_D, false, GROUPS(SG_D));
	for (unsigned i = 0; i < 2; i++)
		lab_allow(l, &(struct rule_spec){.sg = groups[i], .slot = VPC_SLOT_ANY, .peer_sg = SG_A});
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(delivery, .init = setup, .fini = teardown);

/* Sent by A to that MAC: it goes to `to` and nobody else, with `to`'s MAC, and is let in there. */
static void expect_to(const char *what, uint32_t to, uint32_t mac, struct packet_spec p)
{
	struct verdict v;

	p.dmac = lab_mac(mac);
	v = lab_send(l, ENI_A, p);
	cr_expect_eq(v.reason, 0, "%s: dropped for reason %d", what, v.reason);
	cr_expect_eq(v.action, TC_ACT_REDIRECT, "%s: the bridge delivers nothing", what);
	cr_expect_arr_eq(lab_out(l)->data, lab_mac(to), 6, "%s: the MAC", what);
	if (v.target) {
		cr_expect_eq(v.target, to, "%s: to %u", what, v.target);
		return;
	}
	cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A, "%s: the port's program sees whose it is", what);
	p.dmac = NULL, p.smac = lab_mac(ENI_A);
	cr_expect_eq(lab_deliver(l, to, v.mark, p).reason, 0, "%s: let in", what);
}

static void expect_refused(const char *what, int reason, uint32_t mac, struct packet_spec p)
{
	struct verdict v;

	p.dmac = lab_mac(mac);
	v = lab_send(l, ENI_A, p);
	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
}

static struct packet_spec packet(uint8_t proto, const char *src, const char *dst)
{
	return (struct packet_spec){.src = src,
				    .dst = dst,
				    .proto = proto,
				    .sport = 1000,
				    .dport = 80,
				    .tcp_flags = SYN,
				    .icmp_type = proto == IPPROTO_ICMP ? 8 : 128,
				    .icmp_id = 5};
}

static const struct {
	uint8_t proto;
	const char *src, *dst;
} kinds[] = {
	{IPPROTO_UDP, "10.0.0.10", "10.0.0.11"},   {IPPROTO_TCP, "10.0.0.10", "10.0.0.11"},
	{IPPROTO_ICMP, "10.0.0.10", "10.0.0.11"},  {IPPROTO_UDP, "fd00:1::10", "fd00:1::11"},
	{IPPROTO_TCP, "fd00:1::10", "fd00:1::11"}, {IPPROTO_ICMPV6, "fd00:1::10", "fd00:1::11"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void move(uint32_t from, uint32_t to)
{
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr_remove(l, 1, "fd00:1::11");
	lab_addr(l, 1, "10.0.0.11", to);
	lab_addr(l, 1, "fd00:1::11", to);
	lab_eni_row(l, to)->gen_any = lab_eni_row(l, from)->gen_any = lab_epoch(l) + 1;
	lab_commit(l);
}

/* "An address keeps its neighbours: when it goes to another ENI, the next packet to it arrives there." A remembers
 * B's MAC, and B lives on. Back and forth, with what is known of flows from the time before. */
Test(delivery, an_address_that_moved)
{
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < KINDS; i++) {
			struct packet_spec p = packet(kinds[i].proto, kinds[i].src, kinds[i].dst);

			for (int again = 0; again < 3; again++) {
				expect_to("the MAC it had", round & 1 ? ENI_D : ENI_B, ENI_B, p);
				expect_to("the MAC it has", round & 1 ? ENI_D : ENI_B, ENI_D, p);
			}
		}
		move(round & 1 ? ENI_D : ENI_B, round & 1 ? ENI_B : ENI_D);
	}
}

Test(delivery, a_mac_that_nobody_has)
{
	static const uint8_t nobody[6] = {0x02, 1, 2, 3, 4, 5};
	struct packet_spec p;

	for (size_t i = 0; i < KINDS; i++) {
		p = packet(kinds[i].proto, kinds[i].src, kinds[i].dst);
		p.dmac = nobody;
		cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "kind %zu", i);
		cr_expect_arr_eq(lab_out(l)->data, lab_mac(ENI_B), 6);
		p.dst = strchr(p.dst, ':') ? "fd00:1::99" : "10.0.0.99";
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "nor the address");
		p.dst = strchr(p.dst, ':') ? "fd00:1:0:1::12" : "10.0.1.12";
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "of another subnet");
	}
	p = packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.1");
	p.dmac = nobody;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "the gateway isn't an ENI");
}

/* Whatever isn't plain goes to the port itself, never by the bridge: fragments, options, a port without fast path. */
Test(delivery, by_the_slow_path)
{
	static const uint8_t options[8] = {IPPROTO_UDP, 0, 1, 4};
	struct packet_spec p = packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.11"), later;

	p.payload = 96, p.fragment_id = 7, p.more_fragments = true;
	later = p;
	later.fragment_offset = 104, later.more_fragments = false;
	for (uint32_t mac = ENI_B; mac <= ENI_D; mac += 2) {
		expect_to("first fragment", ENI_B, mac, p);
		expect_to("later fragment", ENI_B, mac, later);
	}
	p = packet(IPPROTO_UDP, "fd00:1::10", "fd00:1::11");
	p.ext = options, p.ext_length = 8;
	expect_to("extension header", ENI_B, ENI_D, p);
	lab_set_fast_path(l, ENI_B, false);
	for (int i = 0; i < 3; i++) {
		p = packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.11");
		expect_to("no fast path", ENI_B, ENI_B, p);
		expect_to("no fast path", ENI_B, ENI_D, p);
		p.payload = 1500;
		expect_refused("no wire is that wide", VPC_DROP_TOO_BIG, ENI_B, p);
	}
}

/* --- appliances ------------------------------------------------------------------------------------------------- */

static void appliance(void)
{
	lab_eni_row(l, ENI_D)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_eni_row(l, ENI_D)->gen_any = lab_epoch(l) + 1;
	lab_commit(l);
}

/* A frame with its MAC is for it, whoever has the address, and judged there by its own rules. */
Test(delivery, what_is_sent_to_an_appliance)
{
	static const char *const others[] = {"10.0.0.11", "10.0.0.99", "10.0.1.12",
					     "10.0.1.99", "192.0.2.1", "10.0.0.1"};
	static const char *const others6[] = {"fd00:1::11", "fd00:1::99", "fd00:1:0:1::12", "2001:db8::1"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (i)
			expect_refused("no appliance yet", VPC_DROP_WRONG_DESTINATION, ENI_D,
				       packet(IPPROTO_UDP, "10.0.0.10", others[i]));
	appliance();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		expect_to(others[i], ENI_D, ENI_D, packet(IPPROTO_UDP, "10.0.0.10", others[i]));
		expect_to(others[i], ENI_D, ENI_D, packet(IPPROTO_TCP, "10.0.0.10", others[i]));
		expect_to(others[i], ENI_D, ENI_D, packet(IPPROTO_ICMP, "10.0.0.10", others[i]));
	}
	for (size_t i = 0; i < sizeof(others6) / sizeof(others6[0]); i++)
		expect_to(others6[i], ENI_D, ENI_D, packet(IPPROTO_TCP, "fd00:1::10", others6[i]));
	expect_to("its own", ENI_D, ENI_D, packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.13"));
	expect_to("to B itself", ENI_B, ENI_B, packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.11"));
	/* what is never carried isn't carried by it either */
	expect_refused("multicast", VPC_DROP_MULTICAST, ENI_D, packet(IPPROTO_UDP, "10.0.0.10", "224.0.0.1"));
	expect_refused("metadata", VPC_DROP_SPECIAL_ADDRESS, ENI_D,
		       packet(IPPROTO_UDP, "10.0.0.10", "169.254.169.254"));
	/* the rules of A, by address, and of D */
	lab_join(l, ENI_D, true, GROUPS(90));
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_D, VPC_MARK_ENI | ENI_A, packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.99")).reason,
		     VPC_DROP_REVOKED);
	cr_expect_eq(lab_deliver(l, ENI_D, VPC_MARK_ENI | ENI_A, packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.98")).reason,
		     VPC_DROP_NO_INGRESS_RULE);
}

/* Nothing is sent to a port that isn't there, where it would vanish without a reason. */
Test(delivery, an_appliance_that_is_attached_to_nothing)
{
	struct packet_spec outside = packet(IPPROTO_UDP, "10.0.0.10", "192.0.2.1");

	appliance();
	for (int i = 0; i < 3; i++)
		expect_to("attached", ENI_D, ENI_D, outside);
	lab_eni_row(l, ENI_D)->flags |= VPC_ENI_DETACHED;
	expect_refused("a flow from before", VPC_DROP_WRONG_DESTINATION, ENI_D, outside);
	for (size_t i = 0; i < KINDS; i++)
		expect_to("its MAC is remembered", ENI_B, ENI_D, packet(kinds[i].proto, kinds[i].src, kinds[i].dst));
	expect_refused("its own address", VPC_DROP_UNKNOWN_DESTINATION, ENI_D,
		       packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.13"));
}

/* That B has the address doesn't say that D may have what A may send to B's group. */
Test(delivery, a_group_is_not_who_forwards_to_it)
{
	struct packet_spec p = packet(IPPROTO_TCP, "10.0.0.10", "10.0.0.11");

	lab_allow(l, &(struct rule_spec){.sg = 91, .direction = VPC_EGRESS, .slot = VPC_SLOT_ANY, .peer_sg = SG_B});
	lab_join(l, ENI_A, true, GROUPS(SG_A, 91));
	lab_commit(l);
	/* only by the group from here on */
	lab_join(l, ENI_A, true, GROUPS(91));
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer = "10.0.0.0/16"});
	lab_allow(l, &(struct rule_spec){.sg = SG_D, .slot = VPC_SLOT_ANY, .peer = "10.0.0.0/16"});
	lab_commit(l);
	appliance();
	expect_to("to B", ENI_B, ENI_B, p);
	p.tcp_flags = ACK | PSH;
	expect_refused("the same connection to the appliance", VPC_DROP_NO_FLOW, ENI_D, p);
	p.tcp_flags = SYN;
	expect_refused("a new one", VPC_DROP_NO_EGRESS_RULE, ENI_D, p);
	p = packet(IPPROTO_UDP, "10.0.0.10", "10.0.0.11");
	expect_refused("UDP", VPC_DROP_NO_EGRESS_RULE, ENI_D, p);
	expect_to("UDP to B", ENI_B, ENI_B, p);
	expect_refused("of a known flow", VPC_DROP_NO_EGRESS_RULE, ENI_D, p);
}

static void cross(const char *what, uint32_t from, uint32_t to, struct packet_spec p)
{
	struct verdict v;

	p.dmac = lab_mac(to);
	v = lab_send(l, from, p);
	cr_expect_eq(v.reason, 0, "%s: dropped for reason %d", what, v.reason);
	if (v.target)
		return;
	v = lab_deliver(l, to, VPC_MARK_ENI | from, p);
	cr_expect_eq(v.reason, 0, "%s: not let in for reason %d", what, v.reason);
}

static struct packet_spec back_of(struct packet_spec p)
{
	struct packet_spec back = p;

	back.src = p.dst, back.dst = p.src, back.sport = p.dport, back.dport = p.sport;
	back.icmp_type = p.proto == IPPROTO_ICMP ? 0 : 129;
	return back;
}

static void conversation(const char *what, uint32_t from, uint32_t to, struct packet_spec p)
{
	struct packet_spec back = back_of(p);

	cross(what, from, to, p);
	p.tcp_flags = ACK, back.tcp_flags = SYN | ACK;
	cross("its answer", to, from, back);
	back.tcp_flags = ACK;
	for (int i = 0; i < 3; i++) {
		cross(what, from, to, p);
		cross("its answer", to, from, back);
	}
}

/* An appliance may carry what another ENI sent, but not have the router tell that one what is wrong with the packet. */
Test(delivery, the_router_tells_nobody_of_what_an_appliance_carries)
{
	static const uint8_t options[8] = {IPPROTO_UDP, 0, 1, 4};
	struct packet_spec p = packet(IPPROTO_UDP, "fd00:1::11", "fd00:1:0:1::12");

	appliance();
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_ANY, .peer = "fd00:1::/64"});
	lab_commit(l);
	cr_expect_eq(lab_send(l, ENI_D, p).reason, 0, "plain");
	p.ext = options, p.ext_length = 8;
	cr_expect_eq(lab_send(l, ENI_D, p).reason, VPC_DROP_NOT_IMPLEMENTED, "the router reads it");
	p.src = "fd00:1::99";
	cr_expect_eq(lab_send(l, ENI_D, p).reason, 0, "of who is behind it");
	p.src = "fd00:1::13";
	cr_expect_eq(lab_send(l, ENI_D, p).reason, 0, "its own");
}

/* Containers of a guest, a VPN: who is behind an appliance is reached, and reaches others, statefully. */
Test(delivery, who_is_behind_an_appliance)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	struct packet_spec p;

	appliance();
	for (size_t i = 0; i < sizeof(protos); i++) {
		p = packet(protos[i], "10.0.0.10", "10.244.1.2");
		conversation("to who is behind it", ENI_A, ENI_D, p);
		p = packet(protos[i], "10.0.0.10", "10.0.0.99");
		conversation("behind it, in the subnet", ENI_A, ENI_D, p);
		p = packet(protos[i], "10.244.1.2", "10.0.0.11");
		p.sport = 2000;
		cr_expect_eq(lab_send(l, ENI_D, p).reason, VPC_DROP_NO_INGRESS_RULE, "by address only");
	}
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer = "10.244.0.0/16"});
	lab_commit(l);
	for (size_t i = 0; i < sizeof(protos); i++) {
		p = packet(protos[i], "10.244.1.2", "10.0.0.11");
		p.sport = 2000;
		conversation("from behind it", ENI_D, ENI_B, p);
	}
	/* two of them, as the nodes of a cluster */
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_commit(l);
	for (size_t i = 0; i < sizeof(protos); i++) {
		p = packet(protos[i], "10.244.1.2", "10.244.2.2");
		conversation("between two of them", ENI_D, ENI_B, p);
	}
	/* what answers nothing is judged */
	p = packet(IPPROTO_TCP, "10.244.2.2", "10.244.1.3");
	p.tcp_flags = SYN | ACK;
	cr_expect_eq(lab_send(l, ENI_B, p).reason, VPC_DROP_NO_FLOW);
	cr_expect_eq(lab_deliver(l, ENI_D, VPC_MARK_ENI | ENI_B, p).reason, VPC_DROP_NO_FLOW);
	p.tcp_flags = SYN;
	cr_expect_eq(lab_deliver(l, ENI_D, VPC_MARK_ENI | ENI_B, p).reason, VPC_DROP_NO_INGRESS_RULE);
	/* a SYN the other way round, with the tuple of a connection, is one of its own */
	p = back_of(packet(IPPROTO_TCP, "10.244.1.2", "10.244.2.2"));
	p.tcp_flags = SYN;
	cr_expect_eq(lab_deliver(l, ENI_D, VPC_MARK_ENI | ENI_B, p).reason, VPC_DROP_NO_INGRESS_RULE);
}
