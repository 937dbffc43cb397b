/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of DHCP and DHCPv6 by ENI A of lab_usual(), whose template and options are set. */
#ifndef TESTS_BPF_ADDRESS_CONFIG_UTIL_H
#define TESTS_BPF_ADDRESS_CONFIG_UTIL_H

#include "tests/bpf/bpf_util.h"

/* The lab, and its maps, of the test that runs. */
struct config_lab {
	struct lab *l;
	struct vpc_address_config *address_config;
	struct vpc_address_config_space *spaces;
};

/* ENI A has 10.0.0.10, fd00:1::10, MTU 1400, an advertisement that was just sent, and these options. */
void config_open(struct config_lab *c);

/* What the options of the VPC are, as they stand in answers: DNS servers of DHCP, DHCPv6 and router advertisements. */
extern const uint8_t config_dns4[6], config_dns6[20], config_rdnss[24];

/* One's complement sum of n bytes on top of `sum`. */
uint32_t config_sum(const uint8_t *p, size_t n, uint32_t sum);

/* A UDP header, and what is behind it. */
struct message {
	uint8_t bytes[1024];
	size_t n;
};

extern const uint8_t config_broadcast_mac[6];

void message_add(struct message *m, const void *data, size_t n);
#define ADD(m, ...) message_add(m, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* UDP header and the fixed part of a request of ENI A, and its type. */
struct message dhcp4_request(uint8_t type);
/* Writes the UDP length and sends it from ENI A's port. */
struct verdict dhcp4_send(struct lab *l, struct message *m, const char *src, const char *dst, const uint8_t *dmac);

/* client: with a client id of an odd length, so that what comes behind stands unevenly. */
struct message dhcp6_request(uint8_t type, bool client);
/* address: NULL: an IA_NA without one. */
void dhcp6_add_ia(struct message *m, const char *address);
void dhcp6_add_server(struct message *m, const uint8_t *mac);
/* Writes the UDP length and sends it from ENI A's port to all DHCPv6 servers. */
struct verdict dhcp6_send(struct lab *l, struct message *m, const char *src);

#endif
