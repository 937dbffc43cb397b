/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deltas of the model into a plan: one function a kind of object, over a table. */
#include "compiler/internal.h"

static compile_fn *const kinds[OBJECT_KINDS] = {
#define KIND(SYMBOL, symbol, ...) [OBJECT_##SYMBOL] = compile_##symbol,
#include <vpc/kinds.def>
};

static int compile_object(const struct scope *s, const struct object *before, const struct object *after,
			  struct plan *plan, struct vpc_error *reterr)
{
	const struct object *o = after ? after : before;
	int err = kinds[o->kind](s, before, after, plan);

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
	if (err == 0 && compile_tables_of_lists(&s, &plan) < 0)
		err = vpc_error_oom(reterr);
	if (err < 0) {
		plan_clear(&plan);
		return err;
	}
	*ret = plan;
	return 0;
}

int compile_all(const struct model *m, const char *instance, uint32_t vpc, struct plan *ret, struct vpc_error *reterr)
{
	const struct scope s = {.m = m, .instance = instance};
	struct plan plan = {0};
	int err = 0;

	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct object *o = NULL;

		while (err == 0 && (o = model_next(m, kind, o)))
			if (vpc == 0 || model_vpc_of(m, o) == vpc)
				err = compile_object(&s, NULL, o, &plan, reterr);
	}
	if (err < 0) {
		plan_clear(&plan);
		return err;
	}
	*ret = plan;
	return 0;
}
