/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a VPC to where its gateways lead (bpf/lib/route/uplink.h, bpf/lib/edge/leave.h). */
#include <netinet/in.h>
#include <string.h>

#include "observe/explain/walk.h"

/* The elastic IP of a number, and what it is given to now. NULL: there is none. */
static const struct vpc_eip *eip_at(const struct explain_trace *t, uint32_t number, uint32_t *ret_target,
				    __be32 *ret_private4, uint32_t *ret_vpc)
{
	const struct vpc_eip *e = number ? look_row(&t->look, MAP_EIP, number) : NULL;
	unsigned at;

	*ret_target = e ? look_value(&t->look, &e->target) : 0;
	if (!*ret_target)
		return NULL;
	at = e->target.slot[1] >> VPC_VERSIONED_SHIFT <= t->look.epoch &&
	     (e->target.slot[0] >> VPC_VERSIONED_SHIFT > t->look.epoch || e->target.slot[1] > e->target.slot[0]);
	*ret_private4 = e->private4[at];
	*ret_vpc = e->vpc[at];
	return e;
}

/* What `public` says of an address: VPC_PUBLIC_… bits; 0: nothing. */
static uint32_t public_kind(const struct explain_trace *t, const __be32 *address)
{
	struct vpc_public found;

	return look_key(&t->look, MAP_PUBLIC, address, &found) ? found.kind : 0;
}

/* Whether the destination is an address that leads into a VPC of this host. */
static bool comes_back(const struct explain_trace *t)
{
	if (t->packet.family == 4)
		return public_kind(t, t->packet.dst) & (VPC_PUBLIC_EIP | VPC_PUBLIC_HOST);
	return explain_prefix_vpc(t, t->packet.dst) != 0;
}

/* The host's address with which a packet leaves by a NAT gateway without an elastic IP. The host's routes choose it,
 * but not for what comes back; 0: not known. */
static __be32 host_source(const struct explain_trace *t)
{
	__be32 address[4];

	if (!comes_back(t))
		return 0;
	if ((public_kind(t, t->packet.dst) & (VPC_PUBLIC_EIP | VPC_PUBLIC_HOST)) != VPC_PUBLIC_EIP)
		return t->packet.dst[3];
	explain_host_address(t, address);
	return address[3];
}

static void set_source4(struct explain_trace *t, __be32 address)
{
	t->packet.src[3] = address;
}

/* By an internet gateway: with the elastic IP of its address, or IPv6 as it is. */
static int by_internet(struct explain_trace *t, const struct explain_port *p)
{
	uint32_t number, target, vpc, owner = look_owner(&t->look, p->vpc, t->packet.src, &number);
	const struct vpc_eip *e;
	__be32 private4;

	if (t->packet.family == 6)
		return owner && look_in_space(&t->look, p->vpc, 6, t->packet.src) ? 0 : VPC_DROP_FORGED_SOURCE;
	e = eip_at(t, number, &target, &private4, &vpc);
	if (!owner || !e || target != (VPC_EIP_ENI << VPC_TARGET_SHIFT | owner) || private4 != t->packet.src[3] ||
	    vpc != p->vpc)
		return VPC_DROP_NO_PUBLIC_ADDRESS;
	set_source4(t, e->addr4);
	return 0;
}

static bool is_translated(const struct look_packet *p)
{
	return p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || (p->proto == IPPROTO_ICMP && p->icmp_type == 8);
}

/* By a NAT gateway, with its elastic IP or the host's address, which the host's routes choose. */
static int by_nat(struct explain_trace *t, const struct explain_port *p)
{
	uint32_t number = p->gateway & VPC_TARGET_NUMBER, eip, target, vpc;
	const struct vpc_nat *nat = look_row(&t->look, MAP_NAT, number);
	const struct vpc_eip *e;
	__be32 private4;

	if (!is_translated(&t->packet))
		return VPC_DROP_NOT_IMPLEMENTED;
	if (!look_owner(&t->look, p->vpc, t->packet.src, NULL))
		return VPC_DROP_FORGED_SOURCE;
	eip = nat && nat->vpc == p->vpc ? look_value(&t->look, &nat->eip) : 0;
	if (!eip)
		return VPC_DROP_BLACKHOLE;
	if (eip == VPC_NAT_HOST_ADDRESS) {
		set_source4(t, host_source(t));
		return 0;
	}
	e = eip_at(t, eip, &target, &private4, &vpc);
	if (!e || target != (VPC_EIP_NAT << VPC_TARGET_SHIFT | number))
		return VPC_DROP_BLACKHOLE;
	set_source4(t, e->addr4);
	return 0;
}

