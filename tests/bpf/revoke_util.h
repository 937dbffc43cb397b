/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows of ENI A to ENI B of lab_usual(), each of which a rule of its own allows. */
#ifndef TESTS_BPF_REVOKE_UTIL_H
#define TESTS_BPF_REVOKE_UTIL_H

#include "bpf_util.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct revoke_rows {
	uint32_t tcp;  /* port 80, by A's address */
	uint32_t udp;  /* port 53, by A's group */
	uint32_t icmp; /* echo, by A's address */
};
struct lab *revoke_lab_open(struct revoke_rows *ret);

/* From A's port 4000 to B's port 80 (TCP) or 53 (UDP), or back. */
struct packet_spec revoke_spec(bool from_a, uint8_t proto, uint8_t flags);
/* Send it by both programs. Return the reason for which it is dropped, or 0. */
int revoke_tcp(bool from_a, uint8_t flags);
int revoke_udp(bool from_a);
/* Makes one established flow of TCP and one of UDP. */
void revoke_establish(void);

#endif
