/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Security groups: each local side of a flow by its own. */
#include "datapath/maps/look/rules.h"
#include "observe/explain/walk.h"

#include <string.h>

int explain_side(const struct explain_trace *t, uint32_t vpc, uint32_t eni, uint32_t incarnation, bool owns,
		 struct explain_side *ret, struct look_stamp *stamp)
{
	const struct vpc_eni *e = look_eni(&t->look, eni);
	uint32_t set = e && e->vpc == vpc ? look_set_of(&t->look, eni) : 0;

	*ret = (struct explain_side){.eni = eni};
	if (!set || (incarnation && e->incarnation != incarnation))
		return VPC_DROP_NOT_READY;
	look_stamp(&t->look, e, set, stamp);
	ret->set = set;
	ret->member = owns ? set : 0;
	ret->incarnation = e->incarnation;
	return 0;
}

int explain_side_peer(const struct explain_trace *t, uint32_t vpc, uint32_t word, struct explain_side *ret,
		      struct look_stamp *stamp)
{
	uint32_t number = word & VPC_NUMBER_MASK, set = look_set_of(&t->look, number);
	const struct vpc_eni *e = look_eni(&t->look, number);

	*ret = (struct explain_side){0};
	if (!e || e->vpc == vpc || !set || VPC_PEER_WORD(number, e->incarnation) != word)
		return VPC_DROP_NOT_READY;
	look_stamp(&t->look, e, set, stamp);
	ret->member = set;
	ret->incarnation = word;
	return 0;
}

/* Judges side i of a flow. */
static int judge_side(struct explain_trace *t, const struct explain_port *p, const struct look_packet *packet,
		      const struct explain_side side[2], unsigned i, bool add)
{
	struct look_rules q = {
		.set = side[i].set,
		.peer_set = side[i ^ 1].member,
		.direction = i ? VPC_INGRESS : VPC_EGRESS,
		.family = look_is4(packet->src) ? 4 : 6,
		.port = look_port(packet),
	};
	struct explain_step *step;
	uint32_t rule;
	int reason = 0;

	q.slot = look_slot(q.family, packet->proto);
	memcpy(q.peer, i ? packet->src : packet->dst, sizeof(q.peer));
	rule = look_rules(&t->look, &q, NULL);
	if (!rule)
		reason = i ? VPC_DROP_NO_INGRESS_RULE : VPC_DROP_NO_EGRESS_RULE;
	if (!add)
		return reason;
	step = explain_add(t, EXPLAIN_GROUPS, p, reason);
	step->eni = side[i].eni;
	step->direction = q.direction;
	step->set = q.set;
	step->peer_set = q.peer_set;
	step->rule = rule;
	step->packet = *packet;
	return reason;
}

int explain_groups(struct explain_trace *t, const struct explain_port *p, const struct look_packet *packet,
		   const struct explain_side side[2], bool steps, unsigned spare)
{
	int first = 0;

	for (unsigned i = 0; i < 2; i++) {
		int reason = side[i].eni && !(spare >> i & 1) ? judge_side(t, p, packet, side, i, steps) : 0;

		if (!first)
			first = reason;
		if (first && !steps)
			return first;
	}
	return first;
}
