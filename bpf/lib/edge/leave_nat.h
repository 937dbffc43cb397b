/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translating what leaves a VPC: the public address and port of a packet that leaves by a NAT gateway or that answers a
 * published port. leave.h asks it.
 */
#ifndef BPF_LIB_EDGE_LEAVE_NAT_H
#define BPF_LIB_EDGE_LEAVE_NAT_H

#include "lib/edge/enter.h"

/* Whether the packet may be the first of a translation. */
static __always_inline int leave_opens(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP)
		return tcp_opens(p->tcp_flags);
	return p->proto == IPPROTO_UDP || (p->proto == IPPROTO_ICMP && p->icmp_kind == ICMP_QUERY && p->icmp_type == 8);
}

/* Whether the packet is of a kind that is translated: TCP, UDP, echo, or an error about one of them. */
static __always_inline int leave_is_translated(const struct packet *p)
{
	if (p->proto == IPPROTO_ICMP)
		return p->icmp_kind == ICMP_ERROR ||
		       ((p->icmp_kind == ICMP_QUERY || p->icmp_kind == ICMP_REPLY) && p->query_type == 8);
	return p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;
}

/* A callback of bpf_for_each_map_elem: stores an outer interface's address in *ret, a __be32, and stops at the first
 * one that has an address. */
static long leave_any_outer(void *map, const void *key, struct vpc_outer *o, void *ret)
{
	__be32 address = READ_ONCE(o->addr4);

	(void)map, (void)key;
	*(__be32 *)ret = address;
	return address != 0;
}

/* The host's address with which a packet leaves by the route in e->fib; 0: none. A packet to one of the host's own
 * addresses has no such interface, and gets that same address. The host's route to an elastic IP is by an uplink, so a
 * packet from another VPC to an elastic IP gets the address of any outer interface. */
static __always_inline __be32 leave_host_address(const struct scratch *s, struct edge *e)
{
	struct vpc_public *target;
	__be32 address = 0;

	if (e->outer)
		return e->outer4;
	if (!e->hairpin)
		return 0;
	target = public_find(e, s->packet.dst);
	if (!target || (READ_ONCE(target->kind) & (VPC_PUBLIC_EIP | VPC_PUBLIC_HOST)) != VPC_PUBLIC_EIP)
		return s->packet.dst[3];
	bpf_for_each_map_elem(&outer, leave_any_outer, &address, 0);
	return address;
}

/* Finds the public address of the NAT gateway's new translations: e->public4, e->host. Returns PASS, AGAIN or a
 * reason. */
static __always_inline int leave_public(struct scratch *s, struct edge *e, __u32 number)
{
	struct vpc_nat *gateway = bpf_map_lookup_elem(&nat, &number);
	int in_force;

	if (!gateway || gateway->vpc != e->vpc)
		return VPC_DROP_BLACKHOLE;
	in_force = versioned_read(&gateway->eip, s->epoch);
	if (in_force <= 0)
		return in_force ? AGAIN : VPC_DROP_BLACKHOLE;
	e->entry.by = number;
	e->entry.incarnation = READ_ONCE(gateway->incarnation);
	e->host = in_force == VPC_NAT_HOST_ADDRESS;
	e->public4 = e->host ? leave_host_address(s, e) : nat_elastic((__u32)in_force, number, s->epoch);
	if (e->public4)
		return PASS;
	return e->host ? VPC_DROP_NO_PUBLIC_ADDRESS : VPC_DROP_BLACKHOLE;
}

/* Makes a translation of the packet, whose key is e->key. Returns PASS, AGAIN or a reason. */
static __always_inline int leave_open(struct __sk_buff *skb, struct scratch *s, struct edge *e, __u32 number)
{
	const struct packet *p = &s->packet;
	__u32 owner = address_owner(s, p->src);
	struct vpc_nat_entry *old;
	int rc;

	if (!leave_opens(p))
		return VPC_DROP_NO_FLOW;
	if (!owner)
		return VPC_DROP_FORGED_SOURCE;
	old = bpf_map_lookup_elem(&nat_out, &e->key);
	if (old && nat_copy(s, &e->entry, old, &e->key))
		nat_remove(&e->key, &e->entry.other);
	if (!port_admitted(e->vpc, 0))
		return VPC_DROP_NAT_EXHAUSTED;
	rc = leave_public(s, e, number);
	if (rc)
		return rc;
	e->entry.eni = owner;
	e->entry.flags = 0;
	e->entry.timeout_s = p->proto == IPPROTO_TCP   ? NAT_SYN_S
			     : p->proto == IPPROTO_UDP ? nat_idle(owner, 0, IPPROTO_UDP)
						       : NAT_ICMP_S;
	return port_choose(skb);
}

