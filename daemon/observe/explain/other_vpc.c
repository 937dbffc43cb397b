/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is meant for another VPC: whether it gets there, and the command that leads there. */
#include "observe/explain/report.h"

static bool overlap(const struct cidr *a, const struct cidr *b)
{
	return cidr_contains(a, b) || cidr_contains(b, a);
}

/* The i-th CIDR of a VPC; NULL beyond the last. */
static const struct cidr *cidr_at(const struct vpc *v, size_t i)
{
	if (i == 0)
		return &v->cidr;
	if (i <= v->n_secondary)
		return &v->secondary[i - 1];
	return i == v->n_secondary + 1 && v->cidr6.addr.family ? &v->cidr6 : NULL;
}

static const struct cidr *cidr_with(const struct vpc *v, const struct ip *ip)
{
	const struct cidr *c = NULL;

	for (size_t i = 0; (c = cidr_at(v, i)); i++)
		if (cidr_contains_ip(c, ip))
			break;
	return c;
}

static bool overlaps(const struct vpc *v, const struct vpc *other)
{
	const struct cidr *a, *b;

	for (size_t i = 0; (a = cidr_at(v, i)); i++)
		for (size_t k = 0; (b = cidr_at(other, k)); k++)
			if (overlap(a, b))
				return true;
	return false;
}

/* The other end of a peering of a VPC; 0: it isn't one of its peerings. */
static uint32_t other_end(const struct peering *p, uint32_t vpc)
{
	return p->vpc == vpc ? p->peer_vpc : p->peer_vpc == vpc ? p->vpc : 0;
}

/* An active peering, else one that waits to be accepted; NULL: there is none. */
static const struct peering *peering_between(const struct model *m, uint32_t vpc, uint32_t other)
{
	const struct peering *found = NULL;
	const struct object *o = NULL;

	while ((o = model_next(m, OBJECT_PEERING, o))) {
		const struct peering *p = peering_of(o);

		if (other_end(p, vpc) != other || p->status == PEERING_REJECTED)
			continue;
		if (!found || p->status == PEERING_ACTIVE)
			found = p;
	}
	return found;
}

/* The VPC that has the address and an active peering with the step's VPC. */
static uint32_t peered_with(const struct model *m, uint32_t vpc, const struct ip *ip)
{
	const struct object *o = NULL;

	while ((o = model_next(m, OBJECT_PEERING, o))) {
		uint32_t number = other_end(peering_of(o), vpc);
		const struct object *other = number ? model_by_number(m, OBJECT_VPC, number) : NULL;

		if (other && peering_of(o)->status == PEERING_ACTIVE && cidr_with(vpc_of(other), ip))
			return number;
	}
	return 0;
}

/* 0: it is meant for no other VPC. */
static uint32_t meant_vpc(const struct model *m, const struct explain_step *s, const struct ip *ip)
{
	if (s->back)
		return explain_kind(s->gateway) == VPC_EDGE_PEERING ? s->gateway & VPC_TARGET_NUMBER : 0;
	return s->meant_vpc && s->meant_vpc != s->vpc ? s->meant_vpc : peered_with(m, s->vpc, ip);
}

/* The route table of the step's sender, or of who answers. */
static const struct object *table_of(const struct model *m, const struct explain_step *s, const struct object *vpc)
{
	const struct object *eni = s->eni ? model_by_number(m, OBJECT_ENI, s->eni) : NULL;
	const struct object *subnet = eni ? model_by_number(m, OBJECT_SUBNET, eni_of(eni)->subnet) : NULL;
	uint32_t number = subnet ? subnet_of(subnet)->route_table : 0;

	return model_by_number(m, OBJECT_ROUTE_TABLE, number ? number : vpc_of(vpc)->main_route_table);
}

bool explain_open_other_vpc(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct ip ip = explain_ip(s->back ? s->packet.src : s->packet.dst);
	uint32_t number = meant_vpc(m, s, &ip);
	const struct object *other = number ? model_by_number(m, OBJECT_VPC, number) : NULL;
	const struct object *vpc = model_by_number(m, OBJECT_VPC, s->vpc), *table;
	const struct cidr *cidr = other ? cidr_with(vpc_of(other), &ip) : NULL;
	const struct peering *p = other ? peering_between(m, s->vpc, number) : NULL;
	char text[CIDR_STRLEN];

	*ret = (struct explain_text){""};
	if (!cidr || !vpc)
		return other != NULL;
	table = table_of(m, s, vpc);
	if (p && p->status == PEERING_PENDING)
		explain_say(ret, "vpcctl peering accept %s", p->o.id);
	else if (p && table)
		explain_say(ret, "vpcctl route add %s %s %s", table->id, cidr_format(cidr, text), p->o.id);
	else if (!p && !overlaps(vpc_of(vpc), vpc_of(other)))
		explain_say(ret, "vpcctl peering create --vpc %s --peer-vpc %s", vpc->id, other->id);
	return true;
}

const struct explain_step *explain_elsewhere(const struct explain_trace *t)
{
	const struct explain_step *route = NULL;

	if (!t->meant_vpc || !t->n || t->step[0].vpc == t->meant_vpc || explain_refusal(t, false))
		return NULL;
	for (unsigned i = 0; i < t->n; i++) {
		const struct explain_step *s = &t->step[i];

		if (!s->reply && s->direction == VPC_INGRESS && s->vpc == t->meant_vpc)
			return NULL;
		if (!route && s->stage == EXPLAIN_ROUTE && !s->back)
			route = s;
	}
	return route ? route : &t->step[0];
}
