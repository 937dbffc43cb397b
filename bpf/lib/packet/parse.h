/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads an IP packet into a struct packet. Whole TCP and UDP packets whose headers are in the linear part are read
 * directly. All others are read through bpf_skb_load_bytes, which checks the bounds and also copies from fragments of
 * the skb. So a header that isn't linear is never taken for a header that is too short.
 */
#ifndef BPF_LIB_PARSE_H
#define BPF_LIB_PARSE_H

#include "lib/core/address.h"
#include "lib/packet/tcp.h"

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#define IP_MF	  0x2000
#define IP_OFFSET 0x1fff

#define EXT_HOPOPTS	0
#define EXT_ROUTING	43
#define EXT_FRAGMENT	44
#define EXT_AH		51
#define EXT_DSTOPTS	60
#define EXT_MOBILITY	135
#define EXT_HIP		139
#define EXT_SHIM6	140
#define EXT_HEADERS_MAX 8

/* limit: offset of the first byte that may not be read. Of a frame it is the frame's end, of a quotation the end of the
 * packet that quotes. Bytes behind the packet are no part of it: a receiver doesn't read them. */
static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *p, __u32 quoted, __u32 limit)
{
	__u32 available, total, header, fragment_word;
	struct iphdr ip;

	if (p->l3 + sizeof(ip) > limit || bpf_skb_load_bytes(skb, p->l3, &ip, sizeof(ip)))
		return VPC_DROP_MALFORMED;
	if (ip.version != 4 || ip.ihl < 5)
		return VPC_DROP_MALFORMED;
	available = limit - p->l3;
	header = (__u32)ip.ihl * 4;
	total = bpf_ntohs(ip.tot_len);
	if (quoted ? total > available : !total && skb->gso_size)
		total = available; /* a quotation is shorter than its packet; a segment over 64 KiB has no length
				    * (BIG TCP) */
	if (total < header || total > available)
		return VPC_DROP_MALFORMED;
	p->end = p->l3 + total;
	p->l4 = p->l3 + header;
	address_from4(p->src, ip.saddr);
	address_from4(p->dst, ip.daddr);
	p->proto = ip.protocol;
	p->fragment_proto = ip.protocol;
	p->hop_limit = ip.ttl;
	p->fragment_id = bpf_htonl(bpf_ntohs(ip.id));
	fragment_word = bpf_ntohs(ip.frag_off);
	if (fragment_word & IP_OFFSET) {
		p->fragment = FRAGMENT_LATER;
		p->fragment_at = (__u16)(fragment_word & IP_OFFSET);
		/* RFC 1858: it would overwrite the flags in the first fragment's TCP header */
		if (ip.protocol == IPPROTO_TCP && (fragment_word & IP_OFFSET) == 1)
			return VPC_DROP_MALFORMED;
	} else if (fragment_word & IP_MF) {
		p->fragment = FRAGMENT_FIRST;
		p->fragment_at = (__u16)((total - header) / 8);
	}
	return PASS;
}

static __always_inline int is_extension(__u8 next)
{
	return next == EXT_HOPOPTS || next == EXT_ROUTING || next == EXT_FRAGMENT || next == EXT_AH ||
	       next == EXT_DSTOPTS || next == EXT_MOBILITY || next == EXT_HIP || next == EXT_SHIM6;
}

/* Whether further headers can be read. */
enum headers {
	HEADERS_FOLLOW, /* read the next header */
	HEADERS_END,	/* stop: the next header is in another fragment */
};

/* Reads the fragment header h at p->l4. */
static __always_inline enum headers parse_fragment6(struct packet *p, const __u8 *h)
{
	__u32 offset = (__u32)h[2] << 8 | h[3];

	p->fragment_id = *(const u32_alias *)(h + 4);
	p->fragment_proto = h[0];
	p->proto = h[0];
	if (offset >> 3) {
		p->fragment = FRAGMENT_LATER;
		p->fragment_at = (__u16)(offset >> 3);
		return HEADERS_END;
	}
	if (offset & 1) { /* else an atomic fragment, which is a whole packet (RFC 6946) */
		p->fragment = FRAGMENT_FIRST;
		p->fragment_at = (__u16)((p->end - p->l4 - 8) / 8);
	}
	return HEADERS_FOLLOW;
}

