/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP requests are answered at the port, from the ENI's template, and for it alone. */
#include "tests/bpf/address_config_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct config_lab lab;

static void setup(void)
{
	config_open(&lab);
}

static void teardown(void)
{
	lab_close(lab.l);
}

TestSuite(address_config, .init = setup, .fini = teardown);

static void put_address(struct message *m, size_t at, const char *address)
{
	inet_pton(AF_INET, address, m->bytes + 8 + at);
}

static int dhcp4_reason(struct message *m)
{
	ADD(m, 255);
	return dhcp4_send(lab.l, m, "0.0.0.0", "255.255.255.255", config_broadcast_mac).reason;
}

/* The length of an option of the answer, and its value behind that; NULL: it hasn't any. */
static const uint8_t *dhcp4_option(uint8_t code)
{
	const struct frame *f = lab_out(lab.l);

	for (size_t at = 282; at + 1 < f->length && f->data[at] != 255; at += 2u + f->data[at + 1])
		if (f->data[at] == code)
			return f->data + at + 1;
	return NULL;
}

static void expect_option(uint8_t code, const void *value, uint8_t n)
{
	const uint8_t *option = dhcp4_option(code);

	cr_assert(option, "option %u is missing", code);
	cr_assert_eq(option[0], n, "option %u has %u bytes", code, option[0]);
	cr_assert_arr_eq(option + 1, value, n);
}

/* Headers, fixed part, type. to: where it is sent; yiaddr. */
static void expect_answer(struct verdict v, uint8_t type, const char *to, const char *yiaddr)
{
	const struct frame *f = lab_out(lab.l);
	const uint8_t *p = f->data;
	uint8_t address[4];

	cr_assert_eq(v.action, 7, "reason %d", v.reason);
	cr_assert_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_assert_geq(f->length, 342);
	cr_assert_arr_eq(p, strcmp(to, "255.255.255.255") ? lab_mac(ENI_A) : config_broadcast_mac, 6);
	cr_assert_arr_eq(p + 6, lab_gateway_mac(), 6);
	cr_assert_eq(config_sum(p + 14, 20, 0), 0xffff, "IP checksum");
	cr_assert_eq((size_t)p[16] << 8 | p[17], f->length - 14);
	cr_assert_eq((size_t)p[38] << 8 | p[39], f->length - 34);
	inet_pton(AF_INET, "10.0.0.1", address);
	cr_assert_arr_eq(p + 26, address, 4, "from the gateway");
	expect_option(54, address, 4);
	inet_pton(AF_INET, to, address);
	cr_assert_arr_eq(p + 30, address, 4);
	cr_assert_arr_eq(p + 34, ((const uint8_t[]){0, 67, 0, 68}), 4);
	cr_assert_arr_eq(p + 42, ((const uint8_t[]){2, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe}), 8);
	inet_pton(AF_INET, yiaddr, address);
	cr_assert_arr_eq(p + 58, address, 4);
	cr_assert_arr_eq(p + 70, lab_mac(ENI_A), 6);
	expect_option(53, &type, 1);
}

static struct verdict dhcp4(struct message *m)
{
	ADD(m, 255);
	return dhcp4_send(lab.l, m, "0.0.0.0", "255.255.255.255", config_broadcast_mac);
}

static void expect_options_of_address(void)
{
	expect_option(1, (const uint8_t[]){255, 255, 255, 0}, 4);
	expect_option(3, (const uint8_t[]){10, 0, 0, 1}, 4);
	expect_option(26, (const uint8_t[]){1400 >> 8, 1400 & 255}, 2);
	expect_option(6, config_dns4 + 2, 4);
}

Test(address_config, discover_is_offered)
{
	struct message m = dhcp4_request(1);

	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	expect_options_of_address();
	expect_option(51, (const uint8_t[]){0, 0, 14, 16}, 4);
	expect_option(58, (const uint8_t[]){0, 0, 7, 8}, 4);
	cr_assert_not(dhcp4_option(61));
	m = dhcp4_request(1);
	m.bytes[8 + 10] = 0x80;
	expect_answer(dhcp4(&m), 2, "255.255.255.255", "10.0.0.10");
}

/* RFC 6842; options that nobody knows are passed over, pads too */
Test(address_config, the_client_id_comes_back)
{
	static const uint8_t lengths[] = {1, 7, 255};

	for (size_t i = 0; i < 3; i++) {
		struct message m = dhcp4_request(1);
		uint8_t id[255];

		memset(id, 0x5a, sizeof(id));
		ADD(&m, 0, 0, 55, 3, 1, 3, 6, 61, lengths[i]);
		message_add(&m, id, lengths[i]);
		expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
		expect_option(61, id, lengths[i]);
		expect_options_of_address();
	}
}

