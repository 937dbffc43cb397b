/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network ACLs by each path of the programs: they judge every packet that enters or leaves a subnet, and nothing else.
 * The groups allow everything here. P2, P3, P4, P5.
 */
#include "acl_util.h"

#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

#define TICK_US 11000 /* a tick of the coarse clock: no younger flow is remembered by a CPU */
#define SYN	0x02
#define ACK	0x10
#define PSH_ACK 0x18

/* ENI_A and ENI_B in subnet 1, ENI_C and ENI_E in subnet 2, ENI_F in subnet 3; ENI_D of lab_usual() isn't used. */
#define ENI_E LAB_ENI(4)
#define ENI_F LAB_ENI(5)

struct host {
	uint32_t eni; /* 0: outside of the VPC */
	uint32_t subnet;
	const char *addr[2]; /* IPv4, IPv6 */
};
static const struct host hosts[] = {
	{ENI_A, 1, {"10.0.0.10", "fd00:1::10"}},	{ENI_B, 1, {"10.0.0.11", "fd00:1::11"}},
	{ENI_C, 2, {"10.0.1.12", "fd00:1:0:1::12"}},	{ENI_E, 2, {"10.0.1.13", "fd00:1:0:1::13"}},
	{ENI_F, 3, {"10.0.2.14", "fd00:1:0:2::14"}},	{0, 0, {"198.51.100.1", "2001:db8::1"}},
	{0, 0, {"198.51.100.129", "2001:db8:8000::1"}},
};
enum { A, B, C, E, F, WORLD, WORLD2, HOSTS };

static struct lab *l;

static void add(uint32_t i, uint32_t subnet, const char *gateway, const char *subnet4, const char *subnet6)
{
	const struct host *h = &hosts[i];

	lab_eni(l, &(struct eni_spec){.number = h->eni,
				      .subnet = subnet,
				      .gateway4 = gateway,
				      .subnet4 = subnet4,
				      .subnet6 = subnet6});
	lab_addr(l, 1, h->addr[0], h->eni);
	lab_addr(l, 1, h->addr[1], h->eni);
}

