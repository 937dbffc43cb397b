/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a VPC to the world: tc ingress of an uplink's host end, in the host's namespace. The frame's destination MAC
 * says by which gateway it goes. What was let through by its sender's rules is translated here and sent out of the
 * outer interface that the host's routes lead to, without entering the host's own forwarding.
 */
#ifndef BPF_LIB_EDGE_LEAVE_H
#define BPF_LIB_EDGE_LEAVE_H

#include "lib/edge/ports.h"
#include "lib/edge/uplink.h"

/* Not in linux/socket.h for programs. */
#define EDGE_AF_INET  2
#define EDGE_AF_INET6 10

/* The host's route to the packet's destination, into e->fib. source: the address that it will be sent from; 0: not
 * known yet. Returns PASS with the interface in e->fib, or why not. */
static __always_inline int leave_fib(struct __sk_buff *skb, struct scratch *s, struct edge *e, __be32 source)
{
	const struct packet *p = &s->packet;
	struct bpf_fib_lookup *f = &e->fib;
	long rc;

	__builtin_memset(f, 0, sizeof(*f));
	f->ifindex = skb->ifindex;
	f->l4_protocol = p->proto;
	f->sport = p->sport;
	f->dport = p->dport;
	if (p->family == 4) {
		f->family = EDGE_AF_INET;
		f->ipv4_src = source;
		f->ipv4_dst = p->dst[3];
	} else {
		f->family = EDGE_AF_INET6;
		__builtin_memcpy(f->ipv6_src, p->src, 16);
		__builtin_memcpy(f->ipv6_dst, p->dst, 16);
	}
	rc = bpf_fib_lookup(skb, f, sizeof(*f), 0);
	if (rc == BPF_FIB_LKUP_RET_SUCCESS || rc == BPF_FIB_LKUP_RET_NO_NEIGH || rc == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return PASS;
	return VPC_DROP_NO_WORLD;
}

/* Sends the translated packet out of the interface in e->fib. Returns what the program ends with. */
static __always_inline int leave_send(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	struct vpc_edge_ctl *c = edge_ctl_get();
	__u32 ifindex = e->fib.ifindex, number = e->vpc;
	struct bpf_redir_neigh next = {};
	struct vpc_uplink *u;

	(void)s;
	if (c && READ_ONCE(c->flags) & VPC_EDGE_FORWARD) {
		u = uplink_get(number);
		if (!u || bpf_skb_store_bytes(skb, 0, u->host_mac, ETH_ALEN, 0))
			return drop_packet(VPC_DROP_NO_MEMORY);
		bpf_skb_change_type(skb, PACKET_HOST);
		return TC_ACT_OK;
	}
	next.nh_family = e->fib.family;
	__builtin_memcpy(next.ipv6_nh, e->fib.ipv6_dst, 16);
	return (int)bpf_redirect_neigh(ifindex, &next, sizeof(next), 0) & REDIRECT_ACT;
}

/* --- translations ------------------------------------------------------------------------------------------------- */

/* Whether the packet may be the first of a translation. */
static __always_inline int leave_opens(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP)
		return tcp_opens(p->tcp_flags);
	return p->proto == IPPROTO_UDP || (p->proto == IPPROTO_ICMP && p->icmp_kind == ICMP_QUERY && p->icmp_type == 8);
}

/* What is translated at all: TCP, UDP and echo. */
static __always_inline int leave_is_translated(const struct packet *p)
{
	if (p->proto == IPPROTO_ICMP)
		return p->icmp_kind == ICMP_ERROR ||
		       ((p->icmp_kind == ICMP_QUERY || p->icmp_kind == ICMP_REPLY) && p->query_type == 8);
	return p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;
}

/* Where the NAT gateway's new translations are: e->public4, e->host. Returns PASS, AGAIN or a reason. */
static __always_inline int leave_public(struct scratch *s, struct edge *e, __u32 number)
{
	struct vpc_nat *gateway = bpf_map_lookup_elem(&nat, &number);
	__u32 ifindex = e->fib.ifindex;
	struct vpc_outer *o;
	int in_force;

	if (!gateway || gateway->vpc != e->vpc)
		return VPC_DROP_BLACKHOLE;
	in_force = versioned_read(&gateway->eip, s->epoch);
	if (in_force <= 0)
		return in_force ? AGAIN : VPC_DROP_BLACKHOLE;
	e->entry.by = number;
	e->entry.incarnation = READ_ONCE(gateway->incarnation);
	e->host = in_force == VPC_NAT_HOST_ADDRESS;
	if (!e->host) {
		e->public4 = nat_elastic((__u32)in_force, number, s->epoch);
		return e->public4 ? PASS : VPC_DROP_BLACKHOLE;
	}
	o = bpf_map_lookup_elem(&outer, &ifindex);
	e->public4 = o ? READ_ONCE(o->addr4) : 0;
	return e->public4 ? PASS : VPC_DROP_NO_PUBLIC_ADDRESS;
}

