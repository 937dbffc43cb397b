/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes out of a VPC. The route table is that of the subnet of the port by which the packet came in. The longest
 * prefix decides. No destination within the VPC's own address space is looked up here.
 */
#ifndef BPF_LIB_ROUTE_ROUTES_H
#define BPF_LIB_ROUTE_ROUTES_H

#include "lib/route/find.h"
#include "lib/route/nat.h"
#include "lib/route/pair_cache.h"

/* The gateway of a flow that the host itself opened to an address that an internet gateway leads to. */
#define GATEWAY_HOST_IGW gateway_make(VPC_EDGE_HOST, VPC_EDGE_IGW)

/* Whether an ENI may be a route's target: it is of the VPC, forwards packets and is attached. */
static __always_inline int route_is_appliance(const struct scratch *s, __u32 number)
{
	struct vpc_eni *to = eni_get(number);

	return to && to->vpc == s->vpc && !(READ_ONCE(to->flags) & (VPC_ENI_SOURCE_DEST_CHECK | VPC_ENI_DETACHED));
}

/* Routes by the peering with VPC `number`. The source must be an address of the port's own ENI, and the destination one
 * of an ENI of that VPC. So nothing passes through a VPC. Returns PASS with `gateway` and `peer` set, or a reason. */
static __always_inline int route_peering(struct scratch *s, __u32 number)
{
	__u32 owner = address_owner_in(s, number, s->packet.dst);
	struct vpc_eni *to = owner ? eni_get(owner) : 0;

	if (!to || to->vpc != number || READ_ONCE(to->flags) & VPC_ENI_DETACHED)
		return VPC_DROP_UNKNOWN_DESTINATION;
	if (address_owner(s, s->packet.src) != s->me)
		return VPC_DROP_FORGED_SOURCE;
	s->gateway = gateway_make(VPC_EDGE_PEERING, number);
	s->peer = VPC_PEER_WORD(owner, READ_ONCE(to->incarnation));
	return PASS;
}

/* 1 if i < n, else 0; and 1 if x is 0. Without branches: the verifier walks each of them. */
static __always_inline __u32 below(__u32 i, __u32 n)
{
	return (i - n) >> 31;
}

static __always_inline __u32 is_zero(__u32 x)
{
	return ~(x | -x) >> 31;
}

static __always_inline int host_access_names(const struct vpc_space *space, __u32 family, const __be32 *a)
{
	__u32 named = 0;

	if (family == 4) {
		for (__u32 i = 0; i < VPC_HOST_CIDRS_MAX; i++) {
			const struct vpc_cidr4 *c = &space->host4[i];

			named |= below(i, space->n_host4) & is_zero((a[3] & c->mask) ^ c->addr);
		}
		return named != 0;
	}
	for (__u32 i = 0; i < VPC_HOST_CIDRS_MAX; i++) {
		const struct vpc_cidr6 *c = &space->host6[i];

		named |= below(i, space->n_host6) &
			 is_zero(((a[0] & c->mask[0]) ^ c->addr[0]) | ((a[1] & c->mask[1]) ^ c->addr[1]) |
				 ((a[2] & c->mask[2]) ^ c->addr[2]) | ((a[3] & c->mask[3]) ^ c->addr[3]));
	}
	return named != 0;
}

/* Whether one end (EDGE_…) of the packet in the scratch is one of the host's own addresses that the VPC's host access
 * names. Returns 1 or 0. */
__noinline int route_is_host(__u32 which, __u32 end)
{
	struct scratch *s = scratch_get(which);
	const __be32 *address;
	struct vpc_space *space;
	struct vpc_public *found;
	__u32 number;

	if (!s)
		return 0;
	number = s->vpc;
	address = end == EDGE_SOURCE ? s->packet.src : s->packet.dst;
	space = bpf_map_lookup_elem(&vpc, &number);
	if (!space || !(READ_ONCE(space->flags) & VPC_SPACE_ROUTED_OUT) ||
	    !host_access_names(space, s->packet.family, address))
		return 0;
	found = bpf_map_lookup_elem(&public, address);
	return found && (READ_ONCE(found->kind) & VPC_PUBLIC_OWN);
}

