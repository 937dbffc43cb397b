/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding a destination in a route table: the longest prefix decides. routes.h says what its target means.
 */
#ifndef BPF_LIB_ROUTE_FIND_H
#define BPF_LIB_ROUTE_FIND_H

#include "lib/route/gateway.h"

#define ROUTE_STEPS 130u /* all prefix lengths of IPv6, and one step to end */

struct route_walk {
	struct scratch *s;
};

/* Index of the highest bit of x, which is not 0. */
static __always_inline __u32 highest_bit(__u64 x)
{
	__u32 n = 0;

	if (x >> 32) {
		n = 32;
		x >>= 32;
	}
	if (x >> 16) {
		n += 16;
		x >>= 16;
	}
	if (x >> 8) {
		n += 8;
		x >>= 8;
	}
	if (x >> 4) {
		n += 4;
		x >>= 4;
	}
	if (x >> 2) {
		n += 2;
		x >>= 2;
	}
	return n + (x >> 1 ? 1 : 0);
}

/* Takes the longest prefix length that is left to try; 255: none is. */
static __always_inline __u32 route_next_plen(struct scratch *s)
{
	__u32 bit;

	if (s->route_plens[2]) {
		s->route_plens[2] = 0;
		return 128;
	}
	if (s->route_plens[1]) {
		bit = highest_bit(s->route_plens[1]);
		s->route_plens[1] &= ~(1ull << (bit & 63));
		return 64 + bit;
	}
	if (!s->route_plens[0])
		return 255;
	bit = highest_bit(s->route_plens[0]);
	s->route_plens[0] &= ~(1ull << (bit & 63));
	return bit;
}

static __always_inline void route_mask(struct scratch *s, __u32 plen)
{
	struct vpc_route_key *k = &s->route_key;

	k->plen = (__u8)plen;
	if (k->family == 4) {
		k->addr[0] = s->route_address[3] & mask32(plen > 32 ? 32 : plen);
		return;
	}
	k->addr[0] = s->route_address[0] & mask32(word_bits(plen, 0));
	k->addr[1] = s->route_address[1] & mask32(word_bits(plen, 1));
	k->addr[2] = s->route_address[2] & mask32(word_bits(plen, 2));
	k->addr[3] = s->route_address[3] & mask32(word_bits(plen, 3));
}

/* Tries one prefix length. Returns 1 when the search is over. */
static long route_step(__u32 i, void *ctx)
{
	struct scratch *s = ((struct route_walk *)ctx)->s;
	const struct vpc_route_key *k = &s->route_key;
	__u32 plen = route_next_plen(s), *number, n;
	struct vpc_route_row *r;

	(void)i;
	if (plen > 128)
		return 1;
	route_mask(s, plen);
	number = bpf_map_lookup_elem(&route, k);
	if (!number)
		return 0;
	n = READ_ONCE(*number);
	r = n ? bpf_map_lookup_elem(&route_row, &n) : 0;
	if (!r || r->key.table != k->table || r->key.family != k->family || r->key.plen != k->plen ||
	    !address_equal(r->key.addr, k->addr))
		return 0;
	s->route_found = versioned_read(&r->target, s->epoch);
	return s->route_found ? 1 : 0;
}

/*
 * Returns the target of the scratch's route_address in the route table of ENI `number`'s subnet, at the scratch's
 * epoch: VPC_TARGET_… << VPC_TARGET_SHIFT | number; 0: drop the packet as no_route; or AGAIN. Every subnet has a table,
 * unless somebody has changed the map: then nothing leaves the VPC from it.
 */
__noinline int route_find(__u32 which, __u32 number, __u32 family)
{
	struct scratch *s = scratch_get(which);
	struct vpc_eni *e = eni_get(number);
	struct route_walk walk;
	struct vpc_route_plens *plens;
	struct vpc_versioned *table;
	__u32 subnet, n;
	int in_force;

	if (!s || !e)
		return 0;
	subnet = READ_ONCE(e->subnet);
	table = bpf_map_lookup_elem(&subnet_table, &subnet);
	in_force = table ? versioned_read(table, s->epoch) : 0;
	if (in_force <= 0)
		return in_force ? AGAIN : 0;
	n = (__u32)in_force;
	plens = bpf_map_lookup_elem(&route_plens, &n);
	if (!plens)
		return 0;
	s->route_found = 0;
	__builtin_memset(&s->route_key, 0, sizeof(s->route_key));
	s->route_key.table = n;
	s->route_key.family = (__u8)family;
	s->route_plens[0] = family == 4 ? READ_ONCE(plens->plens4) : READ_ONCE(plens->plens6[0]);
	s->route_plens[1] = family == 4 ? 0 : READ_ONCE(plens->plens6[1]);
	s->route_plens[2] = family == 4 ? 0 : READ_ONCE(plens->plens6[2]) & 1;
	walk.s = s;
	bpf_loop(ROUTE_STEPS, route_step, &walk, 0);
	return s->route_found;
}

#endif
