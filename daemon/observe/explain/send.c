/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the steps of a packet that an ENI sends (bpf/lib/egress.h). */
#include "observe/explain/walk.h"

/* The same packet at the port of the appliance that the route names: it is judged there once more. */
static void to_appliance(struct explain_trace *t, const struct explain_port *p)
{
	struct explain_port at = {.me = p->hop, .vpc = p->vpc, .direction = VPC_INGRESS, .entered = p->me};

	explain_receive(t, &at);
}

/* What a known flow refuses is refused before the route is asked for. steps: the number of steps before the one of the
 * route. */
static void flow_before_route(struct explain_trace *t, unsigned steps)
{
	struct explain_step route;

	if (t->n != steps + 2 || t->step[steps + 1].stage != EXPLAIN_FLOW || !t->step[steps + 1].reason)
		return;
	route = t->step[steps];
	t->step[steps] = t->step[steps + 1];
	t->step[steps + 1] = route;
}

/* What belongs to a flow that the host itself opened by an internet gateway goes to the host by that gateway, also
 * where host access is before the route table. steps: the number of steps before the one of the route. */
static void to_host_that_asked(struct explain_trace *t, struct explain_port *p, unsigned steps)
{
	const struct explain_step *known = &t->step[t->n - 1];
	struct explain_step *step = &t->step[steps];

	if (t->n != steps + 2 || known->stage != EXPLAIN_FLOW || known->reason ||
	    !(known->flow.flags & VPC_FLOW_FROM_HOST) || known->flow.eni[1] != p->me || p->via)
		return;
	step->route = look_route(&t->look, p->me, t->packet.family, t->packet.dst);
	p->no_route = step->route.target == explain_gateway(VPC_EDGE_IGW, 0) ? 0 : VPC_DROP_NO_ROUTE;
	p->gateway = explain_gateway(VPC_EDGE_HOST, VPC_EDGE_IGW);
	p->hop = 0;
	step->reason = p->no_route;
	step->gateway = explain_gateway(VPC_EDGE_IGW, 0);
	step->hop = 0;
}

void explain_send(struct explain_trace *t, uint32_t from)
{
	struct explain_port p = {.me = from, .direction = VPC_EGRESS};
	const struct look_packet asked = t->packet;
	struct look_route route = {0};
	struct explain_step *step;
	unsigned before;
	uint32_t other;

	if (explain_source(t, &p) || explain_destination(t, &p))
		return;
	if (!p.end[1].eni)
		explain_route(t, &p, &route);
	other = p.hop ? p.hop : p.end[1].eni;
	explain_acls(t, &p, p.me, other, false);
	before = t->n;
	if (!p.end[1].eni) {
		step = explain_add(t, EXPLAIN_ROUTE, &p, p.no_route);
		step->route = route;
		step->gateway = p.gateway;
		step->hop = p.hop;
	}
	explain_flow(t, &p);
	if (!p.end[1].eni) {
		to_host_that_asked(t, &p, before);
		flow_before_route(t, before);
	}
	if (!p.end[1].eni && p.hop)
		to_appliance(t, &p);
	else if (!p.end[1].eni && !p.no_route)
		explain_leave(t, &p);
	/* The flow lets through what answers the packet. Only ACLs are asked about that. */
	t->packet = asked;
	explain_acls(t, &p, other, p.me, true);
}
