/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers IPv6 neighbour discovery (RFC 4861) at the port, like ARP, and router solicitations (ra.h).
 */
#ifndef BPF_LIB_ND_H
#define BPF_LIB_ND_H

#include "lib/local/ra.h"

#define ND_RS	    133
#define ND_RA	    134
#define ND_NS	    135
#define ND_NA	    136
#define ND_REDIRECT 137

#define ND_SOURCE_LLADDR 1
#define ND_TARGET_LLADDR 2
#define ND_OPTIONS_MAX	 4

#define NA_ROUTER    0x80000000u
#define NA_SOLICITED 0x40000000u
#define NA_OVERRIDE  0x20000000u

struct nd_message {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 flags;
	__be32 target[4];
};

struct nd_option {
	__u8 type;
	__u8 length; /* in units of 8 bytes */
	__u8 mac[ETH_ALEN];
};

/* A neighbour advertisement in its frame. */
struct na_frame {
	struct answer_head6 head;
	struct nd_message message;
	struct nd_option option;
} __attribute__((packed));
_Static_assert(sizeof(struct na_frame) == 86, "na_frame");
_Static_assert(sizeof(struct na_frame) <= sizeof(((struct scratch *)0)->frame), "room for it");

/* One's complement sum of 16-bit words in memory order. */
static __always_inline __u32 sum16(const void *data, __u32 length, __u32 sum)
{
	const u16_alias *w = data;

	for (__u32 i = 0; i < length / 2; i++)
		sum += w[i];
	return sum;
}

static __always_inline __sum16 nd_checksum(const struct na_frame *f)
{
	__u32 sum = bpf_htons(IPPROTO_ICMPV6) + bpf_htons(sizeof(f->message) + sizeof(f->option));

	sum = sum16(f->head.src, 32, sum);
	sum = sum16(&f->message, sizeof(f->message) + sizeof(f->option), sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__sum16)~sum;
}

/* Whether the workload may send from the address: an address of its ENI, or a link-local one that isn't another's. The
 * answer to it leaves by its own port and by no other. */
static __always_inline int nd_source_is_own(struct scratch *s, const struct vpc_eni *me)
{
	const __be32 *src = s->packet.src;

	return address_is_link_local6(src) ? !address_is_others_link_local(src, me->mac)
					   : address_owner(s, src) == s->me;
}

/* Turns the solicitation into the advertisement that the address `target` has the MAC `mac`. */
static __always_inline int nd_answer(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *me,
				     const __be32 *target, const __u8 *mac, __u32 flags)
{
	struct na_frame *f = (struct na_frame *)s->frame;
	int probe = !(s->packet.src[0] | s->packet.src[1] | s->packet.src[2] | s->packet.src[3]);

	__builtin_memset(f, 0, sizeof(*f));
	answer_fill6(&f->head, s, me, IPPROTO_ICMPV6, ANSWER_HOPS_ND, sizeof(f->message) + sizeof(f->option));
	mac_copy(f->head.smac, mac);
	address_copy(f->head.src, target);
	if (probe) /* whoever probes an address has none yet, so the answer is not marked as solicited (RFC 4861,
		    * 7.2.4) */
		answer_to_all6(&f->head);
	f->message.type = ND_NA;
	f->message.flags = bpf_htonl((flags | NA_OVERRIDE | (probe ? 0 : NA_SOLICITED)));
	address_copy(f->message.target, target);
	f->option.type = ND_TARGET_LLADDR;
	f->option.length = 1;
	__builtin_memcpy(f->option.mac, mac, ETH_ALEN);
	f->message.checksum = nd_checksum(f);
	if (bpf_skb_change_tail(skb, sizeof(*f), 0) ||
	    bpf_skb_store_bytes(skb, 0, f, sizeof(*f), BPF_F_INVALIDATE_HASH))
		return VPC_DROP_UNANSWERED;
	return ANSWERED;
}

