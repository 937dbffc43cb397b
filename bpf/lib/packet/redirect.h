/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends an accepted packet on: to a local ENI of the VPC, or up to the router.
 *
 * The fast path: the sender's program has judged both sides, and redirects the packet to the target. A veth's own
 * program doesn't run then (bpf_redirect_peer). A tap's program does, and trusts the mark.
 *
 * The slow path: the packet goes to the port of the ENI that the frame is for, whose program judges it again, or to the
 * router. The router gets what it must act on: packets that are too big for the target, have no hops left, have options
 * or extension headers, or are fragments.
 */
#ifndef BPF_LIB_REDIRECT_H
#define BPF_LIB_REDIRECT_H

#include "lib/core/address.h"
#include "lib/core/drop.h"

#include <linux/ip.h>
#include <linux/ipv6.h>

#define PACKET_HOST 0 /* linux/if_packet.h can't be included beside bpf.h */

/* What a fast path returns when it leaves the packet to the next path. Else it returns what the program ends with
 * (TC_ACT_…). */
enum fast_path {
	FAST_NOT = -1, /* the packet is unchanged: try the next path. The value is negative, because of a masked
			* number the 6.1 verifier tracks the sign only */
};

/* How an accepted packet is sent on. */
enum action {
	FORWARD_NONE,	  /* not at all by this path: the frame is for neither the gateway's nor the target's MAC, or
			   * is too big, or the target is attached to nothing */
	FORWARD_UP,	  /* up to the router */
	FORWARD_PORT,	  /* to the target's port, whose own program judges it too */
	FORWARD_SWITCHED, /* redirected unchanged */
	FORWARD_ROUTED,	  /* redirected, after the changes that the router would make */
};

/* The fields of a frame that decide how it is sent on. */
struct frame {
	const __u8 *macs; /* destination, then source */
	__u32 bytes;	  /* from the IP header to the end of the frame. Bridges go by the frame's length, and a guest
			   * may send 60,000 bytes with an IP length of 100 */
	__u32 headers;	  /* bytes of the IP and upper headers, with which each segment of a GSO packet begins */
	__u32 hop_limit;  /* IPv6 hop limit or IPv4 TTL */
};

/* Bytes of the largest IP packet that the frame becomes on a wire. */
static __always_inline __u32 redirect_biggest(const struct __sk_buff *skb, const struct frame *f)
{
	__u32 segment = skb->gso_size;

	return segment ? segment + f->headers : f->bytes;
}

/* Decides how an accepted packet is sent on. me, to: rows of ENIs of one VPC; `to` has the packet's destination
 * address. No packet within a subnet is left to the bridge: the bridge delivers by its ports' MACs, and the holder of a
 * tap sets the MAC of its port. */
static __always_inline enum action forward_action(const struct __sk_buff *skb, const struct vpc_eni *me,
						  const struct vpc_eni *to, const struct frame *f)
{
	int routed = mac_equal(f->macs, me->gateway_mac);
	__u32 port = READ_ONCE(to->flags) & (VPC_ENI_PEER_REDIRECT | VPC_ENI_TAP | VPC_ENI_DETACHED);

	if (!routed && (to->subnet != me->subnet || !mac_equal(f->macs, to->mac)))
		return FORWARD_NONE;
	if (redirect_biggest(skb, f) > READ_ONCE(to->mtu))
		return routed ? FORWARD_UP : FORWARD_NONE;
	if (!port || port >= VPC_ENI_DETACHED)
		return routed ? FORWARD_UP : port ? FORWARD_NONE : FORWARD_PORT;
	if (!routed)
		return FORWARD_SWITCHED;
	return f->hop_limit > 1 ? FORWARD_ROUTED : FORWARD_UP;
}

/* Whether the target's own program sees the packet too. It doesn't if the packet is redirected to a veth. */
static __always_inline int redirect_is_seen_again(const struct vpc_eni *to)
{
	return (READ_ONCE(to->flags) & (VPC_ENI_PEER_REDIRECT | VPC_ENI_TAP)) != VPC_ENI_PEER_REDIRECT;
}

/* Bytes of the Ethernet header and of the IPv4 header up to the checksum, which are copied in words of two bytes. */
#define REDIRECT_HEAD4 (ETH_HLEN + __builtin_offsetof(struct iphdr, saddr))

/* Writes MACs, TTL and checksum by one store, because each helper that writes first makes sure that it may. Returns
 * enum bytes. */
