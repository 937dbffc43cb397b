/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a VPC to the world: tc ingress of an uplink's host end, in the host's namespace. The frame's destination MAC
 * says by which gateway the packet leaves. Its sender's rules have allowed it already. It is translated here, and sent
 * out of the outer interface that the host's routes name, without the host's own forwarding.
 */
#ifndef BPF_LIB_EDGE_LEAVE_H
#define BPF_LIB_EDGE_LEAVE_H

#include "lib/edge/enter.h"
#include "lib/edge/leave_nat.h"

/* linux/socket.h doesn't define these for programs. */
#define EDGE_AF_INET  2
#define EDGE_AF_INET6 10

/* Looks up the host's route to the packet's destination, into e->fib. source: the address that the packet will have; 0:
 * not known yet. Returns PASS or NO_WORLD. */
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
	if (e->to_host || (c && READ_ONCE(c->flags) & VPC_EDGE_FORWARD)) {
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

/*
 * Reads the packet that came by an uplink: e->vpc and s->vpc are the uplink's VPC, e->gateway is what the frame's MAC
 * says. Returns PASS, a reason, or DROP_SILENTLY.
 */
static __always_inline int leave_begin(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	__u32 ifindex = skb->ifindex, *number;
	__u8 mac[ETH_ALEN];

	edge_begin(skb, s, VPC_EGRESS);
	number = bpf_map_lookup_elem(&uplink_of, &ifindex);
	if (!number || bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return DROP_SILENTLY;
	e->vpc = READ_ONCE(*number);
	e->translated = 0;
	e->to_host = 0;
	e->hairpin = 0;
	e->gateway = gateway_of_mac(mac);
	s->vpc = e->vpc;
	return e->gateway ? edge_parse(skb) : DROP_SILENTLY;
}

/* Gives the packet its public source. An IPv6 packet keeps its own, which must be of the VPC. Returns PASS, AGAIN or a
 * reason. */
static __always_inline int leave_translate(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	__u32 kind = gateway_kind(e->gateway);
	int rc = VPC_DROP_NOT_IMPLEMENTED;

	if (s->packet.family == 6)
		rc = kind != VPC_EDGE_IGW && kind != VPC_EDGE_EIGW    ? VPC_DROP_NOT_IMPLEMENTED
		     : address_in_space(s, 6, s->packet.src) && s->me ? PASS
								      : VPC_DROP_FORGED_SOURCE;
	else if (kind == VPC_EDGE_NAT || kind == VPC_EDGE_PUBLISHED)
		rc = leave_nat(skb);
	else if (kind == VPC_EDGE_IGW)
		rc = eip_leave(skb);
	e->translated = !rc;
	return rc;
}

/*
 * Gives the packet to the host itself, by the VPC's host access, or as the answer to what the host sent by the internet
 * gateway. The destination must be an address of the host, and one that the host doesn't forward to. Returns PASS,
 * AGAIN or a reason.
 */
__noinline int leave_to_host(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_public *found;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (!s->me || !address_in_space(s, s->packet.family, s->packet.src))
		return VPC_DROP_FORGED_SOURCE;
	if (e->gateway == GATEWAY_HOST_IGW) {
		found = public_find(e, s->packet.dst);
		if (!found || !(READ_ONCE(found->kind) & VPC_PUBLIC_OWN))
			return VPC_DROP_HOST_CLOSED;
	} else if (!route_is_host(SCRATCH_PACKET, EDGE_DESTINATION)) {
		return VPC_DROP_HOST_CLOSED;
	}
	if (leave_fib(skb, s, e, 0) == PASS)
		return VPC_DROP_HOST_CLOSED;
	e->to_host = 1;
	return e->gateway == GATEWAY_HOST_IGW && s->packet.family == 4 ? eip_leave(skb) : PASS;
}

/* Looks up the route to the packet's destination, into e->fib, `outer` and `outer4`. It must be by an outer interface.
 * Returns PASS or a reason. */
static __always_inline int leave_route(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	int rc = leave_fib(skb, s, e, e->translated ? s->packet.src[3] : 0);
	__u32 ifindex = e->fib.ifindex;
	struct vpc_outer *o = rc ? 0 : bpf_map_lookup_elem(&outer, &ifindex);

	e->outer = o != 0;
	e->outer4 = o ? READ_ONCE(o->addr4) : 0;
	if (rc || e->hairpin)
		return rc;
	return o ? PASS : VPC_DROP_HOST_CLOSED;
}

/* Whether the edge cache has the host's route of the packet in the scratch, which is to be translated. Sets what
 * leave_route() sets, then, and e->fib_until. A SYN may begin another translation, and is looked up. */
static __always_inline int leave_route_cached(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	const struct packet *p = &s->packet;
	__u32 ports = (__u32)p->dport << 16 | p->sport;
	struct edge_cache *c;

	if (p->family != 4 || p->fragment == FRAGMENT_LATER || (p->proto == IPPROTO_TCP && tcp_opens(p->tcp_flags)))
		return 0;
	c = edge_cache_slot(p->src[3], p->dst[3], ports, skb->ifindex);
	if (!c || !c->family || c->ifindex != skb->ifindex || c->src != p->src[3] || c->dst != p->dst[3] ||
	    c->ports != ports || c->proto != p->proto || c->epoch != s->epoch || c->gateway != e->gateway ||
	    !edge_cache_is_young(c, s->now_ns))
		return 0;
	e->fib_until = c->until;
	e->outer = 1;
	e->outer4 = c->outer4;
	e->fib.family = c->family;
	e->fib.ifindex = c->out;
	__builtin_memcpy(e->fib.ipv6_dst, c->next, sizeof(c->next));
	return 1;
}

/* Looks up the route of a packet that leaves by a NAT gateway again, once it has its public source: rules of the host's
 * routing may send the addresses of a pool by another uplink. The address of the interface that the first look-up found
 * needs none. Returns PASS or a reason. */
static __noinline int leave_route_again(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	return s->packet.src[3] == leave_host_address(s, e) ? PASS : leave_route(skb, s, e);
}

/* Whether the packet is for a public address of this host or of another VPC on it. */
static __always_inline int leave_is_hairpin(struct scratch *s, struct edge *e)
{
	return s->packet.family == 4 ? public_is_reached(e, s->packet.dst) : enter_prefix(s, e, s->packet.dst) != 0;
}

/* Stores what becomes of the packet, after it is translated and its route is known. */
static __always_inline void leave_cache(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	__u32 kind = gateway_kind(e->gateway);
	struct vpc_edge_ctl *now = edge_ctl_get();
	struct edge_cache *c;

	if (s->packet.family != 4 || (kind != VPC_EDGE_NAT && kind != VPC_EDGE_PUBLISHED) || !now ||
	    (READ_ONCE(now->flags) & VPC_EDGE_FORWARD))
		return;
	c = edge_cache_begin(s, e, skb->ifindex, 1);
	if (!c)
		return;
	if (e->fib_until)
		c->until = e->fib_until;
	c->outer4 = e->outer4;
	c->family = e->fib.family;
	c->out = e->fib.ifindex;
	c->next[0] = e->fib.ipv6_dst[0];
	c->next[1] = e->fib.ipv6_dst[1];
	c->next[2] = e->fib.ipv6_dst[2];
	c->next[3] = e->fib.ipv6_dst[3];
	c->ifindex = skb->ifindex;
}

/*
 * Translates the packet, and finds where it goes: by the host's route, or back into a VPC if it is for a public address
 * (e->hairpin). The route of a packet that leaves by a NAT gateway is looked up first, because its public address may
 * depend on the route, and again by that address. Returns PASS, AGAIN or a reason.
 */
__noinline int leave_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	int rc = PASS, nat_first, cached;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (!e->translated) {
		s->me = address_owner(s, s->packet.src); /* the ENI at which a drop is counted */
		if (gateway_kind(e->gateway) == VPC_EDGE_HOST)
			return leave_to_host(skb);
		nat_first = gateway_kind(e->gateway) != VPC_EDGE_NAT;
		e->fib_until = 0;
		cached = leave_route_cached(skb, s, e);
		if (nat_first)
			rc = leave_translate(skb, s, e);
		if (rc || e->to_host)
			return rc;
		e->hairpin = cached ? 0 : (__u32)leave_is_hairpin(s, e);
		if (!cached && (!e->hairpin || !nat_first))
			rc = leave_route(skb, s, e);
		if (rc && !e->hairpin)
			return rc;
		rc = nat_first ? PASS : leave_translate(skb, s, e);
		if (!rc && !nat_first && !e->hairpin && !e->to_host && !cached)
			rc = leave_route_again(skb, s, e);
	}
	if (rc)
		return rc;
	if (!e->hairpin) {
		leave_cache(skb, s, e);
		return PASS;
	}
	rc = s->packet.family == 4 ? enter_judge(skb) : enter_judge6(skb);
	return rc == HOSTS ? VPC_DROP_HOST_CLOSED : rc;
}

/* Judges the packet until the state doesn't change meanwhile. Returns PASS or a reason. */
static __always_inline int leave_judge_again(struct __sk_buff *skb, struct scratch *s)
{
	int rc = AGAIN;

	for (__u32 i = 0; i < 3 && rc == AGAIN; i++) {
		if (i)
			state_begin(s);
		rc = leave_judge(skb);
	}
	return rc < 0 ? VPC_DROP_TRY_AGAIN : rc;
}

/* Sends a packet for a peered VPC to the uplink of that VPC as it is. The sender's port has judged it, and the program
 * there judges the receiver's side. Returns what the program ends with, or FAST_NOT for other packets. */
static __noinline int leave_peering(struct __sk_buff *skb)
{
	struct vpc_uplink *u;
	__u8 macs[2 * ETH_ALEN];
	__u32 gateway, ifindex;

	if (bpf_skb_load_bytes(skb, 0, macs, sizeof(macs)))
		return FAST_NOT;
	gateway = gateway_of_mac(macs);
	if (gateway_kind(gateway) != VPC_EDGE_PEERING)
		return FAST_NOT;
	u = uplink_get(gateway & VPC_TARGET_NUMBER);
	ifindex = u ? READ_ONCE(u->host_ifindex) : 0;
	if (!ifindex)
		return drop_unread(0, VPC_DROP_UNKNOWN_DESTINATION);
	peering_count(gateway_of_mac(macs + ETH_ALEN) & VPC_TARGET_NUMBER, gateway & VPC_TARGET_NUMBER, skb->len);
	skb->mark = 0;
	skb->tstamp = 0;
	if (READ_ONCE(u->flags) & VPC_UPLINK_PEER_REDIRECT)
		return (int)bpf_redirect_peer(ifindex, 0) & REDIRECT_ACT;
	return (int)bpf_redirect(ifindex, 0) & REDIRECT_ACT;
}

static __always_inline int leave(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	int rc = leave_peering(skb);
	__u32 number, gateway;

	if (rc != FAST_NOT)
		return rc;
	rc = edge_fast_leave(skb);
	if (rc != FAST_NOT)
		return rc;
	if (!s || !e)
		return TC_ACT_SHOT;
	rc = leave_begin(skb, s, e);
	if (rc == DROP_SILENTLY)
		return TC_ACT_SHOT;
	number = e->vpc;
	gateway = e->gateway; /* both become the receiver's if the packet goes back into a VPC */
	if (!rc)
		rc = leave_judge_again(skb, s);
	if (rc)
		return drop_packet(rc);
	gateway_count(number, gateway, 1, s->length);
	return e->hairpin ? uplink_enter(skb, e) : leave_send(skb, s, e);
}

#endif
