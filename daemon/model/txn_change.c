/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes that are the same for several kinds. */
#include <stdio.h>
#include <string.h>

#include "model/internal.h"

int change_update(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	int r = txn_target_copy(t, c, change_op_kind(c->op), &o, &copy, reterr);

	if (r < 0)
		return r;
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

	if (r >= 0)
		r = object_check_unused(t->m, o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_remove_whole(t, o, reterr);
}

int change_create_in_vpc(struct model_txn *t, const struct change *c, make_in_vpc_fn *make, struct change_result *ret,
			 struct vpc_error *reterr)
{
	const struct object *vpc, *o;
	int r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);

	if (r >= 0)
		r = make(t, vpc->number, c, &o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return 0;
}

int change_remove(struct model_txn *t, const struct change *c, remove_fn *remove, struct change_result *ret,
		  struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, change_op_kind(c->op), &o, reterr);

	if (r < 0)
		return r;
	result_set(ret, o);
	return remove(t, o, reterr);
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

int born_check_name(const struct change *c, const struct object *o, const char *what, struct vpc_error *reterr)
{
	if (!change_has(c, FIELD_NAME) || !c->name || !strcmp(c->name, o->name))
		return 0;
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "name", "the %s keeps its name", what);
}

int born_refuse_delete(const struct object *o, const char *what, struct vpc_error *reterr)
{
	return vpc_error_set(reterr, VPC_E_CANNOT_DELETE, kind_of(o->kind)->field_id,
			     "%s is its VPC's %s; it goes with the VPC", o->id, what);
}
