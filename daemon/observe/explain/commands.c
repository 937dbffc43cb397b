/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that would open a step which refuses. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "observe/explain/report.h"

static const struct object *eni_at(const struct model *m, const struct explain_step *s)
{
	return s->eni ? model_by_number(m, OBJECT_ENI, s->eni) : NULL;
}

/* The group to which a rule would be added: the one with the nearest rule, else the first that isn't `default`. */
static const struct object *group_to_open(const struct model *m, const struct look *l, const struct explain_step *s)
{
	const struct object *eni = eni_at(m, s), *group = NULL;
	unsigned missed;
	const struct rule *nearest = explain_nearest(m, l, s, &missed);

	if (nearest)
		return model_by_number(m, OBJECT_SG, nearest->sg);
	for (size_t i = 0; eni && i < eni_of(eni)->n_groups; i++) {
		const struct object *o = model_by_number(m, OBJECT_SG, eni_of(eni)->groups[i]);

		if (o && (!group || strcmp(group->name, "default") == 0))
			group = o;
	}
	return group;
}

static bool authorize(const struct model *m, const struct look *l, const struct explain_step *s,
		      struct explain_text *ret)
{
	const __be32 *peer = s->direction == VPC_EGRESS ? s->packet.dst : s->packet.src;
	const struct vpc_set *peers = s->peer_set ? look_row(l, MAP_SET, s->peer_set) : NULL;
	const struct object *group = group_to_open(m, l, s), *other = NULL;
	const char *direction = s->direction == VPC_EGRESS ? "egress" : "ingress";

	/* Nobody who asks about all ports wants all of them open. */
	if (!group || s->any_port)
		return false;
	for (uint32_t i = 0; peers && i < peers->n && i < VPC_GROUPS_PER_ENI; i++) {
		const struct object *o = model_by_number(m, OBJECT_SG, peers->sg[i]);

		if (o && (!other || strcmp(other->name, "default") == 0))
			other = o;
	}
	if (other)
		explain_say(ret, "vpcctl sg authorize %s %s %s --sg %s", group->id, direction,
			    explain_protocol(&s->packet).text, other->id);
	else
		explain_say(ret, "vpcctl sg authorize %s %s %s --cidr %s/%d", group->id, direction,
			    explain_protocol(&s->packet).text, explain_address(peer).text,
			    s->packet.family == 4 ? 32 : 128);
	return true;
}

/* A number that comes before the rule that denies, and that no rule of the direction has. 0: there is none. */
static unsigned number_before(const struct acl *a, uint8_t direction, unsigned denies)
{
	unsigned last = 0, next = denies;

	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].direction == direction && a->rules[i].number < denies && a->rules[i].number > last)
			last = a->rules[i].number;
	if (denies > ACL_RULE_NUMBER_MAX)
		return last + 10 <= ACL_RULE_NUMBER_MAX ? last + 10 : last + 1 <= ACL_RULE_NUMBER_MAX ? last + 1 : 0;
	next = last + (denies - last) / 2;
	return next > last ? next : 0;
}

static bool open_acl(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct object *o = model_by_number(m, OBJECT_ACL, s->acl.acl);
	const struct acl_rule *denies = explain_acl_rule(m, s);
	const __be32 *peer = s->direction == VPC_EGRESS ? s->packet.dst : s->packet.src;
	unsigned number =
		o ? number_before(acl_of(o), s->direction, denies ? denies->number : ACL_RULE_NUMBER_MAX + 1u) : 0;
	struct explain_text what = explain_protocol(&s->packet);

	if (!number || (s->any_port && !s->port_first))
		return false;
	/* What answers goes to the ports from which connections are opened. */
	if (s->port_first)
		what = explain_ports(s->packet.proto, 1024, UINT16_MAX);
	explain_say(ret, "vpcctl acl rule add %s %s %u allow %s --cidr %s/%d", o->id,
		    s->direction == VPC_EGRESS ? "egress" : "ingress", number, what.text, explain_address(peer).text,
		    s->packet.family == 4 ? 32 : 128);
	return true;
}

static const struct object *first_in_vpc(const struct model *m, enum object_kind kind, uint32_t vpc)
{
	const struct object *o = NULL;

	while ((o = model_next(m, kind, o)))
		if (model_vpc_of(m, o) == vpc)
			break;
	return o;
}

