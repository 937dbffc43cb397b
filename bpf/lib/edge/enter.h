/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the world to a VPC: tc ingress of an outer interface. A packet that isn't for a public address goes on
 * unchanged, after one lookup. So does a packet to an address of the host that belongs to no translation.
 */
#ifndef BPF_LIB_EDGE_ENTER_H
#define BPF_LIB_EDGE_ENTER_H

#include "lib/edge/eips.h"
#include "lib/edge/fast.h"
#include "lib/route/routes.h"
#include "lib/edge/publish.h"
#include "lib/route/uplink.h"

/* Makes the key in nat_in of the packet in the scratch, or of the packet that it quotes. Returns 0 if no translation
 * can have the packet. */
static __always_inline int enter_key(struct scratch *s, struct edge *e)
{
	const struct packet *p = &s->packet, *q = &s->quoted;

	if (p->icmp_kind == ICMP_ERROR) {
		nat_key(&e->key, 0, q->src[3], q->dst[3], q->sport, q->dport, q->proto);
		return q->src[3] == p->dst[3];
	}
	nat_key(&e->key, 0, p->dst[3], p->src[3], p->dport, p->sport, p->proto);
	if (p->proto == IPPROTO_ICMP)
		return p->icmp_kind == ICMP_REPLY && p->query_type == 8;
	return p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;
}

/* Whether the packet fits the ENI's MTU. Returns PASS or TOO_BIG. */
static __always_inline int enter_fits(struct __sk_buff *skb, struct scratch *s)
{
	struct vpc_eni *to = eni_get(s->me);

	s->next_mtu = to ? READ_ONCE(to->mtu) : 0;
	return !to || uplink_biggest(skb, &s->packet) <= s->next_mtu ? PASS : VPC_DROP_TOO_BIG;
}

/* Sends a later fragment where the first one went. */
static __always_inline int enter_fragment(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	int rc = nat_fragment_follow(s, e, 0);

	if (rc)
		return rc == VPC_DROP_FRAGMENT ? HOSTS : rc;
	e->vpc = e->fragment.vpc;
	e->gateway = e->fragment.gateway;
	return rewrite_end(skb, EDGE_DESTINATION, e->fragment.address, 0);
}

/* Stores what becomes of a packet from the world. */
static __always_inline void enter_cache(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	struct edge_cache *c = edge_cache_begin(s, e, skb->ifindex, 0);

	if (!c)
		return;
	c->family = 0;
	c->mtu = s->next_mtu;
	c->ifindex = skb->ifindex;
}

/* Rewrites the packet by the translation in e->entry. Returns PASS or a reason. */
static __always_inline int enter_rewrite(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	int rc;

	e->vpc = e->entry.other.vpc;
	e->gateway = e->entry.flags & VPC_NAT_PUBLISHED ? gateway_make(VPC_EDGE_PUBLISHED, 0)
							: gateway_make(VPC_EDGE_NAT, e->entry.by);
	s->me = e->entry.eni;
	rc = enter_fits(skb, s);
	if (rc)
		return rc;
	if (s->packet.icmp_kind == ICMP_ERROR) {
		rc = quote_rewrite(skb, EDGE_SOURCE, e->entry.other.local, e->entry.other.lport);
		return rc ? rc : rewrite_end(skb, EDGE_DESTINATION, e->entry.other.local, 0);
	}
	nat_fragment_remember(s, e, 0);
	if (!e->translated)
		enter_cache(skb, s, e);
	return rewrite_end(skb, EDGE_DESTINATION, e->entry.other.local, e->entry.other.lport);
}

/* Rewrites the packet by its translation, or by a new one for a published port. Returns PASS with e->vpc and e->gateway
 * set; HOSTS: there is no translation; AGAIN; or a reason. */
__noinline int enter_translation(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_nat_entry *found;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (s->packet.fragment == FRAGMENT_LATER)
		return enter_fragment(skb, s, e);
	if (s->packet.icmp_kind == ICMP_ERROR && quote_read(skb, s))
		return HOSTS;
	if (!enter_key(s, e))
		return HOSTS;
	found = nat_find_in(s, e);
	if (!found) {
		if (s->packet.icmp_kind == ICMP_ERROR || !e->publishes)
			return HOSTS;
		e->only_vpc = 0;
		e->publish_addresses = 2;
		e->publish_address[0] = s->packet.dst[3];
		e->publish_address[1] = 0;
		rc = publish_open(skb, 0, s->packet.src[3]);
		if (rc)
			return rc;
	} else if (e->publishes && port_is_hosts(skb, &e->key, 1)) {
		/* The host has connected from the port that the translation has: the answers are the host's. */
		nat_remove(&e->entry.other, &e->key);
		return HOSTS;
	} else if (s->packet.icmp_kind != ICMP_ERROR) {
		nat_used_by(s, e, found, 0);
	}
	return enter_rewrite(skb, s, e);
}

/* Judges a packet that is for elastic IP `number`. Returns PASS, AGAIN, a reason; or HOSTS: there is no such elastic
 * IP. */
