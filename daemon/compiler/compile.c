/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deltas of the model into a plan: one function a kind of object, over a table. */
#include "compiler/internal.h"

/* plan += what the kernel must be told when before becomes after; either may be NULL, not both. */
typedef int (*change_fn)(const struct scope *s, const struct object *before, const struct object *after,
			 struct plan *plan);

/* Appends a struct plan_<kind> to a list, unless both records are there and equal. */
#define DEFINE_CHANGE(kind, list)                                                                                \
	static int change_##kind(const struct scope *s, const struct object *before, const struct object *after, \
				 struct plan *plan)                                                              \
	{                                                                                                        \
		struct plan_##kind change = {.has_before = before != NULL, .has_after = after != NULL};          \
		struct plan_##kind *added;                                                                       \
		int err = 0;                                                                                     \
                                                                                                                 \
		if (before)                                                                                      \
			err = record_##kind(s, SNAPSHOT_BEFORE, kind##_of(before), &change.before);              \
		if (err == 0 && after)                                                                           \
			err = record_##kind(s, SNAPSHOT_AFTER, kind##_of(after), &change.after);                 \
		if (err < 0)                                                                                     \
			return err;                                                                              \
		if (before && after && memcmp(&change.before, &change.after, sizeof(change.before)) == 0)        \
			return 0;                                                                                \
		added = PLAN_ADD(plan->list, plan->n_##list);                                                    \
		if (!added)                                                                                      \
			return -ENOMEM;                                                                          \
		*added = change;                                                                                 \
		return 0;                                                                                        \
	}

DEFINE_CHANGE(vpc, vpcs)
DEFINE_CHANGE(subnet, subnets)
DEFINE_CHANGE(eni, enis)

/* Rules don't change but for description and tags: what both have stays as it is. */
static int change_rule(const struct scope *s, const struct object *before, const struct object *after,
		       struct plan *plan)
{
	(void)s;
	if (before && after)
		return 0;
	return compile_rule(rule_of(after ? after : before), after != NULL, plan);
}

/* The nth address of an ENI: primary, IPv6, secondary ones; NULL beyond the last. e may be NULL: it has none. */
static const struct ip *eni_address(const struct eni *e, size_t n)
{
	if (!e)
		return NULL;
	if (n == 0)
		return &e->ip;
	if (e->ip6.family && n-- == 1)
		return &e->ip6;
	return n - 1 < e->n_secondary ? &e->secondary[n - 1] : NULL;
}

static bool has_address(const struct eni *e, const struct ip *ip)
{
	const struct ip *own;

	for (size_t i = 0; (own = eni_address(e, i)); i++)
		if (ip_equal(own, ip))
			return true;
	return false;
}

/* Rows for the addresses that `of` has and `other` has not. */
static int add_addresses(const struct eni *of, const struct eni *other, bool add, struct plan *plan)
{
	const struct ip *ip;

	for (size_t i = 0; (ip = eni_address(of, i)); i++) {
		struct plan_addr *added;

		if (has_address(other, ip))
			continue;
		added = PLAN_ADD(plan->addrs, plan->n_addrs);
		if (!added)
			return -ENOMEM;
		*added = (struct plan_addr){.add = add, .vpc = of->vpc, .eni = of->o.number, .ip = *ip};
	}
	return 0;
}

/* The row for an ENI's MAC on its subnet's bridge (abi.h, struct vpc_addr_key). Neither ever changes. */
static int add_mac(const struct eni *e, bool add, struct plan *plan)
{
	struct plan_addr *added = PLAN_ADD(plan->addrs, plan->n_addrs);

	if (!added)
		return -ENOMEM;
	*added = (struct plan_addr){
		.add = add, .vpc = VPC_BRIDGE_FIRST + e->subnet, .eni = e->o.number, .ip = {.family = 6}};
	memcpy(added->ip.bytes + sizeof(added->ip.bytes) - sizeof(e->mac), e->mac, sizeof(e->mac));
	return 0;
}

static int change_port(const struct scope *s, const struct eni *before, const struct eni *after, struct plan *plan)
{
	struct plan_port change = {
		.has_before = before && before->attachment.kind != ATTACHMENT_NONE,
		.has_after = after && after->attachment.kind != ATTACHMENT_NONE,
	};
	struct plan_port *added;
	int err = 0;

	if (change.has_before)
		err = record_port(s, SNAPSHOT_BEFORE, before, &change.before);
	if (err == 0 && change.has_after)
		err = record_port(s, SNAPSHOT_AFTER, after, &change.after);
	if (err < 0 || (!change.has_before && !change.has_after))
		goto drop;
	if (change.has_before && change.has_after && record_port_equal(&change.before, &change.after))
		goto drop;
	added = PLAN_ADD(plan->ports, plan->n_ports);
	if (!added) {
		err = -ENOMEM;
		goto drop;
	}
	*added = change;
	return 0;
drop:
	record_port_clear(&change.before);
	record_port_clear(&change.after);
	return err;
}

/* An ENI is four things: a row, addresses, a MAC, a port. */
static int change_interface(const struct scope *s, const struct object *before, const struct object *after,
			    struct plan *plan)
{
	const struct eni *old = before ? eni_of(before) : NULL, *new = after ? eni_of(after) : NULL;
	int err = change_eni(s, before, after, plan);

	if (err == 0)
		err = add_addresses(old, new, false, plan);
	if (err == 0)
		err = add_addresses(new, old, true, plan);
	if (err == 0 && (!old || !new))
		err = add_mac(new ? new : old, new != NULL, plan);
	if (err == 0)
		err = change_port(s, old, new, plan);
	return err;
}

/* NULL: the kernel knows nothing of such an object itself. */
static const change_fn changes[OBJECT_KINDS] = {
	[OBJECT_VPC] = change_vpc,
	[OBJECT_SUBNET] = change_subnet,
	[OBJECT_RULE] = change_rule,
	[OBJECT_ENI] = change_interface,
};

static int compile_object(const struct scope *s, const struct object *before, const struct object *after,
			  struct plan *plan, struct vpc_error *reterr)
{
	const struct object *o = after ? after : before;
	int err = changes[o->kind] ? changes[o->kind](s, before, after, plan) : 0;

	if (err == -ENOMEM)
		return vpc_error_oom(reterr);
	if (err < 0) {
		vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "%s cannot be compiled: %s", o->id,
			      err == -ENOENT ? "what it refers to does not exist" : strerror(-err));
		return err;
	}
	return 0;
}

