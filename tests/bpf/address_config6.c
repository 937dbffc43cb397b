/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCPv6 requests and router solicitations are answered at the port, from the ENI's template, and for it alone. */
#include "tests/bpf/address_config_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config_lab lab;

static void setup(void)
{
	config_open(&lab);
}

static void teardown(void)
{
	lab_close(lab.l);
}

TestSuite(address_config6, .init = setup, .fini = teardown);

static const uint8_t search6[] = {0, 24, 0, 7, 4, 'p', 'r', 'o', 'd', 0, 0};

/* --- DHCPv6 ------------------------------------------------------------------------------------------------------ */

static int dhcp6_reason(struct message *m)
{
	return dhcp6_send(lab.l, m, "fe80::1234").reason;
}

/* Value of an option behind its length; NULL: none. */
static const uint8_t *dhcp6_option(unsigned code, size_t *ret_n)
{
	const struct frame *f = lab_out(lab.l);
	size_t n;

	for (size_t at = 66; at + 4 <= f->length; at += 4 + n) {
		n = (size_t)f->data[at + 2] << 8 | f->data[at + 3];
		*ret_n = n;
		if (((unsigned)f->data[at] << 8 | f->data[at + 1]) == code)
			return f->data + at + 4;
	}
	return NULL;
}

static void expect_dhcp6(struct message *m, uint8_t type, bool client)
{
	struct verdict v = dhcp6_send(lab.l, m, "fe80::1234");
	const struct frame *f = lab_out(lab.l);
	const uint8_t *p = f->data, *option;
	uint8_t address[16], duid[10] = {0, 3, 0, 1};
	size_t n;

	cr_assert_eq(v.action, 7, "reason %d", v.reason);
	cr_assert_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_assert_arr_eq(p, lab_mac(ENI_A), 6);
	cr_assert_arr_eq(p + 6, lab_gateway_mac(), 6);
	cr_assert_eq((size_t)p[18] << 8 | p[19], f->length - 54);
	inet_pton(AF_INET6, "fe80::1", address);
	cr_assert_arr_eq(p + 22, address, 16);
	inet_pton(AF_INET6, "fe80::1234", address);
	cr_assert_arr_eq(p + 38, address, 16);
	cr_assert_arr_eq(p + 54, ((const uint8_t[]){547 >> 8, 547 & 255, 546 >> 8, 546 & 255}), 4);
	cr_assert_eq(config_sum(p + 22, f->length - 22, (uint32_t)(17 + f->length - 54)), 0xffff, "checksum");
	cr_assert_arr_eq(p + 62, ((const uint8_t[]){type, 0xab, 0xcd, 0xef}), 4);
	memcpy(duid + 4, lab_gateway_mac(), 6);
	option = dhcp6_option(2, &n);
	cr_assert(option && n == 10);
	cr_assert_arr_eq(option, duid, 10);
	option = dhcp6_option(1, &n);
	cr_assert_eq(option != NULL, client);
	if (client)
		cr_assert_arr_eq(option, ((const uint8_t[]){0, 2, 9, 9, 9, 9, 9}), 7);
	option = dhcp6_option(23, &n);
	cr_assert(option && n == 16);
	cr_assert_arr_eq(option, config_dns6 + 4, 16);
}

static void expect_ia(void)
{
	static const uint8_t lease[] = {0, 0, 14, 16, 0, 0, 14, 16};
	uint8_t address[16];
	size_t n;
	const uint8_t *option = dhcp6_option(3, &n);

	cr_assert(option && n == 40);
	cr_assert_arr_eq(option, ((const uint8_t[]){1, 2, 3, 4, 0, 0, 7, 8, 0, 0, 11, 64, 0, 5, 0, 24}), 16);
	inet_pton(AF_INET6, "fd00:1::10", address);
	cr_assert_arr_eq(option + 16, address, 16);
	cr_assert_arr_eq(option + 32, lease, 8);
}

Test(address_config6, dhcp6_stateful)
{
	static const uint8_t types[] = {3, 5, 6};
	struct message m = dhcp6_request(1, true);

	dhcp6_add_ia(&m, NULL);
	expect_dhcp6(&m, 2, true);
	expect_ia();
	for (size_t i = 0; i < 3; i++) {
		m = dhcp6_request(types[i], true);
		if (types[i] != 6)
			dhcp6_add_server(&m, lab_gateway_mac());
		dhcp6_add_ia(&m, "fd00:1::10");
		expect_dhcp6(&m, 7, true);
		expect_ia();
	}
	/* options whose length is odd */
	memcpy(lab.spaces[1].slot[1].dhcp6 + sizeof(config_dns6), search6, sizeof(search6));
	lab.spaces[1].slot[1].dhcp6_bytes += sizeof(search6);
	m = dhcp6_request(1, true);
	dhcp6_add_ia(&m, NULL);
	expect_dhcp6(&m, 2, true);
	expect_ia();
}

