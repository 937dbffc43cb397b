/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an uplink to an ENI: tc ingress of the uplink's VPC end. The packet is judged as the ENI's own port would judge
 * it. If the port allows redirects, the packet is redirected to the workload; else to the port, whose program judges
 * it.
 */
#ifndef BPF_LIB_EDGE_ARRIVE_H
#define BPF_LIB_EDGE_ARRIVE_H

#include "lib/route/uplink.h"
#include "lib/fast/fast.h"
#include "lib/ingress.h"

/* Finds who sent the packet that came by a peering: an ENI of another VPC, from an address of its own. macs: the
 * frame's. Sets the scratch's `peer` and `mark`. Returns PASS or a reason. */
static __always_inline int arrive_peer(struct scratch *s, const __u8 *macs)
{
	__u32 sender = gateway_of_mac(macs + ETH_ALEN), number = sender & VPC_TARGET_NUMBER;
	struct vpc_eni *from = gateway_kind(sender) == VPC_EDGE_PEERING ? eni_get(number) : 0;

	if (!from || from->vpc == s->vpc || (s->gateway & VPC_TARGET_NUMBER) != s->vpc ||
	    address_owner_in(s, from->vpc, s->packet.src) != number)
		return VPC_DROP_FORGED_SOURCE;
	s->peer = VPC_PEER_WORD(number, READ_ONCE(from->incarnation));
	s->mark = VPC_MARK_PEER | number;
	return PASS;
}

/* Reads the packet, and by which gateway it came. Returns PASS, a reason, or DROP_SILENTLY. */
static __always_inline int arrive_begin(struct __sk_buff *skb, struct scratch *s)
{
	__u32 number = skb->ifindex - VPC_UPLINK_FIRST;
	__u8 macs[2 * ETH_ALEN];
	int rc;

	edge_begin(skb, s, VPC_INGRESS);
	if (skb->ifindex < VPC_UPLINK_FIRST || bpf_skb_load_bytes(skb, 0, macs, sizeof(macs)))
		return DROP_SILENTLY;
	s->vpc = number;
	s->gateway = gateway_of_mac(macs);
	if (!s->gateway)
		return DROP_SILENTLY;
	s->mark = VPC_MARK_EDGE | (s->gateway == GATEWAY_HOST_IGW ? VPC_MARK_HOST_IGW : gateway_kind(s->gateway));
	rc = edge_parse(skb);
	return !rc && gateway_kind(s->gateway) == VPC_EDGE_PEERING ? arrive_peer(s, macs) : rc;
}

/* Whether this CPU knows the ENI that the packet in the scratch is for. Sets s->me and the packet's ends, then. */
static __always_inline int arrive_cached(struct scratch *s, __u32 ifindex)
{
	struct pair_cache *r = pair_cache_find(s, PAIR_CACHE_ARRIVES, ifindex);

	if (!r)
		return 0;
	s->me = r->found;
	s->end[0].owns = 0;
	s->end[1].eni = s->me;
	s->end[1].owns = 1;
	s->admitted = 1;
	return 1;
}

/* Stores the ENI that the accepted packet in the scratch is for, if it has the destination itself and the route table
 * was asked for the way back. */
static __always_inline void arrive_note(struct scratch *s, __u32 ifindex)
{
	__u32 kind = gateway_kind(s->gateway);

	if (s->packet.family == 4 && s->packet.icmp_kind != ICMP_ERROR && s->admitted && s->end[1].owns &&
	    !s->end[0].eni && (kind == VPC_EDGE_NAT || kind == VPC_EDGE_IGW || kind == VPC_EDGE_PUBLISHED))
		pair_cache_note(s, PAIR_CACHE_ARRIVES, ifindex, s->packet.dst[3], s->me);
}

/* Finds the ENI that gets the packet in the scratch: s->me. Returns PASS, AGAIN or a reason. */
static __always_inline int arrive_find(struct scratch *s)
{
	s->me = address_owner(s, s->packet.dst);
	return s->me ? route_enter(SCRATCH_PACKET) : VPC_DROP_UNKNOWN_DESTINATION;
}

/* Judges the packet at the current epoch. Returns PASS, AGAIN, a reason, or DROP_SILENTLY. */
__noinline int arrive_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct vpc_eni *me;
	int rc, cached = 0;

	if (!s)
		return VPC_DROP_NOT_READY;
	rc = arrive_begin(skb, s);
	if (!rc) {
		cached = arrive_cached(s, skb->ifindex);
		rc = cached ? PASS : arrive_find(s);
	}
	if (rc)
		return rc;
	me = eni_get(s->me);
	if (!me || me->vpc != s->vpc)
		return VPC_DROP_NOT_READY;
	s->my_flags = READ_ONCE(me->flags);
	s->my_incarnation = READ_ONCE(me->incarnation);
	if (s->my_flags & VPC_ENI_DETACHED)
		return VPC_DROP_UNKNOWN_DESTINATION;
	if (s->packet.hop_limit <= 1)
		return VPC_DROP_HOP_LIMIT;
	rc = cached ? PASS : route_back(SCRATCH_PACKET, s->me);
	if (rc)
		return rc;
	if (!(s->my_flags & VPC_ENI_PEER_REDIRECT))
		return PASS; /* the port's program judges it */
	rc = ingress_ip(skb, s, me);
	if (!rc && s->packet.fragment == FRAGMENT_FIRST)
		fragment_remember(s);
	if (!rc && !cached)
		arrive_note(s, skb->ifindex);
	return rc;
}