/* Whether the translation that was found belongs to the packet's gateway. */
static __always_inline int leave_is_of_gateway(const struct vpc_nat_entry *n, __u32 gateway)
{
	if (gateway_kind(gateway) == VPC_EDGE_PUBLISHED)
		return (n->flags & VPC_NAT_PUBLISHED) != 0;
	return !(n->flags & VPC_NAT_PUBLISHED) && n->by == (gateway & VPC_TARGET_NUMBER);
}

/* Whether the translation's public address is still that of the interface by which the packet leaves. It isn't after
 * the host's address or route has changed. */
static __always_inline int leave_is_current(const struct scratch *s, struct edge *e)
{
	__u32 number = e->entry.by;
	struct vpc_nat *gateway;

	if (e->entry.flags & VPC_NAT_PUBLISHED)
		return 1;
	gateway = bpf_map_lookup_elem(&nat, &number);
	if (!gateway || versioned_read(&gateway->eip, s->epoch) != VPC_NAT_HOST_ADDRESS)
		return 1;
	return e->entry.other.local == leave_host_address(s, e);
}

/* Finds or makes the translation of the packet, which leaves by e->gateway. Returns PASS with e->entry, AGAIN or a
 * reason. */
__noinline int leave_translation(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	const struct packet *p, *q;
	struct vpc_nat_entry *found;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	q = &s->quoted;
	if (!leave_is_translated(p))
		return VPC_DROP_NOT_IMPLEMENTED;
	if (p->icmp_kind == ICMP_ERROR) {
		rc = quote_read(skb, s);
		nat_key(&e->key, e->vpc, q->dst[3], q->src[3], q->dport, q->sport, q->proto);
		return !rc && nat_find_out(s, e) && leave_is_of_gateway(&e->entry, e->gateway)
			       ? PASS
			       : VPC_DROP_ICMP_UNRELATED;
	}
	nat_key(&e->key, e->vpc, p->src[3], p->dst[3], p->sport, p->dport, p->proto);
	found = nat_find_out(s, e);
	if (found && leave_is_of_gateway(&e->entry, e->gateway) && leave_is_current(s, e)) {
		nat_used_by(s, e, found, 1);
		return PASS;
	}
	if (gateway_kind(e->gateway) != VPC_EDGE_NAT)
		return VPC_DROP_NO_FLOW;
	return leave_open(skb, s, e, e->gateway & VPC_TARGET_NUMBER);
}

/* Translates an IPv4 packet that leaves by a NAT gateway, or that answers a published port. Returns PASS, AGAIN or a
 * reason. */
__noinline int leave_nat(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	__be32 address;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (s->packet.fragment == FRAGMENT_LATER) {
		rc = nat_fragment_follow(s, e, e->vpc);
		if (!rc && e->fragment.gateway != e->gateway)
			rc = VPC_DROP_FRAGMENT;
		if (!rc)
			rc = rewrite_end(skb, EDGE_SOURCE, e->fragment.address, 0);
		if (rc || !e->fragment.other)
			return rc;
		e->to_host = 1;
		return rewrite_end(skb, EDGE_DESTINATION, e->fragment.other, 0);
	}
	rc = leave_translation(skb);
	if (rc)
		return rc;
	address = e->entry.other.local;
	if (s->packet.icmp_kind == ICMP_ERROR) {
		rc = quote_rewrite(skb, EDGE_DESTINATION, address, e->entry.other.lport);
		return rc ? rc : rewrite_end(skb, EDGE_SOURCE, address, 0);
	}
	nat_fragment_remember(s, e, e->vpc);
	if (e->entry.flags & VPC_NAT_HOST) {
		e->to_host = 1;
		rc = rewrite_end(skb, EDGE_DESTINATION, e->entry.other.remote, e->entry.other.rport);
		return rc ? rc : rewrite_end(skb, EDGE_SOURCE, address, e->entry.other.lport);
	}
	return rewrite_end(skb, EDGE_SOURCE, address, e->entry.other.lport);
}

#endif
