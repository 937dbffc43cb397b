/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tenant might try that has an appliance (source_dest_check off) beside its other ENIs (P1, P7). */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define SYN 0x02
#define ACK 0x10

static struct lab *l;

/* ENI_A is the attacker's appliance, ENI_B its accomplice, ENI_C the victim, which lets nothing in. */
static void setup(void)
{
	l = lab_usual();
	lab_eni_row(l, ENI_A)->flags = 0;
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer = "10.0.0.0/16"});
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(attacks, .init = setup, .fini = teardown);

static struct packet_spec from_victim(uint8_t proto, const char *address)
{
	return (struct packet_spec){
		.src = address, .dst = "10.0.0.11", .proto = proto, .sport = 53, .dport = 9, .tcp_flags = SYN};
}

/* By the appliance, which is in the accomplice's subnet. */
static struct packet_spec as_victim(uint8_t proto, const char *address)
{
	struct packet_spec p = from_victim(proto, address);

	p.dmac = lab_mac(ENI_B);
	return p;
}

static struct packet_spec to_victim(uint8_t proto, const char *address)
{
	return (struct packet_spec){
		.src = "10.0.0.11", .dst = address, .proto = proto, .sport = 9, .dport = 53, .tcp_flags = SYN | ACK};
}

/* The appliance writes the victim's address; what the accomplice then sends is no answer of the victim's flow. */
Test(attacks, syn_cache_in_the_name_of_another)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_TCP, 47};

	for (size_t i = 0; i < sizeof(protos); i++) {
		cr_expect_eq(lab_cross(l, ENI_A, ENI_B, as_victim(protos[i], "10.0.1.12")).reason, 0,
			     "the accomplice's rule is by address");
		cr_expect_neq(lab_cross(l, ENI_B, ENI_C, to_victim(protos[i], "10.0.1.12")).reason, 0, "protocol %u",
			      protos[i]);
	}
	/* what the victim did open is answered */
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, from_victim(IPPROTO_UDP, "10.0.1.12")).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_C, to_victim(IPPROTO_UDP, "10.0.1.12")).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, from_victim(IPPROTO_TCP, "10.0.1.12")).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_C, to_victim(IPPROTO_TCP, "10.0.1.12")).reason, 0);
}

/* The same, prepared for an address that the victim will be given. */
Test(attacks, syn_cache_in_the_name_of_who_will_come)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_TCP, 47};

	for (size_t i = 0; i < sizeof(protos); i++)
		cr_expect_eq(lab_cross(l, ENI_A, ENI_B, as_victim(protos[i], "10.0.1.99")).reason, 0);
	lab_addr(l, 1, "10.0.1.99", ENI_C);
	lab_commit(l);
	for (size_t i = 0; i < sizeof(protos); i++)
		cr_expect_neq(lab_cross(l, ENI_B, ENI_C, to_victim(protos[i], "10.0.1.99")).reason, 0, "protocol %u",
			      protos[i]);
	/* the new owner opens with the same tuple, and is answered */
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, from_victim(IPPROTO_UDP, "10.0.1.99")).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_C, to_victim(IPPROTO_UDP, "10.0.1.99")).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, from_victim(IPPROTO_TCP, "10.0.1.99")).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_C, to_victim(IPPROTO_TCP, "10.0.1.99")).reason, 0);
}

/* The gateway would send its answer, with the attacker's bytes, to the victim, who lets those in without a rule. */
Test(attacks, echo_of_the_gateway_to_another)
{
	struct packet_spec p = {.src = "10.0.0.11",
				.dst = "10.0.0.1",
				.proto = IPPROTO_ICMP,
				.icmp_type = 8,
				.icmp_id = 3,
				.fragment_id = 4};

	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
	p.more_fragments = true;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
	p.more_fragments = false, p.src = "10.0.0.10";
	cr_expect_eq(lab_send(l, ENI_A, p).action, 7, "its own is answered to it");
}

/* A later fragment must come from where the first one came: else an appliance could write into a member's datagram. */
Test(attacks, fragments_in_the_name_of_another)
{
	struct packet_spec first = {.src = "10.0.1.12",
				    .dst = "10.0.0.11",
				    .proto = IPPROTO_UDP,
				    .sport = 1,
				    .dport = 2,
				    .payload = 96,
				    .fragment_id = 7,
				    .more_fragments = true},
			   later = first;

	later.fragment_offset = 104, later.more_fragments = false;
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, first).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, later).reason, VPC_DROP_FRAGMENT);
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, later).reason, 0);
}

/* Playing the DHCP server needs more than a rule that lets UDP in. */
Test(attacks, dhcp_server)
{
	struct packet_spec p = {.src = "10.0.1.12",
				.dst = "10.0.0.11",
				.proto = IPPROTO_UDP,
				.sport = 67,
				.dport = 68,
				.payload = 300},
			   p6 = {.src = "fd00:1:0:1::12",
				 .dst = "fd00:1::11",
				 .proto = IPPROTO_UDP,
				 .sport = 547,
				 .dport = 546,
				 .payload = 300};

	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer = "::/0"});
	lab_commit(l);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(lab_send(l, ENI_C, p).reason, VPC_DROP_DHCP_SERVER);
		cr_expect_eq(lab_send(l, ENI_C, p6).reason, VPC_DROP_DHCP_SERVER);
		p.more_fragments = p6.more_fragments = true;
	}
	p.more_fragments = p6.more_fragments = false;
	p.dport = 67, p6.dport = 547;
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, p).reason, 0, "a relay speaks to a server");
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, p6).reason, 0);
}
