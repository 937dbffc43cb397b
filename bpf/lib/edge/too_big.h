/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors to the world about packets that are larger than their receiver's MTU. An error comes from the address
 * that the packet was sent to. There are at most 100 a second for all receivers. The packet is turned into the error,
 * and leaves by the interface at which it came in. */
#ifndef BPF_LIB_EDGE_TOO_BIG_H
#define BPF_LIB_EDGE_TOO_BIG_H

#include "lib/route/gateway.h"
#include "lib/local/icmp_error.h"
#include "lib/packet/redirect.h"

static __always_inline void too_big_fill4(struct answer_head4 *f, const struct scratch *s, __u32 n)
{
	f->ethertype = bpf_htons(ETH_P_IP);
	f->version = 0x45;
	f->length = bpf_htons((__u16)(20 + 8 + n));
	f->ttl = ANSWER_HOPS;
	f->proto = IPPROTO_ICMP;
	f->src = s->packet.dst[3];
	f->dst = s->packet.src[3];
	f->checksum = (__sum16)~checksum_fold((__u64)bpf_csum_diff(0, 0, (__be32 *)&f->version, 20, 0));
}

static __always_inline void too_big_fill6(struct answer_head6 *f, const struct scratch *s, __u32 n)
{
	f->ethertype = bpf_htons(ETH_P_IPV6);
	f->version = bpf_htonl(0x60000000);
	f->payload = bpf_htons((__u16)(8 + n));
	f->next = IPPROTO_ICMPV6;
	f->hop_limit = ANSWER_HOPS;
	__builtin_memcpy(f->src, s->packet.dst, 16);
	__builtin_memcpy(f->dst, s->packet.src, 16);
}

/* Writes the headers of an error that quotes n bytes, whose sum is `sum`, to b->out. Returns their length. */
static __always_inline __u32 too_big_headers(struct __sk_buff *skb, struct scratch *s, struct address_config_scratch *b,
					     __u32 n, __u64 sum)
{
	struct icmp_error icmp = {.type = s->packet.family == 4 ? 3 : 2, .code = s->packet.family == 4 ? 4 : 0};
	struct icmp_error4 *f4 = (struct icmp_error4 *)b->out;
	struct icmp_error6 *f6 = (struct icmp_error6 *)b->out;

	icmp.info = bpf_htonl(s->next_mtu);
	sum += bpf_htons((__u16)((__u16)icmp.type << 8 | icmp.code)) + (__u64)icmp.info;
	__builtin_memset(b->out, 0, sizeof(*f6));
	if (bpf_skb_load_bytes(skb, 0, f4->head.smac, ETH_ALEN) ||
	    bpf_skb_load_bytes(skb, ETH_ALEN, f4->head.dmac, ETH_ALEN))
		return 0;
	if (s->packet.family == 4) {
		too_big_fill4(&f4->head, s, n);
		icmp.checksum = (__sum16)~checksum_fold(sum);
		__builtin_memcpy(&f4->icmp, &icmp, sizeof(icmp));
		return sizeof(*f4);
	}
	too_big_fill6(&f6->head, s, n);
	icmp.checksum = (__sum16)~checksum_fold(
		sum + address_config_pseudo(s->packet.dst, s->packet.src, IPPROTO_ICMPV6, 8 + n));
	__builtin_memcpy(&f6->icmp, &icmp, sizeof(icmp));
	return sizeof(*f6);
}

/* Tells the sender of the packet in the scratch, which is dropped, the MTU s->next_mtu. Returns what the program ends
 * with. */
__noinline int world_too_big(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct address_config_scratch *b = address_config_scratch_get();
	__u32 n, head;
	__u64 sum;

	if (!s || !b || s->packet.icmp_kind == ICMP_ERROR || s->packet.fragment == FRAGMENT_LATER ||
	    !answer_admitted(0, ANSWER_ERROR, s->now_ns))
		return TC_ACT_SHOT;
	n = s->packet.end - ETH_HLEN;
	if (n > ICMP_ERROR_QUOTE)
		n = ICMP_ERROR_QUOTE;
	sum = icmp_error_quoted(skb, &s->packet, b, n);
	head = sum ? too_big_headers(skb, s, b, n, sum) : 0;
	if (!head || bpf_skb_change_tail(skb, ETH_HLEN + n, 0) || bpf_skb_change_head(skb, head - ETH_HLEN, 0) ||
	    address_config_put(skb, 0, b->out, head, sizeof(struct icmp_error6)))
		return TC_ACT_SHOT;
	return (int)bpf_redirect(skb->ifindex, 0) & REDIRECT_ACT;
}

#endif
