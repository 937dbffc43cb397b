/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet as the differential test thinks of it: what the script writes, what the naive model judges, and what is
 * built into bytes for the programs. Ports are in host byte order; addresses in network order, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef TESTS_MODEL_PACKET_H
#define TESTS_MODEL_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

struct address {
	uint8_t bytes[16];
};

/* What decides a verdict: of the packet itself, or of the one that an ICMP error quotes. */
struct tuple {
	uint8_t family; /* 4, 6 */
	uint8_t proto;
	struct address src, dst;
	uint16_t sport, dport; /* TCP, UDP */
	uint8_t type, code;    /* ICMP, ICMPv6 */
	uint16_t id;	       /* of an ICMP query or reply */
};

struct packet {
	struct tuple t;
	uint8_t flags; /* TCP_… */
	uint8_t smac[6], dmac[6];
	bool quotes; /* an ICMP error about `quoted` */
	struct tuple quoted;
};

#define PACKET_BYTES_MAX 512

bool tuple_is_icmp(const struct tuple *t); /* ICMP in IPv4 or ICMPv6 in IPv6 */
/* What answers a query goes with it: false, or *ret_query is the type of the query that this is a reply to. */
bool tuple_is_reply(const struct tuple *t, uint8_t *ret_query);
/* Whether the query, or its reply, carries an id (RFC 792, 4443). */
bool tuple_has_id(const struct tuple *t);
bool tuple_is_error(const struct tuple *t); /* an ICMP error: quotes a packet */
bool address_equal(const struct address *a, const struct address *b);
/* Either family; 0 or -EINVAL. */
int address_parse(const char *s, struct address *ret, uint8_t *ret_family);
/* buf of INET6_ADDRSTRLEN. */
const char *address_format(const struct address *a, char *buf);

/* The Ethernet frame, with checksums. Returns its length. */
size_t packet_build(const struct packet *p, uint8_t buf[PACKET_BYTES_MAX]);

#endif
