/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP, DHCPv6 and router solicitations are answered at the port, from the ENI's template, and for it alone. */
#include "tests/bpf/bpf_util.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datapath/maps/skeleton.h"

static struct lab *l;
static struct vpc_address_config *address_config;
static struct vpc_address_config_space *spaces;

static void *map_memory(struct bpf_map *map)
{
	size_t size = (size_t)bpf_map__max_entries(map) * ((bpf_map__value_size(map) + 7) & ~7u);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	cr_assert(p != MAP_FAILED);
	return p;
}

static const uint8_t dns4[] = {6, 4, 10, 0, 0, 53};
static const uint8_t dns6[] = {0, 23, 0, 16, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};
static const uint8_t search6[] = {0, 24, 0, 7, 4, 'p', 'r', 'o', 'd', 0, 0};
static const uint8_t rdnss[] = {25, 3, 0, 0, 0, 0, 255, 255, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};

static void setup(void)
{
	struct vpc_address_config_options *o;

	l = lab_usual();
	address_config = map_memory(lab_skel(l)->maps.address_config);
	spaces = map_memory(lab_skel(l)->maps.address_config_space);
	address_config[ENI_A] = (struct vpc_address_config){.incarnation = 1, .advertised_ns = lab_now_ns()};
	inet_pton(AF_INET, "10.0.0.10", &address_config[ENI_A].ip4);
	inet_pton(AF_INET6, "fd00:1::10", address_config[ENI_A].ip6);
	o = &spaces[1].slot[1];
	spaces[1].version = 1;
	*o = (struct vpc_address_config_options){
		.lease_s = 3600, .dhcp4_bytes = sizeof(dns4), .dhcp6_bytes = sizeof(dns6), .ra_bytes = sizeof(rdnss)};
	memcpy(o->dhcp4, dns4, sizeof(dns4));
	memcpy(o->dhcp6, dns6, sizeof(dns6));
	memcpy(o->ra, rdnss, sizeof(rdnss));
	lab_eni_row(l, ENI_A)->mtu = 1400;
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(address_config, .init = setup, .fini = teardown);

/* One's complement sum of n bytes on top of `sum`. */
static uint32_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* --- DHCP -------------------------------------------------------------------------------------------------------- */

struct message {
	uint8_t bytes[1024];
	size_t n;
};

static const uint8_t everybody[] = {255, 255, 255, 255, 255, 255};

static void add(struct message *m, const void *data, size_t n)
{
	memcpy(m->bytes + m->n, data, n);
	m->n += n;
}

#define ADD(m, ...) add(m, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* UDP header and the fixed part of a request of ENI A, and its type. */
static struct message dhcp4_request(uint8_t type)
{
	struct message m = {.n = 8 + 236};
	uint8_t *d = m.bytes + 8;

	memcpy(m.bytes, (const uint8_t[]){0, 68, 0, 67}, 4);
	memcpy(d, (const uint8_t[]){1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe}, 8);
	memcpy(d + 28, lab_mac(ENI_A), 6);
	ADD(&m, 0x63, 0x82, 0x53, 0x63, 53, 1, type);
	return m;
}

static void put_address(struct message *m, size_t at, const char *address)
{
	inet_pton(AF_INET, address, m->bytes + 8 + at);
}

static struct verdict dhcp4_send(struct message *m, const char *src, const char *dst, const uint8_t *dmac)
{
	const struct packet_spec spec = {
		.src = src, .dst = dst, .dmac = dmac, .proto = IPPROTO_UDP, .raw = m->bytes, .raw_length = m->n};

	m->bytes[4] = (uint8_t)(m->n >> 8);
	m->bytes[5] = (uint8_t)m->n;
	return lab_send(l, ENI_A, spec);
}

static int dhcp4_reason(struct message *m)
{
	ADD(m, 255);
	return dhcp4_send(m, "0.0.0.0", "255.255.255.255", everybody).reason;
}

/* Sends it and gives the value of an option of the answer; NULL: it hasn't any. */
static const uint8_t *dhcp4_option(uint8_t code)
{
	const struct frame *f = lab_out(l);

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
	const struct frame *f = lab_out(l);
	const uint8_t *p = f->data;
	uint8_t address[4];

	cr_assert_eq(v.action, 7, "reason %d", v.reason);
	cr_assert_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_assert_geq(f->length, 342);
	cr_assert_arr_eq(p, strcmp(to, "255.255.255.255") ? lab_mac(ENI_A) : everybody, 6);
	cr_assert_arr_eq(p + 6, lab_gateway_mac(), 6);
	cr_assert_eq(sum_of(p + 14, 20, 0), 0xffff, "IP checksum");
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
	return dhcp4_send(m, "0.0.0.0", "255.255.255.255", everybody);
}

static void expect_options_of_address(void)
{
	expect_option(1, (const uint8_t[]){255, 255, 255, 0}, 4);
	expect_option(3, (const uint8_t[]){10, 0, 0, 1}, 4);
	expect_option(26, (const uint8_t[]){1400 >> 8, 1400 & 255}, 2);
	expect_option(6, dns4 + 2, 4);
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
		add(&m, id, lengths[i]);
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
	expect_answer(dhcp4_send(&m, "10.0.0.10", "10.0.0.1", NULL), 5, "10.0.0.10", "10.0.0.10");
	expect_answer(dhcp4_send(&m, "10.0.0.10", "255.255.255.255", everybody), 5, "10.0.0.10", "10.0.0.10");
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
	expect_answer(dhcp4_send(&m, "10.0.0.10", "255.255.255.255", everybody), 5, "10.0.0.10", "0.0.0.0");
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
		cr_expect_eq(dhcp4_send(&m, "0.0.0.0", "255.255.255.255", everybody).reason,
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
	cr_expect_eq(dhcp4_send(&m, "10.0.0.11", "255.255.255.255", everybody).reason, VPC_DROP_FORGED_SOURCE);
	m.n = 8 + 100;
	cr_expect_eq(dhcp4_send(&m, "0.0.0.0", "255.255.255.255", everybody).reason, VPC_DROP_MALFORMED);
}

Test(address_config, no_template_no_answer)
{
	struct message m = dhcp4_request(1);

	address_config[ENI_A].incarnation = 2;
	cr_expect_eq(dhcp4_reason(&m), VPC_DROP_UNANSWERED, "another ENI's that had the number");
	address_config[ENI_A].incarnation = 1;
	m = dhcp4_request(1);
	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	/* options of nothing, and of the most there can be */
	spaces[1].version = 2;
	m = dhcp4_request(1);
	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	cr_expect_not(dhcp4_option(6));
	spaces[1].slot[0].dhcp4_bytes = VPC_ADDRESS_CONFIG_DHCP4_MAX;
	memset(spaces[1].slot[0].dhcp4, 0, VPC_ADDRESS_CONFIG_DHCP4_MAX);
	m = dhcp4_request(1);
	ADD(&m, 61, 255);
	m.n += 255;
	expect_answer(dhcp4(&m), 2, "10.0.0.10", "10.0.0.10");
	cr_expect_eq(lab_out(l)->length, 282 + 43 + 257 + VPC_ADDRESS_CONFIG_DHCP4_MAX + 1);
}

/* --- DHCPv6 ------------------------------------------------------------------------------------------------------ */

static struct message dhcp6_request(uint8_t type, bool client)
{
	struct message m = {.n = 8};

	memcpy(m.bytes, (const uint8_t[]){546 >> 8, 546 & 255, 547 >> 8, 547 & 255}, 4);
	ADD(&m, type, 0xab, 0xcd, 0xef);
	if (client)
		ADD(&m, 0, 1, 0, 7, 0, 2, 9, 9, 9, 9, 9); /* odd: what comes behind stands unevenly */
	return m;
}

static void add_ia(struct message *m, const char *address)
{
	uint8_t bytes[16];

	ADD(m, 0, 3, 0, address ? 40 : 12, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0);
	if (!address)
		return;
	inet_pton(AF_INET6, address, bytes);
	ADD(m, 0, 5, 0, 24);
	add(m, bytes, 16);
	ADD(m, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void add_server(struct message *m, const uint8_t *mac)
{
	ADD(m, 0, 2, 0, 10, 0, 3, 0, 1);
	add(m, mac, 6);
}

static const uint8_t all_servers[] = {0x33, 0x33, 0, 1, 0, 2};

static struct verdict dhcp6_send(struct message *m, const char *src)
{
	const struct packet_spec spec = {.src = src,
					 .dst = "ff02::1:2",
					 .dmac = all_servers,
					 .proto = IPPROTO_UDP,
					 .raw = m->bytes,
					 .raw_length = m->n};

	m->bytes[4] = (uint8_t)(m->n >> 8);
	m->bytes[5] = (uint8_t)m->n;
	return lab_send(l, ENI_A, spec);
}

static int dhcp6_reason(struct message *m)
{
	return dhcp6_send(m, "fe80::1234").reason;
}

/* Value of an option behind its length; NULL: none. */
static const uint8_t *dhcp6_option(unsigned code, size_t *ret_n)
{
	const struct frame *f = lab_out(l);
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
	struct verdict v = dhcp6_send(m, "fe80::1234");
	const struct frame *f = lab_out(l);
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
	cr_assert_eq(sum_of(p + 22, f->length - 22, (uint32_t)(17 + f->length - 54)), 0xffff, "checksum");
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
	cr_assert_arr_eq(option, dns6 + 4, 16);
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

Test(address_config, dhcp6_stateful)
{
	static const uint8_t types[] = {3, 5, 6};
	struct message m = dhcp6_request(1, true);

	add_ia(&m, NULL);
	expect_dhcp6(&m, 2, true);
	expect_ia();
	for (size_t i = 0; i < 3; i++) {
		m = dhcp6_request(types[i], true);
		if (types[i] != 6)
			add_server(&m, lab_gateway_mac());
		add_ia(&m, "fd00:1::10");
		expect_dhcp6(&m, 7, true);
		expect_ia();
	}
	/* options whose length is odd */
	memcpy(spaces[1].slot[1].dhcp6 + sizeof(dns6), search6, sizeof(search6));
	spaces[1].slot[1].dhcp6_bytes += sizeof(search6);
	m = dhcp6_request(1, true);
	add_ia(&m, NULL);
	expect_dhcp6(&m, 2, true);
	expect_ia();
}

Test(address_config, dhcp6_stateless)
{
	struct message m = dhcp6_request(11, false);
	size_t n;

	expect_dhcp6(&m, 7, false);
	cr_assert_not(dhcp6_option(3, &n));
	m = dhcp6_request(11, true);
	add_server(&m, lab_gateway_mac());
	expect_dhcp6(&m, 7, true);
}

Test(address_config, dhcp6_confirm_release_decline)
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
			add_server(&m, lab_gateway_mac());
		add_ia(&m, cases[i].address);
		expect_dhcp6(&m, 7, true);
		option = dhcp6_option(13, &n);
		cr_assert(option && n == 2);
		cr_assert_eq(option[1], cases[i].status);
		cr_assert_not(dhcp6_option(3, &n));
	}
}

Test(address_config, dhcp6_refused)
{
	static const uint8_t other[] = {2, 0, 0, 0, 0, 9};
	struct message m = dhcp6_request(1, false);

	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "no client id");
	m = dhcp6_request(1, true);
	add_server(&m, lab_gateway_mac());
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "RFC 8415, 16.2");
	m = dhcp6_request(3, true);
	add_ia(&m, "fd00:1::10");
	cr_expect_eq(dhcp6_reason(&m), VPC_DROP_UNANSWERED, "no server");
	add_server(&m, other);
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
	cr_expect_eq(dhcp6_send(&m, "fe80::1").reason, VPC_DROP_FORGED_SOURCE, "the gateway's own address");
	cr_expect_eq(dhcp6_send(&m, "fd00:1::10").reason, VPC_DROP_FORGED_SOURCE, "RFC 8415, 7.1: link-local");
	memset(address_config[ENI_A].ip6, 0, 16);
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
	return lab_send(l, ENI_A, spec);
}

static void expect_ra(struct verdict v, const char *to)
{
	const struct frame *f = lab_out(l);
	const uint8_t *p = f->data;
	uint8_t address[16];

	cr_assert_eq(v.action, 7, "reason %d", v.reason);
	cr_assert_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	cr_assert_eq(f->length, 118 + sizeof(rdnss));
	cr_assert_arr_eq(p, to[0] == 'f' && to[1] == 'f' ? (const uint8_t *)"\x33\x33\0\0\0\1" : lab_mac(ENI_A), 6);
	cr_assert_arr_eq(p + 6, lab_gateway_mac(), 6);
	cr_assert_eq(p[21], 255);
	inet_pton(AF_INET6, "fe80::1", address);
	cr_assert_arr_eq(p + 22, address, 16);
	inet_pton(AF_INET6, to, address);
	cr_assert_arr_eq(p + 38, address, 16);
	cr_assert_eq(p[54], 134);
	cr_assert_eq(p[59], 0xc0, "managed, other");
	cr_assert_eq(sum_of(p + 22, f->length - 22, (uint32_t)(58 + f->length - 54)), 0xffff, "checksum");
	cr_assert_arr_eq(p + 70, ((const uint8_t[]){3, 4, 64, 0x80}), 4, "on-link, not autonomous");
	inet_pton(AF_INET6, "fd00:1::", address);
	cr_assert_arr_eq(p + 86, address, 16);
	cr_assert_arr_eq(p + 102, ((const uint8_t[]){5, 1, 0, 0, 0, 0, 1400 >> 8, 1400 & 255, 1, 1}), 10);
	cr_assert_arr_eq(p + 112, lab_gateway_mac(), 6);
	cr_assert_arr_eq(p + 118, rdnss, sizeof(rdnss));
}

Test(address_config, router_solicitations)
{
	expect_ra(solicit("fe80::1234", lab_mac(ENI_A), 133, NULL), "fe80::1234");
	expect_ra(solicit("fe80::1234", NULL, 133, NULL), "fe80::1234");
	expect_ra(solicit("::", NULL, 133, NULL), "ff02::1");
	cr_expect_eq(solicit("::", lab_mac(ENI_A), 133, NULL).reason, VPC_DROP_FORGED_ND, "RFC 4861, 6.1.1");
	cr_expect_eq(solicit("fe80::1234", lab_mac(ENI_B), 133, NULL).reason, VPC_DROP_FORGED_ND);
	cr_expect_eq(solicit("fe80::1", NULL, 133, NULL).reason, VPC_DROP_FORGED_ND);
	cr_expect_eq(solicit("fd00:1::11", NULL, 133, NULL).reason, VPC_DROP_FORGED_ND);
	memset(lab_eni_row(l, ENI_A)->subnet6, 0, 16);
	cr_expect_eq(solicit("fe80::1234", NULL, 133, NULL).reason, VPC_DROP_UNANSWERED, "no IPv6");
}

/* The route of a workload that never solicits again doesn't end. */
Test(address_config, who_asks_for_the_gateway_is_told_of_the_router_now_and_then)
{
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fe80::1").action, 7);
	cr_expect_eq(lab_out(l)->data[54], 136, "not yet");
	address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fe80::1").action, 7);
	cr_expect_eq(lab_out(l)->data[54], 136, "the port is down: it can't send two");
	cr_assert_eq(system("ip link set lab0 up && ip link set lab1 up"), 0);
	/* the device sends some time after it is up */
	for (unsigned i = 0; i < 200 && lab_out(l)->data[54] != 134; i++) {
		usleep(10000);
		solicit("fe80::1234", NULL, 135, "fe80::1");
	}
	address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
	/* the answer itself goes out before, as a clone: see wire.c */
	expect_ra(solicit("fe80::1234", NULL, 135, "fe80::1"), "fe80::1234");
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fe80::1").action, 7);
	cr_expect_eq(lab_out(l)->data[54], 136, "it was, just now");
	address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
	cr_expect_eq(solicit("fe80::1234", NULL, 135, "fd00:1::11").action, 7);
	cr_expect_eq(lab_out(l)->data[54], 136, "a neighbour");
}

/* Asks 3,000 times where the gateway is, with so many tokens an answer. */
static void expect_answered(const char *what, unsigned each)
{
	uint64_t begin_ns = lab_now_ns();
	unsigned n = 0, most;

	lab_answers(l);
	for (unsigned i = 0; i < 3000; i++) {
		address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
		n += solicit("fe80::1234", NULL, 135, "fe80::1").action == 7;
	}
	/* all that the bucket held, one a millisecond, and the coarse clock's tick */
	most = (1000 + (unsigned)((lab_now_ns() - begin_ns) / 1000000) + 10) / each + 1;
	cr_expect(n >= 1000 / each && n <= most, "%s: %u answered, at most %u", what, n, most);
}

/* Whoever asks for the gateway gets so many answers in a second, be there an advertisement beside each of them or not.
 * In a subnet without IPv6 there is none. */
Test(address_config, answers_for_the_gateway_are_limited)
{
	cr_assert_eq(system("ip link set lab0 up && ip link set lab1 up"), 0);
	for (unsigned i = 0; i < 200 && lab_out(l)->data[54] != 134; i++) {
		usleep(10000);
		address_config[ENI_A].advertised_ns = lab_now_ns() - 601ull * 1000000000ull;
		solicit("fe80::1234", NULL, 135, "fe80::1");
	}
	expect_answered("with an advertisement", 2);
	memset(lab_eni_row(l, ENI_A)->subnet6, 0, 16);
	expect_answered("without IPv6", 1);
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_UNANSWERED), 0, "what was answered is no drop");
}

