/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key of a flow, which both directions have in common. */
#ifndef BPF_LIB_FLOW_KEY_H
#define BPF_LIB_FLOW_KEY_H

#include "lib/core/address.h"

#include <vpc/abi/flow_tag.h>

/* Whether a is greater than b, byte by byte. There is no loop, so that callers' arrays need no stack. */
static __always_inline int address_after(const __be32 *a, const __be32 *b)
{
	if (a[0] != b[0])
		return bpf_ntohl(a[0]) > bpf_ntohl(b[0]);
	if (a[1] != b[1])
		return bpf_ntohl(a[1]) > bpf_ntohl(b[1]);
	if (a[2] != b[2])
		return bpf_ntohl(a[2]) > bpf_ntohl(b[2]);
	return bpf_ntohl(a[3]) > bpf_ntohl(b[3]);
}

/* Fills a key's addresses and ports, the lesser end first. Returns the index of the source in the key. */
static __always_inline __u32 flow_key_ends(struct vpc_flow_key *k, const __be32 *src, const __be32 *dst, __be16 sport,
					   __be16 dport)
{
	if (address_after(src, dst) || (address_equal(src, dst) && bpf_ntohs(sport) > bpf_ntohs(dport))) {
		address_copy(k->addr[0], dst);
		address_copy(k->addr[1], src);
		k->port[0] = dport;
		k->port[1] = sport;
		asm volatile(""); /* else clang merges both branches and puts callers' arrays on the stack */
		return 1;
	}
	address_copy(k->addr[0], src);
	address_copy(k->addr[1], dst);
	k->port[0] = sport;
	k->port[1] = dport;
	return 0;
}

/* Fills the rest of a key that isn't ICMP. */
static __always_inline void flow_key_rest(struct vpc_flow_key *k, __u32 space, __u32 via, __u8 proto)
{
	k->vpc = space;
	k->via = via;
	k->proto = proto;
	k->icmp_type = 0;
	k->icmp_code = 0;
	k->icmp_asker = 0;
}

/* Makes the scratch's key from a packet. */
static __always_inline void flow_key(struct scratch *s, const struct packet *p, __u32 via)
{
	struct vpc_flow_key *k = &s->key;

	s->from = flow_key_ends(k, p->src, p->dst, p->sport, p->dport);
	flow_key_rest(k, s->vpc, via, p->proto);
	if (p->icmp_kind != ICMP_NONE) {
		k->icmp_type = p->query_type;
		k->icmp_code = p->icmp_code;
		/* which address asks: a query from the other side is another flow */
		k->icmp_asker = (__u8)((s->from ^ (p->icmp_kind == ICMP_REPLY)) & 1);
	}
	s->tag = vpc_flow_tag(k);
}

#endif