static void setup(void)
{
	l = lab_open(6);
	lab_vpc(l, 1, "10.0.0.0/16", "fd00:1::/56");
	add(A, 1, "10.0.0.1", "10.0.0.0/24", "fd00:1::/64");
	add(B, 1, "10.0.0.1", "10.0.0.0/24", "fd00:1::/64");
	add(C, 2, "10.0.1.1", "10.0.1.0/24", "fd00:1:0:1::/64");
	add(E, 2, "10.0.1.1", "10.0.1.0/24", "fd00:1:0:1::/64");
	add(F, 3, "10.0.2.1", "10.0.2.0/24", "fd00:1:0:2::/64");
	for (unsigned direction = 0; direction < 2; direction++) {
		lab_allow_all(l, SG_A, (uint8_t)direction, 4);
		lab_allow_all(l, SG_A, (uint8_t)direction, 6);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		if (hosts[i].eni)
			lab_join(l, hosts[i].eni, false, GROUPS(SG_A));
	lab_commit(l);
	acls_begin(l);
	lab_stay();
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(acl, .init = setup, .fini = teardown);

/* --- packets ------------------------------------------------------------------------------------------------------ */

static struct packet_spec packet(unsigned from, unsigned to, int family, uint8_t proto, uint16_t sport, uint16_t dport)
{
	return (struct packet_spec){.src = hosts[from].addr[family == 6],
				    .dst = hosts[to].addr[family == 6],
				    .proto = proto,
				    .sport = sport,
				    .dport = dport,
				    .tcp_flags = proto == IPPROTO_TCP ? PSH_ACK : 0,
				    .payload = 16};
}

/* Between hosts of which one at least is an ENI; inside a subnet by the receiver's MAC. */
static struct verdict carry(unsigned from, unsigned to, struct packet_spec p)
{
	const struct host *src = &hosts[from], *dst = &hosts[to];

	if (!src->eni)
		return lab_deliver(l, dst->eni, 0, p);
	if (!dst->eni)
		return lab_send(l, src->eni, p);
	if (src->subnet == dst->subnet)
		p.dmac = lab_mac(dst->eni);
	return lab_cross(l, src->eni, dst->eni, p);
}

/* Why the naive model drops the packet; 0: it doesn't. */
static int expected(unsigned from, unsigned to, const struct packet_spec *p)
{
	struct acl_packet q = {.src = p->src,
			       .dst = p->dst,
			       .proto = p->proto,
			       .dport = p->dport,
			       .icmp_type = p->icmp_type,
			       .icmp_code = p->icmp_code};

	if (hosts[from].subnet == hosts[to].subnet)
		return 0;
	if (hosts[from].eni && !acl_allows(hosts[from].subnet, VPC_EGRESS, &q))
		return VPC_DROP_ACL_EGRESS;
	if (hosts[to].eni && !acl_allows(hosts[to].subnet, VPC_INGRESS, &q))
		return VPC_DROP_ACL_INGRESS;
	return 0;
}

/* What the programs say is what the naive model says. Returns whether it was let through. */
static bool agree(const char *what, unsigned from, unsigned to, struct packet_spec p)
{
	int reason = expected(from, to, &p);
	struct verdict v = carry(from, to, p);

	cr_assert_eq(v.reason, reason, "%s, %s to %s, protocol %u, port %u, type %u/%u: reason %d, not %d", what, p.src,
		     p.dst, p.proto, p.dport, p.icmp_type, p.icmp_code, v.reason, reason);
	if (reason)
		cr_assert_eq(v.counted, reason == VPC_DROP_ACL_EGRESS ? hosts[from].eni : hosts[to].eni, "%s", what);
	return !reason;
}

static void expect(const char *what, unsigned from, unsigned to, struct packet_spec p, int reason)
{
	struct verdict v = carry(from, to, p);

	cr_expect_eq(v.reason, reason, "%s: reason %d, not %d", what, v.reason, reason);
}

static struct packet_spec back_of(struct packet_spec p)
{
	const char *src = p.src;
	uint16_t sport = p.sport;

	p.src = p.dst;
	p.dst = src;
	p.sport = p.dport;
	p.dport = sport;
	return p;
}

/* A connection that is established by its own packets. */
static void connect_tcp(unsigned from, unsigned to, int family, uint16_t sport, uint16_t dport)
{
	struct packet_spec p = packet(from, to, family, IPPROTO_TCP, sport, dport);

	p.payload = 0;
	p.tcp_flags = SYN;
	expect("SYN", from, to, p, 0);
	p = back_of(p);
	p.tcp_flags = SYN | ACK;
	expect("SYN and ACK", to, from, p, 0);
	p = back_of(p);
	p.tcp_flags = ACK;
	expect("ACK", from, to, p, 0);
}

static void change(uint32_t acl, unsigned direction, const char *rule)
{
	acl_rule(acl, direction, rule);
	acls_write();
	acls_commit();
}

static void change_delete(uint32_t acl, unsigned direction, unsigned number)
{
	cr_assert(acl_remove(acl, direction, number));
	acls_write();
	acls_commit();
}

/* ACL 1 allows everything by rules, in both directions, and subnet 2 has it. */
static void usual_acl(void)
{
	for (unsigned direction = 0; direction < 2; direction++) {
		acl_rule(1, direction, "1000 allow all 0.0.0.0/0");
		acl_rule(1, direction, "1001 allow all ::/0");
	}
	acl_of_subnet(2, 1);
	acls_write();
	acls_commit();
}

/* --- a live connection -------------------------------------------------------------------------------------------- */

/* Denied at its next packet in that direction alone; what is denied moves no flow, so it goes on when the rule goes. */
static void live(const char *what, uint8_t proto, int family, const char *deny_in, const char *deny_out)
{
	struct packet_spec there = packet(A, C, family, proto, 999, 80), back = back_of(there);

	if (proto == IPPROTO_TCP)
		connect_tcp(A, C, family, 999, 80);
	for (int i = 0; i < 3; i++) {
		expect(what, A, C, there, 0);
		expect(what, C, A, back, 0);
		usleep(TICK_US);
	}
	expect(what, A, C, there, 0);
	lab_slow_path(l);
	expect(what, A, C, there, 0);
	expect(what, C, A, back, 0);
	cr_expect(!lab_fast_path() || !lab_slow_path(l), "%s: what was asked is remembered", what);
	for (int i = 0; i < 2; i++) {
		change(1, VPC_INGRESS, deny_in);
		expect(what, A, C, there, VPC_DROP_ACL_INGRESS);
		expect(what, C, A, back, 0);
		change_delete(1, VPC_INGRESS, 10);
		expect(what, A, C, there, 0);
		change(1, VPC_EGRESS, deny_out);
		expect(what, C, A, back, VPC_DROP_ACL_EGRESS);
		expect(what, A, C, there, 0);
		change_delete(1, VPC_EGRESS, 10);
		expect(what, C, A, back, 0);
	}
	cr_expect_eq(lab_flows(l, true), 1, "%s", what);
}

Test(acl, live_tcp)
{
	usual_acl();
	live("TCP", IPPROTO_TCP, 4, "10 deny tcp 80 10.0.0.0/24", "10 deny tcp 999 10.0.0.10/32");
}

Test(acl, live_tcp6)
{
	usual_acl();
	live("TCP over IPv6", IPPROTO_TCP, 6, "10 deny tcp 80 fd00:1::/64", "10 deny all fd00:1::10/128");
}

Test(acl, live_udp)
{
	usual_acl();
	live("UDP", IPPROTO_UDP, 4, "10 deny udp 0-80 0.0.0.0/0", "10 deny udp 999-65535 10.0.0.8/30");
}

/* The first table of a VPC is asked about flows that only the fast paths knew until then; so is another ACL of the
 * subnet, and what stands without a table again goes by the fast paths. */
Test(acl, first_table)
{
	struct packet_spec tcp = packet(A, C, 4, IPPROTO_TCP, 999, 80), udp = packet(A, C, 4, IPPROTO_UDP, 5, 6);

	connect_tcp(A, C, 4, 999, 80);
	expect("UDP", A, C, udp, 0);
	expect("UDP", C, A, back_of(udp), 0);
	usleep(TICK_US);
	for (int i = 0; i < 2; i++) {
		expect("TCP", A, C, tcp, 0);
		expect("UDP", A, C, udp, 0);
	}
	acl_rule(2, VPC_INGRESS, "1 deny all 0.0.0.0/0");
	acl_of_subnet(2, 2);
	acls_write();
	expect("prepared", A, C, tcp, 0);
	expect("prepared", A, C, udp, 0);
	acls_commit();
	expect("TCP", A, C, tcp, VPC_DROP_ACL_INGRESS);
	expect("UDP", A, C, udp, VPC_DROP_ACL_INGRESS);
	acl_of_subnet(2, 1);
	acls_write();
	acls_commit();
	expect("TCP", A, C, tcp, 0);
	expect("UDP", A, C, udp, 0);
	acl_of_subnet(1, 2);
	acls_write();
	acls_commit();
	expect("the subnet of the sender", A, C, tcp, 0);
	expect("the subnet of the sender", C, A, back_of(tcp), VPC_DROP_ACL_INGRESS);
	acl_of_subnet(1, 0);
	acls_write();
	acls_commit();
	expect("TCP", C, A, back_of(tcp), 0);
	acls_write(); /* as vpcd, which lowers the flags behind the commit */
	acls_commit();
	lab_slow_path(l);
	expect("TCP", A, C, tcp, 0);
	cr_expect(!lab_fast_path() || !lab_slow_path(l), "nothing is asked any more");
}

/* An opening that the SYN cache remembers was asked about; the ACL's change ends it. */
Test(acl, remembered_openings)
{
	struct packet_spec syn = packet(A, C, 4, IPPROTO_TCP, 1000, 80);

	usual_acl();
	syn.tcp_flags = SYN;
	syn.payload = 0;
	for (int i = 0; i < 3; i++, syn.sport++)
		expect("SYN", A, C, syn, 0);
	change(1, VPC_INGRESS, "10 deny tcp 80 10.0.0.10/32");
	syn.sport++;
	expect("SYN", A, C, syn, VPC_DROP_ACL_INGRESS);
	change_delete(1, VPC_INGRESS, 10);
	syn.sport++;
	expect("SYN", A, C, syn, 0);
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
	struct packet_spec udp = packet(A, B, 4, IPPROTO_UDP, 5, 6), first = packet(A, B, 4, IPPROTO_UDP, 5, 7);
	struct packet_spec later = first;

	deny_everything();
	connect_tcp(A, B, 4, 999, 80);
	connect_tcp(B, A, 6, 999, 80);
	for (int i = 0; i < 3; i++) {
		expect("UDP", A, B, udp, 0);
		expect("UDP", B, A, back_of(udp), 0);
		usleep(TICK_US);
	}
	first.fragment_id = later.fragment_id = 77;
	first.more_fragments = true;
	later.fragment_offset = 24;
	expect("first fragment", A, B, first, 0);
	expect("later fragment", A, B, later, 0);
	expect("UDP", A, B, udp, 0);
	lab_slow_path(l);
	expect("UDP", A, B, udp, 0);
	expect("TCP", A, B, packet(A, B, 4, IPPROTO_TCP, 999, 80), 0);
	cr_expect(!lab_fast_path() || !lab_slow_path(l));
	expect("to another", A, C, packet(A, C, 4, IPPROTO_UDP, 5, 6), VPC_DROP_ACL_EGRESS);
	expect("from another", F, A, packet(F, A, 4, IPPROTO_UDP, 5, 6), VPC_DROP_ACL_INGRESS);
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
	struct packet_spec p = packet(A, C, 4, IPPROTO_UDP, 5, 6);
	struct verdict v;

	acl_rule(1, VPC_EGRESS, "1 allow udp 6 10.0.1.0/24");
	acl_rule(1, VPC_INGRESS, "1 deny all 0.0.0.0/0");
	acl_of_subnet(1, 1);
	acls_write();
	acls_commit();
	p.ttl = 1;
	v = carry(A, C, p);
	cr_expect_eq(v.reason, VPC_DROP_HOP_LIMIT);
	cr_expect_eq(v.mark, VPC_MARK_ANSWER | ENI_A, "and the sender is told");
	cr_expect_eq(lab_to(l, ENI_A, v.mark, lab_out(l)).reason, 0);
	p.dport = 7;
	v = carry(A, C, p);
	cr_expect_eq(v.reason, VPC_DROP_ACL_EGRESS);
	cr_expect_eq(v.action, TC_ACT_SHOT, "nobody is told");
}

/* --- ways around an ACL ------------------------------------------------------------------------------------------- */

static struct packet_spec fragment(unsigned from, unsigned to, int family, uint32_t id, uint16_t port, bool first)
{
	struct packet_spec p = packet(from, to, family, IPPROTO_UDP, 5, port);

	p.fragment_id = id;
	p.more_fragments = first;
	p.fragment_offset = first ? 0 : 24;
	return p;
}

static void fragments(int family)
{
	const char *deny = family == 4 ? "10 deny udp 53 0.0.0.0/0" : "10 deny udp 53 ::/0";

	change(1, VPC_INGRESS, deny);
	expect("denied", A, C, fragment(A, C, family, 1, 53, true), VPC_DROP_ACL_INGRESS);
	expect("the rest of what was denied", A, C, fragment(A, C, family, 1, 53, false), VPC_DROP_FRAGMENT);
	expect("allowed", A, C, fragment(A, C, family, 2, 54, true), 0);
	expect("the rest of what was allowed", A, C, fragment(A, C, family, 2, 54, false), 0);
	change_delete(1, VPC_INGRESS, 10);
	expect("allowed again", A, C, fragment(A, C, family, 3, 53, true), 0);
	expect("the rest", A, C, fragment(A, C, family, 3, 53, false), 0);
	change(1, VPC_INGRESS, deny);
	expect("the rest, behind the change", A, C, fragment(A, C, family, 3, 53, false), VPC_DROP_FRAGMENT);
	expect("allowed", A, C, fragment(A, C, family, 4, 54, true), 0);
	change(2, VPC_INGRESS, "10 deny udp 53 0.0.0.0/0"); /* nobody's */
	expect("the rest, behind the change of another ACL", A, C, fragment(A, C, family, 4, 54, false), 0);
}

Test(acl, fragments_follow_their_first_one)
{
	usual_acl();
	fragments(4);
	change_delete(1, VPC_INGRESS, 10);
	fragments(6);
}

/* To the world only the sender's ACL counts. */
Test(acl, fragments_that_leave)
{
	usual_acl();
	expect("first", C, WORLD, fragment(C, WORLD, 4, 1, 53, true), 0);
	expect("later", C, WORLD, fragment(C, WORLD, 4, 1, 53, false), 0);
	change(1, VPC_EGRESS, "10 deny udp 53 0.0.0.0/0");
	expect("later", C, WORLD, fragment(C, WORLD, 4, 1, 53, false), VPC_DROP_FRAGMENT);
	expect("first", C, WORLD, fragment(C, WORLD, 4, 2, 53, true), VPC_DROP_ACL_EGRESS);
}

/* Who has an ENI in either subnet gains nothing by writing one's address into what leaves by the other, nor by another
 * MAC. */
Test(acl, two_ports_of_one_workload)
{
	struct packet_spec p = packet(A, C, 4, IPPROTO_UDP, 5, 6);

	usual_acl();
	change(1, VPC_INGRESS, "10 deny all 10.0.0.0/24");
	p.src = hosts[E].addr[0];
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "an address of the receiver's subnet");
	p.src = hosts[F].addr[0];
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "an address that the ACL allows");
	p.src = hosts[A].addr[0];
	p.dmac = lab_mac(ENI_C);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "as if it were of the subnet");
	p.dmac = lab_mac(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_WRONG_DESTINATION, "by a neighbour that forwards nothing");
	expect("from the world", WORLD, C, packet(WORLD, C, 4, IPPROTO_UDP, 5, 6), 0);
	p = packet(A, C, 4, IPPROTO_UDP, 5, 6);
	cr_expect_eq(lab_deliver(l, ENI_C, 0, p).reason, VPC_DROP_ACL_INGRESS, "by the router, without a mark");
}

