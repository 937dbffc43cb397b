/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path through from_workload. It accepts a packet of a flow of which this CPU accepted another within the last
 * second (flow/cache.h). It makes no hash lookup and stores nothing but the counters. fast/tcp.h or egress.h decide
 * about all packets that have no header view or that are to be dropped.
 */
#ifndef BPF_LIB_FAST_H
#define BPF_LIB_FAST_H

#include "lib/route/uplink.h"
#include "lib/flow/cache.h"
#include "lib/packet/checksum.h"
#include "lib/packet/view.h"

/* Whether the entry is this packet's and not too old. */
static __always_inline int fast_matches(const struct flow_cache *r, const struct header_view *p, __u32 me)
{
	if (r->src != p->src || r->dst != p->dst || r->ports != p->ports || r->me != me || r->proto != p->proto ||
	    r->family != p->family)
		return 0;
	if (p->src6 && !(address_equal(r->src6, p->src6) && address_equal(r->dst6, view_dst6(p))))
		return 0;
	return r->until - flow_cache_time(bpf_ktime_get_coarse_ns()) - 1 < FLOW_CACHE_UNITS;
}

static __always_inline int fast_version_stands(const struct flow_cache *r)
{
	__u32 at = r->version_at, *version = bpf_map_lookup_elem(&flow_version, &at);

	return version && READ_ONCE(*version) == r->version;
}

/* Whether the router may drop the packet (route.h): for its hop limit, its size or its checksum. */
static __always_inline int fast_is_refused(const struct __sk_buff *skb, const struct vpc_eni *e,
					   const struct header_view *p)
{
	return p->frame.hop_limit <= 1 || (READ_ONCE(e->flags) & VPC_ENI_DETACHED) ||
	       redirect_biggest(skb, &p->frame) > READ_ONCE(e->mtu) || !view_checksum_is_right(p);
}

/* Sends a frame that leaves the VPC of ENI `me` by the gateway that the entry names. Routes have no generation, and any
 * commit may have changed them. So after a commit the slow path asks for the route again. */
static __always_inline int fast_leave(struct __sk_buff *skb, struct vpc_eni *me, const struct flow_cache *r,
				      const struct header_view *p)
{
	__u32 zero = 0, gateway = r->peer_side.set;
	struct vpc_ctl *now = bpf_map_lookup_elem(&ctl, &zero);
	struct vpc_uplink *u = uplink_get(me->vpc);

	if (!gateway || !u || !now || READ_ONCE(now->epoch) != r->noted || !mac_equal(p->frame.macs, me->gateway_mac))
		return FAST_NOT;
	if (p->frame.hop_limit <= uplink_hops(gateway) ||
	    redirect_biggest(skb, &p->frame) > uplink_mtu(u, gateway, r->peer_side.incarnation) ||
	    !view_checksum_is_right(p) || checksum_is_elsewhere(skb, view_l4(p), p->proto))
		return FAST_NOT;
	return uplink_redirect(skb, u, me, gateway);
}

/* Sends the frame, whose tuple the entry has. Returns what the program ends with, or FAST_NOT. */
static __always_inline int fast_decide(struct __sk_buff *skb, const struct flow_cache *r, const struct header_view *p)
{
	__u32 number = skb->ifindex, peer = r->peer;
	struct vpc_eni *me = bpf_map_lookup_elem(&eni, &number), *to;
	enum action action;

	if (!me || !fast_version_stands(r) || !stamp_cached_holds(STAMP_PACKET, &r->my_side, me, r->judged, r->noted) ||
	    !mac_equal(p->frame.macs + ETH_ALEN, me->mac))
		return FAST_NOT;
	if (!peer)
		return fast_leave(skb, me, r, p);
	to = bpf_map_lookup_elem(&eni, &peer);
	if (!to || !stamp_cached_holds(STAMP_PACKET, &r->peer_side, to, r->judged, r->noted))
		return FAST_NOT;
	action = forward_action(skb, me, to, &p->frame);
	if (action == FORWARD_NONE || (action == FORWARD_UP && fast_is_refused(skb, to, p)))
		return FAST_NOT;
	if (checksum_is_elsewhere(skb, view_l4(p), p->proto))
		return FAST_NOT;
	return action == FORWARD_UP ? redirect_up(skb) : redirect_to(skb, to, peer, action);
}

/* The fast path. h: the packet's hash (flow/cache.h). Returns what the program ends with, or FAST_NOT. */
static __always_inline int fast_from_workload(struct __sk_buff *skb, const struct header_view *p, __u64 h)
{
	struct flow_cache *r;

	if (p->tcp && (p->tcp_flags & TCP_JUDGE) != TCP_ACK)
		return FAST_NOT;
	r = flow_cache_find(h);
	return r && fast_matches(r, p, skb->ifindex) ? fast_decide(skb, r, p) : FAST_NOT;
}

#endif
