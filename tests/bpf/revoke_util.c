/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "revoke_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

static struct lab *l;

struct lab *revoke_lab_open(struct revoke_rows *ret)
{
	l = lab_usual();
	ret->tcp = lab_allow(
		l, &(struct rule_spec){
			   .sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = "10.0.0.0/24"});
	ret->udp = lab_allow(
		l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer_sg = SG_A});
	ret->icmp = lab_allow(
		l, &(struct rule_spec){
			   .sg = SG_B, .slot = VPC_SLOT_ICMP, .port = 8 << 8, .port_plen = 8, .peer = "10.0.0.0/24"});
	lab_commit(l);
	return l;
}

struct packet_spec revoke_spec(bool from_a, uint8_t proto, uint8_t flags)
{
	uint16_t port = proto == IPPROTO_TCP ? 80 : 53;
	struct packet_spec p = {.src = "10.0.0.10",
				.dst = "10.0.0.11",
				.proto = proto,
				.sport = 4000,
				.dport = port,
				.tcp_flags = flags};

	if (!from_a) {
		p.src = "10.0.0.11";
		p.dst = "10.0.0.10";
		p.sport = port;
		p.dport = 4000;
	}
	return p;
}

int revoke_tcp(bool from_a, uint8_t flags)
{
	return lab_cross(l, from_a ? ENI_A : ENI_B, from_a ? ENI_B : ENI_A, revoke_spec(from_a, IPPROTO_TCP, flags))
		.reason;
}

int revoke_udp(bool from_a)
{
	return lab_cross(l, from_a ? ENI_A : ENI_B, from_a ? ENI_B : ENI_A, revoke_spec(from_a, IPPROTO_UDP, 0)).reason;
}

void revoke_establish(void)
{
	cr_assert_eq(revoke_tcp(true, SYN), 0);
	cr_assert_eq(revoke_tcp(false, SYN | ACK), 0);
	cr_assert_eq(revoke_tcp(true, ACK), 0);
	cr_assert_eq(revoke_udp(true), 0);
	cr_assert_eq(revoke_udp(false), 0);
	cr_assert_eq(revoke_udp(true), 0);
	cr_assert_eq(lab_flows(l, true), 2);
	cr_assert_eq(lab_established(l, ENI_A), 2);
}