/* An appliance of the sender's subnet carries a packet in another's name: it leaves the subnet at the appliance's port.
 */
Test(acl, by_an_appliance)
{
	struct packet_spec p = packet(A, C, 4, IPPROTO_UDP, 5, 6);

	usual_acl();
	change(1, VPC_INGRESS, "10 deny all 10.0.0.10/32");
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	p.dmac = lab_mac(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "to the appliance, inside the subnet");
	p.dmac = NULL;
	cr_expect_eq(lab_send(l, ENI_B, p).reason, VPC_DROP_ACL_INGRESS);
	change_delete(1, VPC_INGRESS, 10);
	cr_expect_eq(lab_send(l, ENI_B, p).reason, 0);
}

/* --- at random ---------------------------------------------------------------------------------------------------- */

#define CONNECTIONS 12

static const char *random_cidr(int family)
{
	static const char *const cidrs[2][8] = {{"0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24",
						 "10.0.1.12/32", "10.0.0.8/30", "198.51.100.0/25", "128.0.0.0/1"},
						{"::/0", "fd00:1::/56", "fd00:1::/64", "fd00:1:0:1::/64",
						 "fd00:1:0:1::12/128", "fd00:1::10/127", "2001:db8::/33", "8000::/1"}};

	return cidrs[family == 6][random_below(8)];
}

