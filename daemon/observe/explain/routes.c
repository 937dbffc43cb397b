/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes out of a VPC and back, by its route tables. */
#include "observe/explain/walk.h"

static bool is_appliance(const struct explain_trace *t, const struct explain_port *p, uint32_t number)
{
	const struct vpc_eni *to = look_eni(&t->look, number);

	return to && to->vpc == p->vpc && !(to->flags & (VPC_ENI_SOURCE_DEST_CHECK | VPC_ENI_DETACHED));
}

/* By the peering with VPC `number`: from an ENI's own address to an ENI. */
static int by_peering(const struct explain_trace *t, struct explain_port *p, uint32_t number)
{
	uint32_t owner = look_owner(&t->look, number, t->packet.dst, NULL);
	const struct vpc_eni *to = look_eni(&t->look, owner);

	if (!to || to->vpc != number || (to->flags & VPC_ENI_DETACHED))
		return VPC_DROP_UNKNOWN_DESTINATION;
	if (look_owner(&t->look, p->vpc, t->packet.src, NULL) != p->me)
		return VPC_DROP_FORGED_SOURCE;
	p->gateway = explain_gateway(VPC_EDGE_PEERING, number);
	p->peer = VPC_PEER_WORD(owner, to->incarnation);
	return 0;
}

static int by_target(const struct explain_trace *t, struct explain_port *p, uint32_t target)
{
	uint32_t kind = target >> VPC_TARGET_SHIFT, number = target & VPC_TARGET_NUMBER;

	switch (kind) {
	case VPC_TARGET_IGW:
		p->gateway = explain_gateway(VPC_EDGE_IGW, 0);
		return 0;
	case VPC_TARGET_EIGW:
		p->gateway = explain_gateway(VPC_EDGE_EIGW, 0);
		return t->packet.family == 6 ? 0 : VPC_DROP_BLACKHOLE;
	case VPC_TARGET_NAT:
		p->gateway = explain_gateway(VPC_EDGE_NAT, number);
		return t->packet.family == 4 ? 0 : VPC_DROP_BLACKHOLE;
	case VPC_TARGET_PEERING:
		return by_peering(t, p, number);
	case VPC_TARGET_ENI:
		if (number == p->me || !is_appliance(t, p, number))
			return VPC_DROP_BLACKHOLE;
		p->hop = number;
		return 0;
	default:
		return VPC_DROP_BLACKHOLE;
	}
}

void explain_route(struct explain_trace *t, struct explain_port *p, struct look_route *ret)
{
	const struct vpc_space *space = look_row(&t->look, MAP_VPC, p->vpc);

	*ret = (struct look_route){0};
	p->no_route = VPC_DROP_NO_ROUTE;
	if (look_host_access(&t->look, p->vpc, t->packet.family, t->packet.dst)) {
		p->gateway = explain_gateway(VPC_EDGE_HOST, 0);
		p->no_route = 0;
		return;
	}
	*ret = look_route(&t->look, p->me, t->packet.family, t->packet.dst);
	if (space && (space->flags & (VPC_SPACE_ROUTED_OUT | VPC_SPACE_PEERED)) && ret->target)
		p->no_route = by_target(t, p, ret->target);
}

/* The gateway by which an answer leaves. */
static uint32_t back_gateway(const struct explain_trace *t, const struct explain_port *p)
{
	const struct vpc_eni *from = p->peer ? look_eni(&t->look, p->peer & VPC_NUMBER_MASK) : NULL;

	return from ? explain_gateway(VPC_EDGE_PEERING, from->vpc) : p->gateway;
}

int explain_route_back(struct explain_trace *t, const struct explain_port *p)
{
	struct look_route route;
	struct explain_step *step;
	int reason = VPC_DROP_NO_ROUTE;

	if (explain_kind(p->gateway) == VPC_EDGE_PUBLISHED || explain_kind(p->gateway) == VPC_EDGE_HOST)
		return 0;
	route = look_route(&t->look, p->me, t->packet.family, t->packet.src);
	if (route.target == back_gateway(t, p))
		reason = 0;
	else if (route.target >> VPC_TARGET_SHIFT == VPC_TARGET_BLACKHOLE)
		reason = VPC_DROP_BLACKHOLE;
	step = explain_add(t, EXPLAIN_ROUTE, p, reason);
	step->back = true;
	step->route = route;
	step->gateway = back_gateway(t, p);
	return reason;
}

uint32_t explain_entered_by(const struct explain_trace *t, const struct explain_port *p)
{
	uint32_t kind = explain_kind(p->gateway), number = p->me;

	if (p->peer || (kind != VPC_EDGE_NAT && kind != VPC_EDGE_IGW && kind != VPC_EDGE_EIGW))
		return number;
	for (unsigned i = 0; i < VPC_ROUTE_APPLIANCES; i++) {
		uint32_t target = look_route(&t->look, number, t->packet.family, t->packet.src).target;

		if (target >> VPC_TARGET_SHIFT != VPC_TARGET_ENI || !is_appliance(t, p, target & VPC_TARGET_NUMBER))
			break;
		number = target & VPC_TARGET_NUMBER;
	}
	return number;
}
