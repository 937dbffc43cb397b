/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a packet goes that was let through: to a local ENI of the VPC, or up to the router.
 *
 * The fast path: the sender's program has judged both sides. A veth's own program doesn't run (bpf_redirect_peer), a
 * tap's does, and trusts the mark. The slow path: to the port of the ENI that the frame is for, whose program judges it
 * again, or to the router, for what a router has to do something about: packets that are too big for the target, out of
 * hops, with options or extension headers, fragments.
 */
#ifndef BPF_LIB_REDIRECT_H
#define BPF_LIB_REDIRECT_H

#include "lib/core/address.h"
#include "lib/core/drop.h"

#include <linux/ip.h>
#include <linux/ipv6.h>

#define PACKET_HOST 0 /* linux/if_packet.h doesn't go with bpf */

/* What a path that may send a packet returns if it doesn't; else what the program ends with (TC_ACT_…). */
enum fast_path {
	FAST_NOT = -1, /* nothing was changed: try the next path. Asked for by its sign, which is what 6.1 follows of a
			* masked number */
};

/* What to do with a packet that is let through. */
enum action {
	FORWARD_NONE,	  /* not by this: the frame is for neither the gateway's MAC nor the target's, or is too big,
			   * or the target is attached to nothing */
	FORWARD_UP,	  /* to the router */
	FORWARD_PORT,	  /* to the target's port, whose own program judges it too */
	FORWARD_SWITCHED, /* redirected as it is */
	FORWARD_ROUTED,	  /* redirected, after what the router would do to it */
};

/* What of a frame decides about its way. */
struct frame {
	const __u8 *macs; /* destination, source */
	__u32 bytes;	 /* from the IP header on, with what lies behind the packet: bridges look at the frame's length,
			  * and a guest may call 60,000 bytes a packet of 100 */
	__u32 headers;	 /* bytes of IP and upper header: what each segment of a GSO packet begins with */
	__u32 hop_limit; /* or TTL */
};

/* The size of the biggest IP packet that the frame will be on a wire. */
static __always_inline __u32 redirect_biggest(const struct __sk_buff *skb, const struct frame *f)
{
	__u32 segment = skb->gso_size;

	return segment ? segment + f->headers : f->bytes;
}

/* Both rows are of the same VPC, and `to` has the packet's destination address. Nothing in the same subnet is left to
 * the bridge: it delivers by what its ports' MACs are, and the holder of a tap sets that of its own. */
static __always_inline enum action forward_action(const struct __sk_buff *skb, const struct vpc_eni *me,
						  const struct vpc_eni *to, const struct frame *f)
{
	int routed = mac_equal(f->macs, me->gateway_mac);
	__u32 port = READ_ONCE(to->flags) & (VPC_ENI_PEER_REDIRECT | VPC_ENI_TAP | VPC_ENI_UNPLUGGED);

	if (!routed && (to->subnet != me->subnet || !mac_equal(f->macs, to->mac)))
		return FORWARD_NONE;
	if (redirect_biggest(skb, f) > READ_ONCE(to->mtu))
		return routed ? FORWARD_UP : FORWARD_NONE;
	if (!port || port >= VPC_ENI_UNPLUGGED)
		return routed ? FORWARD_UP : port ? FORWARD_NONE : FORWARD_PORT;
	if (!routed)
		return FORWARD_SWITCHED;
	return f->hop_limit > 1 ? FORWARD_ROUTED : FORWARD_UP;
}

/* Whether the target's own program sees the packet, too: not if it is redirected to a veth. */
static __always_inline int redirect_is_seen_again(const struct vpc_eni *to)
{
	return (READ_ONCE(to->flags) & (VPC_ENI_PEER_REDIRECT | VPC_ENI_TAP)) != VPC_ENI_PEER_REDIRECT;
}

/* Ethernet and IPv4 header up to the checksum, in words of two bytes. */
#define REDIRECT_HEAD4 (ETH_HLEN + __builtin_offsetof(struct iphdr, saddr))

/* Writes MACs, TTL and checksum by one store: each helper that writes first checks whether it may. Returns enum bytes.
 */
static __always_inline int redirect_route4(struct __sk_buff *skb, const __u8 *macs)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
	__u8 head[REDIRECT_HEAD4] __attribute__((aligned(2)));
	u16_alias *check = (u16_alias *)(head + REDIRECT_HEAD4 - 2);
	__u32 sum;

	if (data + REDIRECT_HEAD4 <= end)
		for (__u32 i = 2 * ETH_ALEN; i < REDIRECT_HEAD4; i += 2)
			*(u16_alias *)(head + i) = *(const u16_alias *)(data + i);
	else if (bpf_skb_load_bytes(skb, 0, head, REDIRECT_HEAD4)) /* not in the linear part */
		return BYTES_FAILED;
	mac_copy(head, macs);
	mac_copy(head + ETH_ALEN, macs + ETH_ALEN);
	/* RFC 1624, as the kernel's ip_decrease_ttl */
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

/* Rewrites the frame as a router does. macs: the new destination and source. The function writes by helpers only: with
 * one direct store into the packet, the kernel would make every clone (TCP's packets are clones) writable on entry.
 * Returns enum bytes. */
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

/* To an ENI, from its gateway. */
static __always_inline int redirect_route_to(struct __sk_buff *skb, const struct vpc_eni *to)
{
	__u8 macs[2 * ETH_ALEN];

	mac_copy(macs, to->mac);
	mac_copy(macs + ETH_ALEN, to->gateway_mac);
	return redirect_route(skb, macs);
}

/* What helpers return of TC_ACT_…: the mask says to the verifier that it isn't negative. */
#define REDIRECT_ACT 0xf

/* Sends a packet that was let through to ENI `number`, whose row is `to`. Counts both. Returns what the program ends
 * with. */
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

/* Lets a packet that was let through go on to the router, with the mark that says at which port it entered. The bridge
 * gives it to the router because the MAC is the bridge's own, which no port's MAC can change. */
static __always_inline int redirect_up(struct __sk_buff *skb)
{
	__u32 me = skb->ifindex;

	skb->mark = VPC_MARK_ENI | (me & VPC_NUMBER_MASK);
	count_tx(me, skb->len);
	return TC_ACT_OK;
}

#endif
