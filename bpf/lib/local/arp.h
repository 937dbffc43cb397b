/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers ARP at the port. So no workload hears another's ARP, or can answer for another. */
#ifndef BPF_LIB_ARP_H
#define BPF_LIB_ARP_H

#include "lib/core/address.h"

#define ARP_REQUEST 1
#define ARP_REPLY   2

/* Ethernet and IPv4. Packed: the addresses aren't aligned. */
struct arp_frame {
	__u8 dmac[ETH_ALEN];
	__u8 smac[ETH_ALEN];
	__be16 ethertype;
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be32 sender;
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));
_Static_assert(sizeof(struct arp_frame) == 42, "arp_frame");

/* The ENI of me's subnet that has the address, other than `me`; 0: none. */
static __always_inline __u32 arp_owner(struct scratch *s, const struct vpc_eni *me, __be32 v4)
{
	__be32 a[4];

	if ((v4 & me->mask4) != me->subnet4)
		return 0;
	address_from4(a, v4);
	return address_owner(s, a);
}

/* Turns the request into the reply. */
static __always_inline int arp_answer(struct __sk_buff *skb, struct scratch *s, struct arp_frame *f, const __u8 *mac)
{
	__be32 asked = f->target;

	__builtin_memcpy(f->dmac, s->smac, ETH_ALEN);
	__builtin_memcpy(f->smac, mac, ETH_ALEN);
	f->operation = bpf_htons(ARP_REPLY);
	__builtin_memcpy(f->target_mac, s->smac, ETH_ALEN);
	f->target = f->sender;
	__builtin_memcpy(f->sender_mac, mac, ETH_ALEN);
	f->sender = asked;
	if (bpf_skb_store_bytes(skb, 0, f, sizeof(*f), BPF_F_INVALIDATE_HASH))
		return VPC_DROP_UNANSWERED;
	return ANSWERED;
}

/* Judges an ARP packet of the workload. Returns ANSWERED or a reason. */
__noinline int arp(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct vpc_eni *me, *other;
	struct arp_frame f;
	__u32 owner;
	__be32 a[4];

	if (!s)
		return VPC_DROP_NOT_READY;
	me = eni_get(s->me);
	if (!me)
		return VPC_DROP_NOT_READY;
	if (skb->gso_size || bpf_skb_load_bytes(skb, 0, &f, sizeof(f)))
		return VPC_DROP_MALFORMED;
	if (f.hardware != bpf_htons(1) || f.protocol != bpf_htons(ETH_P_IP) || f.hardware_length != ETH_ALEN ||
	    f.protocol_length != 4)
		return VPC_DROP_MALFORMED;
	/* for the event, if the packet is dropped */
	address_from4(s->packet.src, f.sender);
	address_from4(s->packet.dst, f.target);
	if (f.operation != bpf_htons(ARP_REQUEST) && f.operation != bpf_htons(ARP_REPLY))
		return VPC_DROP_FORGED_ARP;
	address_from4(a, f.sender);
	if (!mac_equal(f.sender_mac, me->mac) || (f.sender && address_owner(s, a) != s->me))
		return VPC_DROP_FORGED_ARP;
	if (f.operation != bpf_htons(ARP_REQUEST) || f.target == f.sender)
		return VPC_DROP_UNANSWERED; /* an announcement: every port already knows the address */
	if (f.target == me->gateway4 && f.target)
		return arp_answer(skb, s, &f, me->gateway_mac);
	owner = arp_owner(s, me, f.target);
	other = owner && owner != s->me ? eni_get(owner) : 0;
	if (!other || other->vpc != s->vpc || other->subnet != me->subnet)
		return VPC_DROP_UNANSWERED;
	return arp_answer(skb, s, &f, other->mac);
}

#endif
