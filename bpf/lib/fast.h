/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The straight way through from_workload: a packet of a flow of which this CPU let one through within the last second
 * (recent.h). No hash lookup, no store but the counters. Whatever is not plain, and whatever is to be dropped, isn't
 * decided here but by egress.h.
 */
#ifndef BPF_LIB_FAST_H
#define BPF_LIB_FAST_H

#include "lib/checksum.h"
#include "lib/parse.h"
#include "lib/recent.h"
#include "lib/redirect.h"

#define FAST_NOT (-1) /* not decided here */

/* The parts of the packet that the straight way goes by. */
struct fast {
	__u32 src; /* IPv6: digests */
	__u32 dst;
	__u32 ports;
	__u8 proto;
	__u8 family;
	const __be32 *src6;
	const __be32 *dst6;
	struct frame frame;
};

/* The upper header at l4, of a packet that has `room` bytes from there on. Returns its length, or 0: not plain. */
static __always_inline __u32 fast_upper(const __u8 *l4, const __u8 *end, __u8 proto, __u32 room)
{
	__u32 length = 8;

	if (proto == IPPROTO_TCP) {
		if (l4 + 20 > end || (l4[13] & TCP_JUDGE) != TCP_ACK)
			return 0;
		length = (__u32)(l4[12] >> 4) * 4;
		if (length < 20)
			return 0;
	} else if (proto != IPPROTO_UDP) {
		return 0;
	}
	return length <= room ? length : 0;
}

static __always_inline int fast_ipv4(const struct __sk_buff *skb, const __u8 *l3, const __u8 *end, struct fast *f)
{
	const struct iphdr *ip = (const struct iphdr *)l3;
	__u32 total, upper;

	if (l3 + sizeof(*ip) + 8 > end || *l3 != 0x45 || (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)))
		return 0;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || total + ETH_HLEN > skb->len)
		return 0;
	upper = fast_upper(l3 + sizeof(*ip), end, ip->protocol, total - (__u32)sizeof(*ip));
	f->src = ip->saddr;
	f->dst = ip->daddr;
	f->ports = *(const u32_alias *)(l3 + sizeof(*ip));
	f->proto = ip->protocol;
	f->frame.hop_limit = ip->ttl;
	f->frame.headers = (__u32)sizeof(*ip) + upper;
	return upper != 0;
}

static __always_inline int fast_ipv6(const struct __sk_buff *skb, const __u8 *l3, const __u8 *end, struct fast *f)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)l3;
	__u32 payload, upper;

	if (l3 + sizeof(*ip) + 8 > end || *l3 >> 4 != 6)
		return 0;
	payload = bpf_ntohs(ip->payload_len);
	if (payload + sizeof(*ip) + ETH_HLEN > skb->len)
		return 0;
	upper = fast_upper(l3 + sizeof(*ip), end, ip->nexthdr, payload);
	f->src6 = (const __be32 *)&ip->saddr;
	f->dst6 = (const __be32 *)&ip->daddr;
	f->src = recent_digest6(f->src6);
	f->dst = recent_digest6(f->dst6);
	f->ports = *(const u32_alias *)(l3 + sizeof(*ip));
	f->proto = ip->nexthdr;
	f->frame.hop_limit = ip->hop_limit;
	f->frame.headers = (__u32)sizeof(*ip) + upper;
	return upper != 0;
}

/* Whether the entry is this packet's, and not too old. */
static __always_inline int fast_matches(const struct recent *r, const struct fast *f, __u32 me)
{
	if (r->src != f->src || r->dst != f->dst || r->ports != f->ports || r->me != me || r->proto != f->proto ||
	    r->family != f->family)
		return 0;
	return r->until - recent_time(bpf_ktime_get_coarse_ns()) - 1 < RECENT_UNITS;
}

static __always_inline int fast_version_stands(const struct recent *r)
{
	__u32 at = r->version_at, *version = bpf_map_lookup_elem(&flow_version, &at);

	return version && READ_ONCE(*version) == r->version;
}

static __always_inline __u32 fast_l4(const struct fast *f)
{
	return ETH_HLEN + (__u32)(f->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

/* The frame, whose entry matches. Returns what the program ends with, or FAST_NOT. */
static __always_inline int fast_decide(struct __sk_buff *skb, const struct recent *r, const struct fast *f,
				       const __u8 *smac)
{
	__u32 number = skb->ifindex, peer = r->peer;
	struct vpc_eni *me = bpf_map_lookup_elem(&eni, &number), *to;
	enum way way;

	if (!me || !fast_version_stands(r) || !recent_side(me, r->my_incarnation, r->my_set, r) ||
	    !mac_equal(smac, me->mac))
		return FAST_NOT;
	if (!peer) {
		if (!mac_equal(f->frame.dmac, me->gateway_mac))
			return FAST_NOT;
		return checksum_is_elsewhere(skb, fast_l4(f), f->proto) ? FAST_NOT : redirect_up(skb);
	}
	to = bpf_map_lookup_elem(&eni, &peer);
	if (!to || !recent_side(to, r->peer_incarnation, r->peer_set, r))
		return FAST_NOT;
	way = redirect_way(skb, me, to, &f->frame);
	if (way == WAY_NONE)
		return FAST_NOT;
	if (checksum_is_elsewhere(skb, fast_l4(f), f->proto))
		return FAST_NOT;
	return way == WAY_UP ? redirect_up(skb) : redirect_to(skb, to, peer, way);
}

static __always_inline int fast_from_workload(struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
	struct fast f = {};
	struct recent *r;

	if (data + ETH_HLEN > end || skb->vlan_present)
		return FAST_NOT;
	f.frame.dmac = data;
	f.frame.bytes = skb->len - ETH_HLEN;
	if (*(const u16_alias *)(data + 12) == bpf_htons(ETH_P_IP)) {
		f.family = 4;
		if (!fast_ipv4(skb, data + ETH_HLEN, end, &f))
			return FAST_NOT;
	} else if (*(const u16_alias *)(data + 12) == bpf_htons(ETH_P_IPV6)) {
		f.family = 6;
		if (!fast_ipv6(skb, data + ETH_HLEN, end, &f))
			return FAST_NOT;
	} else {
		return FAST_NOT;
	}
	r = recent_find(recent_hash(f.src, f.dst, f.ports, skb->ifindex));
	if (!r || !fast_matches(r, &f, skb->ifindex))
		return FAST_NOT;
	if (f.family == 6 && !(address_equal(r->src6, f.src6) && address_equal(r->dst6, f.dst6)))
		return FAST_NOT;
	return fast_decide(skb, r, &f, data + ETH_ALEN);
}

#endif