Test(address_config6, dhcp6_stateless)
{
	struct message m = dhcp6_request(11, false);
	size_t n;

	expect_dhcp6(&m, 7, false);
	cr_assert_not(dhcp6_option(3, &n));
	m = dhcp6_request(11, true);
	dhcp6_add_server(&m, lab_gateway_mac());
	expect_dhcp6(&m, 7, true);
}

Test(address_config6, dhcp6_confirm_release_decline)
{
	static const struct {
		uint8_t type;
		const char *address;
		uint8_t status;
	} cases[] = {{4, "fd00:1::10", 0}, {4, "fd00:1::11", 4}, {8, "fd00:1::10", 0}, {9, "fd00:1::10", 0}};

	for (size_t i = 0; i < 4; i++) {
		struct message m = dhcp6_request(cases[i].type, true);
		const uint8_t *option;
		size_t n;

		if (cases[i].type != 4)
			dhcp6_add_server(&m, lab_gateway_mac());
		dhcp6_add_ia(&m, cases[i].address);
		expect_dhcp6(&m, 7, true);
		option = dhcp6_option(13, &n);
		cr_assert(option && n == 2);
		cr_assert_eq(option[1], cases[i].status);
		cr_assert_not(dhcp6_option(3, &n));
	}
}

Test(address_config6, dhcp6_refused)
{
	static const uint8_t other[] = {2, 0, 0, 0, 0, 9};
	struct message m = dhcp6_request(1, false);

	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "no client id");
	m = dhcp6_request(1, true);
	dhcp6_add_server(&m, lab_gateway_mac());
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "RFC 8415, 16.2");
	m = dhcp6_request(3, true);
	dhcp6_add_ia(&m, "fd00:1::10");
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "no server");
	dhcp6_add_server(&m, other);
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "another server");
	m = dhcp6_request(12, true);
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "a relay's");
	m = dhcp6_request(2, true);
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "a server's");
	m = dhcp6_request(1, true);
	m.n--;
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_MALFORMED);
	m = dhcp6_request(1, true);
	ADD(&m, 0, 3, 0, 4, 1, 2, 3, 4);
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_MALFORMED, "half an IA");
	m = dhcp6_request(1, false);
	ADD(&m, 0, 1, 0, 131);
	m.n += 131;
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_MALFORMED, "too long a DUID");
	m = dhcp6_request(1, true);
	for (unsigned i = 0; i < 40; i++)
		ADD(&m, 0, 99, 0, 0);
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_MALFORMED, "no end of options");
	m = dhcp6_request(1, true);
	cr_expect_eq(dhcp6_send(lab.l, &m, "fe80::1").reason, VPC_DROP_FORGED_SOURCE, "the gateway's own address");
	cr_expect_eq(dhcp6_send(lab.l, &m, "fd00:1::10").reason, VPC_DROP_FORGED_SOURCE, "RFC 8415, 7.1: link-local");
	memset(lab.address_config[ENI_A].ip6, 0, 16);
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "no IPv6");
}

/* --- router advertisements --------------------------------------------------------------------------------------- */

static struct verdict solicit(const char *src, const uint8_t *lladdr, uint8_t type, const char *target)
{
	uint8_t raw[32] = {type};
	size_t n = type == 133 ? 8 : 24;
	struct packet_spec spec = {.src = src, .dst = "ff02::2", .dmac = (const uint8_t[]){0x33, 0x33, 0, 0, 0, 2}};

	if (type == 135)
		inet_pton(AF_INET6, target, raw + 8);
	if (lladdr) {
		raw[n] = raw[n + 1] = 1;
		memcpy(raw + n + 2, lladdr, 6);
		n += 8;
	}
	spec.proto = IPPROTO_ICMPV6;
	spec.ttl = 255;
	spec.raw = raw;
	spec.raw_length = n;
	return lab_send(lab.l, ENI_A, spec);
}

static void expect_ra(struct verdict v, const char *to)
{
	const struct frame *f = lab_out(lab.l);
	const uint8_t *p = f->data;
	uint8_t address[16];

	cr_assert_eq(v.action, 7, "reason %d", v.reason);
	cr_assert_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_assert_eq(f->length, 118 + sizeof(config_rdnss));
	cr_assert_arr_eq(p, to[0] == 'f' && to[1] == 'f' ? (const uint8_t *)"\x33\x33\0\0\0\1" : lab_mac(ENI_A), 6);
	cr_assert_arr_eq(p + 6, lab_gateway_mac(), 6);
	cr_assert_eq(p[21], 255);
	inet_pton(AF_INET6, "fe80::1", address);
	cr_assert_arr_eq(p + 22, address, 16);
	inet_pton(AF_INET6, to, address);
	cr_assert_arr_eq(p + 38, address, 16);
	cr_assert_eq(p[54], 134);
	cr_assert_eq(p[59], 0xc0, "managed, other");
	cr_assert_eq(config_sum(p + 22, f->length - 22, (uint32_t)(58 + f->length - 54)), 0xffff, "checksum");
	cr_assert_arr_eq(p + 70, ((const uint8_t[]){3, 4, 64, 0x80}), 4, "on-link, not autonomous");
	inet_pton(AF_INET6, "fd00:1::", address);
	cr_assert_arr_eq(p + 86, address, 16);
	cr_assert_arr_eq(p + 102, ((const uint8_t[]){5, 1, 0, 0, 0, 0, 1400 >> 8, 1400 & 255, 1, 1}), 10);
	cr_assert_arr_eq(p + 112, lab_gateway_mac(), 6);
	cr_assert_arr_eq(p + 118, config_rdnss, sizeof(config_rdnss));
}

