/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/look/look.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/words.h"

struct look look_begin(const struct maps *maps, uint64_t now_ns)
{
	return (struct look){.maps = maps, .epoch = load64(&ctl_at(maps, 0)->epoch), .now_ns = now_ns};
}

const void *look_row(const struct look *l, enum map_id id, uint32_t number)
{
	const struct kernel_map *map = &l->maps->map[id];

	return number < map->n ? (const char *)map->mem + (size_t)((map->value_size + 7u) & ~7u) * number : NULL;
}

bool look_key(const struct look *l, enum map_id id, const void *key, void *ret)
{
	return bpf_map_lookup_elem(l->maps->map[id].fd, key, ret) == 0;
}

int look_next_key(const struct look *l, enum map_id id, const void *key, void *ret)
{
	return bpf_map_get_next_key(l->maps->map[id].fd, key, ret);
}

uint32_t look_value(const struct look *l, const struct vpc_versioned *v)
{
	return v ? versioned_value(v, l->epoch) : 0;
}

const struct vpc_eni *look_eni(const struct look *l, uint32_t number)
{
	const struct vpc_eni *e = number ? look_row(l, MAP_ENI, number) : NULL;

	return e && e->vpc && e->incarnation ? e : NULL;
}

uint32_t look_set_of(const struct look *l, uint32_t eni)
{
	const struct vpc_eni *e = look_eni(l, eni);

	return e ? look_value(l, &e->set) : 0;
}

uint32_t look_owner(const struct look *l, uint32_t vpc, const __be32 *address, uint32_t *ret_eip)
{
	struct vpc_addr_key key = {.vpc = vpc};
	const struct vpc_addr_row *row;
	uint32_t number;

	if (ret_eip)
		*ret_eip = 0;
	memcpy(key.addr, address, sizeof(key.addr));
	if (!look_key(l, MAP_ADDR, &key, &number))
		return 0;
	row = look_row(l, MAP_ADDR_ROW, number);
	if (!row || !visible(row->born, row->died, l->epoch) || memcmp(&row->key, &key, sizeof(key)) != 0)
		return 0;
	if (ret_eip)
		*ret_eip = look_value(l, &row->eip);
	return row->eni;
}

bool look_in_space(const struct look *l, uint32_t vpc, uint8_t family, const __be32 *address)
{
	const struct vpc_space *space = look_row(l, MAP_VPC, vpc);

	if (!space)
		return false;
	for (unsigned i = 0; family == 4 && i < space->n4 && i < VPC_CIDRS_MAX; i++)
		if ((address[3] & space->cidr4[i].mask) == space->cidr4[i].addr)
			return true;
	for (unsigned i = 0; family == 6 && i < space->n6 && i < VPC_CIDRS_MAX; i++) {
		unsigned same = 0;

		for (unsigned w = 0; w < 4; w++)
			same += (address[w] & space->cidr6[i].mask[w]) == space->cidr6[i].addr[w];
		if (same == 4)
			return true;
	}
	return false;
}

__be32 look_mask(uint32_t bits)
{
	return bits ? htonl(UINT32_MAX << (32 - bits)) : 0;
}

void look_prefix6(const __be32 *address, uint32_t plen, __be32 *ret)
{
	for (uint32_t w = 0; w < 4; w++) {
		uint32_t bits = plen <= w * 32 ? 0 : plen >= w * 32 + 32 ? 32 : plen - w * 32;

		ret[w] = address[w] & look_mask(bits);
	}
}

bool look_is4(const __be32 *address)
{
	return !address[0] && !address[1] && address[2] == htonl(0xffff);
}

bool look_equal(const __be32 *a, const __be32 *b)
{
	return memcmp(a, b, 4 * sizeof(*a)) == 0;
}

