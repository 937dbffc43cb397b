/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers echo requests to the gateway: the request is turned into its reply. Each fragment is answered by itself. Its
 * offset and id stay, and the checksum in the first fragment changes by the type alone.
 */
#ifndef BPF_LIB_ECHO_H
#define BPF_LIB_ECHO_H

#include "lib/local/answer.h"
#include "lib/packet/parse.h"

/* Swaps the addresses and sets the TTL. Returns enum bytes, as echo_turn6() does. */
static __always_inline int echo_turn4(struct __sk_buff *skb, const struct packet *p)
{
	__u32 at = p->l3 + __builtin_offsetof(struct iphdr, ttl);
	__be32 addresses[2] = {p->dst[3], p->src[3]};
	__be16 was, word;

	/* the old word of TTL and protocol */
	if (bpf_skb_load_bytes(skb, at, &was, 2))
		return BYTES_FAILED;
	word = (__be16)(bpf_htons(ANSWER_HOPS << 8) | (was & bpf_htons(0xff)));
	if (bpf_l3_csum_replace(skb, p->l3 + __builtin_offsetof(struct iphdr, check), was, word, 2) ||
	    bpf_skb_store_bytes(skb, at, &word, 2, 0))
		return BYTES_FAILED;
	return (int)bpf_skb_store_bytes(skb, p->l3 + __builtin_offsetof(struct iphdr, saddr), addresses,
					sizeof(addresses), 0);
}

static __always_inline int echo_turn6(struct __sk_buff *skb, const struct packet *p)
{
	__u8 hops = ANSWER_HOPS;

	if (bpf_skb_store_bytes(skb, p->l3 + __builtin_offsetof(struct ipv6hdr, hop_limit), &hops, 1, 0) ||
	    bpf_skb_store_bytes(skb, p->l3 + __builtin_offsetof(struct ipv6hdr, saddr), p->dst, 16, 0))
		return BYTES_FAILED;
	return (int)bpf_skb_store_bytes(skb, p->l3 + __builtin_offsetof(struct ipv6hdr, daddr), p->src, 16, 0);
}

/* The token bucket of the answer that the packet in the scratch was turned into. */
static __always_inline enum answer_kind answer_kind(const struct scratch *s)
{
	const struct packet *p = &s->packet;

	return p->proto == IPPROTO_UDP || p->icmp_kind == ICMP_ND || s->ethertype == bpf_htons(ETH_P_ARP)
		       ? ANSWER_CONFIGURE
		       : ANSWER_ECHO;
}

/* Turns the request in the scratch into the reply. The request comes from the ENI's own address and is for its gateway.
 * Returns ANSWERED or a reason. */
__noinline int echo(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	const struct packet *p;
	__u8 macs[2 * ETH_ALEN];
	__be16 request, reply;

	if (!s)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	if (skb->gso_size)
		return VPC_DROP_MALFORMED;
	/* bytes behind the packet are no part of it */
	if (p->end < skb->len && bpf_skb_change_tail(skb, p->end, 0))
		return VPC_DROP_UNANSWERED;
	mac_copy(macs, s->smac);
	mac_copy(macs + ETH_ALEN, s->dmac);
	if (bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), BPF_F_INVALIDATE_HASH) ||
	    (p->family == 4 ? echo_turn4(skb, p) : echo_turn6(skb, p)))
		return VPC_DROP_UNANSWERED;
	if (p->fragment == FRAGMENT_LATER)
		return ANSWERED;
	request = bpf_htons((__u16)((__u16)p->icmp_type << 8 | p->icmp_code));
	reply = bpf_htons((__u16)((p->family == 4 ? 0u : 129u << 8) | p->icmp_code));
	if (bpf_l4_csum_replace(skb, p->l4 + 2, request, reply, 2) ||
	    bpf_skb_store_bytes(skb, p->l4, &reply, sizeof(reply), 0))
		return VPC_DROP_UNANSWERED;
	return ANSWERED;
}

#endif