Test(address_config6, router_solicitations)
{
	expect_ra(solicit("fe80::1234", lab_mac(ENI_A), 133, NULL), "fe80::1234");
	expect_ra(solicit("fe80::1234", NULL, 133, NULL), "fe80::1234");
	expect_ra(solicit("::", NULL, 133, NULL), "ff02::1");
	cr_expect_eq(solicit("::", lab_mac(ENI_A), 133, NULL).reason, VPC_DROP_FORGED_ND, "RFC 4861, 6.1.1");
	cr_expect_eq(solicit("fe80::1234", lab_mac(ENI_B), 133, NULL).reason, VPC_DROP_FORGED_ND);
	cr_expect_eq(solicit("fe80::1", NULL, 133, NULL).reason, VPC_DROP_FORGED_ND);
	cr_expect_eq(solicit("fd00:1::11", NULL, 133, NULL).reason, VPC_DROP_FORGED_ND);
	memset(lab_eni_row(lab.l, ENI_A)->subnet6, 0, 16);
	cr_expect_eq(solicit("fe80::1234", NULL, 133, NULL).reason, VPC_DROP_UNANSWERED, "no IPv6");
}

/* The route of a workload that never solicits again doesn't end. */
Test(address_config6, who_asks_for_the_gateway_is_told_of_the_router_now_and_then)
{
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fe80::1").action, 7);
	cr_expect_eq(lab_out(lab.l)->data[54], 136, "not yet");
	lab.address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fe80::1").action, 7);
	cr_expect_eq(lab_out(lab.l)->data[54], 136, "the port is down: it can't send two");
	cr_assert_eq(system("ip link set lab0 up && ip link set lab1 up"), 0);
	/* the device sends some time after it is up */
	for (unsigned i = 0; i < 200 && lab_out(lab.l)->data[54] != 134; i++) {
		usleep(10000);
		solicit("fe80::1234", NULL, 135, "fe80::1");
	}
	lab.address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
	/* the answer itself goes out before, as a clone: see wire.c */
	expect_ra(solicit("fe80::1234", NULL, 135, "fe80::1"), "fe80::1234");
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fe80::1").action, 7);
	cr_expect_eq(lab_out(lab.l)->data[54], 136, "it was, just now");
	lab.address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fd00:1::11").action, 7);
	cr_expect_eq(lab_out(lab.l)->data[54], 136, "a neighbour");
}

/* Asks 3,000 times where the gateway is, with so many tokens an answer. */
static void expect_answered(const char *what, unsigned each)
{
	uint64_t begin_ns = lab_now_ns();
	unsigned n = 0, most;

	lab_answers(lab.l);
	for (unsigned i = 0; i < 3000; i++) {
		lab.address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
		n += solicit("fe80::1234", NULL, 135, "fe80::1").action == 7;
	}
	/* all that the bucket held, one a millisecond, and the coarse clock's tick */
	most = (1000 + (unsigned)((lab_now_ns() - begin_ns) / 1000000) + 10) / each + 1;
	cr_expect(n >= 1000 / each && n <= most, "%s: %u answered, at most %u", what, n, most);
}

/* A workload that asks for the gateway gets so many answers in a second, with an advertisement beside each of them or
 * not. In a subnet without IPv6 there is none. */
Test(address_config6, answers_for_the_gateway_are_limited)
{
	cr_assert_eq(system("ip link set lab0 up && ip link set lab1 up"), 0);
	for (unsigned i = 0; i < 200 && lab_out(lab.l)->data[54] != 134; i++) {
		usleep(10000);
		lab.address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
		solicit("fe80::1234", NULL, 135, "fe80::1");
	}
	expect_answered("with an advertisement", 2);
	memset(lab_eni_row(lab.l, ENI_A)->subnet6, 0, 16);
	expect_answered("without IPv6", 1);
	cr_expect_eq(lab_drops(lab.l, ENI_A, VPC_DROP_UNANSWERED), 0, "what was answered is no drop");
}
