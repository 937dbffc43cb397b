/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/address_config_util.h"
#include "tests/bpf/lab_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

const uint8_t config_dns4[6] = {6, 4, 10, 0, 0, 53};
const uint8_t config_dns6[20] = {0, 23, 0, 16, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};
const uint8_t config_rdnss[24] = {25, 3, 0, 0, 0, 0, 255, 255, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};
const uint8_t config_broadcast_mac[6] = {255, 255, 255, 255, 255, 255};

void config_open(struct config_lab *c)
{
	struct vpc_address_config *config;
	struct vpc_address_config_options *o;

	c->l = lab_usual();
	c->address_config = lab_map_memory(c->l->skel->maps.address_config);
	c->spaces = lab_map_memory(c->l->skel->maps.address_config_space);
	config = &c->address_config[ENI_A];
	*config = (struct vpc_address_config){.incarnation = 1, .advertised_ns = lab_now_ns()};
	inet_pton(AF_INET, "10.0.0.10", &config->ip4);
	inet_pton(AF_INET6, "fd00:1::10", config->ip6);
	o = &c->spaces[1].slot[1];
	c->spaces[1].version = 1;
	*o = (struct vpc_address_config_options){.lease_s = 3600,
						 .dhcp4_bytes = sizeof(config_dns4),
						 .dhcp6_bytes = sizeof(config_dns6),
						 .ra_bytes = sizeof(config_rdnss)};
	memcpy(o->dhcp4, config_dns4, sizeof(config_dns4));
	memcpy(o->dhcp6, config_dns6, sizeof(config_dns6));
	memcpy(o->ra, config_rdnss, sizeof(config_rdnss));
	lab_eni_row(c->l, ENI_A)->mtu = 1400;
}

uint32_t config_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

void message_add(struct message *m, const void *data, size_t n)
{
	memcpy(m->bytes + m->n, data, n);
	m->n += n;
}

struct message dhcp4_request(uint8_t type)
{
	struct message m = {.n = 8 + 236};
	uint8_t *d = m.bytes + 8;

	memcpy(m.bytes, (const uint8_t[]){0, 68, 0, 67}, 4);
	memcpy(d, (const uint8_t[]){1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe}, 8);
	memcpy(d + 28, lab_mac(ENI_A), 6);
	ADD(&m, 0x63, 0x82, 0x53, 0x63, 53, 1, type);
	return m;
}

struct verdict dhcp4_send(struct lab *l, struct message *m, const char *src, const char *dst, const uint8_t *dmac)
{
	const struct packet_spec spec = {
		.src = src, .dst = dst, .dmac = dmac, .proto = IPPROTO_UDP, .raw = m->bytes, .raw_length = m->n};

	m->bytes[4] = (uint8_t)(m->n >> 8);
	m->bytes[5] = (uint8_t)m->n;
	return lab_send(l, ENI_A, spec);
}

struct message dhcp6_request(uint8_t type, bool client)
{
	struct message m = {.n = 8};

	memcpy(m.bytes, (const uint8_t[]){546 >> 8, 546 & 255, 547 >> 8, 547 & 255}, 4);
	ADD(&m, type, 0xab, 0xcd, 0xef);
	if (client)
		ADD(&m, 0, 1, 0, 7, 0, 2, 9, 9, 9, 9, 9); /* odd: what comes behind stands unevenly */
	return m;
}

void dhcp6_add_ia(struct message *m, const char *address)
{
	uint8_t bytes[16];

	ADD(m, 0, 3, 0, address ? 40 : 12, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0);
	if (!address)
		return;
	inet_pton(AF_INET6, address, bytes);
	ADD(m, 0, 5, 0, 24);
	message_add(m, bytes, 16);
	ADD(m, 0, 0, 0, 0, 0, 0, 0, 0);
}

void dhcp6_add_server(struct message *m, const uint8_t *mac)
{
	ADD(m, 0, 2, 0, 10, 0, 3, 0, 1);
	message_add(m, mac, 6);
}

static const uint8_t all_servers[] = {0x33, 0x33, 0, 1, 0, 2};

struct verdict dhcp6_send(struct lab *l, struct message *m, const char *src)
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
