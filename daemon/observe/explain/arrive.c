/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the steps of a packet that is about to reach an ENI (bpf/lib/ingress.h, bpf/lib/edge/arrive.h). */
#include "observe/explain/walk.h"

static int refused(const struct look_packet *p)
{
	int reason;

	if (explain_multicast(p->family, p->dst))
		return VPC_DROP_MULTICAST;
	if (explain_multicast(p->family, p->src))
		return VPC_DROP_SPECIAL_ADDRESS;
	reason = explain_special(p->family, p->src);
	return reason ? reason : explain_special(p->family, p->dst);
}

void explain_receive(struct explain_trace *t, struct explain_port *p)
{
	const struct vpc_eni *me = look_eni(&t->look, p->me);
	uint8_t query;
	int reason = !me || !look_set_of(&t->look, p->me) ? VPC_DROP_NOT_READY : refused(&t->packet);

	if (!reason && look_icmp(&t->packet, &query) >= LOOK_ICMP_ERROR)
		reason = look_icmp(&t->packet, &query) == LOOK_ICMP_ND ? VPC_DROP_FORGED_ND : VPC_DROP_ICMP_UNRELATED;
	if (reason) {
		explain_add(t, EXPLAIN_DESTINATION, p, reason);
		return;
	}
	if (!(me->flags & VPC_ENI_SOURCE_DEST_CHECK) && look_owner(&t->look, p->vpc, t->packet.dst, NULL) != p->me)
		p->via = p->me << 1 | 1;
	if (!p->entered)
		explain_acl(t, p, p->me, VPC_INGRESS, false);
	reason = explain_source_received(t, p);
	if (reason) {
		explain_add(t, EXPLAIN_SOURCE, p, reason);
		return;
	}
	explain_flow(t, p);
	if (!p->entered)
		explain_acl(t, p, p->me, VPC_EGRESS, true);
}

/* Host access comes before the route table. So what comes by an internet gateway from an address of the host, as what a
 * NAT gateway of another VPC translates does, has its answer given to the host itself. */
static void answer_to_host(struct explain_trace *t, const struct explain_port *p)
{
	struct explain_step *step;

	if (explain_kind(p->gateway) != VPC_EDGE_IGW || p->from_host ||
	    !look_host_access(&t->look, p->vpc, t->packet.family, t->packet.src))
		return;
	step = explain_add(t, EXPLAIN_HOST, p, VPC_DROP_HOST_CLOSED);
	step->reply = true;
	step->gateway = explain_gateway(VPC_EDGE_HOST, 0);
}

void explain_arrive(struct explain_trace *t, struct explain_port *p)
{
	const struct vpc_eni *me;

	p->direction = VPC_INGRESS;
	p->me = look_owner(&t->look, p->vpc, t->packet.dst, NULL);
	if (p->me)
		p->me = explain_entered_by(t, p);
	me = look_eni(&t->look, p->me);
	if (!me || me->vpc != p->vpc || (me->flags & VPC_ENI_DETACHED)) {
		explain_add(t, EXPLAIN_DESTINATION, p,
			    !p->me || me ? VPC_DROP_UNKNOWN_DESTINATION : VPC_DROP_NOT_READY);
		return;
	}
	explain_route_back(t, p);
	answer_to_host(t, p);
	explain_receive(t, p);
}