static struct acl_line random_line(void)
{
	int family = random_below(2) ? 4 : 6;
	struct acl_line line = {.number = 1 + random_below(30), .allow = random_below(5) > 1, .first = -1, .last = -1};

	snprintf(line.cidr, sizeof(line.cidr), "%s", random_cidr(family));
	switch (random_below(5)) {
	case 0:
		line.protocol = -1;
		break;
	case 1:
	case 2:
		line.protocol = random_below(2) ? IPPROTO_TCP : IPPROTO_UDP;
		line.first = (int)random_below(12) * 100;
		line.last = line.first + (int)random_below(3) * 450;
		if (!random_below(4))
			line.first = 0, line.last = 65535;
		break;
	case 3:
		line.protocol = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		if (random_below(2)) {
			line.first = (int[]){0, 3, 8, 1, 128, 129}[random_below(3) + (family == 6 ? 3 : 0)];
			line.last = random_below(2) ? -1 : (int)random_below(3);
		}
		break;
	default:
		line.protocol = 47;
	}
	return line;
}

static void random_change(void)
{
	uint32_t acl = 1 + random_below(3), direction = random_below(2);
	struct acl_line line = random_line();

	switch (random_below(12)) {
	case 0:
		acl_of_subnet(1 + random_below(3), random_below(4));
		break;
	case 1:
		acl_open(acl, direction, true);
		break;
	case 2:
		acl_open(acl, direction, false);
		break;
	case 3:
		line = (struct acl_line){.number = 1000 + random_below(2), .allow = true, .protocol = -1};
		snprintf(line.cidr, sizeof(line.cidr), "%s", line.number == 1000 ? "0.0.0.0/0" : "::/0");
		acl_put(acl, direction, &line);
		break;
	case 4:
	case 5:
	case 6:
		for (unsigned number = 1; number <= 30 && !acl_remove(acl, direction, number + random_below(4));
		     number++)
			;
		break;
	default:
		acl_put(acl, direction, &line);
	}
}