/* Sends the packet to its ENI. Returns what the program ends with. */
static __noinline int arrive_send(struct __sk_buff *skb, struct scratch *s)
{
	struct vpc_eni *me = eni_get(s->me);

	if (!me)
		return drop_packet(VPC_DROP_NOT_READY);
	if (redirect_route_to(skb, me))
		return drop_packet(VPC_DROP_NO_MEMORY);
	skb->tstamp = 0;
	if (!(s->my_flags & VPC_ENI_PEER_REDIRECT)) {
		skb->mark = s->mark;
		return (int)bpf_redirect(s->me, 0) & REDIRECT_ACT;
	}
	count_rx(s->me, s->length);
	skb->mark = 0;
	bpf_skb_change_type(skb, PACKET_HOST);
	return (int)bpf_redirect_peer(s->me, 0) & REDIRECT_ACT;
}

/* Whether the ENI that sent the frame by a peering is the one that the entry was made for. */
static __always_inline int arrive_fast_peer(const struct flow_cache *r, const struct header_view *p)
{
	return gateway_of_mac(p->frame.macs + ETH_ALEN) ==
	       gateway_make(VPC_EDGE_PEERING, r->my_side.incarnation & VPC_NUMBER_MASK);
}

/* Redirects a frame whose entry is in the flow cache to its ENI. Routes have no generation, and any commit may have
 * changed them. So after a commit the slow path asks for the route again. Returns what the program ends with, or
 * FAST_NOT. */
static __always_inline int arrive_fast_decide(struct __sk_buff *skb, const struct flow_cache *r,
					      const struct header_view *p)
{
	__u32 number = r->peer, length = skb->len, zero = 0;
	struct vpc_eni *to = bpf_map_lookup_elem(&eni, &number);
	struct vpc_ctl *now = bpf_map_lookup_elem(&ctl, &zero);

	if (!to || !now || READ_ONCE(now->epoch) != r->noted || r->my_side.set != gateway_of_mac(p->frame.macs) ||
	    !fast_version_stands(r) || !stamp_cached_holds(STAMP_PACKET, &r->peer_side, to, r->judged, r->noted))
		return FAST_NOT;
	if (gateway_kind(r->my_side.set) == VPC_EDGE_PEERING && !arrive_fast_peer(r, p))
		return FAST_NOT;
	if (p->frame.hop_limit <= 1 || redirect_biggest(skb, &p->frame) > READ_ONCE(to->mtu) ||
	    (READ_ONCE(to->flags) & (VPC_ENI_PEER_REDIRECT | VPC_ENI_DETACHED)) != VPC_ENI_PEER_REDIRECT)
		return FAST_NOT;
	if (redirect_route_to(skb, to))
		return drop_unread(number, VPC_DROP_NO_MEMORY);
	count_rx(number, length);
	skb->mark = 0;
	skb->tstamp = 0;
	bpf_skb_change_type(skb, PACKET_HOST);
	return (int)bpf_redirect_peer(number, 0) & REDIRECT_ACT;
}

/* The fast path. It accepts a packet of a flow of which this CPU accepted another within the last second. Returns what
 * the program ends with, or FAST_NOT. */
static __noinline int arrive_fast(struct __sk_buff *skb)
{
	struct header_view p = {.tcp_flags = 0}; /* clang 14 reads it of other protocols, too */
	struct flow_cache *r;

	if (!view_read(skb, &p) || (p.tcp && (p.tcp_flags & TCP_JUDGE) != TCP_ACK))
		return FAST_NOT;
	r = flow_cache_find(flow_cache_hash(p.src, p.dst, p.ports, skb->ifindex));
	return r && fast_matches(r, &p, skb->ifindex) ? arrive_fast_decide(skb, r, &p) : FAST_NOT;
}

static __always_inline int arrive(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	int rc = arrive_fast(skb);

	if (rc != FAST_NOT)
		return rc;
	rc = AGAIN;
	if (!s)
		return TC_ACT_SHOT;
	for (__u32 i = 0; i < 3 && rc == AGAIN; i++)
		rc = arrive_judge(skb);
	if (rc == DROP_SILENTLY)
		return TC_ACT_SHOT;
	return rc ? drop_packet(rc > 0 ? rc : VPC_DROP_TRY_AGAIN) : arrive_send(skb, s);
}

#endif