/* A route to the VPC that has the address, or by a gateway that the VPC has. */
static bool open_route(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct object *table = s->route.table ? model_by_number(m, OBJECT_ROUTE_TABLE, s->route.table) : NULL;
	const struct object *vpc = model_by_number(m, OBJECT_VPC, s->vpc), *target = NULL, *o = NULL;
	bool six = s->packet.family == 6;

	if (explain_open_other_vpc(m, s, ret))
		return *ret->text;
	if (!table && vpc)
		table = model_by_number(m, OBJECT_ROUTE_TABLE, vpc_of(vpc)->main_route_table);
	while ((o = model_next(m, OBJECT_IGW, o)) && igw_of(o)->vpc != s->vpc)
		;
	target = o;
	if (!target)
		target = first_in_vpc(m, six ? OBJECT_EIGW : OBJECT_NAT, s->vpc);
	if (!vpc || !table)
		return false;
	if (!target)
		explain_say(ret, "vpcctl igw create --vpc %s", vpc->id);
	else
		explain_say(ret, "vpcctl route add %s %s %s", table->id, six ? "::/0" : "0.0.0.0/0", target->id);
	return true;
}

static bool allocate(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct object *eni = eni_at(m, s), *o = NULL;

	while ((o = model_next(m, OBJECT_EIP, o)) && (eip_of(o)->eni || eip_of(o)->nat))
		;
	if (!eni)
		return false;
	if (o)
		explain_say(ret, "vpcctl eip associate %s --eni %s", o->id, eni->id);
	else
		explain_say(ret, "vpcctl eip allocate, then vpcctl eip associate EIP --eni %s", eni->id);
	return true;
}

static bool attach(const struct model *m, const struct look *l, const struct explain_step *s, struct explain_text *ret)
{
	uint32_t owner = look_owner(l, s->vpc, s->packet.dst, NULL);
	const struct object *eni = owner ? model_by_number(m, OBJECT_ENI, owner) : NULL;

	if (!eni || eni_of(eni)->attachment.kind != ATTACHMENT_NONE)
		return false;
	explain_say(ret, "vpcctl eni attach %s --netns NAME", eni->id);
	return true;
}

static bool forward(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct object *eni = eni_at(m, s);

	if (!eni || s->direction != VPC_EGRESS)
		return false;
	explain_say(ret, "vpcctl eni set %s --source-dest-check off", eni->id);
	return true;
}

/* Host access for the host's address, beside what the VPC has. */
static bool open_host(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct object *vpc = s->vpc ? model_by_number(m, OBJECT_VPC, s->vpc) : NULL;
	const __be32 *host = s->direction == VPC_EGRESS ? s->packet.dst : s->packet.src;
	struct explain_text had = {""};

	if (!vpc || explain_kind(s->gateway) != VPC_EDGE_HOST)
		return false;
	for (size_t i = 0; i < vpc_of(vpc)->n_host_access; i++) {
		size_t n = strlen(had.text);
		char cidr[CIDR_STRLEN];

		snprintf(had.text + n, sizeof(had.text) - n, " %s", cidr_format(&vpc_of(vpc)->host_access[i], cidr));
	}
	explain_say(ret, "vpcctl vpc set %s --host-access %s/%d%s", vpc->id, explain_address(host).text,
		    s->packet.family == 4 ? 32 : 128, had.text);
	return true;
}

/* A gateway that refuses what is meant for another VPC isn't the way there. */
static bool is_wrong_way(const struct explain_step *s)
{
	return s->meant_vpc && s->meant_vpc != s->vpc && s->direction == VPC_EGRESS && !s->reply &&
	       (s->stage == EXPLAIN_GATEWAY || s->stage == EXPLAIN_HOST);
}

bool explain_command(const struct model *m, const struct look *l, const struct explain_step *s,
		     struct explain_text *ret)
{
	if (is_wrong_way(s))
		return explain_open_other_vpc(m, s, ret) && *ret->text;
	switch (s->reason) {
	case VPC_DROP_NO_EGRESS_RULE:
	case VPC_DROP_NO_INGRESS_RULE:
		return authorize(m, l, s, ret);
	case VPC_DROP_ACL_EGRESS:
	case VPC_DROP_ACL_INGRESS:
		return open_acl(m, s, ret);
	case VPC_DROP_NO_ROUTE:
		return open_route(m, s, ret);
	case VPC_DROP_NO_PUBLIC_ADDRESS:
		return allocate(m, s, ret);
	case VPC_DROP_UNKNOWN_DESTINATION:
		return attach(m, l, s, ret);
	case VPC_DROP_FORGED_SOURCE:
		return forward(m, s, ret);
	case VPC_DROP_HOST_CLOSED:
		return open_host(m, s, ret);
	default:
		return false;
	}
}