/*
 * Finds where the packet in the scratch goes, whose destination is outside the VPC. Host access comes before the route
 * table. Sets the scratch's `gateway`, or `hop` and `hop_routed` if an appliance is the target. Returns PASS, AGAIN or
 * a reason.
 */
__noinline int route_out(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_space *space;
	__u32 number;
	int target;

	if (!s)
		return VPC_DROP_NO_ROUTE;
	number = s->vpc;
	space = bpf_map_lookup_elem(&vpc, &number);
	if (!space || !(READ_ONCE(space->flags) & (VPC_SPACE_ROUTED_OUT | VPC_SPACE_PEERED)))
		return VPC_DROP_NO_ROUTE;
	address_copy(s->route_address, s->packet.dst);
	if (route_is_host(which, EDGE_DESTINATION)) {
		s->gateway = gateway_make(VPC_EDGE_HOST, 0);
		return PASS;
	}
	target = route_find(which, s->me, s->packet.family);
	if (target <= 0)
		return target ? AGAIN : VPC_DROP_NO_ROUTE;
	number = (__u32)target & VPC_TARGET_NUMBER;
	switch ((__u32)target >> VPC_TARGET_SHIFT) {
	case VPC_TARGET_IGW:
		s->gateway = gateway_make(VPC_EDGE_IGW, 0);
		return PASS;
	case VPC_TARGET_EIGW:
		s->gateway = gateway_make(VPC_EDGE_EIGW, 0);
		return s->packet.family == 6 ? PASS : VPC_DROP_BLACKHOLE;
	case VPC_TARGET_NAT:
		s->gateway = gateway_make(VPC_EDGE_NAT, number);
		return s->packet.family == 4 ? PASS : VPC_DROP_BLACKHOLE;
	case VPC_TARGET_PEERING:
		return route_peering(s, number);
	case VPC_TARGET_ENI:
		if (number == s->me || !route_is_appliance(s, number))
			return VPC_DROP_BLACKHOLE;
		s->hop = number;
		s->hop_routed = 1;
		return PASS;
	default:
		return VPC_DROP_BLACKHOLE;
	}
}

_Static_assert(VPC_TARGET_IGW == VPC_EDGE_IGW && VPC_TARGET_EIGW == VPC_EDGE_EIGW && VPC_TARGET_NAT == VPC_EDGE_NAT &&
		       VPC_TARGET_PEERING == VPC_EDGE_PEERING,
	       "a target has the number of its gateway");

/* Returns the gateway by which an answer to the packet in the scratch leaves. By a peering, it names the other VPC. */
static __always_inline __u32 route_back_gateway(const struct scratch *s)
{
	struct vpc_eni *from = s->peer ? eni_get(s->peer & VPC_NUMBER_MASK) : 0;

	if (from)
		return gateway_make(VPC_EDGE_PEERING, from->vpc);
	return s->gateway == GATEWAY_HOST_IGW ? gateway_make(VPC_EDGE_IGW, 0) : s->gateway;
}

/* Returns the target of the packet's source in the route table of ENI `number`'s subnet, as route_find() does. */
static __always_inline int route_of_source(struct scratch *s, __u32 which, __u32 number)
{
	if (s->source_asked == number)
		return s->source_target;
	address_copy(s->route_address, s->packet.src);
	s->source_target = route_find(which, number, s->packet.family);
	s->source_asked = number;
	return s->source_target;
}

/*
 * Whether ENI `number`'s answer to the packet in the scratch would leave by the gateway by which the packet came. So
 * deleting a route also ends what came in by it. Answers to a published port need no route, and an ICMP error may come
 * from any router. What the host sends needs host access for as long as it goes on. Returns PASS, AGAIN or a reason.
 */
