/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "acl_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define SYN	0x02
#define ACK	0x10
#define PSH_ACK 0x18

const struct acl_host acl_hosts[] = {
	{ENI_A, 1, {"10.0.0.10", "fd00:1::10"}},	{ENI_B, 1, {"10.0.0.11", "fd00:1::11"}},
	{ENI_C, 2, {"10.0.1.12", "fd00:1:0:1::12"}},	{ENI_E, 2, {"10.0.1.13", "fd00:1:0:1::13"}},
	{ENI_F, 3, {"10.0.2.14", "fd00:1:0:2::14"}},	{0, 0, {"198.51.100.1", "2001:db8::1"}},
	{0, 0, {"198.51.100.129", "2001:db8:8000::1"}},
};

static struct lab *l;

static void add(uint32_t i, uint32_t subnet, const char *gateway, const char *subnet4, const char *subnet6)
{
	const struct acl_host *h = &acl_hosts[i];

	lab_eni(l, &(struct eni_spec){.number = h->eni,
				      .subnet = subnet,
				      .gateway4 = gateway,
				      .subnet4 = subnet4,
				      .subnet6 = subnet6});
	lab_addr(l, 1, h->addr[0], h->eni);
	lab_addr(l, 1, h->addr[1], h->eni);
}

struct lab *acl_lab_open(void)
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
		if (acl_hosts[i].eni)
			lab_join(l, acl_hosts[i].eni, false, GROUPS(SG_A));
	lab_commit(l);
	acls_begin(l);
	lab_stay();
	return l;
}

struct packet_spec acl_packet_spec(unsigned from, unsigned to, int family, uint8_t proto, uint16_t sport,
				   uint16_t dport)
{
	return (struct packet_spec){.src = acl_hosts[from].addr[family == 6],
				    .dst = acl_hosts[to].addr[family == 6],
				    .proto = proto,
				    .sport = sport,
				    .dport = dport,
				    .tcp_flags = proto == IPPROTO_TCP ? PSH_ACK : 0,
				    .payload = 16};
}

struct verdict acl_carry(unsigned from, unsigned to, struct packet_spec p)
{
	const struct acl_host *src = &acl_hosts[from], *dst = &acl_hosts[to];

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

	if (acl_hosts[from].subnet == acl_hosts[to].subnet)
		return 0;
	if (acl_hosts[from].eni && !acl_allows(acl_hosts[from].subnet, VPC_EGRESS, &q))
		return VPC_DROP_ACL_EGRESS;
	if (acl_hosts[to].eni && !acl_allows(acl_hosts[to].subnet, VPC_INGRESS, &q))
		return VPC_DROP_ACL_INGRESS;
	return 0;
}

bool acl_agree(const char *what, unsigned from, unsigned to, struct packet_spec p)
{
	int reason = expected(from, to, &p);
	struct verdict v = acl_carry(from, to, p);

	cr_assert_eq(v.reason, reason, "%s, %s to %s, protocol %u, port %u, type %u/%u: reason %d, not %d", what, p.src,
		     p.dst, p.proto, p.dport, p.icmp_type, p.icmp_code, v.reason, reason);
	if (reason)
		cr_assert_eq(v.counted, reason == VPC_DROP_ACL_EGRESS ? acl_hosts[from].eni : acl_hosts[to].eni, "%s",
			     what);
	return !reason;
}

void acl_expect(const char *what, unsigned from, unsigned to, struct packet_spec p, int reason)
{
	struct verdict v = acl_carry(from, to, p);

	cr_expect_eq(v.reason, reason, "%s: reason %d, not %d", what, v.reason, reason);
}

struct packet_spec acl_back(struct packet_spec p)
{
	const char *src = p.src;
	uint16_t sport = p.sport;

	p.src = p.dst;
	p.dst = src;
	p.sport = p.dport;
	p.dport = sport;
	return p;
}

void acl_connect(unsigned from, unsigned to, int family, uint16_t sport, uint16_t dport)
{
	struct packet_spec p = acl_packet_spec(from, to, family, IPPROTO_TCP, sport, dport);

	p.payload = 0;
	p.tcp_flags = SYN;
	acl_expect("SYN", from, to, p, 0);
	p = acl_back(p);
	p.tcp_flags = SYN | ACK;
	acl_expect("SYN and ACK", to, from, p, 0);
	p = acl_back(p);
	p.tcp_flags = ACK;
	acl_expect("ACK", from, to, p, 0);
}

void acl_change(uint32_t acl, unsigned direction, const char *rule)
{
	acl_rule(acl, direction, rule);
	acls_write();
	acls_commit();
}

void acl_change_delete(uint32_t acl, unsigned direction, unsigned number)
{
	cr_assert(acl_remove(acl, direction, number));
	acls_write();
	acls_commit();
}

void acl_usual(void)
{
	for (unsigned direction = 0; direction < 2; direction++) {
		acl_rule(1, direction, "1000 allow all 0.0.0.0/0");
		acl_rule(1, direction, "1001 allow all ::/0");
	}
	acl_of_subnet(2, 1);
	acls_write();
	acls_commit();
}
