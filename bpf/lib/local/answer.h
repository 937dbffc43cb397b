/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's answers to a workload. Each is made at the workload's own port, from the packet that asked, and leaves
 * by the same port: ARP, ND, RA, DHCP (arp.h, nd.h, ra.h, dhcp.h), echo replies (echo.h), ICMP errors (icmp_error.h).
 * So no other workload gets an answer that one provokes, whatever the packet says. The router isn't asked: it resolves
 * no neighbour, and spends nothing of the kernel's global limits. core/limit.h says how many answers there are.
 *
 * The headers of answers that are built anew are here. ARP and echo have others.
 */
#ifndef BPF_LIB_ANSWER_H
#define BPF_LIB_ANSWER_H

#include "lib/core/address.h"
#include "lib/core/limit.h"

#include <linux/in.h>
#include <linux/pkt_cls.h>

#define ANSWER_HOPS    64  /* TTL or hop limit of answers that may be routed */
#define ANSWER_HOPS_ND 255 /* and of those that may not (RFC 4861) */

/* The headers of an IPv4 answer. Packed, because the Ethernet header leaves the rest unaligned. */
struct answer_head4 {
	__u8 dmac[ETH_ALEN];
	__u8 smac[ETH_ALEN];
	__be16 ethertype;
	__u8 version, tos;
	__be16 length, id, fragment;
	__u8 ttl, proto;
	__sum16 checksum;
	__be32 src, dst;
} __attribute__((packed));
_Static_assert(sizeof(struct answer_head4) == 34, "answer_head4");

/* The headers of an IPv6 answer. */
struct answer_head6 {
	__u8 dmac[ETH_ALEN];
	__u8 smac[ETH_ALEN];
	__be16 ethertype;
	__be32 version;
	__be16 payload;
	__u8 next;
	__u8 hop_limit;
	__be32 src[4];
	__be32 dst[4];
} __attribute__((packed));
_Static_assert(sizeof(struct answer_head6) == 54, "answer_head6");

/* Fills the headers from the gateway to the asker's MAC and the address `dst` (network byte order). bytes: behind the
 * IP header. */
static __always_inline void answer_fill4(struct answer_head4 *h, const struct scratch *s, const struct vpc_eni *me,
					 __be32 dst, __u8 proto, __u32 bytes)
{
	mac_copy(h->dmac, s->smac);
	mac_copy(h->smac, me->gateway_mac);
	h->ethertype = bpf_htons(ETH_P_IP);
	h->version = 0x45;
	h->tos = 0;
	h->length = bpf_htons((__u16)(20 + bytes));
	h->id = 0;
	h->fragment = bpf_htons(0x4000); /* don't fragment, so no id is needed (RFC 6864) */
	h->ttl = ANSWER_HOPS;
	h->proto = proto;
	h->checksum = 0;
	h->src = me->gateway4;
	h->dst = dst;
	h->checksum = (__sum16)~checksum_fold((__u64)bpf_csum_diff(0, 0, (__be32 *)&h->version, 20, 0));
}

/* Fills the headers from the gateway to the asker. bytes: behind the IP header. */
static __always_inline void answer_fill6(struct answer_head6 *h, const struct scratch *s, const struct vpc_eni *me,
					 __u8 next, __u8 hop_limit, __u32 bytes)
{
	mac_copy(h->dmac, s->smac);
	mac_copy(h->smac, me->gateway_mac);
	h->ethertype = bpf_htons(ETH_P_IPV6);
	h->version = bpf_htonl(0x60000000);
	h->payload = bpf_htons((__u16)bytes);
	h->next = next;
	h->hop_limit = hop_limit;
	h->src[0] = bpf_htonl(0xfe800000);
	h->src[1] = 0;
	h->src[2] = 0;
	h->src[3] = bpf_htonl(1);
	address_copy(h->dst, s->packet.src);
}

/* Addresses the answer to all nodes, of which only the asker hears it: it has no address yet. */
static __always_inline void answer_to_all6(struct answer_head6 *h)
{
	__builtin_memcpy(h->dmac, "\x33\x33\x00\x00\x00\x01", ETH_ALEN);
	h->dst[0] = bpf_htonl(0xff020000);
	h->dst[1] = 0;
	h->dst[2] = 0;
	h->dst[3] = bpf_htonl(1);
}

/* Sends the answer, which the packet was turned into, back out of its port. Returns what the program ends with. */
static __always_inline int answer_send(struct __sk_buff *skb)
{
	skb->mark = VPC_MARK_ANSWER | (skb->ifindex & VPC_NUMBER_MASK);
	return (int)bpf_redirect(skb->ifindex, 0);
}

#endif
