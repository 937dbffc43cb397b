/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending on and to an uplink: from a workload's port to the uplink's host end, and from the programs at host devices
 * to the uplink's VPC end.
 */
#ifndef BPF_LIB_ROUTE_UPLINK_H
#define BPF_LIB_ROUTE_UPLINK_H

#include "lib/route/count.h"
#include "lib/route/rewrite.h"
#include "lib/packet/redirect.h"

/* Bytes of the largest IP packet that this one becomes on a wire. */
static __always_inline __u32 uplink_biggest(const struct __sk_buff *skb, const struct packet *p)
{
	__u32 upper = p->proto == IPPROTO_TCP ? p->upper : 8;

	return skb->gso_size ? skb->gso_size + (p->l4 - p->l3) + upper : p->end - p->l3;
}

/* Whether the packet has options that routers read. A router of the world would send errors about them to an address
 * that isn't the workload's. */
static __always_inline int uplink_has_options(struct __sk_buff *skb, const struct packet *p)
{
	__u8 next = 0;

	if (p->family == 4)
		return p->l4 - p->l3 > sizeof(struct iphdr) && p->fragment != FRAGMENT_LATER;
	return bpf_skb_load_bytes(skb, p->l3 + __builtin_offsetof(struct ipv6hdr, nexthdr), &next, 1) ||
	       next == EXT_HOPOPTS;
}

/* How many routers count a hop behind the sender's port. By a peering these are the gateways of both VPCs, and only the
 * sender's tells the sender. */
static __always_inline __u32 uplink_hops(__u32 gateway)
{
	return gateway_kind(gateway) == VPC_EDGE_PEERING ? 2 : 1;
}

/* Bytes of the largest IP packet that may leave by the gateway. peer: VPC_PEER_WORD() of the receiver in a peered VPC.
 */
static __always_inline __u32 uplink_mtu(const struct vpc_uplink *u, __u32 gateway, __u32 peer)
{
	struct vpc_eni *to;

	if (gateway_kind(gateway) != VPC_EDGE_PEERING)
		return READ_ONCE(u->mtu);
	to = eni_get(peer & VPC_NUMBER_MASK);
	return to ? READ_ONCE(to->mtu) : 0;
}

/* Whether the accepted packet in the scratch may leave by its gateway. A packet that is too big is not fragmented, even
 * without DF: its sender is told. Returns PASS or a reason. */
__noinline int uplink_refused(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct vpc_uplink *u;

	if (!s)
		return VPC_DROP_NOT_READY;
	u = uplink_get(s->vpc);
	if (!u)
		return VPC_DROP_NO_ROUTE;
	if (uplink_has_options(skb, &s->packet))
		return VPC_DROP_NOT_IMPLEMENTED;
	if (s->packet.hop_limit <= uplink_hops(s->gateway))
		return VPC_DROP_HOP_LIMIT;
	s->next_mtu = uplink_mtu(u, s->gateway, s->peer);
	return uplink_biggest(skb, &s->packet) > s->next_mtu ? VPC_DROP_TOO_BIG : PASS;
}

/* Sends a packet of ENI `me`, which may leave by the gateway, to the host. Returns what the program ends with. */
static __noinline int uplink_redirect(struct __sk_buff *skb, struct vpc_uplink *u, struct vpc_eni *me, __u32 gateway)
{
	__u32 number = skb->ifindex, length = skb->len, ifindex = READ_ONCE(u->ifindex);
	__u8 macs[2 * ETH_ALEN];

	gateway_to_mac(macs, gateway);
	if (gateway_kind(gateway) == VPC_EDGE_PEERING)
		gateway_to_mac(macs + ETH_ALEN, gateway_make(VPC_EDGE_PEERING, number));
	else
		mac_copy(macs + ETH_ALEN, me->gateway_mac);
	if (redirect_route(skb, macs))
		return drop_unread(number, VPC_DROP_NO_MEMORY);
	count_tx(number, length);
	skb->tstamp = 0;
	if (READ_ONCE(u->flags) & VPC_UPLINK_PEER_REDIRECT)
		return (int)bpf_redirect_peer(ifindex, 0) & REDIRECT_ACT;
	return (int)bpf_redirect(ifindex, 0) & REDIRECT_ACT;
}

/* Sends the packet in the scratch, which may leave, to the host. Returns what the program ends with. */
static __always_inline int uplink_send(struct __sk_buff *skb, struct scratch *s)
{
	struct vpc_eni *me = eni_get(s->me);
	struct vpc_uplink *u = uplink_get(s->vpc);

	return u && me ? uplink_redirect(skb, u, me, s->gateway) : drop_packet(VPC_DROP_NO_ROUTE);
}

/* Sends the current packet, which is at a device of the host, to the VPC end of e->vpc's uplink by e->gateway. Returns
 * what the program ends with. */
static __always_inline int uplink_enter(struct __sk_buff *skb, struct edge *e)
{
	struct vpc_uplink *u = uplink_get(e->vpc);
	__u8 macs[2 * ETH_ALEN];
	__u32 ifindex = u ? READ_ONCE(u->host_ifindex) : 0;

	if (!ifindex)
		return drop_packet(VPC_DROP_UNKNOWN_DESTINATION);
	gateway_to_mac(macs, e->gateway);
	if (rewrite_macs(skb, macs, u->host_mac))
		return drop_packet(VPC_DROP_NO_MEMORY);
	gateway_count(e->vpc, e->gateway, 0, skb->len);
	skb->mark = 0;
	skb->tstamp = 0;
	if (READ_ONCE(u->flags) & VPC_UPLINK_PEER_REDIRECT)
		return (int)bpf_redirect_peer(ifindex, 0) & REDIRECT_ACT;
	return (int)bpf_redirect(ifindex, 0) & REDIRECT_ACT;
}

#endif