Test(address_config, requests)
{
	struct message m = dhcp4_request(3);

	/* selecting */
	ADD(&m, 50, 4, 10, 0, 0, 10, 54, 4, 10, 0, 0, 1);
	expect_answer(dhcp4(&m), 5, "10.0.0.10", "10.0.0.10");
	expect_options_of_address();
	/* after a reboot, with what was another network's */
	m = dhcp4_request(3);
	ADD(&m, 50, 4, 192, 168, 7, 7);
	expect_answer(dhcp4(&m), 6, "255.255.255.255", "0.0.0.0");
	cr_assert_not(dhcp4_option(51));
	cr_assert_not(dhcp4_option(1));
	/* another ENI's address */
	m = dhcp4_request(3);
	ADD(&m, 50, 4, 10, 0, 0, 11, 54, 4, 10, 0, 0, 1);
	expect_answer(dhcp4(&m), 6, "255.255.255.255", "0.0.0.0");
	/* renewing and rebinding */
	m = dhcp4_request(3);
	put_address(&m, 12, "10.0.0.10");
	ADD(&m, 255);
	expect_answer(dhcp4_send(lab.l, &m, "10.0.0.10", "10.0.0.1", NULL), 5, "10.0.0.10", "10.0.0.10");
	expect_answer(dhcp4_send(lab.l, &m, "10.0.0.10", "255.255.255.255", config_broadcast_mac), 5, "10.0.0.10",
		      "10.0.0.10");
	/* another server was chosen */
	m = dhcp4_request(3);
	ADD(&m, 50, 4, 10, 0, 0, 10, 54, 4, 10, 0, 0, 2);
	cr_assert_eq(dhcp4_reason(&m), VPC_DROP_UNANSWERED);
	/* nothing asked for */
	m = dhcp4_request(3);
	cr_assert_eq(dhcp4_reason(&m), VPC_DROP_UNANSWERED);
}

Test(address_config, informed_declined_released)
{
	static const uint8_t silent[] = {0, 2, 4, 5, 6, 7, 9, 255};
	struct message m = dhcp4_request(8);

	put_address(&m, 12, "10.0.0.10");
	ADD(&m, 255);
	expect_answer(dhcp4_send(lab.l, &m, "10.0.0.10", "255.255.255.255", config_broadcast_mac), 5, "10.0.0.10",
		      "0.0.0.0");
	expect_options_of_address();
	cr_assert_not(dhcp4_option(51), "no lease");
	for (size_t i = 0; i < sizeof(silent); i++) {
		m = dhcp4_request(silent[i]);
		ADD(&m, 50, 4, 10, 0, 0, 10);
		cr_assert_eq(dhcp4_reason(&m), VPC_DROP_UNANSWERED, "type %u", silent[i]);
	}
}

static int with_byte(size_t at, uint8_t value)
{
	struct message m = dhcp4_request(1);

	m.bytes[8 + at] = value;
	return dhcp4_reason(&m);
}

Test(address_config, malformed_relayed_and_foreign_requests)
{
	struct message m;

	cr_expect_eq(with_byte(0, 2), VPC_DROP_MALFORMED, "a reply");
	cr_expect_eq(with_byte(1, 6), VPC_DROP_MALFORMED, "no Ethernet");
	cr_expect_eq(with_byte(2, 16), VPC_DROP_MALFORMED, "a longer address");
	cr_expect_eq(with_byte(3, 1), VPC_DROP_UNANSWERED, "came by a relay");
	cr_expect_eq(with_byte(27, 1), VPC_DROP_UNANSWERED, "giaddr");
	cr_expect_eq(with_byte(30, 0x77), VPC_DROP_FORGED_MAC, "somebody else's chaddr");
	cr_expect_eq(with_byte(236, 0), VPC_DROP_MALFORMED, "cookie");
	for (size_t cut = 1; cut <= 11; cut++) {
		m = dhcp4_request(1);
		ADD(&m, 50, 4, 10, 0, 0, 10);
		m.n -= cut;
		/* between options it ends early, which is no fault */
		cr_expect_eq(dhcp4_send(lab.l, &m, "0.0.0.0", "255.255.255.255", config_broadcast_mac).reason,
			     cut == 6	? 0
			     : cut == 9 ? VPC_DROP_UNANSWERED
					: VPC_DROP_MALFORMED,
			     "%zu bytes short", cut);
	}
	m = dhcp4_request(1);
	ADD(&m, 61, 200, 1);
	cr_expect_eq(dhcp4_reason(&m), VPC_DROP_MALFORMED, "an option longer than the packet");
	m = dhcp4_request(1);
	ADD(&m, 50, 3, 1, 2, 3);
	cr_expect_eq(dhcp4_reason(&m), VPC_DROP_MALFORMED);
	m = dhcp4_request(1);
	for (unsigned i = 0; i < 70; i++)
		ADD(&m, 12, 1, 'x');
	cr_expect_eq(dhcp4_reason(&m), VPC_DROP_MALFORMED, "no end of options");
	m = dhcp4_request(1);
	ADD(&m, 255);
	cr_expect_eq(dhcp4_send(lab.l, &m, "10.0.0.11", "255.255.255.255", config_broadcast_mac).reason,
		     VPC_DROP_FORGED_SOURCE);
	m.n = 8 + 100;
	cr_expect_eq(dhcp4_send(lab.l, &m, "0.0.0.0", "255.255.255.255", config_broadcast_mac).reason,
		     VPC_DROP_MALFORMED);
}