/* Two hosts, of which one at least is an ENI. */
static void random_ends(unsigned *from, unsigned *to)
{
	do {
		*from = random_below(HOSTS);
		*to = random_below(HOSTS);
	} while (*from == *to || (!hosts[*from].eni && !hosts[*to].eni));
}

static uint16_t random_port(void)
{
	return (uint16_t)(random_below(12) * 100 + random_below(2));
}

/* A packet of a protocol that needs no flow before it, or an ICMP error about it. pending: a change is about to be
 * committed, and its generations are raised: later fragments don't count on any verdict. */
static void random_packet(unsigned from, unsigned to, int family, bool pending)
{
	static uint16_t id;
	bool six = family == 6;
	struct packet_spec p = packet(from, to, family, IPPROTO_UDP, random_port(), random_port()), error;
	struct frame f;

	switch (random_below(5)) {
	case 0:
		p.proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		p.icmp_type = six ? 128 : 8;
		p.icmp_code = (uint8_t)random_below(2);
		p.icmp_id = ++id;
		p.sport = p.dport = 0;
		if (!agree("echo", from, to, p))
			return;
		p = back_of(p);
		p.icmp_type = six ? 129 : 0;
		agree("echo's answer", to, from, p);
		return;
	case 1:
		p.proto = 47;
		p.sport = p.dport = 0;
		agree("another protocol", from, to, p);
		return;
	case 2:
		p.fragment_id = ++id;
		p.more_fragments = true;
		if (!agree("first fragment", from, to, p) || pending)
			return;
		p.more_fragments = false;
		p.fragment_offset = 24;
		agree("later fragment", from, to, p);
		return;
	default:
		if (!agree("UDP", from, to, p))
			return;
		frame_build(&f, &p);
		error = (struct packet_spec){.src = p.dst,
					     .dst = p.src,
					     .proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
					     .icmp_type = six ? 1 : 3,
					     .icmp_code = (uint8_t)random_below(4),
					     .quote = &f};
		agree("an error about it", to, from, error);
	}
}