/* Whether every source link-layer address in the solicitation's options, from `at` on, is the ENI's MAC. */
static __always_inline int nd_options(struct __sk_buff *skb, const struct packet *p, __u32 at, const __u8 *mac,
				      int probe)
{
	struct nd_option o;

	for (__u32 i = 0; i < ND_OPTIONS_MAX; i++) {
		if (at == p->end)
			return PASS;
		if (at + sizeof(o) > p->end || bpf_skb_load_bytes(skb, at, &o, sizeof(o)) || !o.length)
			return VPC_DROP_MALFORMED;
		if (o.type == ND_SOURCE_LLADDR && (probe || o.length != 1 || !mac_equal(o.mac, mac)))
			return VPC_DROP_FORGED_ND;
		at += (__u32)o.length * 8;
	}
	return VPC_DROP_MALFORMED;
}

/* Sends the answer that the packet was turned into, and turns the packet into an advertisement as a second answer. Two
 * answers take two tokens, of which the caller takes the second. */
static __always_inline int nd_advertise(struct __sk_buff *skb, struct scratch *s)
{
	if (!answer_admitted(s->me, ANSWER_CONFIGURE, s->now_ns))
		return ANSWERED;
	skb->mark = VPC_MARK_ANSWER | (skb->ifindex & VPC_NUMBER_MASK);
	if (bpf_clone_redirect(skb, skb->ifindex, 0))
		return ANSWERED; /* the packet couldn't be cloned: the first answer is sent */
	return ra(skb);
}

/* Answers a router solicitation (RFC 4861, 6.1.1). */
static __always_inline int nd_router_solicited(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	int unspecified = !(p->src[0] | p->src[1] | p->src[2] | p->src[3]), rc;

	if (!unspecified && !nd_source_is_own(s, me))
		return VPC_DROP_FORGED_ND;
	if (p->l4 + 8 > p->end)
		return VPC_DROP_MALFORMED;
	rc = nd_options(skb, p, p->l4 + 8, me->mac, unspecified);
	return rc ? rc : ra(skb);
}

static __always_inline int nd_solicited(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	int probe = !(p->src[0] | p->src[1] | p->src[2] | p->src[3]), rc;
	struct nd_message m;
	struct vpc_eni *other;
	__u32 owner;

	if (p->l4 + sizeof(m) > p->end || bpf_skb_load_bytes(skb, p->l4, &m, sizeof(m)))
		return VPC_DROP_MALFORMED;
	if (!probe && !nd_source_is_own(s, me))
		return VPC_DROP_FORGED_ND;
	rc = nd_options(skb, p, p->l4 + sizeof(m), me->mac, probe);
	if (rc)
		return rc;
	/* No ND message is a GSO packet, and the answer, which is made in the same skb, would keep its gso_size. */
	if (skb->gso_size)
		return VPC_DROP_MALFORMED;
	if (address_is_gateway6(m.target)) {
		rc = nd_answer(skb, s, me, m.target, me->gateway_mac, NA_ROUTER);
		return rc == ANSWERED && !probe && ra_is_due(s, me) ? nd_advertise(skb, s) : rc;
	}
	if (!(me->subnet6[0] | me->subnet6[1]) || m.target[0] != me->subnet6[0] || m.target[1] != me->subnet6[1])
		return VPC_DROP_UNANSWERED;
	owner = address_owner(s, m.target);
	other = owner && owner != s->me ? eni_get(owner) : 0;
	if (!other || other->vpc != s->vpc || other->subnet != me->subnet)
		return VPC_DROP_UNANSWERED;
	return nd_answer(skb, s, me, m.target, other->mac, 0);
}

/* Judges an ND message of the workload. Returns ANSWERED or a reason: no ND message gets past the port. */
__noinline int nd(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	const struct packet *p;
	struct vpc_eni *me;

	if (!s)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	me = eni_get(s->me);
	if (!me)
		return VPC_DROP_NOT_READY;
	if (p->icmp_type == ND_RA || p->icmp_type == ND_REDIRECT)
		return VPC_DROP_FORGED_ND;
	if (p->hop_limit != 255 || p->icmp_code || p->fragment)
		return VPC_DROP_FORGED_ND;
	if (p->icmp_type == ND_NS)
		return nd_solicited(skb, s, me);
	if (p->icmp_type == ND_RS)
		return nd_router_solicited(skb, s, me);
	/* an advertisement: the port needs none, even one of the ENI's own address */
	return nd_source_is_own(s, me) ? VPC_DROP_UNANSWERED : VPC_DROP_FORGED_ND;
}

#endif
