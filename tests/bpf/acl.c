/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network ACLs by each path of the programs: they judge every packet that enters or leaves a subnet, and nothing else.
 * The groups allow everything here. P2, P3, P4, P5.
 */
#include "acl_util.h"

#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define SYN 0x02

LAB_SUITE(acl, acl_lab_open());

/* --- a live connection -------------------------------------------------------------------------------------------- */

/* Denied at its next packet in that direction alone; what is denied moves no flow, so it goes on when the rule goes. */
static void live(const char *what, uint8_t proto, int family, const char *deny_in, const char *deny_out)
{
	struct packet_spec there = acl_packet_spec(A, C, family, proto, 999, 80), back = acl_back(there);

	if (proto == IPPROTO_TCP)
		acl_connect(A, C, family, 999, 80);
	for (int i = 0; i < 3; i++) {
		acl_expect(what, A, C, there, 0);
		acl_expect(what, C, A, back, 0);
		usleep(LAB_TICK_US);
	}
	acl_expect(what, A, C, there, 0);
	lab_slow_path(l);
	acl_expect(what, A, C, there, 0);
	acl_expect(what, C, A, back, 0);
	cr_expect(!lab_fast_path() || !lab_slow_path(l), "%s: what was asked is remembered", what);
	for (int i = 0; i < 2; i++) {
		acl_change(1, VPC_INGRESS, deny_in);
		acl_expect(what, A, C, there, VPC_DROP_ACL_INGRESS);
		acl_expect(what, C, A, back, 0);
		acl_change_delete(1, VPC_INGRESS, 10);
		acl_expect(what, A, C, there, 0);
		acl_change(1, VPC_EGRESS, deny_out);
		acl_expect(what, C, A, back, VPC_DROP_ACL_EGRESS);
		acl_expect(what, A, C, there, 0);
		acl_change_delete(1, VPC_EGRESS, 10);
		acl_expect(what, C, A, back, 0);
	}
	cr_expect_eq(lab_flows(l, true), 1, "%s", what);
}

Test(acl, live_tcp)
{
	acl_usual();
	live("TCP", IPPROTO_TCP, 4, "10 deny tcp 80 10.0.0.0/24", "10 deny tcp 999 10.0.0.10/32");
}

Test(acl, live_tcp6)
{
	acl_usual();
	live("TCP over IPv6", IPPROTO_TCP, 6, "10 deny tcp 80 fd00:1::/64", "10 deny all fd00:1::10/128");
}

Test(acl, live_udp)
{
	acl_usual();
	live("UDP", IPPROTO_UDP, 4, "10 deny udp 0-80 0.0.0.0/0", "10 deny udp 999-65535 10.0.0.8/30");
}

/* The first table of a VPC is asked about flows that only the fast paths knew until then; so is another ACL of the
 * subnet, and what stands without a table again goes by the fast paths. */
Test(acl, first_table)
{
	struct packet_spec tcp = acl_packet_spec(A, C, 4, IPPROTO_TCP, 999, 80),
			   udp = acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, 6);

	acl_connect(A, C, 4, 999, 80);
	acl_expect("UDP", A, C, udp, 0);
	acl_expect("UDP", C, A, acl_back(udp), 0);
	usleep(LAB_TICK_US);
	for (int i = 0; i < 2; i++) {
		acl_expect("TCP", A, C, tcp, 0);
		acl_expect("UDP", A, C, udp, 0);
	}
	acl_rule(2, VPC_INGRESS, "1 deny all 0.0.0.0/0");
	acl_of_subnet(2, 2);
	acls_write();
	acl_expect("prepared", A, C, tcp, 0);
	acl_expect("prepared", A, C, udp, 0);
	acls_commit();
	acl_expect("TCP", A, C, tcp, VPC_DROP_ACL_INGRESS);
	acl_expect("UDP", A, C, udp, VPC_DROP_ACL_INGRESS);
	acl_of_subnet(2, 1);
	acls_write();
	acls_commit();
	acl_expect("TCP", A, C, tcp, 0);
	acl_expect("UDP", A, C, udp, 0);
	acl_of_subnet(1, 2);
	acls_write();
	acls_commit();
	acl_expect("the subnet of the sender", A, C, tcp, 0);
	acl_expect("the subnet of the sender", C, A, acl_back(tcp), VPC_DROP_ACL_INGRESS);
	acl_of_subnet(1, 0);
	acls_write();
	acls_commit();
	acl_expect("TCP", C, A, acl_back(tcp), 0);
	acls_write(); /* as vpcd, which lowers the flags behind the commit */
	acls_commit();
	lab_slow_path(l);
	acl_expect("TCP", A, C, tcp, 0);
	cr_expect(!lab_fast_path() || !lab_slow_path(l), "nothing is asked any more");
}