int compile_delta(const struct model *m, const char *instance, const struct delta *deltas, size_t n, struct plan *ret,
		  struct vpc_error *reterr)
{
	_cleanup_(scope_clear) struct scope s = {0};
	struct plan plan = {0};
	int err = scope_init(&s, m, instance, deltas, n);

	if (err < 0)
		return vpc_error_oom(reterr);
	for (size_t i = 0; i < n && err == 0; i++)
		err = compile_object(&s, deltas[i].before, deltas[i].after, &plan, reterr);
	if (err < 0) {
		plan_clear(&plan);
		return err;
	}
	*ret = plan;
	return 0;
}

/* Number of the VPC that an object belongs to. A rule's is its group's. 0: none. */
static uint32_t object_vpc(const struct model *m, const struct object *o)
{
	const struct object *sg;

	switch (o->kind) {
	case OBJECT_VPC:
		return o->number;
	case OBJECT_SUBNET:
		return subnet_of(o)->vpc;
	case OBJECT_SG:
		return sg_of(o)->vpc;
	case OBJECT_RULE:
		sg = model_by_number(m, OBJECT_SG, rule_of(o)->sg);
		return sg ? sg_of(sg)->vpc : 0;
	case OBJECT_ENI:
		return eni_of(o)->vpc;
	default:
		return 0;
	}
}

int compile_all(const struct model *m, const char *instance, uint32_t vpc, struct plan *ret, struct vpc_error *reterr)
{
	const struct scope s = {.m = m, .instance = instance};
	struct plan plan = {0};
	int err = 0;

	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct object *o = NULL;

		while (err == 0 && (o = model_next(m, kind, o)))
			if (vpc == 0 || object_vpc(m, o) == vpc)
				err = compile_object(&s, NULL, o, &plan, reterr);
	}
	if (err < 0) {
		plan_clear(&plan);
		return err;
	}
	*ret = plan;
	return 0;
}
