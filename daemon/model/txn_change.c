/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes that are the same for several kinds. */
#include <stdio.h>
#include <string.h>

#include "model/internal.h"

/* NULL: its VPC wasn't born with it. */
static const char *born_as(const struct object *o)
{
	const struct kind_ops *ops = kind_ops(o->kind);

	return ops->born_as ? ops->born_as(o) : NULL;
}

static int check_born_name(const struct change *c, const struct object *o, struct vpc_error *reterr)
{
	if (!born_as(o) || !change_has(c, FIELD_NAME) || !c->name || !strcmp(c->name, o->name))
		return 0;
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "name",
			     "the %s keeps its name; leave the name out, or make another one with that name",
			     born_as(o));
}

int change_update(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	int r = txn_target_copy(t, c, change_op_kind(c->op), &o, &copy, reterr);

	if (r >= 0)
		r = check_born_name(c, o, reterr);
	if (r >= 0)
		r = change_names(t->m, c, copy, o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

int change_delete(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, change_op_kind(c->op), &o, reterr);

	if (r < 0)
		return r;
	if (born_as(o))
		return vpc_error_set(reterr, VPC_E_CANNOT_DELETE, kind_of(o->kind)->field_id,
				     "%s is its VPC's %s; it goes with the VPC (vpcctl vpc delete)", o->id, born_as(o));
	r = object_check_unused(t->m, o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_remove_whole(t, o, reterr);
}

int txn_add(struct model_txn *t, struct object *o, const struct object **ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *added = o;
	int r = limit_check_new(t->m, o, reterr);

	if (r >= 0)
		r = txn_identify(t, o, reterr);
	if (r < 0)
		return r;
	*ret = o;
	return txn_insert(t, TAKE_PTR(added), reterr);
}

int change_add(struct model_txn *t, struct object *o, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *added;
	int r = txn_add(t, o, &added, reterr);

	if (r >= 0)
		result_set(ret, added);
	return r;
}

int change_create_in_vpc(struct model_txn *t, const struct change *c, struct change_result *ret,
			 struct vpc_error *reterr)
{
	const struct object *vpc, *o;
	int r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);

	if (r >= 0)
		r = kind_ops(change_op_kind(c->op))->make(t, vpc->number, c, &o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return 0;
}

int make_in_vpc(struct model_txn *t, enum object_kind kind, uint32_t vpc, const struct object **ret,
		struct vpc_error *reterr)
{
	return kind_ops(kind)->make(t, vpc, NULL, ret, reterr);
}

int change_remove(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, change_op_kind(c->op), &o, reterr);

	if (r < 0)
		return r;
	result_set(ret, o);
	return kind_ops(o->kind)->remove(t, o, reterr);
}

int change_subnets(struct model_txn *t, const struct change *c, subnet_fn *fn, struct change_result *ret,
		   struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, change_op_kind(c->op), &o, reterr);

	if (r < 0)
		return r;
	if (!c->n_subnets)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "subnets",
				     "subnets must name at least one subnet");
	for (size_t i = 0; i < c->n_subnets; i++) {
		const struct object *subnet;
		char field[32];

		snprintf(field, sizeof(field), "subnets[%zu]", i);
		r = txn_resolve_in(t, OBJECT_SUBNET, c->subnets[i], object_parent(o), field, &subnet, reterr);
		if (r >= 0)
			r = fn(t, o, subnet, field, reterr);
		if (r < 0)
			return r;
	}
	result_set(ret, o);
	return txn_touch(t, o, reterr);
}

int remove_with_vpc(struct model_txn *t, enum object_kind kind, uint32_t vpc, struct vpc_error *reterr)
{
	const struct kind_ops *ops = kind_ops(kind);
	const struct posting *p = index_referrers(&t->m->ix, OBJECT_VPC, vpc, kind);

	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		if (*(const bool *)((const char *)post->owner + ops->with_vpc))
			return ops->remove(t, post->owner, reterr);
	return 0;
}
