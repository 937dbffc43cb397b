/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who receives a packet that an ENI sends: an ENI of the VPC, a gateway or an appliance. */
#include "observe/explain/walk.h"

/* Sets p->hop and p->end[1]. The frame is for the receiver's MAC within a subnet, else for the gateway's. */
int explain_destination(struct explain_trace *t, struct explain_port *p)
{
	const struct vpc_eni *me = look_eni(&t->look, p->me), *other;
	uint32_t owner = look_owner(&t->look, p->vpc, t->packet.dst, NULL);
	int reason = 0;

	other = look_eni(&t->look, owner);
	if (other && other->vpc != p->vpc)
		other = NULL;
	p->end[1] = (struct explain_end){0};
	if (owner == p->me)
		reason = VPC_DROP_WRONG_DESTINATION;
	else if (other && (other->flags & VPC_ENI_DETACHED))
		reason = VPC_DROP_UNKNOWN_DESTINATION;
	else if (other)
		p->end[1] = (struct explain_end){.eni = owner, .owns = true};
	else if (look_in_space(&t->look, p->vpc, t->packet.family, t->packet.dst))
		reason = VPC_DROP_UNKNOWN_DESTINATION;
	if (p->end[1].eni && other->subnet == me->subnet)
		p->hop = owner;
	if (reason)
		explain_add(t, EXPLAIN_DESTINATION, p, reason);
	return reason;
}