/* Makes a translation for the packet, whose key is e->key. */
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
	if (!port_admitted(e->vpc))
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

/* Whether a translation that was found is of the way that the packet goes. */
static __always_inline int leave_is_of_way(const struct vpc_nat_entry *n, __u32 way)
{
	if (way_kind(way) == VPC_EDGE_PUBLISHED)
		return (n->flags & VPC_NAT_PUBLISHED) != 0;
	return !(n->flags & VPC_NAT_PUBLISHED) && n->by == (way & VPC_TARGET_NUMBER);
}

/* Whether the public address still is that of the interface by which the packet leaves: not if the host got another one
 * meanwhile, or its route leads elsewhere. */
static __always_inline int leave_is_current(const struct scratch *s, const struct edge *e)
{
	__u32 number = e->entry.by, ifindex = e->fib.ifindex;
	struct vpc_nat *gateway;
	struct vpc_outer *o;

	if (e->entry.flags & VPC_NAT_PUBLISHED)
		return 1;
	gateway = bpf_map_lookup_elem(&nat, &number);
	if (!gateway || versioned_read(&gateway->eip, s->epoch) != VPC_NAT_HOST_ADDRESS)
		return 1;
	o = bpf_map_lookup_elem(&outer, &ifindex);
	return o && READ_ONCE(o->addr4) == e->entry.other.local;
}

/* Finds or makes the translation of the packet that goes by e->way. Returns PASS with e->entry, AGAIN or a reason. */
__noinline int leave_translation(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	const struct packet *p;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	if (!leave_is_translated(p))
		return VPC_DROP_NOT_IMPLEMENTED;
	nat_key(&e->key, e->vpc, p->src[3], p->dst[3], p->sport, p->dport, p->proto);
	if (nat_find_out(s, e) && leave_is_of_way(&e->entry, e->way) && leave_is_current(s, e)) {
		nat_used_by(s, e, 1);
		return PASS;
	}
	if (way_kind(e->way) != VPC_EDGE_NAT)
		return VPC_DROP_NO_FLOW;
	rc = leave_open(skb, s, e, e->way & VPC_TARGET_NUMBER);
	return rc;
}

/* IPv4 by a NAT gateway, or back by a published port. Returns PASS, AGAIN or a reason. */
static __always_inline int leave_nat(struct __sk_buff *skb, struct edge *e)
{
	int rc = leave_translation(skb);

	return rc ? rc : rewrite_end(skb, EDGE_SOURCE, e->entry.other.local, e->entry.other.lport);
}

/* --- the program -------------------------------------------------------------------------------------------------- */

/* Whose uplink is it, and by which way does the frame go? Returns PASS; a reason; or -1: nothing of a workload. */
static __always_inline int leave_begin(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	__u32 ifindex = skb->ifindex, *number;
	__u8 mac[ETH_ALEN];

	edge_begin(skb, s, VPC_EGRESS);
	number = bpf_map_lookup_elem(&uplink_of, &ifindex);
	if (!number || bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return -1;
	e->vpc = READ_ONCE(*number);
	e->way = way_of_mac(mac);
	s->vpc = e->vpc;
	return e->way ? edge_parse(skb) : -1;
}

/* Translates the packet, and finds its way out of the host. Returns PASS, AGAIN or a reason. */
__noinline int leave_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	__u32 kind, ifindex;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	kind = way_kind(e->way);
	s->me = address_owner(s, s->packet.src); /* whose counter */
	rc = leave_fib(skb, s, e, 0);
	if (rc)
		return rc;
	ifindex = e->fib.ifindex;
	if (!bpf_map_lookup_elem(&outer, &ifindex))
		return VPC_DROP_HOST_CLOSED;
	if (s->packet.family == 6)
		return VPC_DROP_NOT_IMPLEMENTED;
	if (kind == VPC_EDGE_NAT || kind == VPC_EDGE_PUBLISHED)
		return leave_nat(skb, e);
	return VPC_DROP_NO_PUBLIC_ADDRESS;
}

static __always_inline int leave(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	int rc;

	if (!s || !e)
		return TC_ACT_SHOT;
	rc = leave_begin(skb, s, e);
	if (rc < 0)
		return TC_ACT_SHOT;
	for (__u32 i = 0; i < 3 && !rc; i++) {
		rc = leave_judge(skb);
		if (!rc)
			return leave_send(skb, s, e);
		if (rc != AGAIN)
			break;
		rc = 0;
		state_begin(s);
	}
	return drop_packet(rc > 0 ? rc : VPC_DROP_TRY_AGAIN);
}

#endif
