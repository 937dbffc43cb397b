/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's ICMP errors about packets that the rules allow but that end at the sender's port: no route, no hops
 * left, too big, a wrong option. The packet is turned into the error and goes back to its sender.
 */
#ifndef BPF_LIB_ICMP_ERROR_H
#define BPF_LIB_ICMP_ERROR_H

#include "lib/local/answer.h"
#include "lib/local/address_config.h"

/* How many bytes are quoted, from the IP header on: the most that a stack looks at, the same for both families. */
#define ICMP_ERROR_QUOTE 128

struct icmp_error {
	__u8 type, code;
	__sum16 checksum;
	__be32 info; /* the MTU, or the offset of what is wrong */
};

struct icmp_error4 {
	struct answer_head4 head;
	struct icmp_error icmp;
} __attribute__((packed));
_Static_assert(sizeof(struct icmp_error4) == 42, "icmp_error4");

struct icmp_error6 {
	struct answer_head6 head;
	struct icmp_error icmp;
} __attribute__((packed));
_Static_assert(sizeof(struct icmp_error6) == 62, "icmp_error6");

/* type << 8 | code of the error for a drop's reason; 0: none is sent. */
static __always_inline __u32 icmp_error_type(const struct scratch *s, int reason)
{
	__u8 family = s->packet.family;

	switch (reason) {
	case VPC_DROP_NO_ROUTE:
		return family == 4 ? 3 << 8 : 1 << 8;
	case VPC_DROP_HOP_LIMIT:
		return family == 4 ? 11 << 8 : 3 << 8;
	case VPC_DROP_TOO_BIG:
		return family == 4 ? 3 << 8 | 4 : 2 << 8;
	default:
		return s->problem;
	}
}

/* The word behind the checksum, in network byte order. */
static __always_inline __be32 icmp_error_info(const struct scratch *s, const struct vpc_eni *me, int reason)
{
	if (reason == VPC_DROP_TOO_BIG)
		return bpf_htonl(s->next_mtu ? s->next_mtu : READ_ONCE(me->mtu));
	if (!s->problem)
		return 0;
	return bpf_htonl(s->packet.family == 4 ? s->problem_at << 24 : s->problem_at);
}

/* Sum of n bytes of the frame from `at` on, at most ICMP_ERROR_QUOTE bytes; 0 if they can't be read. */
static __always_inline __u64 icmp_error_sum(struct __sk_buff *skb, struct address_config_scratch *b, __u32 at, __u32 n)
{
	__s64 sum;

	if (address_config_load(skb, at, b->out, n, ICMP_ERROR_QUOTE))
		return 0;
	b->out[n & 0xff] = 0;
	b->out[(n + 1) & 0xff] = 0;
	b->out[(n + 2) & 0xff] = 0;
	sum = bpf_csum_diff(0, 0, (__be32 *)b->out, (n + 3) & 0xfc, 0);
	return sum < 0 ? 0 : (__u64)sum;
}

/*
 * Sum of the quotation's n bytes. If the quoted checksum is still to be completed, the sum is right both for a receiver
 * that gets the quotation as it is and for one that gets it completed: the upper header and the payload sum up to the
 * complement of what was in the checksum's field.
 */
static __always_inline __u64 icmp_error_quoted(struct __sk_buff *skb, const struct packet *p,
					       struct address_config_scratch *b, __u32 n)
{
	__u64 sum = icmp_error_sum(skb, b, ETH_HLEN, n);
	__u32 head = p->l4 - ETH_HLEN, field = p->proto == IPPROTO_TCP ? 16 : 6;
	__u16 pseudo = 0;

	if ((p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP) || !checksum_is_partial(skb) || head + field + 2 > n ||
	    bpf_skb_load_bytes(skb, p->l4 + field, &pseudo, sizeof(pseudo)))
		return sum;
	sum += (__u16)~checksum_fold(icmp_error_sum(skb, b, p->l4, n - head));
	return sum + (__u16)~pseudo;
}

/* Writes the headers of an error that quotes n bytes, whose sum is `sum`, to the scratch's out. Returns their
 * length. */
static __always_inline __u32 icmp_error_headers(struct scratch *s, struct address_config_scratch *b,
						const struct vpc_eni *me, int reason, __u32 n, __u64 sum)
{
	__u32 type = icmp_error_type(s, reason);
	struct icmp_error icmp = {
		.type = (__u8)(type >> 8), .code = (__u8)type, .info = icmp_error_info(s, me, reason)};
	struct icmp_error4 *f4 = (struct icmp_error4 *)b->out;
	struct icmp_error6 *f6 = (struct icmp_error6 *)b->out;
	__be32 src[4], dst[4];

	sum += bpf_htons((__u16)type) + (__u64)icmp.info;
	__builtin_memset(b->out, 0, sizeof(*f6));
	if (s->packet.family == 4) {
		answer_fill4(&f4->head, s, me, s->packet.src[3], IPPROTO_ICMP, 8 + n);
		icmp.checksum = (__sum16)~checksum_fold(sum);
		__builtin_memcpy(&f4->icmp, &icmp, sizeof(icmp));
		return sizeof(*f4);
	}
	answer_fill6(&f6->head, s, me, IPPROTO_ICMPV6, ANSWER_HOPS, 8 + n);
	__builtin_memcpy(src, f6->head.src, 16);
	__builtin_memcpy(dst, f6->head.dst, 16);
	icmp.checksum = (__sum16)~checksum_fold(sum + address_config_pseudo(src, dst, IPPROTO_ICMPV6, 8 + n));
	__builtin_memcpy(&f6->icmp, &icmp, sizeof(icmp));
	return sizeof(*f6);
}

/* Turns the packet in the scratch, which is dropped for that reason, into the error for its sender. Returns ANSWERED,
 * or another value: the packet is dropped without an error. */
__noinline int icmp_error(struct __sk_buff *skb, int reason)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct address_config_scratch *b = address_config_scratch_get();
	const struct packet *p;
	struct vpc_eni *me;
	__u32 n, head;
	__u64 sum;

	if (!s || !b)
		return reason;
	p = &s->packet;
	me = eni_get(s->me);
	if (!me || !icmp_error_type(s, reason) || (skb->gso_size && !s->gateway) || p->fragment == FRAGMENT_LATER ||
	    p->icmp_kind == ICMP_ERROR || (p->family == 4 && !me->gateway4))
		return reason;
	n = p->end - ETH_HLEN;
	if (n > ICMP_ERROR_QUOTE)
		n = ICMP_ERROR_QUOTE;
	if (!answer_admitted(s->me, ANSWER_ERROR, s->now_ns))
		return reason;
	sum = icmp_error_quoted(skb, p, b, n);
	if (!sum)
		return reason;
	head = icmp_error_headers(s, b, me, reason, n, sum);
	if (bpf_skb_change_tail(skb, ETH_HLEN + n, 0) || bpf_skb_change_head(skb, head - ETH_HLEN, 0) ||
	    address_config_put(skb, 0, b->out, head, sizeof(struct icmp_error6)))
		return reason;
	return ANSWERED;
}

#endif
