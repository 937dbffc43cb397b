/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Router advertisements (RFC 4861, 4.2). A workload gets one when it solicits it. It also gets one from time to time
 * when it asks for the gateway's MAC, so that the default route of a workload that runs for months doesn't expire. The
 * prefix is on-link: neighbours are found by ND, which the port answers. It is not for autoconfiguration: an ENI has
 * the addresses that it was given, and learns them by DHCPv6.
 */
#ifndef BPF_LIB_RA_H
#define BPF_LIB_RA_H

#include "lib/local/address_config.h"
#include "lib/local/answer.h"

#define RA_MANAGED     0xc0  /* addresses and options by DHCPv6 */
#define RA_LIFETIME_S  65535 /* the maximum of RFC 8319 */
#define RA_ON_LINK     0x80
#define RA_REFRESH_NS  (600 * NS_PER_S)
#define RA_FRAME_BYTES 118

struct ra_frame {
	struct answer_head6 head;
	__u8 type, code;
	__sum16 checksum;
	__u8 current_hop_limit, flags;
	__be16 lifetime;
	__be32 reachable, retransmit;
	struct {
		__u8 type, length, plen, flags;
		__be32 valid, preferred, reserved;
		__be32 prefix[4];
	} __attribute__((packed)) prefix;
	struct {
		__u8 type, length;
		__be16 reserved;
		__be32 mtu;
	} __attribute__((packed)) mtu;
	struct {
		__u8 type, length;
		__u8 mac[ETH_ALEN];
	} __attribute__((packed)) lladdr;
} __attribute__((packed));
_Static_assert(sizeof(struct ra_frame) == RA_FRAME_BYTES, "ra_frame");

static __always_inline void ra_fill_options(struct ra_frame *f, const struct vpc_eni *me)
{
	f->prefix.type = 3;
	f->prefix.length = 4;
	f->prefix.plen = 64;
	f->prefix.flags = RA_ON_LINK;
	f->prefix.valid = 0xffffffff;
	f->prefix.preferred = 0xffffffff;
	f->prefix.prefix[0] = me->subnet6[0];
	f->prefix.prefix[1] = me->subnet6[1];
	f->mtu.type = 5;
	f->mtu.length = 1;
	f->mtu.mtu = bpf_htonl(me->mtu);
	f->lladdr.type = 1;
	f->lladdr.length = 1;
	__builtin_memcpy(f->lladdr.mac, me->gateway_mac, ETH_ALEN);
}

static __always_inline void ra_fill(struct ra_frame *f, const struct scratch *s, const struct vpc_eni *me, __u32 length)
{
	const __be32 *to = s->packet.src;

	__builtin_memset(f, 0, sizeof(*f));
	answer_fill6(&f->head, s, me, IPPROTO_ICMPV6, ANSWER_HOPS_ND, length - 54);
	if (!(to[0] | to[1] | to[2] | to[3]))
		answer_to_all6(&f->head);
	f->type = 134;
	f->current_hop_limit = 64;
	f->flags = RA_MANAGED;
	f->lifetime = bpf_htons(RA_LIFETIME_S);
	ra_fill_options(f, me);
}

/* Turns the packet, whatever it is, into an advertisement for its sender. Returns ANSWERED or a reason. */
__noinline int ra(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct address_config_scratch *b = address_config_scratch_get();
	struct vpc_address_config_options *options;
	__u32 at = RA_FRAME_BYTES, length, option_bytes;
	struct ra_frame *f;
	struct vpc_eni *me;
	struct vpc_address_config *t;
	__be32 src[4], dst[4];
	__u16 checksum;

	if (!s || !b)
		return VPC_DROP_NOT_READY;
	me = eni_get(s->me);
	t = address_config_get(s);
	options = address_config_options(s, b);
	if (!me || !t || !options || !(me->subnet6[0] | me->subnet6[1]) || skb->gso_size)
		return VPC_DROP_UNANSWERED;
	option_bytes = READ_ONCE(options->ra_bytes);
	length = RA_FRAME_BYTES + option_bytes;
	f = (struct ra_frame *)b->out;
	ra_fill(f, s, me, length);
	__builtin_memcpy(src, f->head.src, 16);
	__builtin_memcpy(dst, f->head.dst, 16);
	if (bpf_skb_change_tail(skb, length, 0) ||
	    bpf_skb_store_bytes(skb, 0, f, RA_FRAME_BYTES, BPF_F_INVALIDATE_HASH) ||
	    address_config_append(skb, &at, options->ra, option_bytes, VPC_ADDRESS_CONFIG_RA_MAX) ||
	    !address_config_options_stood(s, b))
		return VPC_DROP_UNANSWERED;
	checksum = (__u16)~checksum_fold(address_config_sum(skb, b, length) +
					 address_config_pseudo(src, dst, IPPROTO_ICMPV6, length - 54));
	if (bpf_skb_store_bytes(skb, 56, &checksum, 2, 0))
		return VPC_DROP_UNANSWERED;
	WRITE_ONCE(t->advertised_ns, s->now_ns);
	return ANSWERED;
}

/* Whether the workload is due to be told again that there is a router. A subnet without IPv6 advertises nothing. */
static __always_inline int ra_is_due(struct scratch *s, const struct vpc_eni *me)
{
	struct vpc_address_config *t = me->subnet6[0] | me->subnet6[1] ? address_config_get(s) : 0;

	return t && (__s64)(s->now_ns - READ_ONCE(t->advertised_ns)) > (__s64)RA_REFRESH_NS;
}

#endif