static __always_inline int enter_elastic(struct __sk_buff *skb, struct scratch *s, struct edge *e, __u32 number)
{
	__be32 private4 = 0;
	__u32 space = 0;
	int target = eip_read(s, number, s->packet.dst[3], &private4, &space), rc;

	if (target <= 0)
		return target ? AGAIN : HOSTS;
	switch ((__u32)target >> VPC_TARGET_SHIFT) {
	case VPC_EIP_ENI:
		e->vpc = space;
		e->gateway = gateway_make(VPC_EDGE_IGW, 0);
		s->me = (__u32)target & VPC_TARGET_NUMBER;
		rc = enter_fits(skb, s);
		return rc ? rc : eip_enter(skb, s, private4);
	case VPC_EIP_NAT:
		e->publishes = 0;
		rc = enter_translation(skb);
		return rc == HOSTS ? VPC_DROP_NO_INBOUND : rc;
	default:
		return VPC_DROP_UNKNOWN_DESTINATION;
	}
}

/* Judges the packet in the scratch, whose destination is in e->public_key. Returns PASS with e->vpc and e->gateway set,
 * HOSTS, AGAIN or a reason. */
__noinline int enter_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_public *found;
	__u32 kind, number;
	int rc = HOSTS;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	found = bpf_map_lookup_elem(&public, &e->public_key);
	if (!found)
		return HOSTS;
	kind = READ_ONCE(found->kind);
	number = READ_ONCE(found->number);
	if (kind & VPC_PUBLIC_EIP)
		rc = enter_elastic(skb, s, e, number);
	if (rc != HOSTS || !(kind & VPC_PUBLIC_HOST))
		return rc;
	e->publishes = 1;
	return enter_translation(skb);
}

/* --- IPv6: routed, not translated --------------------------------------------------------------------------------- */

#define PREFIX6_FIRST 32u
#define PREFIX6_STEPS 32u /* prefix lengths 63 to 32 */

struct prefix6_walk {
	const __be32 *address;
	struct edge *e;
};

static long prefix6_step(__u32 i, void *ctx)
{
	const __be32 *address = ((struct prefix6_walk *)ctx)->address;
	struct edge *e = ((struct prefix6_walk *)ctx)->e;
	__u32 bit = PREFIX6_STEPS - 1 - i, *number;

	if (bit >= PREFIX6_STEPS || !(e->prefix6_plens >> bit & 1))
		return 0;
	e->prefix6.plen = PREFIX6_FIRST + bit;
	e->prefix6.addr[0] = address[0];
	e->prefix6.addr[1] = address[1] & mask32(bit);
	e->prefix6.addr[2] = 0;
	e->prefix6.addr[3] = 0;
	number = bpf_map_lookup_elem(&prefix6, &e->prefix6);
	if (!number)
		return 0;
	e->prefix6_vpc = READ_ONCE(*number);
	return 1;
}

/* Returns the VPC in whose address space the IPv6 address is, if the VPC has a gateway; else 0. e->prefix6_vpc is the
 * VPC in either case. */
static __always_inline __u32 enter_prefix(struct scratch *s, struct edge *e, const __be32 *address)
{
	struct vpc_edge_ctl *c = edge_ctl_get();
	struct prefix6_walk walk = {.address = address, .e = e};
	struct vpc_space *space;
	__u32 number, mine = s->vpc;

	e->prefix6_vpc = 0;
	e->prefix6_plens = c ? READ_ONCE(c->prefix6_plens) : 0;
	if (!e->prefix6_plens)
		return 0;
	bpf_loop(PREFIX6_STEPS, prefix6_step, &walk, 0);
	number = e->prefix6_vpc;
	space = number ? bpf_map_lookup_elem(&vpc, &number) : 0;
	if (!space || !(READ_ONCE(space->flags) & VPC_SPACE_ROUTED_OUT))
		return 0;
	s->vpc = number;
	if (!address_in_space(s, 6, address))
		number = 0;
	s->vpc = mine;
	return number;
}

/*
 * Judges the IPv6 packet in the scratch, which is for VPC e->prefix6_vpc. It enters by the gateway by which its answers
 * would leave, which the route table of the receiver's subnet names. Returns PASS with e->vpc and e->gateway set, AGAIN
 * or a reason.
 */
__noinline int enter_judge6(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	int target;
	__u32 owner;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	e->vpc = e->prefix6_vpc;
	s->vpc = e->vpc;
	owner = address_owner(s, s->packet.dst);
	s->me = owner;
	if (!owner)
		return VPC_DROP_UNKNOWN_DESTINATION;
	address_copy(s->route_address, s->packet.src);
	target = route_find(SCRATCH_PACKET, owner, 6);
	if (target == AGAIN)
		return AGAIN;
	if (target <= 0)
		return VPC_DROP_NO_ROUTE;
	switch ((__u32)target >> VPC_TARGET_SHIFT) {
	case VPC_TARGET_IGW:
		e->gateway = gateway_make(VPC_EDGE_IGW, 0);
		return enter_fits(skb, s);
	case VPC_TARGET_EIGW:
		e->gateway = gateway_make(VPC_EDGE_EIGW, 0);
		return enter_fits(skb, s);
	default:
		return VPC_DROP_NO_ROUTE;
	}
}

#endif
