/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation of what isn't in a packet's own headers: the packet that an ICMP error quotes, and the ports of a
 * fragmented packet, which only the first fragment has.
 */
#ifndef BPF_LIB_EDGE_QUOTE_H
#define BPF_LIB_EDGE_QUOTE_H

#include "lib/route/nat.h"
#include "lib/route/rewrite.h"
#include "lib/flow/share.h"

#define NAT_FRAGMENT_NS (30 * NS_PER_S)

/* Reads the packet that the ICMP error in the scratch quotes. Returns PASS or a reason. */
static __always_inline int quote_read(struct __sk_buff *skb, struct scratch *s)
{
	const struct packet *p = &s->packet, *q = &s->quoted;

	if (p->fragment != WHOLE || p->l4 + 8 >= p->end || parse_packet(skb, p->l4 + 8, p->family, p->end))
		return VPC_DROP_ICMP_UNRELATED;
	if (q->fragment == FRAGMENT_LATER || q->icmp_kind == ICMP_ERROR || q->icmp_kind == ICMP_REFUSED)
		return VPC_DROP_ICMP_UNRELATED;
	return PASS;
}

/*
 * Gives one end (EDGE_…) of the quoted packet another address and port. port_be 0: the address only. What the address
 * changes in the error's sum, the quoted header's own checksum cancels. The quoted upper checksum isn't changed: a
 * quotation is cut short, so no receiver checks it. Returns PASS or a reason.
 */
__noinline int quote_rewrite(struct __sk_buff *skb, __u32 end, __be32 address, __u32 port_be)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	__be16 port = (__be16)port_be, old_port;
	const struct packet *q;
	__u32 at;
	__be32 old;

	if (!s)
		return VPC_DROP_NOT_READY;
	q = &s->quoted;
	old = end == EDGE_SOURCE ? q->src[3] : q->dst[3];
	old_port = end == EDGE_SOURCE ? q->sport : q->dport;
	at = q->l4 + (q->proto == IPPROTO_ICMP ? ICMP_ID : end == EDGE_SOURCE ? 0 : 2);
	if (bpf_l3_csum_replace(skb, q->l3 + IPV4_CHECK, old, address, sizeof(address)) ||
	    bpf_skb_store_bytes(skb, q->l3 + (end == EDGE_SOURCE ? IPV4_SOURCE : IPV4_DESTINATION), &address,
				sizeof(address), 0))
		return VPC_DROP_NO_MEMORY;
	if (port && rewrite_port(skb, at, s->packet.l4 + ICMP_CHECK, 0, old_port, port))
		return VPC_DROP_NO_MEMORY;
	return PASS;
}

/* --- fragments ---------------------------------------------------------------------------------------------------- */

/* Makes the key. space: the VPC that the packet leaves; 0: it comes from the world. */
static __always_inline void nat_fragment_key(struct scratch *s, struct edge *e, __u32 space)
{
	struct vpc_nat_fragment_key *k = &e->fragment_key;
	const struct packet *p = &s->packet;

	k->vpc = space;
	k->src = p->src[3];
	k->dst = p->dst[3];
	k->pad = 0;
	k->id = bpf_htons((__u16)bpf_ntohl(p->fragment_id));
	k->proto = p->fragment_proto;
	k->pad2[0] = 0;
	k->pad2[1] = 0;
	k->pad2[2] = 0;
}

/* Stores e->fragment in the map where its ENI has room, and deletes it from the other. sender: 0: it comes from the
 * world, and counts to the receiver. */
static __always_inline void nat_fragment_store(struct scratch *s, struct edge *e, __u32 sender)
{
	if (share_take_fragment(e->vpc, sender, e->entry.eni, s->now_ns, 1)) {
		bpf_map_update_elem(&nat_fragment, &e->fragment_key, &e->fragment, BPF_ANY);
		bpf_map_delete_elem(&nat_fragment_overflow, &e->fragment_key);
		return;
	}
	bpf_map_update_elem(&nat_fragment_overflow, &e->fragment_key, &e->fragment, BPF_ANY);
	bpf_map_delete_elem(&nat_fragment, &e->fragment_key);
}

/* Stores how a first fragment is translated by e->entry, if the packet is one. It must be called before the fragment is
 * rewritten. e->vpc and e->gateway must be set. space: as in nat_fragment_key(). */
static __always_inline void nat_fragment_remember(struct scratch *s, struct edge *e, __u32 space)
{
	struct vpc_nat_fragment *v = &e->fragment;

	if (s->packet.fragment != FRAGMENT_FIRST)
		return;
	nat_fragment_key(s, e, space);
	v->seen_ns = s->now_ns;
	v->address = e->entry.other.local;
	v->other = e->entry.flags & VPC_NAT_HOST ? e->entry.other.remote : 0;
	v->vpc = e->vpc;
	v->gateway = e->gateway;
	v->end = s->packet.fragment_at;
	v->pad = 0;
	v->pad2 = 0;
	nat_fragment_store(s, e, space ? e->entry.eni : 0);
}

/* Reads how the first fragment of the later fragment in the scratch was translated, into e->fragment. Returns PASS;
 * FRAGMENT: the first one isn't known; or MALFORMED: this one would overwrite the headers of the first one. */
static __always_inline int nat_fragment_follow(struct scratch *s, struct edge *e, __u32 space)
{
	struct vpc_nat_fragment *v;

	nat_fragment_key(s, e, space);
	v = bpf_map_lookup_elem(&nat_fragment, &e->fragment_key);
	if (!v)
		v = bpf_map_lookup_elem(&nat_fragment_overflow, &e->fragment_key);
	if (!v)
		return VPC_DROP_FRAGMENT;
	e->fragment = *v;
	if ((__s64)(s->now_ns - e->fragment.seen_ns) > (__s64)NAT_FRAGMENT_NS)
		return VPC_DROP_FRAGMENT;
	return s->packet.fragment_at < e->fragment.end ? VPC_DROP_MALFORMED : PASS;
}

#endif
