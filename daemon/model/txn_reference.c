/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a change refers to: ids, names and "$N.id", and the revision it must have. */
#include <stddef.h>
#include <string.h>

#include "model/internal.h"

/* "$N.id" → the id; anything else → itself. */
static int dereference(struct model_txn *t, const char *ref, const char *field, const char **ret,
		       struct vpc_error *reterr)
{
	char *end;
	unsigned long n;

	*ret = ref;
	if (!ref || ref[0] != '$' || ref[1] < '0' || ref[1] > '9')
		return 0;
	errno = 0;
	n = strtoul(ref + 1, &end, 10);
	if (strcmp(end, ".id"))
		return 0;
	if (errno || n >= t->n_changes)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s refers to no earlier change of this request", ref);
	if (!t->made[n].id[0])
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s refers to a change that made nothing", ref);
	*ret = t->made[n].id;
	return 0;
}

int txn_resolve(struct model_txn *t, enum object_kind kind, const char *ref, const char *scope, const char *field,
		const struct object **ret, struct vpc_error *reterr)
{
	int r = dereference(t, ref, field, &ref, reterr);

	if (r >= 0)
		r = dereference(t, scope, "vpc", &scope, reterr);
	if (r < 0)
		return r;
	return model_resolve(t->m, kind, ref ? ref : "", scope, field, ret, reterr);
}

static uint32_t vpc_number_of(const struct object *o)
{
	switch (o->kind) {
	case OBJECT_SUBNET:
		return subnet_of(o)->vpc;
	case OBJECT_SG:
		return sg_of(o)->vpc;
	case OBJECT_ENI:
		return eni_of(o)->vpc;
	default:
		return o->number;
	}
}

int txn_resolve_in(struct model_txn *t, enum object_kind kind, const char *ref, uint32_t vpc, const char *field,
		   const struct object **ret, struct vpc_error *reterr)
{
	const struct vpc *v = model_vpc(t->m, vpc);
	const struct object *o;
	int r = txn_resolve(t, kind, ref, v->o.id, field, &o, reterr);

	if (r < 0)
		return r;
	if (vpc_number_of(o) != vpc)
		return vpc_error_set(reterr, kind_ops(kind)->not_found, field, "%s is not in %s", o->id, v->o.id);
	*ret = o;
	return 0;
}

static const struct {
	enum change_field field;
	enum object_kind kind;
	size_t offset;
} targets[] = {
	{FIELD_VPC_ID, OBJECT_VPC, offsetof(struct change, vpc_id)},
	{FIELD_SUBNET_ID, OBJECT_SUBNET, offsetof(struct change, subnet_id)},
	{FIELD_SECURITY_GROUP_ID, OBJECT_SG, offsetof(struct change, security_group_id)},
	{FIELD_ENI_ID, OBJECT_ENI, offsetof(struct change, eni_id)},
};

int txn_target(struct model_txn *t, const struct change *c, enum change_field field, const struct object **ret,
	       struct vpc_error *reterr)
{
	const struct object *o, *then;
	size_t i = 0;
	int r;

	while (targets[i].field != field)
		i++;
	r = txn_resolve(t, targets[i].kind, *(char *const *)((const char *)c + targets[i].offset), c->scope,
			change_field_name(field), &o, reterr);
	if (r < 0)
		return r;
	/* What the caller saw is the version before this transaction. */
	then = o->delta ? t->deltas[o->delta - 1].before : o;
	if (c->if_match && (!then || then->revision != c->if_match))
		return vpc_error_set(reterr, VPC_E_REVISION_MISMATCH, change_field_name(field),
				     "%s has revision %llu, not %llu", o->id,
				     (unsigned long long)(then ? then->revision : 0), (unsigned long long)c->if_match);
	*ret = o;
	return 0;
}