/* To the host itself: by host access, or as it asked by an internet gateway. */
static int by_host(struct explain_trace *t, const struct explain_port *p)
{
	if ((p->gateway & VPC_TARGET_NUMBER) == VPC_EDGE_IGW)
		return public_kind(t, t->packet.dst) & VPC_PUBLIC_OWN ? by_internet(t, p) : VPC_DROP_HOST_CLOSED;
	return look_owner(&t->look, p->vpc, t->packet.src, NULL) ? 0 : VPC_DROP_FORGED_SOURCE;
}

/* Into the VPC at the other end of a peering. */
static void by_peering(struct explain_trace *t, const struct explain_port *p)
{
	const struct vpc_eni *me = look_eni(&t->look, p->me);
	struct explain_port at = {.vpc = p->gateway & VPC_TARGET_NUMBER,
				  .direction = VPC_INGRESS,
				  .gateway = p->gateway,
				  .peer = VPC_PEER_WORD(p->me, me->incarnation)};

	if (!look_uplink(&t->look, at.vpc))
		explain_add(t, EXPLAIN_GATEWAY, &at, VPC_DROP_UNKNOWN_DESTINATION)->gateway = p->gateway;
	else
		explain_arrive(t, &at);
}

/* Why the host's own routes lead to no outer interface; 0: as far as the maps tell, they do. They never lead on to one
 * of the host's own addresses, and they lead to the addresses of VPCs with host access by uplinks. */
static int no_world(const struct explain_trace *t)
{
	if (comes_back(t))
		return 0;
	if (public_kind(t, t->packet.dst) & VPC_PUBLIC_OWN)
		return VPC_DROP_NO_WORLD;
	return look_host_routes(&t->look, t->packet.family, t->packet.dst) ? VPC_DROP_HOST_CLOSED : 0;
}

/* Where a translated packet goes: back into a VPC, or by the host's own routes, which aren't in the maps. */
static void to_world(struct explain_trace *t, const struct explain_port *p)
{
	bool hosts = false;

	if (comes_back(t))
		explain_public(t, false, &hosts);
	else
		explain_add(t, EXPLAIN_HOST, p, no_world(t));
	if (hosts)
		explain_add(t, EXPLAIN_HOST, p, VPC_DROP_HOST_CLOSED);
}

void explain_leave(struct explain_trace *t, struct explain_port *p)
{
	uint32_t kind = explain_kind(p->gateway);
	struct explain_step *step;
	int reason = 0;

	if (!look_uplink(&t->look, p->vpc)) {
		explain_add(t, EXPLAIN_GATEWAY, p, VPC_DROP_NO_ROUTE)->gateway = p->gateway;
		return;
	}
	if (kind == VPC_EDGE_PEERING) {
		by_peering(t, p);
		return;
	}
	/* The host's address with which a NAT gateway translates depends on the route, which is looked up first. */
	if (kind == VPC_EDGE_NAT && no_world(t)) {
		explain_add(t, EXPLAIN_HOST, p, no_world(t));
		return;
	}
	if (kind == VPC_EDGE_HOST)
		reason = by_host(t, p);
	else if (kind == VPC_EDGE_NAT)
		reason = by_nat(t, p);
	else
		reason = by_internet(t, p);
	step = explain_add(t, EXPLAIN_GATEWAY, p, reason);
	step->gateway = p->gateway;
	if (!reason && kind != VPC_EDGE_HOST)
		to_world(t, p);
}