/* An opening that the SYN cache remembers was asked about; the ACL's change ends it. */
Test(acl, the_syn_cache_asks_again)
{
	struct packet_spec syn = acl_packet_spec(A, C, 4, IPPROTO_TCP, 1000, 80);

	acl_usual();
	syn.tcp_flags = SYN;
	syn.payload = 0;
	for (int i = 0; i < 3; i++, syn.sport++)
		acl_expect("SYN", A, C, syn, 0);
	acl_change(1, VPC_INGRESS, "10 deny tcp 80 10.0.0.10/32");
	syn.sport++;
	acl_expect("SYN", A, C, syn, VPC_DROP_ACL_INGRESS);
	acl_change_delete(1, VPC_INGRESS, 10);
	syn.sport++;
	acl_expect("SYN", A, C, syn, 0);
}

/* --- what is never asked about ------------------------------------------------------------------------------------ */

static void deny_everything(void)
{
	for (unsigned direction = 0; direction < 2; direction++)
		acl_rule(1, direction, "1 deny all 0.0.0.0/0");
	acl_of_subnet(1, 1);
	acl_of_subnet(2, 1);
	acls_write();
	acls_commit();
}

Test(acl, inside_a_subnet)
{
	struct packet_spec udp = acl_packet_spec(A, B, 4, IPPROTO_UDP, 5, 6),
			   first = acl_packet_spec(A, B, 4, IPPROTO_UDP, 5, 7);
	struct packet_spec later = first;

	deny_everything();
	acl_connect(A, B, 4, 999, 80);
	acl_connect(B, A, 6, 999, 80);
	for (int i = 0; i < 3; i++) {
		acl_expect("UDP", A, B, udp, 0);
		acl_expect("UDP", B, A, acl_back(udp), 0);
		usleep(LAB_TICK_US);
	}
	first.fragment_id = later.fragment_id = 77;
	first.more_fragments = true;
	later.fragment_offset = 24;
	acl_expect("first fragment", A, B, first, 0);
	acl_expect("later fragment", A, B, later, 0);
	acl_expect("UDP", A, B, udp, 0);
	lab_slow_path(l);
	acl_expect("UDP", A, B, udp, 0);
	acl_expect("TCP", A, B, acl_packet_spec(A, B, 4, IPPROTO_TCP, 999, 80), 0);
	cr_expect(!lab_fast_path() || !lab_slow_path(l));
	acl_expect("to another", A, C, acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, 6), VPC_DROP_ACL_EGRESS);
	acl_expect("from another", F, A, acl_packet_spec(F, A, 4, IPPROTO_UDP, 5, 6), VPC_DROP_ACL_INGRESS);
}

static void expect_answered(const char *what, const struct verdict *v)
{
	cr_expect_eq(v->reason, 0, "%s: reason %d", what, v->reason);
	cr_expect_eq(v->action, TC_ACT_REDIRECT, "%s", what);
	cr_expect_eq(v->mark, VPC_MARK_ANSWER | ENI_A, "%s", what);
}

/* What the gateway itself answers: ARP, ND, echo. */
Test(acl, the_gateway)
{
	static const uint8_t asks[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0,  0, 8, 6,
				       0,    1,	   8,	 0,    6,    4,	   0, 1, 0, 0, 0,  0, 0, 0,
				       10,   0,	   0,	 10,   0,    0,	   0, 0, 0, 0, 10, 0, 0, 1};
	struct frame arp = {.length = 64};
	struct verdict v;

	deny_everything();
	memcpy(arp.data, asks, sizeof(asks));
	memcpy(arp.data + 6, lab_mac(ENI_A), 6);
	memcpy(arp.data + 22, lab_mac(ENI_A), 6);
	v = lab_from(l, ENI_A, &arp);
	expect_answered("ARP", &v);
	v = lab_send(
		l, ENI_A,
		(struct packet_spec){
			.src = "10.0.0.10", .dst = "10.0.0.1", .proto = IPPROTO_ICMP, .icmp_type = 8, .icmp_id = 1});
	expect_answered("echo", &v);
	v = lab_send(l, ENI_A,
		     (struct packet_spec){.src = "fd00:1::10",
					  .dst = "fe80::1",
					  .proto = IPPROTO_ICMPV6,
					  .icmp_type = 128,
					  .icmp_id = 1});
	expect_answered("echo over IPv6", &v);
}

/* The router's own ICMP errors about a packet that the ACLs let through come back, whatever they say. */
Test(acl, errors_of_the_router)
{
	struct packet_spec p = acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, 6);
	struct verdict v;

	acl_rule(1, VPC_EGRESS, "1 allow udp 6 10.0.1.0/24");
	acl_rule(1, VPC_INGRESS, "1 deny all 0.0.0.0/0");
	acl_of_subnet(1, 1);
	acls_write();
	acls_commit();
	p.ttl = 1;
	v = acl_carry(A, C, p);
	cr_expect_eq(v.reason, VPC_DROP_HOP_LIMIT);
	cr_expect_eq(v.mark, VPC_MARK_ANSWER | ENI_A, "and the sender is told");
	cr_expect_eq(lab_to(l, ENI_A, v.mark, lab_out(l)).reason, 0);
	p.dport = 7;
	v = acl_carry(A, C, p);
	cr_expect_eq(v.reason, VPC_DROP_ACL_EGRESS);
	cr_expect_eq(v.action, TC_ACT_SHOT, "nobody is told");
}