Test(address_config, no_template_no_answer)
{
	struct message m = dhcp4_request(1);

	lab.address_config[ENI_A].incarnation = 2;
	cr_expect_eq(dhcp4_reason(&m), VPC_DROP_UNANSWERED, "another ENI's that had the number");
	lab.address_config[ENI_A].incarnation = 1;
	m = dhcp4_request(1);
	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	/* options of nothing, and of the most there can be */
	lab.spaces[1].version = 2;
	m = dhcp4_request(1);
	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	cr_expect_not(dhcp4_option(6));
	lab.spaces[1].slot[0].dhcp4_bytes = VPC_ADDRESS_CONFIG_DHCP4_MAX;
	memset(lab.spaces[1].slot[0].dhcp4, 0, VPC_ADDRESS_CONFIG_DHCP4_MAX);
	m = dhcp4_request(1);
	ADD(&m, 61, 255);
	m.n += 255;
	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	cr_expect_eq(lab_out(lab.l)->length, 282 + 43 + 257 + VPC_ADDRESS_CONFIG_DHCP4_MAX + 1);
}

/* What lies behind the UDP packet in its IP packet is no part of the message. */
Test(address_config, messages_end_where_udp_says)
{
	struct message m = dhcp4_request(3);
	struct packet_spec spec = {.src = "0.0.0.0",
				   .dst = "255.255.255.255",
				   .dmac = config_broadcast_mac,
				   .proto = IPPROTO_UDP,
				   .raw = m.bytes};
	size_t n;

	ADD(&m, 255);
	n = m.n;
	ADD(&m, 50, 4, 10, 0, 0, 10, 255);
	m.bytes[n - 1] = 0; /* a pad where the end was: what follows would be read */
	cr_expect_eq(dhcp4_send(lab.l, &m, "0.0.0.0", "255.255.255.255", config_broadcast_mac).action, 7);
	m.bytes[4] = (uint8_t)(n >> 8), m.bytes[5] = (uint8_t)n;
	spec.raw_length = m.n;
	cr_expect_eq(lab_send(lab.l, ENI_A, spec).reason, VPC_DROP_UNANSWERED, "asks for no address");
	m.bytes[4] = 4; /* more than there is */
	cr_expect_eq(lab_send(lab.l, ENI_A, spec).reason, VPC_DROP_MALFORMED);
}

/* Whatever stands in a request: it is answered or dropped, and goes nowhere else. */
Test(address_config, requests_with_random_bytes)
{
	unsigned answered[2] = {0};

	srandom(1);
	for (unsigned i = 0; i < 40000; i++) {
		bool six = i & 1;
		struct message m = six ? dhcp6_request((uint8_t)(random() % 14), true) : dhcp4_request(3);
		struct verdict v;

		if (six) {
			dhcp6_add_server(&m, lab_gateway_mac());
			dhcp6_add_ia(&m, "fd00:1::10");
		} else {
			ADD(&m, 61, 7, 1, 2, 3, 4, 5, 6, 7, 50, 4, 10, 0, 0, 10, 255);
		}
		for (long n = random() % 4; n > 0; n--)
			m.bytes[8 + (size_t)random() % (m.n - 8)] = (uint8_t)random();
		if (random() % 4 == 0)
			m.n = 8 + (size_t)random() % (m.n - 8);
		if (i % 100 == 0)
			lab_answers(lab.l);
		v = six ? dhcp6_send(lab.l, &m, "fe80::1234")
			: dhcp4_send(lab.l, &m, "0.0.0.0", "255.255.255.255", config_broadcast_mac);
		cr_assert(v.action == 2 || (v.action == 7 && v.mark == (VPC_MARK_ANSWER | ENI_A)), "%u: action %d", i,
			  v.action);
		answered[six] += v.action == 7;
	}
	cr_assert(answered[0] > 1000 && answered[1] > 1000);
}