static __always_inline int parse_extensions(struct __sk_buff *skb, struct packet *p)
{
	__u32 fragmented = 0;

	for (__u32 i = 0; i <= EXT_HEADERS_MAX; i++) {
		__u64 words = 0;
		const __u8 *h = (const __u8 *)&words;
		__u8 next = p->proto;
		__u32 length;

		if (!is_extension(next))
			return PASS;
		if (i == EXT_HEADERS_MAX)
			return VPC_DROP_EXTENSION_HEADER;
		if (p->l4 + 8 > p->end || bpf_skb_load_bytes(skb, p->l4, &words, 8))
			return VPC_DROP_MALFORMED;
		length = ((__u32)h[1] + 1) * 8;
		p->proto = h[0];
		if (next == EXT_ROUTING && h[2] == 0)
			return VPC_DROP_EXTENSION_HEADER; /* a type 0 routing header (RFC 5095) */
		if (next == EXT_AH)
			length = ((__u32)h[1] + 2) * 4;
		if (next == EXT_FRAGMENT) {
			if (fragmented++)
				return VPC_DROP_EXTENSION_HEADER;
			length = 8;
			if (parse_fragment6(p, h) == HEADERS_END) {
				if (h[0] == IPPROTO_TCP && ((__u32)h[2] << 8 | h[3]) >> 3 == 1)
					return VPC_DROP_MALFORMED;
				return PASS;
			}
		}
		p->l4 += length;
		if (p->l4 > p->end)
			return VPC_DROP_MALFORMED;
	}
	return VPC_DROP_EXTENSION_HEADER;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p, __u32 quoted, __u32 limit)
{
	__u32 available, total;
	struct ipv6hdr ip;

	if (p->l3 + sizeof(ip) > limit || bpf_skb_load_bytes(skb, p->l3, &ip, sizeof(ip)))
		return VPC_DROP_MALFORMED;
	if (ip.version != 6)
		return VPC_DROP_MALFORMED;
	available = limit - p->l3;
	total = (__u32)bpf_ntohs(ip.payload_len) + 40;
	if (quoted ? total > available : !ip.payload_len && skb->gso_size)
		total = available;
	if (total > available)
		return VPC_DROP_MALFORMED;
	p->end = p->l3 + total;
	p->l4 = p->l3 + 40;
	__builtin_memcpy(p->src, &ip.saddr, 16);
	__builtin_memcpy(p->dst, &ip.daddr, 16);
	p->proto = ip.nexthdr;
	p->hop_limit = ip.hop_limit;
	return parse_extensions(skb, p);
}

/* Sets icmp_kind and query_type from the type. */
static __always_inline void classify_icmp4(struct packet *p)
{
	p->icmp_kind = ICMP_QUERY;
	p->query_type = p->icmp_type;
	switch (p->icmp_type) {
	case 0: /* echo, timestamp, information, address mask: a reply's type, then its query's */
		p->query_type = 8;
		p->icmp_kind = ICMP_REPLY;
		break;
	case 14:
	case 16:
	case 18:
		p->query_type = (__u8)(p->icmp_type - 1);
		p->icmp_kind = ICMP_REPLY;
		break;
	case 3:
	case 4:
	case 11:
	case 12:
		p->icmp_kind = ICMP_ERROR;
		break;
	case 5:
		p->icmp_kind = ICMP_REFUSED;
		break;
	default:
		break;
	}
}

static __always_inline void classify_icmp6(struct packet *p)
{
	__u8 type = p->icmp_type;

	p->icmp_kind = ICMP_QUERY;
	p->query_type = type;
	if (type == 129 || type == 140) {
		p->query_type = (__u8)(type - 1);
		p->icmp_kind = ICMP_REPLY;
	} else if (type >= 1 && type <= 4) {
		p->icmp_kind = ICMP_ERROR;
	} else if (type >= 133 && type <= 137) {
		p->icmp_kind = ICMP_ND;
	}
}