__noinline int route_back(__u32 which, __u32 number)
{
	struct scratch *s = scratch_get(which);
	int target;

	if (!s)
		return VPC_DROP_NOT_READY;
	if (s->gateway == gateway_make(VPC_EDGE_HOST, 0))
		return route_is_host(which, EDGE_SOURCE) ? PASS : VPC_DROP_HOST_CLOSED;
	if (gateway_kind(s->gateway) == VPC_EDGE_PUBLISHED || s->packet.icmp_kind == ICMP_ERROR)
		return PASS;
	target = route_of_source(s, which, number);
	if (target == AGAIN)
		return AGAIN;
	if ((__u32)target == route_back_gateway(s))
		return PASS;
	return target > 0 && (__u32)target >> VPC_TARGET_SHIFT == VPC_TARGET_BLACKHOLE ? VPC_DROP_BLACKHOLE
										       : VPC_DROP_NO_ROUTE;
}

/* Returns the ENI to which the route table of ENI `number`'s subnet leads the packet's source, if that is an appliance;
 * 0: it is none; or AGAIN. */
static __always_inline int route_appliance(struct scratch *s, __u32 which, __u32 number)
{
	int target = route_of_source(s, which, number);

	if (target <= 0 || (__u32)target >> VPC_TARGET_SHIFT != VPC_TARGET_ENI)
		return target == AGAIN ? AGAIN : 0;
	number = (__u32)target & VPC_TARGET_NUMBER;
	return route_is_appliance(s, number) ? (int)number : 0;
}

/*
 * Finds the ENI that gets the packet in the scratch, which came by a gateway and is for ENI `me`. That is the last
 * appliance that `me`'s answers would pass: it sees both directions, and its own route table leads on to the gateway
 * (route_back). Published ports and the host lead past it, as their answers do. Returns PASS with `me` set, or AGAIN.
 */
__noinline int route_enter(__u32 which)
{
	struct scratch *s = scratch_get(which);
	__u32 kind;
	int number;

	if (!s)
		return VPC_DROP_NOT_READY;
	kind = gateway_kind(s->gateway);
	if (s->peer || (kind != VPC_EDGE_NAT && kind != VPC_EDGE_IGW && kind != VPC_EDGE_EIGW))
		return PASS;
	for (__u32 i = 0; i < VPC_ROUTE_APPLIANCES; i++) {
		number = route_appliance(s, which, s->me);
		if (number <= 0)
			return number ? AGAIN : PASS;
		s->me = (__u32)number;
	}
	return PASS;
}

/*
 * Whether appliance `me` forwards the packet in the scratch to an ENI whose route table leads the packet's source to
 * the appliance, or to others that lead it there. The router knows no such route, so the packet passes it by: it goes
 * to whoever is next on the way back, `hop` and `hop_routed` are set. Returns PASS, also where it is no such packet, or
 * AGAIN.
 */
__noinline int route_forwarded(__u32 which)
{
	struct scratch *s = scratch_get(which);
	__u32 next;

	if (!s)
		return VPC_DROP_NOT_READY;
	next = address_owner(s, s->packet.dst);
	if (!next || next == s->me || address_in_space(s, s->packet.family, s->packet.src))
		return PASS;
	for (__u32 i = 0; i < VPC_ROUTE_APPLIANCES; i++) {
		int number = route_appliance(s, which, next);

		if (number <= 0)
			return number ? AGAIN : PASS;
		if ((__u32)number == s->me) {
			s->hop = next;
			s->hop_routed = 1;
			return PASS;
		}
		next = (__u32)number;
	}
	return PASS;
}

/* Asks the route table before the packet in the scratch is judged, if its VPC is peered and its destination is outside
 * the VPC: groups of the ENI at the other end of a peering count. Sets `route_known` and what route_out() sets. */
__noinline int route_early(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_eni *me = s ? eni_get(s->me) : 0;
	struct vpc_space *space;
	__u32 number;

	if (!me || !mac_equal(s->dmac, me->gateway_mac))
		return PASS;
	number = s->vpc;
	space = bpf_map_lookup_elem(&vpc, &number);
	if (!space || !(READ_ONCE(space->flags) & VPC_SPACE_PEERED) || address_owner(s, s->packet.dst) ||
	    address_in_space(s, s->packet.family, s->packet.dst))
		return PASS;
	s->route_known = 1;
	s->route_rc = route_out(which);
	return PASS;
}