static __always_inline int redirect_route4(struct __sk_buff *skb, const __u8 *macs)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
	__u8 head[REDIRECT_HEAD4] __attribute__((aligned(2)));
	u16_alias *check = (u16_alias *)(head + REDIRECT_HEAD4 - 2);
	__u32 sum;

	if (data + REDIRECT_HEAD4 <= end)
		for (__u32 i = 2 * ETH_ALEN; i < REDIRECT_HEAD4; i += 2)
			*(u16_alias *)(head + i) = *(const u16_alias *)(data + i);
	else if (bpf_skb_load_bytes(skb, 0, head, REDIRECT_HEAD4)) /* the headers aren't in the linear part */
		return BYTES_FAILED;
	mac_copy(head, macs);
	mac_copy(head + ETH_ALEN, macs + ETH_ALEN);
	/* RFC 1624, as ip_decrease_ttl() of the kernel */
	sum = (__u32)*check + bpf_htons(0x0100);
	*check = (__u16)(sum + (sum >= 0xffff));
	head[ETH_HLEN + __builtin_offsetof(struct iphdr, ttl)]--;
	return (int)bpf_skb_store_bytes(skb, 0, head, REDIRECT_HEAD4, 0);
}

/* Lowers the hop limit by one. Returns enum bytes. */
static __always_inline int redirect_hop_limit6(struct __sk_buff *skb)
{
	__u32 at = ETH_HLEN + __builtin_offsetof(struct ipv6hdr, hop_limit);
	__u8 hops;

	if (bpf_skb_load_bytes(skb, at, &hops, 1))
		return BYTES_FAILED;
	hops--;
	return (int)bpf_skb_store_bytes(skb, at, &hops, 1, BPF_F_RECOMPUTE_CSUM);
}

/* Rewrites the frame as a router does. macs: the new destination, then the new source. The function writes by helpers
 * only: with one direct store into the packet, the kernel would make every clone (TCP's packets are clones) writable on
 * entry. Returns enum bytes. */
static __noinline int redirect_route(struct __sk_buff *skb, const __u8 *macs)
{
	__u8 copy[2 * ETH_ALEN];

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return redirect_route4(skb, macs);
	if (redirect_hop_limit6(skb))
		return BYTES_FAILED;
	mac_copy(copy, macs);
	mac_copy(copy + ETH_ALEN, macs + ETH_ALEN);
	return (int)bpf_skb_store_bytes(skb, 0, copy, sizeof(copy), 0);
}

/* Rewrites the frame for an ENI, as if its gateway sent it. Returns enum bytes. */
static __always_inline int redirect_route_to(struct __sk_buff *skb, const struct vpc_eni *to)
{
	__u8 macs[2 * ETH_ALEN];

	mac_copy(macs, to->mac);
	mac_copy(macs + ETH_ALEN, to->gateway_mac);
	return redirect_route(skb, macs);
}

/* The bits of a helper's TC_ACT_… result. The mask tells the verifier that the result isn't negative. */
#define REDIRECT_ACT 0xf

/* Sends an accepted packet to ENI `number`, whose row is `to`, and counts it at both ENIs. Returns what the program
 * ends with. */
static __always_inline int redirect_to(struct __sk_buff *skb, const struct vpc_eni *to, __u32 number,
				       enum action action)
{
	__u32 me = skb->ifindex, length = skb->len;

	if (action == FORWARD_ROUTED && redirect_route_to(skb, to))
		return drop_unread(me, VPC_DROP_NO_MEMORY);
	count_tx(me, length);
	if (action == FORWARD_PORT || (READ_ONCE(to->flags) & VPC_ENI_TAP)) {
		skb->mark = VPC_MARK_ENI | (me & VPC_NUMBER_MASK);
		return (int)bpf_redirect(number, 0) & REDIRECT_ACT;
	}
	count_rx(number, length);
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	skb->tstamp = 0;
	return (int)bpf_redirect_peer(number, 0) & REDIRECT_ACT;
}

/* Lets an accepted packet go on to the router, with a mark that says at which port it entered. The bridge gives it to
 * the router because the MAC is the bridge's own, which no port's MAC can change. */
static __always_inline int redirect_up(struct __sk_buff *skb)
{
	__u32 me = skb->ifindex;

	skb->mark = VPC_MARK_ENI | (me & VPC_NUMBER_MASK);
	count_tx(me, skb->len);
	return TC_ACT_OK;
}

#endif
