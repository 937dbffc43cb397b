/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the kernel's maps as the programs read them: what is enforced, and not what vpcd thinks it wrote. Nothing here
 * writes to a map. All of it is for the engine's thread: a change is published by the same thread, so everything that
 * is read between look_begin() and the end of a question is of one epoch.
 *
 * Addresses are four words in network byte order, IPv4 as ::ffff:a.b.c.d. Ports are in host byte order.
 */
#ifndef DATAPATH_MAPS_LOOK_H
#define DATAPATH_MAPS_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

#include "datapath/maps/map.h"

struct maps;

struct look {
	const struct maps *maps; /* borrowed */
	uint64_t epoch;		 /* the one that the kernel's row of `ctl` has */
	uint64_t now_ns;	 /* CLOCK_MONOTONIC */
};

struct look_packet {
	uint8_t family; /* 4, 6 */
	uint8_t proto;
	__be32 src[4], dst[4];
	uint16_t sport, dport; /* TCP and UDP; of an ICMP query with an id, the id in both; else 0 */
	uint8_t icmp_type, icmp_code;
};

/* now_ns: CLOCK_MONOTONIC. */
struct look look_begin(const struct maps *maps, uint64_t now_ns);
/* The row of a mapped array with this number, borrowed; NULL: the array has no such number. */
const void *look_row(const struct look *l, enum map_id id, uint32_t number);
/* Looks a key up in a hash. False: it isn't there, or can't be read. */
bool look_key(const struct look *l, enum map_id id, const void *key, void *ret);
/* The key after `key` (NULL: the first) of a hash, in no order. 0, or -ENOENT behind the last. */
int look_next_key(const struct look *l, enum map_id id, const void *key, void *ret);
/* The value of v in force; 0: none. */
uint32_t look_value(const struct look *l, const struct vpc_versioned *v);
/* The row of an ENI, borrowed; NULL: there is none. */
const struct vpc_eni *look_eni(const struct look *l, uint32_t number);
/* The set of an ENI's groups that is in force; 0: none. */
uint32_t look_set_of(const struct look *l, uint32_t eni);
/* The number of the ENI that has an address in the VPC of that number; 0: none. ret_eip: the number of the elastic IP
 * of that address, or 0; may be NULL. */
uint32_t look_owner(const struct look *l, uint32_t vpc, const __be32 *address, uint32_t *ret_eip);
/* Whether an address is in the VPC's address space. */
bool look_in_space(const struct look *l, uint32_t vpc, uint8_t family, const __be32 *address);

/* A mask of so many bits of a word, network byte order. bits: 0 to 32. */
__be32 look_mask(uint32_t bits);
/* Writes the first `plen` bits of an IPv6 address to ret, and zeroes the rest. */
void look_prefix6(const __be32 *address, uint32_t plen, __be32 *ret);
bool look_is4(const __be32 *address);
bool look_equal(const __be32 *a, const __be32 *b);
/* VPC_SLOT_… of a protocol. */
uint8_t look_slot(uint8_t family, uint8_t proto);
/* What rules compare beside addresses: the destination port; of ICMP type << 8 | code; of others the protocol. */
uint16_t look_port(const struct look_packet *p);

enum look_icmp {
	LOOK_ICMP_NONE,
	LOOK_ICMP_QUERY,
	LOOK_ICMP_REPLY,
	LOOK_ICMP_ERROR,   /* about another packet */
	LOOK_ICMP_REFUSED, /* a redirect */
	LOOK_ICMP_ND,
};
/* What kind of ICMP packet it is. ret_query: the type of its query, also of a reply. */
enum look_icmp look_icmp(const struct look_packet *p, uint8_t *ret_query);

/* The value of the interval that has the key, in a list of a table of `map` that begins at block `table`; 0: none.
 * words: of the key, most significant first, in host byte order. */
uint32_t look_list(const struct look *l, enum map_id map, uint32_t table, const struct vpc_classifier_list *list,
		   const uint32_t *key, unsigned words);

#endif