/* Whether the packet answers a flow that was opened from outside by a published port, or is an error about such a
 * flow. */
static __always_inline int route_is_published(struct scratch *s)
{
	const struct packet *p = &s->packet, *q = &s->quoted;
	struct edge *e = edge_get();

	if (!e || p->family != 4)
		return 0;
	if (p->icmp_kind == ICMP_ERROR)
		nat_key(&e->key, s->vpc, q->dst[3], q->src[3], q->dport, q->sport, q->proto);
	else
		nat_key(&e->key, s->vpc, p->src[3], p->dst[3], p->sport, p->dport, p->proto);
	return nat_find_out(s, e) && (e->entry.flags & VPC_NAT_PUBLISHED);
}

/* Sends an answer of a flow that the host itself opened by the internet gateway back by it, whatever host access says.
 * Returns PASS, AGAIN or a reason. */
static __always_inline int route_to_host(__u32 which)
{
	struct scratch *s = scratch_get(which);
	int target;

	if (!s)
		return VPC_DROP_NO_ROUTE;
	address_copy(s->route_address, s->packet.dst);
	target = route_find(which, s->me, s->packet.family);
	if (target == AGAIN)
		return AGAIN;
	s->gateway = GATEWAY_HOST_IGW;
	s->hop = 0;
	s->hop_routed = 0;
	return (__u32)target == gateway_make(VPC_EDGE_IGW, 0) ? PASS : VPC_DROP_NO_ROUTE;
}

/* Whether this CPU knows the gateway to which the route table leads the packet in the scratch. Sets `route_known` and
 * what route_out() sets, then. */
static __always_inline int route_cached(struct scratch *s)
{
	struct pair_cache *r = pair_cache_find(s, PAIR_CACHE_LEAVES, s->me);

	if (!r)
		return 0;
	s->route_known = 1;
	s->route_rc = PASS;
	s->gateway = r->found;
	return 1;
}

/* Stores the gateway, if it is one to which only the route table leads. */
static __always_inline void route_note(const struct scratch *s)
{
	__u32 kind = gateway_kind(s->gateway);

	if (s->route_rc == PASS && s->packet.family == 4 && !s->hop && (kind == VPC_EDGE_NAT || kind == VPC_EDGE_IGW))
		pair_cache_note(s, PAIR_CACHE_LEAVES, s->me, s->packet.dst[3], s->gateway);
}

/*
 * Finds where the packet in the scratch goes, which is accepted and is for no ENI by its MAC or its address. The route
 * table is asked for each packet, so deleting a route ends what used it. Returns PASS with `gateway` or `hop` set, or
 * with neither: up to the router; AGAIN; or a reason.
 */
__noinline int route_gateway(__u32 which)
{
	struct scratch *s = scratch_get(which);
	__u32 kind;

	if (!s)
		return VPC_DROP_NO_ROUTE;
	if (!s->route_known && !route_cached(s)) {
		if (address_owner(s, s->packet.dst))
			return PASS;
		s->route_known = 1;
		s->route_rc = address_in_space(s, s->packet.family, s->packet.dst) ? VPC_DROP_UNKNOWN_DESTINATION
										   : route_out(which);
		if (s->peer)
			return AGAIN; /* route_early() did not know of the peering */
		route_note(s);
	}
	if (!s->answers || s->peer)
		return s->route_rc;
	if (route_is_published(s)) {
		s->gateway = gateway_make(VPC_EDGE_PUBLISHED, 0);
		s->hop = 0;
		s->hop_routed = 0;
		return PASS;
	}
	if (s->fl.flags & VPC_FLOW_FROM_HOST)
		return route_to_host(which);
	kind = gateway_kind(s->gateway);
	return kind == VPC_EDGE_NAT || kind == VPC_EDGE_EIGW ? VPC_DROP_NO_INBOUND : s->route_rc;
}

#endif