static struct packet_spec connection_packet(unsigned i, bool back, unsigned *from, unsigned *to)
{
	static const uint8_t ends[CONNECTIONS / 2][2] = {{A, C}, {C, F}, {F, B}, {A, B}, {E, A}, {F, E}};
	const uint8_t *end = ends[i / 2];
	struct packet_spec p =
		packet(end[0], end[1], i & 1 ? 6 : 4, IPPROTO_TCP, (uint16_t)(900 + i), (uint16_t)(i * 100));

	*from = end[back];
	*to = end[!back];
	return back ? back_of(p) : p;
}

/* Rules change between packets, and packets come between what is written and its commit. */
Test(acl, as_the_naive_model_says)
{
	unsigned passed = 0, denied = 0, fast = 0, from, to;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct packet_spec p = connection_packet(i, false, &from, &to);

		connect_tcp(from, to, i & 1 ? 6 : 4, p.sport, p.dport);
	}
	usleep(TICK_US);
	for (unsigned round = 0; round < 150; round++) {
		for (unsigned n = 1 + random_below(3); n > 0; n--)
			random_change();
		acls_write();
		for (unsigned i = 0; i < 40; i++) {
			if (i == 6)
				acls_commit();
			if (random_below(3)) {
				struct packet_spec p =
					connection_packet(random_below(CONNECTIONS), random_below(2), &from, &to);

				lab_slow_path(l);
				if (agree("TCP", from, to, p))
					passed++;
				else
					denied++;
				fast += !lab_slow_path(l);
			} else {
				random_ends(&from, &to);
				random_packet(from, to, random_below(2) ? 4 : 6, i < 6);
			}
		}
	}
	cr_expect(passed > 500 && denied > 500, "%u passed, %u denied", passed, denied);
	cr_expect(!lab_fast_path() || fast > 150, "%u by the fast paths", fast);
}

/* As many rules as a direction may have. */
Test(acl, two_hundred_rules)
{
	char rule[64];

	usual_acl();
	for (unsigned i = 0; i < VPC_ACL_RULES - 2; i++) {
		snprintf(rule, sizeof(rule), "%u %s udp %u-%u 10.0.%u.0/%u", 1 + i, i & 1 ? "allow" : "deny", i * 5,
			 i * 5 + 7, i & 1, 24 + i % 5 * (i & 2));
		acl_rule(1, VPC_INGRESS, rule);
	}
	acls_write();
	acls_commit();
	for (uint16_t port = 0; port < 1005; port++)
		agree("UDP", A, C, packet(A, C, 4, IPPROTO_UDP, 5, port));
}
