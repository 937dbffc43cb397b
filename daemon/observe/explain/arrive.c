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

/* Whether the host itself opened the flow by an internet gateway. A flow that is known may be another's: of a protocol
 * without ports it is known by its addresses alone. steps: how many there were before the packet was received. */
static bool is_hosts(const struct explain_trace *t, const struct explain_port *p, unsigned steps)
{
	for (unsigned i = steps; i < t->n; i++)
		if (t->step[i].stage == EXPLAIN_FLOW && !t->step[i].reason)
			return t->step[i].flow.flags & VPC_FLOW_FROM_HOST;
	return p->from_host;
}

/* Host access comes before the route table. So what comes by an internet gateway from an address of the host, as what a
 * NAT gateway of another VPC translates does, has its answer given to the host itself. What the host sends in a flow
 * that it didn't open has no answer either. */
static void answer_to_host(struct explain_trace *t, const struct explain_port *p, unsigned steps)
{
	struct explain_step *step;

	if (explain_kind(p->gateway) != VPC_EDGE_IGW || is_hosts(t, p, steps) ||
	    (!p->from_host && !look_host_access(&t->look, p->vpc, t->packet.family, t->packet.src)))
		return;
	step = explain_add(t, EXPLAIN_HOST, p, VPC_DROP_HOST_CLOSED);
	step->reply = true;
	step->gateway = explain_gateway(VPC_EDGE_HOST, 0);
}

void explain_arrive(struct explain_trace *t, struct explain_port *p)
{
	const struct vpc_eni *me;
	unsigned steps;

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
	steps = t->n;
	explain_receive(t, p);
	answer_to_host(t, p, steps);
}