/* What lies behind the UDP packet in its IP packet is no part of the message. */
Test(address_config, messages_end_where_udp_says)
{
	struct message m = dhcp4_request(3);
	struct packet_spec spec = {
		.src = "0.0.0.0", .dst = "255.255.255.255", .dmac = everybody, .proto = IPPROTO_UDP, .raw = m.bytes};
	size_t n;

	ADD(&m, 255);
	n = m.n;
	ADD(&m, 50, 4, 10, 0, 0, 10, 255);
	m.bytes[n - 1] = 0; /* a pad where the end was: what follows would be read */
	cr_expect_eq(dhcp4_send(&m, "0.0.0.0", "255.255.255.255", everybody).action, 7);
	m.bytes[4] = (uint8_t)(n >> 8), m.bytes[5] = (uint8_t)n;
	spec.raw_length = m.n;
	cr_expect_eq(lab_send(l, ENI_A, spec).reason, VPC_DROP_UNANSWERED, "asks for no address");
	m.bytes[4] = 4; /* more than there is */
	cr_expect_eq(lab_send(l, ENI_A, spec).reason, VPC_DROP_MALFORMED);
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
			add_server(&m, lab_gateway_mac());
			add_ia(&m, "fd00:1::10");
		} else {
			ADD(&m, 61, 7, 1, 2, 3, 4, 5, 6, 7, 50, 4, 10, 0, 0, 10, 255);
		}
		for (long n = random() % 4; n > 0; n--)
			m.bytes[8 + (size_t)random() % (m.n - 8)] = (uint8_t)random();
		if (random() % 4 == 0)
			m.n = 8 + (size_t)random() % (m.n - 8);
		if (i % 100 == 0)
			lab_answers(l);
		v = six ? dhcp6_send(&m, "fe80::1234") : dhcp4_send(&m, "0.0.0.0", "255.255.255.255", everybody);
		cr_assert(v.action == 2 || (v.action == 7 && v.mark == (VPC_MARK_ANSWER | ENI_A)), "%u: action %d", i,
			  v.action);
		answered[six] += v.action == 7;
	}
	cr_assert(answered[0] > 1000 && answered[1] > 1000);
}
