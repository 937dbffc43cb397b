/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs: asked about each packet between subnets, and about its answer. */
#include "observe/explain/walk.h"

/* The ports from which programs of Linux open connections, where none is known (ip_local_port_range). */
#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_LAST	60999

static void turn_round(struct look_packet *p)
{
	struct look_packet old = *p;
	uint8_t query;

	for (unsigned w = 0; w < 4; w++) {
		p->src[w] = old.dst[w];
		p->dst[w] = old.src[w];
	}
	p->sport = old.dport;
	p->dport = old.sport;
	if (look_icmp(&old, &query) == LOOK_ICMP_QUERY && old.family == 4)
		p->icmp_type = old.icmp_type == 8 ? 0 : (uint8_t)(old.icmp_type + 1);
	else if (look_icmp(&old, &query) == LOOK_ICMP_QUERY)
		p->icmp_type = (uint8_t)(old.icmp_type + 1);
}

/* Whether the ACL lets the answer through to all ports that a sender may have. Returns the first port that it
 * refuses; 0: none. */
static uint16_t refused_port(const struct explain_trace *t, uint32_t eni, uint8_t direction, struct look_packet packet,
			     struct look_acl *ret)
{
	for (uint32_t port = EPHEMERAL_FIRST; port <= EPHEMERAL_LAST; port++) {
		packet.dport = (uint16_t)port;
		*ret = look_acl(&t->look, eni, direction, &packet);
		if (!ret->allowed)
			return (uint16_t)port;
	}
	return 0;
}

int explain_acl(struct explain_trace *t, const struct explain_port *p, uint32_t eni, uint8_t direction, bool reply)
{
	const struct vpc_eni *e = look_eni(&t->look, eni);
	struct look_packet packet = t->packet;
	struct explain_step *step;
	struct look_acl acl;
	uint16_t refused = 0;
	bool ports = look_slot(packet.family, packet.proto) == VPC_SLOT_TCP ||
		     look_slot(packet.family, packet.proto) == VPC_SLOT_UDP;

	if (!e || !look_acl_asked(&t->look, e->vpc))
		return 0;
	if (reply)
		turn_round(&packet);
	acl = look_acl(&t->look, eni, direction, &packet);
	if (!acl.acl)
		return 0;
	if (reply && ports && t->any_sport)
		refused = refused_port(t, eni, direction, packet, &acl);
	step = explain_add(t, EXPLAIN_ACL, p,
			   acl.allowed		     ? 0
			   : direction == VPC_EGRESS ? VPC_DROP_ACL_EGRESS
						     : VPC_DROP_ACL_INGRESS);
	step->eni = eni;
	step->vpc = e->vpc;
	step->direction = direction;
	step->reply = reply;
	step->acl = acl;
	step->packet = packet;
	step->port_first = refused;
	if (refused)
		step->packet.dport = refused;
	return step->reason;
}

int explain_acls(struct explain_trace *t, const struct explain_port *p, uint32_t from, uint32_t to, bool reply)
{
	const struct vpc_eni *sender = look_eni(&t->look, from), *receiver = look_eni(&t->look, to);
	int reason;

	if (sender && receiver && sender->subnet == receiver->subnet)
		return 0;
	reason = from ? explain_acl(t, p, from, VPC_EGRESS, reply) : 0;
	return to && !reason ? explain_acl(t, p, to, VPC_INGRESS, reply) : reason;
}
