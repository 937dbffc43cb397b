/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and MACs: copying and comparing them, whose they are, and which addresses are never carried. An address has
 * 16 bytes in network order. An IPv4 address is written ::ffff:a.b.c.d.
 */
#ifndef BPF_LIB_ADDRESS_H
#define BPF_LIB_ADDRESS_H

#include "lib/core/stamp.h"

#define V4_MAPPED bpf_htonl(0xffff)

static __always_inline void address_from4(__be32 *to, __be32 v4)
{
	to[0] = 0;
	to[1] = 0;
	to[2] = V4_MAPPED;
	to[3] = v4;
}

static __always_inline void address_copy(__be32 *to, const __be32 *from)
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

static __always_inline int address_equal(const __be32 *a, const __be32 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

/* A digest of an IPv6 address. The header view and the caches use it in place of the address. */
static __always_inline __u32 address_digest6(const __be32 *a)
{
	return a[0] ^ a[1] * 0x9e3779b1u ^ a[2] * 0x85ebca6bu ^ a[3];
}

static __always_inline __be32 mask32(__u32 bits)
{
	return bits ? bpf_htonl(0xffffffffu << (32 - bits)) : 0;
}

/* How many bits of a prefix of plen bits lie in word w (0 to 3) of an IPv6 address. */
static __always_inline __u32 word_bits(__u32 plen, __u32 w)
{
	if (plen <= w * 32)
		return 0;
	return plen >= w * 32 + 32 ? 32 : plen - w * 32;
}

static __always_inline int address_is4(const __be32 *a)
{
	return !a[0] && !a[1] && a[2] == V4_MAPPED;
}

static __always_inline int mac_equal(const __u8 *a, const __u8 *b)
{
	return *(const u16_alias *)a == *(const u16_alias *)b &&
	       *(const u16_alias *)(a + 2) == *(const u16_alias *)(b + 2) &&
	       *(const u16_alias *)(a + 4) == *(const u16_alias *)(b + 4);
}

static __always_inline void mac_copy(__u8 *to, const __u8 *from)
{
	*(u16_alias *)to = *(const u16_alias *)from;
	*(u16_alias *)(to + 2) = *(const u16_alias *)(from + 2);
	*(u16_alias *)(to + 4) = *(const u16_alias *)(from + 4);
}

/* Returns the number of the ENI whose row has this key at the epoch; 0: none. */
static __always_inline __u32 address_find(const struct vpc_addr_key *key, __u64 epoch)
{
	__u32 *number = bpf_map_lookup_elem(&addr, key);
	struct vpc_addr_row *r;

	if (!number)
		return 0;
	r = bpf_map_lookup_elem(&addr_row, number);
	if (!r || !row_visible(READ_ONCE(r->born), READ_ONCE(r->died), epoch))
		return 0;
	if (r->key.vpc != key->vpc || !address_equal(r->key.addr, key->addr))
		return 0; /* the hash element was recycled after the lookup */
	return READ_ONCE(r->eni);
}

/* Returns the number of the ENI that has this address in the VPC of that number at the epoch; 0: none. */
static __always_inline __u32 address_owner_in(struct scratch *s, __u32 number, const __be32 *a)
{
	s->addr_key.vpc = number;
	address_copy(s->addr_key.addr, a);
	return address_find(&s->addr_key, s->epoch);
}

/* Returns the number of the ENI of VPC s->vpc that has this address at the epoch; 0: none. */
static __always_inline __u32 address_owner(struct scratch *s, const __be32 *a)
{
	return address_owner_in(s, s->vpc, a);
}

/* Makes the key of a MAC on a subnet's bridge (abi.h). bridge: the bridge's ifindex, VPC_BRIDGE_FIRST + subnet. */
static __always_inline void address_mac_key(struct vpc_addr_key *key, __u32 bridge, const __u8 *mac)
{
	__u8 *bytes = (__u8 *)key->addr;

	key->vpc = bridge;
	__builtin_memset(bytes, 0, 16 - ETH_ALEN);
	mac_copy(bytes + 16 - ETH_ALEN, mac);
}

/* Returns the number of the ENI of the subnet that has this MAC at the epoch; 0: none. */
static __always_inline __u32 address_mac_owner(struct scratch *s, __u32 subnet, const __u8 *mac)
{
	address_mac_key(&s->addr_key, VPC_BRIDGE_FIRST + subnet, mac);
	return address_find(&s->addr_key, s->epoch);
}

static __always_inline int address_is_link_local6(const __be32 *a)
{
	return (a[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Whether it is fe80::1, the link-local address of every subnet's router. */
static __always_inline int address_is_gateway6(const __be32 *a)
{
	return a[0] == bpf_htonl(0xfe800000) && !a[1] && !a[2] && a[3] == bpf_htonl(1);
}

/* Whether it is the link-local address that the kernel derives from the MAC (EUI-64; RFC 4291, appendix A). */
static __always_inline int address_is_link_local_of(const __be32 *a, const __u8 *mac)
{
	return a[0] == bpf_htonl(0xfe800000) && !a[1] &&
	       a[2] == bpf_htonl((__u32)(mac[0] ^ 2) << 24 | (__u32)mac[1] << 16 | (__u32)mac[2] << 8 | 0xff) &&
	       a[3] == bpf_htonl(0xfe000000 | (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5]);
}

/* Whether a link-local address is the gateway's, or is derived from another MAC (EUI-64). Any other one may be the
 * ENI's own: stacks also choose them at random or from a secret (RFC 7217, RFC 8981). */
static __always_inline int address_is_others_link_local(const __be32 *a, const __u8 *mac)
{
	if (address_is_gateway6(a))
		return 1;
	return (a[2] & bpf_htonl(0xff)) == bpf_htonl(0xff) && (a[3] & bpf_htonl(0xff000000)) == bpf_htonl(0xfe000000) &&
	       !address_is_link_local_of(a, mac);
}

/* Whether it is multicast, broadcast or in the reserved block 240/4. */
static __always_inline int address_is_multicast(__u8 family, const __be32 *a)
{
	if (family == 4)
		return bpf_ntohl(a[3]) >= 0xe0000000;
	return (a[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* Returns the reason why a unicast address is never carried; 0: it may be carried. */
static __always_inline int address_special(__u8 family, const __be32 *a)
{
	if (family == 4) {
		__u32 v4 = bpf_ntohl(a[3]);

		if (v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 16 == 0xa9fe)
			return VPC_DROP_SPECIAL_ADDRESS;
		return 0;
	}
	if (address_is_link_local6(a))
		return VPC_DROP_LINK_LOCAL;
	if (!a[0] && !a[1] && (a[2] == V4_MAPPED || (!a[2] && bpf_ntohl(a[3]) <= 1)))
		return VPC_DROP_SPECIAL_ADDRESS;
	return 0;
}

/* Whether the address is in the address space of VPC s->vpc. */
static __always_inline int address_in_space(struct scratch *s, __u8 family, const __be32 *a)
{
	__u32 number = s->vpc;
	struct vpc_space *space = bpf_map_lookup_elem(&vpc, &number);

	if (!space)
		return 0;
	for (__u32 i = 0; i < VPC_CIDRS_MAX; i++) {
		if (family == 4) {
			if (i < space->n4 && (a[3] & space->cidr4[i].mask) == space->cidr4[i].addr)
				return 1;
		} else {
			const struct vpc_cidr6 *c = &space->cidr6[i];

			if (i < space->n6 && (a[0] & c->mask[0]) == c->addr[0] && (a[1] & c->mask[1]) == c->addr[1] &&
			    (a[2] & c->mask[2]) == c->addr[2] && (a[3] & c->mask[3]) == c->addr[3])
				return 1;
		}
	}
	return 0;
}

#endif
