/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the subnet's router sends: tc egress of the bridge. The frame goes to the port of the ENI that has its MAC. If
 * another ENI of the subnet has the packet's address by now, it goes to that ENI's port. The target's own program
 * judges it.
 *
 * The bridge doesn't deliver the frame, because it goes by the MACs of its ports, and the holder of a tap sets the
 * tap's MAC. The bridge has no forwarding entry for any ENI.
 */
#ifndef BPF_LIB_ROUTER_H
#define BPF_LIB_ROUTER_H

#include "lib/core/address.h"
#include "lib/packet/parse.h"
#include "lib/core/drop.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

struct router {
	__u64 barrier;
	__u64 epoch;
	struct vpc_addr_key key;
	__u8 mac[ETH_ALEN];
};

/* Writes the packet's destination address to r->key. Returns enum bytes. */
static __always_inline int router_address(struct __sk_buff *skb, struct router *r)
{
	__be32 v4;

	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return (int)bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, daddr), r->key.addr,
					       sizeof(r->key.addr));
	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, daddr), &v4, sizeof(v4)))
		return BYTES_FAILED;
	address_from4(r->key.addr, v4);
	return 0;
}

/* The ENI of the subnet that has the packet's address, unless ENI `number` forwards packets; else `number`, which has
 * the MAC. */
static __always_inline __u32 router_owner(struct __sk_buff *skb, struct router *r, __u32 number)
{
	struct vpc_eni *e = eni_get(number), *owner;
	__u32 found;

	if (!e || !(READ_ONCE(e->flags) & VPC_ENI_SOURCE_DEST_CHECK))
		return number;
	r->key.vpc = e->vpc;
	if (router_address(skb, r))
		return number;
	found = address_find(&r->key, r->epoch);
	owner = found && found != number ? eni_get(found) : 0;
	if (!owner || owner->vpc != e->vpc || owner->subnet != e->subnet)
		return number;
	return bpf_skb_store_bytes(skb, 0, owner->mac, ETH_ALEN, 0) ? number : found;
}

/* Drops a frame that is for nobody, or for an ENI that is attached to nothing. number: that ENI; 0: none. The drop
 * counts at the ENI that sent the packet. If the router made the packet, it counts at the ENI that it was for. Not
 * inlined, so that other frames don't need its stack. */
static __noinline int router_drop(struct __sk_buff *skb, __u32 number)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	int sent = (skb->mark & VPC_MARK_KIND) == VPC_MARK_ENI;

	if (!s)
		return drop_unread(number, VPC_DROP_UNKNOWN_DESTINATION);
	s->me = sent ? skb->mark & VPC_NUMBER_MASK : number;
	s->direction = sent ? VPC_EGRESS : VPC_INGRESS;
	s->length = skb->len;
	s->now_ns = bpf_ktime_get_coarse_ns();
	s->culprit = 0;
	s->end[0].eni = 0;
	s->end[1].eni = sent ? number : 0;
	s->ethertype = (__be16)skb->protocol;
	state_begin(s);
	(void)parse_packet(skb, ETH_HLEN, s->ethertype == bpf_htons(ETH_P_IPV6) ? 6 : 4, 0);
	return drop_packet(VPC_DROP_UNKNOWN_DESTINATION);
}

static __always_inline int router_deliver(struct __sk_buff *skb)
{
	__u32 zero = 0, number;
	struct vpc_ctl *now = bpf_map_lookup_elem(&ctl, &zero);
	struct vpc_eni *e;
	struct router r;

	if (!now || bpf_skb_load_bytes(skb, 0, r.mac, ETH_ALEN) || (r.mac[0] & 1))
		return TC_ACT_OK; /* multicast of the router: no port lets it out */
	r.epoch = READ_ONCE(now->epoch);
	barrier_order(&r.barrier);
	address_mac_key(&r.key, skb->ifindex, r.mac);
	number = address_find(&r.key, r.epoch);
	if (number)
		number = router_owner(skb, &r, number);
	e = number ? eni_get(number) : 0;
	if (!e || READ_ONCE(e->flags) & VPC_ENI_DETACHED)
		return router_drop(skb, number);
	return (int)bpf_redirect(number, 0);
}

#endif
