/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ARP and neighbour discovery are answered at the port, and no workload answers for another (P7). */
#include "bpf_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

LAB_SUITE(neighbours, lab_usual());

/* An ARP packet of ENI A; smac NULL: its own. */
static struct frame arp_frame(int operation, const uint8_t *sender_mac, const char *sender, const char *target)
{
	struct frame f = {.length = 60};
	uint8_t *p = f.data;

	memset(p, 0xff, 6);
	memcpy(p + 6, lab_mac(ENI_A), 6);
	memcpy(p + 12, (const uint8_t[]){8, 6, 0, 1, 8, 0, 6, 4, 0, (uint8_t)operation}, 10);
	memcpy(p + 22, sender_mac ? sender_mac : lab_mac(ENI_A), 6);
	inet_pton(AF_INET, sender, p + 28);
	inet_pton(AF_INET, target, p + 38);
	return f;
}

static int arp_reason(int operation, const uint8_t *sender_mac, const char *sender, const char *target)
{
	struct frame f = arp_frame(operation, sender_mac, sender, target);

	return lab_from(l, ENI_A, &f).reason;
}

static void expect_arp(const char *sender, const char *target, const uint8_t *mac)
{
	struct frame f = arp_frame(1, NULL, sender, target);
	struct verdict v = lab_from(l, ENI_A, &f);
	const uint8_t *p = lab_out(l)->data;
	uint8_t address[4];

	cr_assert_eq(v.action, 7, "redirected: reason %d", v.reason);
	cr_expect_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_expect_arr_eq(p, lab_mac(ENI_A), 6);
	cr_expect_arr_eq(p + 6, mac, 6);
	cr_expect_eq(p[21], 2);
	cr_expect_arr_eq(p + 22, mac, 6);
	inet_pton(AF_INET, target, address);
	cr_expect_arr_eq(p + 28, address, 4);
	cr_expect_arr_eq(p + 32, lab_mac(ENI_A), 6);
	inet_pton(AF_INET, sender, address);
	cr_expect_arr_eq(p + 38, address, 4);
	/* and out of its own port */
	v = lab_to(l, ENI_A, v.mark, lab_out(l));
	cr_expect_eq(v.action, 0);
	cr_expect_eq(v.mark, 0);
}

Test(neighbours, arp_answers)
{
	expect_arp("10.0.0.10", "10.0.0.1", lab_gateway_mac());
	expect_arp("10.0.0.10", "10.0.0.11", lab_mac(ENI_B));
	expect_arp("0.0.0.0", "10.0.0.11", lab_mac(ENI_B));
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.10", "10.0.1.12"), VPC_DROP_UNANSWERED, "another subnet's");
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.10", "10.0.0.99"), VPC_DROP_UNANSWERED);
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.10", "8.8.8.8"), VPC_DROP_UNANSWERED);
	cr_expect_eq(arp_reason(1, NULL, "0.0.0.0", "10.0.0.10"), VPC_DROP_UNANSWERED, "its own: free to use");
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.10", "10.0.0.10"), VPC_DROP_UNANSWERED, "an announcement");
	cr_expect_eq(arp_reason(2, NULL, "10.0.0.10", "10.0.0.10"), VPC_DROP_UNANSWERED);
}

Test(neighbours, arp_forged)
{
	struct frame f = arp_frame(1, NULL, "10.0.0.10", "10.0.0.1");

	cr_expect_eq(arp_reason(1, lab_mac(ENI_B), "10.0.0.10", "10.0.0.1"), VPC_DROP_FORGED_ARP);
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.11", "10.0.0.1"), VPC_DROP_FORGED_ARP);
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.1", "10.0.0.11"), VPC_DROP_FORGED_ARP);
	cr_expect_eq(arp_reason(2, NULL, "10.0.0.11", "10.0.0.1"), VPC_DROP_FORGED_ARP);
	cr_expect_eq(arp_reason(2, NULL, "10.0.0.1", "10.0.0.11"), VPC_DROP_FORGED_ARP);
	cr_expect_eq(arp_reason(3, NULL, "10.0.0.10", "10.0.0.1"), VPC_DROP_FORGED_ARP);
	lab_eni_row(l, ENI_A)->flags = 0;
	cr_expect_eq(arp_reason(1, NULL, "10.0.0.11", "10.0.0.1"), VPC_DROP_FORGED_ARP, "appliances neither");
	f.length = 41;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED);
	f.length = 60;
	f.data[18] = 8;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED);
	f.data[6] = 6;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_FORGED_MAC);
}

