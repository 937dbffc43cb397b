/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a change refers to: ids, names and "$N.id", and the revision it must have. */
#include <stddef.h>
#include <string.h>

#include <vpc/number.h>

#include "model/internal.h"

int txn_dereference(struct model_txn *t, const char *ref, const char *field, const char **ret, struct vpc_error *reterr)
{
	uint64_t n = 0;
	size_t digits;

	*ret = ref;
	if (!ref || ref[0] != '$')
		return 0;
	digits = strspn(ref + 1, "0123456789");
	if (!digits || strcmp(ref + 1 + digits, ".id") != 0)
		return 0;
	if (number_parse_part(ref + 1, digits, UINT32_MAX, &n) < 0 || n >= t->n_changes)
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
			"%.64s refers to no earlier change of this request; put that change before this one", ref);
	if (!t->made[n].id[0])
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s refers to a change that made nothing; name an object by its id or name",
				     ref);
	*ret = t->made[n].id;
	return 0;
}

int txn_resolve(struct model_txn *t, enum object_kind kind, const char *ref, const char *scope, const char *field,
		const struct object **ret, struct vpc_error *reterr)
{
	int r = txn_dereference(t, ref, field, &ref, reterr);

	if (r >= 0)
		r = txn_dereference(t, scope, "vpc", &scope, reterr);
	if (r < 0)
		return r;
	return model_resolve(t->m, kind, ref ? ref : "", scope, field, ret, reterr);
}

int txn_resolve_in(struct model_txn *t, enum object_kind kind, const char *ref, uint32_t vpc, const char *field,
		   const struct object **ret, struct vpc_error *reterr)
{
	const struct vpc *v = model_vpc(t->m, vpc);
	const struct object *o;
	int r = txn_resolve(t, kind, ref, v->o.id, field, &o, reterr);

	if (r < 0)
		return r;
	if (model_vpc_of(t->m, o) != vpc)
		return vpc_error_set(reterr, kind_of(kind)->not_found, field, "%s is not in %s; name one that is",
				     o->id, v->o.id);
	*ret = o;
	return 0;
}

int txn_target_copy(struct model_txn *t, const struct change *c, enum object_kind kind, const struct object **ret,
		    struct object **ret_copy, struct vpc_error *reterr)
{
	int r = txn_target(t, c, kind, ret, reterr);

	if (r < 0)
		return r;
	*ret_copy = object_copy(*ret);
	return *ret_copy ? 0 : vpc_error_oom(reterr);
}

/* The id or name that the change has for an object of the kind. */
static const char *named_by(const struct change *c, enum object_kind kind)
{
	static const size_t offsets[OBJECT_KINDS] = {
#define RESOURCE(SYMBOL, symbol, ...) [OBJECT_##SYMBOL] = offsetof(struct change, symbol##_id),
#include <vpc/kinds.def>
	};

	return *(char *const *)((const char *)c + offsets[kind]);
}

int txn_target(struct model_txn *t, const struct change *c, enum object_kind kind, const struct object **ret,
	       struct vpc_error *reterr)
{
	const char *field = kind_of(kind)->field_id;
	const struct object *o, *then;
	int r = txn_resolve(t, kind, named_by(c, kind), c->scope, field, &o, reterr);

	if (r < 0)
		return r;
	/* What the caller saw is the version before this transaction. */
	then = o->delta ? t->deltas[o->delta - 1].before : o;
	if (c->if_match && (!then || then->revision != c->if_match))
		return vpc_error_set(reterr, VPC_E_REVISION_MISMATCH, field,
				     "%s has revision %llu, not %llu; read it again, then ask again", o->id,
				     (unsigned long long)(then ? then->revision : 0), (unsigned long long)c->if_match);
	*ret = o;
	return 0;
}
