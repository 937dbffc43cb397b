/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header view of a packet. Only a whole TCP or UDP packet has one, without options and extension headers, with all
 * headers in the linear part. The fast paths (fast/fast.h, fast/tcp.h) read packets by it; parse.h reads all others.
 * tests/bpf/parse.c compares the two readers.
 */
#ifndef BPF_LIB_VIEW_H
#define BPF_LIB_VIEW_H

#include "lib/packet/parse.h"
#include "lib/packet/redirect.h"

struct header_view {
	__u32 src; /* IPv6: digests */
	__u32 dst;
	__u32 ports; /* as in the packet: source, then destination */
	__u32 room;  /* bytes of the packet behind the IP header */
	__u8 proto;
	__u8 family;
	__u8 tcp_flags;
	/* These are pointers because the verifier tracks whether a pointer is NULL. They say what kind of packet it
	 * is. */
	const __be32 *src6; /* source, and behind it the destination; NULL: IPv4 */
	const __u8 *tcp;    /* the TCP header; NULL: UDP */
	struct frame frame;
};

/* Reads the upper header at l4. Returns its length in bytes, or 0: the packet has no header view. */
static __always_inline __u32 view_upper(struct header_view *p, const __u8 *l4, const __u8 *end)
{
	__u32 length = 8;

	p->tcp = 0;
	if (p->proto == IPPROTO_TCP) {
		if (l4 + 20 > end)
			return 0;
		p->tcp = l4;
		p->tcp_flags = l4[13];
		length = (__u32)(l4[12] >> 4) * 4;
		if (length < 20)
			return 0;
	} else if (p->proto != IPPROTO_UDP) {
		return 0;
	}
	p->ports = *(const u32_alias *)l4;
	return length <= p->room ? length : 0;
}

static __always_inline int view_ipv4(const struct __sk_buff *skb, const __u8 *l3, const __u8 *end,
				     struct header_view *p)
{
	const struct iphdr *ip = (const struct iphdr *)l3;
	__u32 total, upper;

	if (l3 + sizeof(*ip) + 8 > end || *l3 != 0x45 || (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)))
		return 0;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || total + ETH_HLEN > skb->len)
		return 0;
	p->room = total - (__u32)sizeof(*ip);
	p->proto = ip->protocol;
	p->src6 = 0;
	p->src = ip->saddr;
	p->dst = ip->daddr;
	p->frame.hop_limit = ip->ttl;
	upper = view_upper(p, l3 + sizeof(*ip), end);
	p->frame.headers = (__u32)sizeof(*ip) + upper;
	return upper != 0;
}

static __always_inline const __be32 *view_dst6(const struct header_view *p)
{
	return p->src6 + 4;
}

static __always_inline int view_ipv6(const struct __sk_buff *skb, const __u8 *l3, const __u8 *end,
				     struct header_view *p)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)l3;
	__u32 upper;

	if (l3 + sizeof(*ip) + 8 > end || *l3 >> 4 != 6)
		return 0;
	p->room = bpf_ntohs(ip->payload_len);
	if (p->room + sizeof(*ip) + ETH_HLEN > skb->len)
		return 0;
	p->proto = ip->nexthdr;
	p->src6 = (const __be32 *)&ip->saddr;
	p->src = address_digest6(p->src6);
	p->dst = address_digest6(view_dst6(p));
	p->frame.hop_limit = ip->hop_limit;
	upper = view_upper(p, l3 + sizeof(*ip), end);
	p->frame.headers = (__u32)sizeof(*ip) + upper;
	return upper != 0;
}

/* Reads the frame. Returns 0 when the packet has no header view: p must not be used then. */
static __always_inline int view_read(const struct __sk_buff *skb, struct header_view *p)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;

	if (data + ETH_HLEN > end || skb->vlan_present)
		return 0;
	p->frame.macs = data;
	p->frame.bytes = skb->len - ETH_HLEN;
	if (*(const u16_alias *)(data + 12) == bpf_htons(ETH_P_IP)) {
		p->family = 4;
		return view_ipv4(skb, data + ETH_HLEN, end, p);
	}
	p->family = 6;
	return *(const u16_alias *)(data + 12) == bpf_htons(ETH_P_IPV6) && view_ipv6(skb, data + ETH_HLEN, end, p);
}

/* Whether the IP header's checksum is right. */
static __always_inline int view_checksum_is_right(const struct header_view *p)
{
	const u32_alias *words = (const u32_alias *)(p->frame.macs + ETH_HLEN);
	__u64 sum = 0;

	if (p->src6)
		return 1;
	for (__u32 i = 0; i < sizeof(struct iphdr) / 4; i++)
		sum += words[i];
	return checksum_fold(sum) == 0xffff;
}

/* Offset of the upper header in the frame. */
static __always_inline __u32 view_l4(const struct header_view *p)
{
	return ETH_HLEN + (__u32)(p->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

#endif
