/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP addresses and CIDRs: parsing, printing, comparing; MACs are in vpc/hex.h. Pure. Also a parser of outside bytes:
 * tests/fuzz/. */
#ifndef MODEL_ADDRESS_H
#define MODEL_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/hex.h>

/* family 4 or 6 (0: none). bytes in network order; IPv4 as ::ffff:a.b.c.d, as the maps have it. */
struct ip {
	uint8_t family;
	uint8_t bytes[16];
};

/* plen counts the bits of the family: 0..32 or 0..128. */
struct cidr {
	struct ip addr;
	uint8_t plen;
};

#define IP_STRLEN   46
#define CIDR_STRLEN 50

/* Each parser takes the whole string, in its usual notation (no leading zeros in IPv4, no zone). 0, or -EINVAL: not
 * one; ret is then untouched. cidr_parse does not refuse host bits: cidr_has_host_bits tells. */
int ip_parse(const char *s, struct ip *ret);
int cidr_parse(const char *s, struct cidr *ret);

/* Return buf. */
const char *ip_format(const struct ip *ip, char buf[IP_STRLEN]);
const char *cidr_format(const struct cidr *c, char buf[CIDR_STRLEN]);

/* The four bytes of an IPv4 address in network order; an IPv4 address from them. */
uint32_t ip_v4_be(const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);

/* Whether a bit of the address behind the prefix is set. */
bool cidr_has_host_bits(const struct cidr *c);
/* False across families. */
bool cidr_contains_ip(const struct cidr *c, const struct ip *ip);
bool cidr_contains(const struct cidr *outer, const struct cidr *inner);
bool cidr_overlaps(const struct cidr *a, const struct cidr *b);
/* The nth address of the CIDR (0: the network address). n must be inside it, at most 2^32 - 1. */
struct ip cidr_nth(const struct cidr *c, uint32_t n);
/* Netmask of an IPv4 prefix length, network byte order. */
uint32_t mask4_be(uint8_t plen);

#endif