/* --- ways around an ACL ------------------------------------------------------------------------------------------- */

static struct packet_spec fragment(unsigned from, unsigned to, int family, uint32_t id, uint16_t port, bool first)
{
	struct packet_spec p = acl_packet_spec(from, to, family, IPPROTO_UDP, 5, port);

	p.fragment_id = id;
	p.more_fragments = first;
	p.fragment_offset = first ? 0 : 24;
	return p;
}

static void fragments(int family)
{
	const char *deny = family == 4 ? "10 deny udp 53 0.0.0.0/0" : "10 deny udp 53 ::/0";

	acl_change(1, VPC_INGRESS, deny);
	acl_expect("denied", A, C, fragment(A, C, family, 1, 53, true), VPC_DROP_ACL_INGRESS);
	acl_expect("the rest of what was denied", A, C, fragment(A, C, family, 1, 53, false), VPC_DROP_FRAGMENT);
	acl_expect("allowed", A, C, fragment(A, C, family, 2, 54, true), 0);
	acl_expect("the rest of what was allowed", A, C, fragment(A, C, family, 2, 54, false), 0);
	acl_change_delete(1, VPC_INGRESS, 10);
	acl_expect("allowed again", A, C, fragment(A, C, family, 3, 53, true), 0);
	acl_expect("the rest", A, C, fragment(A, C, family, 3, 53, false), 0);
	acl_change(1, VPC_INGRESS, deny);
	acl_expect("the rest, behind the change", A, C, fragment(A, C, family, 3, 53, false), VPC_DROP_FRAGMENT);
	acl_expect("allowed", A, C, fragment(A, C, family, 4, 54, true), 0);
	acl_change(2, VPC_INGRESS, "10 deny udp 53 0.0.0.0/0"); /* nobody's */
	acl_expect("the rest, behind the change of another ACL", A, C, fragment(A, C, family, 4, 54, false), 0);
}

Test(acl, fragments_follow_their_first_one)
{
	acl_usual();
	fragments(4);
	acl_change_delete(1, VPC_INGRESS, 10);
	fragments(6);
}

/* To the world only the sender's ACL counts. */
Test(acl, fragments_that_leave)
{
	acl_usual();
	acl_expect("first", C, WORLD, fragment(C, WORLD, 4, 1, 53, true), 0);
	acl_expect("later", C, WORLD, fragment(C, WORLD, 4, 1, 53, false), 0);
	acl_change(1, VPC_EGRESS, "10 deny udp 53 0.0.0.0/0");
	acl_expect("later", C, WORLD, fragment(C, WORLD, 4, 1, 53, false), VPC_DROP_FRAGMENT);
	acl_expect("first", C, WORLD, fragment(C, WORLD, 4, 2, 53, true), VPC_DROP_ACL_EGRESS);
}

/* Who has an ENI in either subnet gains nothing by writing one's address into what leaves by the other, nor by another
 * MAC. */
Test(acl, two_ports_of_one_workload)
{
	struct packet_spec p = acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, 6);

	acl_usual();
	acl_change(1, VPC_INGRESS, "10 deny all 10.0.0.0/24");
	p.src = acl_hosts[E].addr[0];
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "an address of the receiver's subnet");
	p.src = acl_hosts[F].addr[0];
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "an address that the ACL allows");
	p.src = acl_hosts[A].addr[0];
	p.dmac = lab_mac(ENI_C);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "as if it were of the subnet");
	p.dmac = lab_mac(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "by a neighbour that forwards nothing");
	acl_expect("from the world", WORLD, C, acl_packet_spec(WORLD, C, 4, IPPROTO_UDP, 5, 6), 0);
	p = acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, 6);
	cr_expect_eq(lab_deliver(l, ENI_C, 0, p).reason, VPC_DROP_ACL_INGRESS, "by the router, without a mark");
}

/* An appliance of the sender's subnet carries a packet in another's name: it leaves the subnet at the appliance's port.
 */
Test(acl, by_an_appliance)
{
	struct packet_spec p = acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, 6);

	acl_usual();
	acl_change(1, VPC_INGRESS, "10 deny all 10.0.0.10/32");
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	p.dmac = lab_mac(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "to the appliance, inside the subnet");
	p.dmac = NULL;
	cr_expect_eq(lab_send(l, ENI_B, p).reason, VPC_DROP_ACL_INGRESS);
	acl_change_delete(1, VPC_INGRESS, 10);
	cr_expect_eq(lab_send(l, ENI_B, p).reason, 0);
}
