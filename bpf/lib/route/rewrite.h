/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes another address and port into a packet, and corrects its checksums. It uses helpers and no stores: they keep
 * skb->csum right where a device has summed the packet up (CHECKSUM_COMPLETE), and leave alone what is still to be
 * completed (CHECKSUM_PARTIAL).
 */
#ifndef BPF_LIB_ROUTE_REWRITE_H
#define BPF_LIB_ROUTE_REWRITE_H

#include "lib/route/gateway.h"

#define IPV4_CHECK	 __builtin_offsetof(struct iphdr, check)
#define IPV4_SOURCE	 __builtin_offsetof(struct iphdr, saddr)
#define IPV4_DESTINATION __builtin_offsetof(struct iphdr, daddr)
#define TCP_CHECK	 16u
#define UDP_CHECK	 6u
#define ICMP_CHECK	 2u
#define ICMP_ID		 4u

/* Replaces the port at l4 + at, or the id of an ICMP query, and corrects the upper checksum. */
static __always_inline int rewrite_port(struct __sk_buff *skb, __u32 at, __u32 check, __u32 mangled, __be16 old,
					__be16 port)
{
	if (old == port)
		return 0;
	return bpf_l4_csum_replace(skb, check, old, port, mangled | sizeof(port)) ||
	       bpf_skb_store_bytes(skb, at, &port, sizeof(port), 0);
}

/*
 * Gives one end (EDGE_…) of the IPv4 packet in the scratch another address and port, in the frame and in the scratch. A
 * later fragment, and a packet without ports, gets the address only. Returns PASS, or a reason to drop the packet,
 * which may be half written.
 */
__noinline int rewrite_end(struct __sk_buff *skb, __u32 end, __be32 address, __u32 port_be)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	__be16 port = (__be16)port_be, old_port;
	__u32 l3, l4, mangled = 0, check = 0;
	struct packet *p;
	__be32 old;

	if (!s)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	l3 = p->l3;
	l4 = p->l4;
	old = end == EDGE_SOURCE ? p->src[3] : p->dst[3];
	old_port = end == EDGE_SOURCE ? p->sport : p->dport;
	if (p->fragment != FRAGMENT_LATER) {
		if (p->proto == IPPROTO_TCP)
			check = l4 + TCP_CHECK;
		else if (p->proto == IPPROTO_UDP)
			check = l4 + UDP_CHECK;
		if (p->proto == IPPROTO_UDP)
			mangled = BPF_F_MARK_MANGLED_0;
		if (check &&
		    (bpf_l4_csum_replace(skb, check, old, address, mangled | BPF_F_PSEUDO_HDR | sizeof(address)) ||
		     rewrite_port(skb, l4 + (end == EDGE_SOURCE ? 0 : 2), check, mangled, old_port, port)))
			return VPC_DROP_NO_MEMORY;
		if (p->proto == IPPROTO_ICMP && p->icmp_kind != ICMP_ERROR && port &&
		    rewrite_port(skb, l4 + ICMP_ID, l4 + ICMP_CHECK, 0, old_port, port))
			return VPC_DROP_NO_MEMORY;
	}
	if (bpf_l3_csum_replace(skb, l3 + IPV4_CHECK, old, address, sizeof(address)) ||
	    bpf_skb_store_bytes(skb, l3 + (end == EDGE_SOURCE ? IPV4_SOURCE : IPV4_DESTINATION), &address,
				sizeof(address), 0))
		return VPC_DROP_NO_MEMORY;
	if (end == EDGE_SOURCE) {
		p->src[3] = address;
		p->sport = port;
	} else {
		p->dst[3] = address;
		p->dport = port;
	}
	return PASS;
}

/* Writes both MACs of the frame. Returns enum bytes. */
static __always_inline int rewrite_macs(struct __sk_buff *skb, const __u8 *dmac, const __u8 *smac)
{
	__u8 macs[2 * ETH_ALEN];

	mac_copy(macs, dmac);
	mac_copy(macs + ETH_ALEN, smac);
	return (int)bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

#endif