static __always_inline int query_has_id(const struct packet *p)
{
	if (p->family == 6)
		return p->query_type == 128;
	return p->query_type == 8 || p->query_type == 13 || p->query_type == 15 || p->query_type == 17;
}

static __always_inline int parse_icmp(struct __sk_buff *skb, struct packet *p)
{
	__u32 room = p->end - p->l4;
	__u8 h[8];

	if (bpf_skb_load_bytes(skb, p->l4, h, 4))
		return VPC_DROP_MALFORMED;
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	if (p->family == 4)
		classify_icmp4(p);
	else
		classify_icmp6(p);
	if (p->family == 4 || p->icmp_kind != ICMP_QUERY || p->query_type == 128)
		if (room < 8 || bpf_skb_load_bytes(skb, p->l4, h, 8))
			return VPC_DROP_MALFORMED;
	if ((p->icmp_kind == ICMP_QUERY || p->icmp_kind == ICMP_REPLY) && query_has_id(p)) {
		p->sport = *(const u16_alias *)(h + 4);
		p->dport = p->sport;
	}
	return PASS;
}

static __always_inline int parse_l4(struct __sk_buff *skb, struct packet *p, __u32 quoted)
{
	__u32 room = p->end - p->l4;
	__u8 h[16];

	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) {
		if (room < 8 || bpf_skb_load_bytes(skb, p->l4, h, 8))
			return VPC_DROP_MALFORMED;
		p->sport = *(const u16_alias *)h;
		p->dport = *(const u16_alias *)(h + 2);
		if (p->proto == IPPROTO_UDP || quoted)
			return PASS;
		if (room < 20 || bpf_skb_load_bytes(skb, p->l4, h, 16))
			return VPC_DROP_MALFORMED;
		p->tcp_flags = h[13];
		p->upper = (__u8)((h[12] >> 4) * 4);
		p->seq_end = (__u16)(((__u32)h[6] << 8 | h[7]) + room - p->upper);
		p->ack = (__u16)((__u16)h[10] << 8 | h[11]);
		if (h[12] >> 4 < 5 || (__u32)(h[12] >> 4) * 4 > room)
			return VPC_DROP_MALFORMED;
		return tcp_flags_valid(p->tcp_flags) ? PASS : VPC_DROP_INVALID_FLAGS;
	}
	if (p->proto == (p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		if (room < 4)
			return VPC_DROP_MALFORMED;
		return parse_icmp(skb, p);
	}
	return PASS;
}

/* Reads the TCP or UDP header at l4, of a packet that has `room` bytes from there on. Returns 0 when it can't be read
 * directly. */
static __always_inline int parse_view_l4(struct packet *p, const __u8 *l4, const __u8 *end, __u32 room)
{
	__u32 upper;

	if (l4 + 8 > end || room < 8)
		return 0;
	p->sport = *(const u16_alias *)l4;
	p->dport = *(const u16_alias *)(l4 + 2);
	if (p->proto == IPPROTO_UDP)
		return 1;
	if (p->proto != IPPROTO_TCP || l4 + 16 > end)
		return 0;
	upper = (__u32)(l4[12] >> 4) * 4;
	if (upper < 20 || upper > room || !tcp_flags_valid(l4[13]))
		return 0;
	p->tcp_flags = l4[13];
	p->upper = (__u8)upper;
	p->seq_end = (__u16)(bpf_ntohs(*(const u16_alias *)(l4 + 6)) + room - upper);
	p->ack = bpf_ntohs(*(const u16_alias *)(l4 + 10));
	return 1;
}

