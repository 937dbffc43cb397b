/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which groups an ENI carries: eni.set, sg.attach, sg.detach. */
#include <string.h>

#include "model/internal.h"

/* Ascending; the group isn't there yet and there is room. */
static void insert_group(struct eni *e, uint32_t sg)
{
	size_t at = e->n_groups++;

	for (; at > 0 && e->groups[at - 1] > sg; at--)
		e->groups[at] = e->groups[at - 1];
	e->groups[at] = sg;
}

static bool find_group(const struct eni *e, uint32_t sg, size_t *ret)
{
	for (size_t i = 0; i < e->n_groups; i++) {
		if (e->groups[i] != sg)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

static int check_count(const struct model *m, size_t n, const char *field, struct vpc_error *reterr)
{
	int r = limit_check(m, MODEL_LIMIT_groups_per_eni, n, VPC_E_SECURITY_GROUPS_PER_INTERFACE_LIMIT_EXCEEDED, field,
			    reterr);

	/* The datapath has room for that many, whatever the configuration says. */
	if (r >= 0 && n > VPC_GROUPS_PER_ENI)
		r = vpc_error_set(reterr, VPC_E_SECURITY_GROUPS_PER_INTERFACE_LIMIT_EXCEEDED, field,
				  "an ENI has room for %d groups, and this would make %zu; give it fewer",
				  VPC_GROUPS_PER_ENI, n);
	return r;
}

int eni_choose_groups(struct model_txn *t, const struct change *c, struct eni *e, struct vpc_error *reterr)
{
	size_t at;
	int r = check_count(t->m, c->n_security_groups, "security_groups", reterr);

	if (r < 0)
		return r;
	e->n_groups = 0;
	for (size_t i = 0; i < c->n_security_groups; i++) {
		const struct object *g;
		char field[40];

		snprintf(field, sizeof(field), "security_groups[%zu]", i);
		r = txn_resolve_in(t, OBJECT_SG, c->security_groups[i], e->vpc, field, &g, reterr);
		if (r < 0)
			return r;
		if (find_group(e, g->number, &at))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%s is there twice; name it once", g->id);
		insert_group(e, g->number);
	}
	return 0;
}

int eni_set(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	int r = txn_target_copy(t, c, OBJECT_ENI, &o, &copy, reterr);

	if (r < 0)
		return r;
	if (!c->n_security_groups)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "security_groups",
				     "an ENI carries at least one group; to close it, give it one without rules");
	r = eni_choose_groups(t, c, (struct eni *)copy, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

static int attach_one(struct model_txn *t, const struct object *g, const struct object *o, const char *field,
		      struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	size_t at;
	int r;

	if (find_group(eni_of(o), g->number, &at))
		return 0;
	r = check_count(t->m, eni_of(o)->n_groups + 1, field, reterr);
	if (r < 0)
		return r;
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	insert_group((struct eni *)copy, g->number);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

static int detach_one(struct model_txn *t, const struct object *g, const struct object *o, const char *field,
		      struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	struct eni *e;
	size_t at;

	if (!find_group(eni_of(o), g->number, &at))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%s doesn't carry %s; vpcctl eni show lists its groups", o->id, g->id);
	if (eni_of(o)->n_groups == 1)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, field,
				     "%s is the only group of %s; give it another one first", g->id, o->id);
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	e = (struct eni *)copy;
	e->n_groups--;
	memmove(&e->groups[at], &e->groups[at + 1], (e->n_groups - at) * sizeof(e->groups[0]));
	e->groups[e->n_groups] = 0;
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

typedef int (*member_fn)(struct model_txn *t, const struct object *g, const struct object *o, const char *field,
			 struct vpc_error *reterr);

static int for_each_member(struct model_txn *t, const struct change *c, member_fn fn, struct change_result *ret,
			   struct vpc_error *reterr)
{
	const struct object *g;
	int r = txn_target(t, c, OBJECT_SG, &g, reterr);

	if (r < 0)
		return r;
	if (!c->n_enis)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "enis", "enis must name at least one ENI");
	for (size_t i = 0; i < c->n_enis; i++) {
		const struct object *o;
		char field[32];

		snprintf(field, sizeof(field), "enis[%zu]", i);
		r = txn_resolve_in(t, OBJECT_ENI, c->enis[i], sg_of(g)->vpc, field, &o, reterr);
		if (r >= 0)
			r = fn(t, g, o, field, reterr);
		if (r < 0)
			return r;
	}
	result_set(ret, g);
	return 0;
}

int sg_attach(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return for_each_member(t, c, attach_one, ret, reterr);
}

int sg_detach(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return for_each_member(t, c, detach_one, ret, reterr);
}