uint8_t look_slot(uint8_t family, uint8_t proto)
{
	if (proto == IPPROTO_TCP)
		return VPC_SLOT_TCP;
	if (proto == IPPROTO_UDP)
		return VPC_SLOT_UDP;
	if (family == 4 && proto == IPPROTO_ICMP)
		return VPC_SLOT_ICMP;
	return family == 6 && proto == IPPROTO_ICMPV6 ? VPC_SLOT_ICMPV6 : VPC_SLOT_OTHER;
}

uint16_t look_port(const struct look_packet *p)
{
	switch (look_slot(p->family, p->proto)) {
	case VPC_SLOT_OTHER:
		return p->proto;
	case VPC_SLOT_ICMP:
	case VPC_SLOT_ICMPV6:
		return (uint16_t)(p->icmp_type << 8 | p->icmp_code);
	default:
		return p->dport;
	}
}

static enum look_icmp icmp4(uint8_t type, uint8_t *ret_query)
{
	switch (type) {
	case 0: /* of a reply: echo, timestamp, information, address mask */
		*ret_query = 8;
		return LOOK_ICMP_REPLY;
	case 14:
	case 16:
	case 18:
		*ret_query = (uint8_t)(type - 1);
		return LOOK_ICMP_REPLY;
	case 3:
	case 4:
	case 11:
	case 12:
		return LOOK_ICMP_ERROR;
	case 5:
		return LOOK_ICMP_REFUSED;
	default:
		return LOOK_ICMP_QUERY;
	}
}

static enum look_icmp icmp6(uint8_t type, uint8_t *ret_query)
{
	if (type == 129 || type == 140) {
		*ret_query = (uint8_t)(type - 1);
		return LOOK_ICMP_REPLY;
	}
	if (type >= 1 && type <= 4)
		return LOOK_ICMP_ERROR;
	return type >= 133 && type <= 137 ? LOOK_ICMP_ND : LOOK_ICMP_QUERY;
}

enum look_icmp look_icmp(const struct look_packet *p, uint8_t *ret_query)
{
	uint8_t slot = look_slot(p->family, p->proto);

	*ret_query = p->icmp_type;
	if (slot == VPC_SLOT_ICMP)
		return icmp4(p->icmp_type, ret_query);
	return slot == VPC_SLOT_ICMPV6 ? icmp6(p->icmp_type, ret_query) : LOOK_ICMP_NONE;
}

/* --- lists of intervals (abi/classifier.h) ------------------------------------------------------------------------ */

/* How many of the first n keys of a block are not above the key. Keys ascend. */
static uint32_t rank(const struct vpc_classifier_block *b, const uint32_t *key, unsigned words, uint32_t n)
{
	uint32_t i = 0;

	for (; i < n; i++) {
		unsigned w = 0;

		while (w < words && b->word[i * words + w] == key[w])
			w++;
		if (w < words && b->word[i * words + w] > key[w])
			break;
	}
	return i;
}

/* More levels than a list has. */
#define LEVELS_MAX 16u

uint32_t look_list(const struct look *l, enum map_id map, uint32_t table, const struct vpc_classifier_list *list,
		   const uint32_t *key, unsigned words)
{
	uint32_t levels = list->size >> VPC_LIST_LEVELS_SHIFT, leaves = list->size & VPC_LIST_LEAVES_MASK;
	uint32_t at = table + list->at, nth = 0, shift = VPC_STEPS_INNER_SHIFT(words), leaf = VPC_STEPS_LEAF(words);
	const struct vpc_classifier_block *b;

	if (!levels || levels > LEVELS_MAX)
		return 0;
	while (--levels) {
		uint32_t here = (leaves - 1) >> (levels * shift & 31),
			 below = (leaves - 1) >> ((levels - 1) * shift & 31);

		b = look_row(l, map, at + nth);
		if (!b)
			return 0;
		nth = (nth << shift) + rank(b, key, words, VPC_STEPS_INNER(words)) - 1;
		nth = nth > below ? below : nth;
		at += here + 1;
	}
	b = look_row(l, map, at + nth);
	return b ? b->word[(leaf * words + rank(b, key, words, leaf) - 1) & (VPC_BLOCK_WORDS - 1)] : 0;
}