struct solicitation {
	uint8_t flags[4];
	uint8_t target[16];
	uint8_t option[8];
};

static struct packet_spec nd_spec(const char *src, uint8_t type, const char *target, const uint8_t *lladdr)
{
	static struct {
		uint8_t type, code, checksum[2], flags[4], target[16], option[8];
	} m;
	static uint8_t mac[6];

	memset(&m, 0, sizeof(m));
	m.type = type;
	inet_pton(AF_INET6, target, m.target);
	memcpy(m.option, (const uint8_t[]){1, 1}, 2);
	if (lladdr)
		memcpy(m.option + 2, lladdr, 6);
	memcpy(mac, (const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 1}, 6);
	return (struct packet_spec){.src = src,
				    .dst = "ff02::1:ff00:1",
				    .dmac = mac,
				    .proto = IPPROTO_ICMPV6,
				    .ttl = 255,
				    .raw = &m,
				    .raw_length = lladdr ? 32 : 24};
}

static int ns(const char *src, const char *target, const uint8_t *lladdr)
{
	return lab_send(l, ENI_A, nd_spec(src, 135, target, lladdr)).reason;
}

static uint32_t checksum6(const uint8_t *ip, size_t length)
{
	uint32_t sum = 58 + (uint32_t)length;

	for (size_t i = 8; i < 40 + length; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void expect_na(const char *src, const char *target, const uint8_t *lladdr, const uint8_t *mac, const char *to,
		      uint8_t flags)
{
	struct verdict v = lab_send(l, ENI_A, nd_spec(src, 135, target, lladdr));
	const uint8_t *p = lab_out(l)->data;
	uint8_t address[16];

	cr_assert_eq(v.action, 7, "%s: reason %d", target, v.reason);
	cr_expect_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_expect_eq(lab_out(l)->length, 86);
	cr_expect_arr_eq(p + 6, mac, 6);
	cr_expect_eq(p[14] >> 4, 6);
	cr_expect_eq(p[19], 32);
	cr_expect_eq(p[20], 58);
	cr_expect_eq(p[21], 255);
	inet_pton(AF_INET6, target, address);
	cr_expect_arr_eq(p + 22, address, 16);
	cr_expect_arr_eq(p + 62, address, 16);
	inet_pton(AF_INET6, to, address);
	cr_expect_arr_eq(p + 38, address, 16);
	cr_expect_eq(p[54], 136);
	cr_expect_eq(p[58], flags, "%x", p[58]);
	cr_expect_eq(p[78], 2);
	cr_expect_eq(p[79], 1);
	cr_expect_arr_eq(p + 80, mac, 6);
	cr_expect_eq(checksum6(p + 14, 32), 0xffff, "checksum");
	if (to[0] != 'f' || to[1] != 'f')
		cr_expect_arr_eq(p, lab_mac(ENI_A), 6);
}

Test(neighbours, nd_answers)
{
	expect_na("fe80::1234", "fe80::1", lab_mac(ENI_A), lab_gateway_mac(), "fe80::1234", 0xe0);
	expect_na("fd00:1::10", "fe80::1", NULL, lab_gateway_mac(), "fd00:1::10", 0xe0);
	expect_na("fd00:1::10", "fd00:1::11", lab_mac(ENI_A), lab_mac(ENI_B), "fd00:1::10", 0x60);
	expect_na("::", "fd00:1::11", NULL, lab_mac(ENI_B), "ff02::1", 0x20);
	expect_na("::", "fe80::1", NULL, lab_gateway_mac(), "ff02::1", 0xa0);
	cr_expect_eq(ns("::", "fd00:1::10", NULL), VPC_DROP_UNANSWERED, "its own: free to use");
	cr_expect_eq(ns("::", "fe80::1234", NULL), VPC_DROP_UNANSWERED);
	cr_expect_eq(ns("fd00:1::10", "fe80::5678", lab_mac(ENI_A)), VPC_DROP_UNANSWERED);
	cr_expect_eq(ns("fd00:1::10", "fd00:1:0:1::12", lab_mac(ENI_A)), VPC_DROP_UNANSWERED, "another subnet's");
	cr_expect_eq(ns("fd00:1::10", "fd00:1::99", lab_mac(ENI_A)), VPC_DROP_UNANSWERED);
}

Test(neighbours, nd_forged)
{
	struct packet_spec p;

	cr_expect_eq(ns("fd00:1::11", "fe80::1", lab_mac(ENI_A)), VPC_DROP_FORGED_ND);
	cr_expect_eq(ns("fe80::1", "fd00:1::11", lab_mac(ENI_A)), VPC_DROP_FORGED_ND, "the gateway's own");
	cr_expect_eq(ns("fd00:1::10", "fe80::1", lab_mac(ENI_B)), VPC_DROP_FORGED_ND);
	cr_expect_eq(ns("::", "fd00:1::11", lab_mac(ENI_A)), VPC_DROP_FORGED_ND, "RFC 4861, 7.1.1");
	p = nd_spec("fd00:1::10", 135, "fe80::1", NULL);
	p.ttl = 254;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_ND);
	p.ttl = 255;
	p.fragment_header = true;
	p.more_fragments = true;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_ND, "RFC 6980");
	cr_expect_eq(lab_send(l, ENI_A, nd_spec("fe80::1234", 134, "::", NULL)).reason, VPC_DROP_FORGED_ND,
		     "plays the router");
	cr_expect_eq(lab_send(l, ENI_A, nd_spec("fe80::1234", 137, "::", NULL)).reason, VPC_DROP_FORGED_ND);
	cr_expect_eq(lab_send(l, ENI_A, nd_spec("fd00:1::10", 136, "fd00:1::10", NULL)).reason, VPC_DROP_UNANSWERED);
	cr_expect_eq(lab_send(l, ENI_A, nd_spec("fd00:1::11", 136, "fd00:1::11", NULL)).reason, VPC_DROP_FORGED_ND);
	p = nd_spec("fe80::1234", 133, "::", NULL);
	p.raw_length = 8;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_UNANSWERED, "no template");
	cr_expect_eq(lab_send(l, ENI_A, nd_spec("fe80::1234", 143, "::", NULL)).reason, VPC_DROP_MULTICAST, "MLD");
	p = nd_spec("fe80::1", 136, "fe80::1", NULL);
	p.dmac = NULL, p.dst = "fd00:1::10";
	cr_expect_eq(lab_deliver(l, ENI_A, 0, p).reason, VPC_DROP_LINK_LOCAL, "none reaches a workload but the port's");
	p.src = "fd00:1::11";
	cr_expect_neq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, p).reason, 0);
	lab_allow_all(l, SG_A, VPC_INGRESS, 6);
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, p).reason, VPC_DROP_FORGED_ND);
}

/* incus 4025: a hop-by-hop header hid ICMPv6 from the rules */
Test(neighbours, nd_behind_extension_headers)
{
	static const uint8_t options[] = {58, 0, 1, 4, 0, 0, 0, 0};
	struct packet_spec p = nd_spec("fe80::1234", 134, "::", NULL);

	p.ext = options, p.ext_length = sizeof(options), p.ext_first = 0;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_ND);
	p = nd_spec("fd00:1::10", 136, "fd00:1::11", NULL);
	p.ext = options, p.ext_length = sizeof(options), p.ext_first = 60;
	cr_expect_neq(lab_send(l, ENI_A, p).action, 0);
}