static __always_inline int parse_view4(const struct __sk_buff *skb, struct packet *p, const __u8 *l3, const __u8 *end)
{
	const struct iphdr *ip = (const struct iphdr *)l3;
	__u32 total;

	if (l3 + sizeof(*ip) > end || *l3 != 0x45 || (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)))
		return 0;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || total + ETH_HLEN > skb->len)
		return 0;
	p->end = ETH_HLEN + total;
	p->l4 = ETH_HLEN + sizeof(*ip);
	address_from4(p->src, ip->saddr);
	address_from4(p->dst, ip->daddr);
	p->proto = ip->protocol;
	p->fragment_proto = ip->protocol;
	p->hop_limit = ip->ttl;
	return parse_view_l4(p, l3 + sizeof(*ip), end, total - (__u32)sizeof(*ip));
}

static __always_inline int parse_view6(const struct __sk_buff *skb, struct packet *p, const __u8 *l3, const __u8 *end)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)l3;
	__u32 payload;

	if (l3 + sizeof(*ip) > end || *l3 >> 4 != 6)
		return 0;
	payload = bpf_ntohs(ip->payload_len);
	if (payload + sizeof(*ip) + ETH_HLEN > skb->len)
		return 0;
	p->end = ETH_HLEN + (__u32)sizeof(*ip) + payload;
	p->l4 = ETH_HLEN + sizeof(*ip);
	address_copy(p->src, (const __be32 *)&ip->saddr);
	address_copy(p->dst, (const __be32 *)&ip->daddr);
	p->proto = ip->nexthdr;
	p->hop_limit = ip->hop_limit;
	return parse_view_l4(p, l3 + sizeof(*ip), end, payload);
}

/* Reads the packet behind the Ethernet header directly. Returns 0 when that is not possible: p must be cleared then. */
static __always_inline int parse_view(const struct __sk_buff *skb, struct packet *p)
{
	const __u8 *l3 = (const __u8 *)(long)skb->data + ETH_HLEN, *end = (const __u8 *)(long)skb->data_end;

	return p->family == 4 ? parse_view4(skb, p, l3, end) : parse_view6(skb, p, l3, end);
}

/*
 * Reads the packet whose IP header is at offset l3 of the frame into the scratch's `packet`. quoted: 0, or, for a
 * packet that an ICMP error quotes, the offset at which the error ends; the packet is then read into the scratch's
 * `quoted`. Of a quotation 8 bytes of the upper header are enough. The upper header of a FRAGMENT_LATER isn't read.
 * Returns PASS or a drop reason.
 */
__noinline int parse_packet(struct __sk_buff *skb, __u32 l3, __u32 family, __u32 quoted)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct packet *p;
	__u32 limit;
	int rc;

	if (!s)
		return VPC_DROP_MALFORMED;
	limit = quoted ? quoted : skb->len;
	p = quoted ? &s->quoted : &s->packet;
	__builtin_memset(p, 0, sizeof(*p));
	p->l3 = l3;
	p->family = (__u8)family;
	if (l3 == ETH_HLEN && !quoted) {
		if (parse_view(skb, p))
			return PASS;
		__builtin_memset(p, 0, sizeof(*p));
		p->l3 = l3;
		p->family = (__u8)family;
	}
	rc = family == 4 ? parse_ipv4(skb, p, quoted, limit) : parse_ipv6(skb, p, quoted, limit);
	if (rc || p->fragment == FRAGMENT_LATER)
		return rc;
	return parse_l4(skb, p, quoted);
}

/* Returns the slot of port mask groups (VPC_SLOT_…) in which a flow's first packet of this protocol is looked up. */
static __always_inline __u8 slot_of(__u8 family, __u8 proto)
{
	if (proto == IPPROTO_TCP)
		return VPC_SLOT_TCP;
	if (proto == IPPROTO_UDP)
		return VPC_SLOT_UDP;
	if (family == 4 && proto == IPPROTO_ICMP)
		return VPC_SLOT_ICMP;
	if (family == 6 && proto == IPPROTO_ICMPV6)
		return VPC_SLOT_ICMPV6;
	return VPC_SLOT_OTHER;
}

#endif
