/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internet gateways: made, attached to a VPC, detached, deleted. */
#include <string.h>

#include "model/internal.h"

/* The VPC's internet gateway, or NULL. */
static const struct object *gateway_of(const struct model *m, uint32_t vpc)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, vpc, OBJECT_IGW);

	return p && p->n ? p->first->owner : NULL;
}

static int check_vpc(const struct model *m, const struct object *vpc, struct vpc_error *reterr)
{
	const struct object *other = gateway_of(m, vpc->number);

	if (!other)
		return 0;
	if (vpc_error_add_holder(reterr, other->id) < 0)
		return vpc_error_oom(reterr);
	return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "vpc_id",
			     "%s has an internet gateway, %s; use that, or detach it first", vpc->id, other->id);
}

int igw_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_IGW);
	const struct object *vpc = NULL;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0 && change_has(c, FIELD_VPC_ID)) {
		r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);
		if (r >= 0)
			r = check_vpc(t->m, vpc, reterr);
		if (r >= 0)
			((struct igw *)o)->vpc = vpc->number;
	}
	if (r >= 0)
		r = change_add(t, TAKE_PTR(o), ret, reterr);
	return r < 0 || !vpc ? r : vpc_note_exits(t, vpc->number, reterr);
}

/* vpc 0: detached. */
static int set_vpc(struct model_txn *t, const struct object *o, uint32_t vpc, struct vpc_error *reterr)
{
	uint32_t concerned = vpc ? vpc : igw_of(o)->vpc;
	struct object *copy = object_copy(o);
	int r;

	if (!copy)
		return vpc_error_oom(reterr);
	((struct igw *)copy)->vpc = vpc;
	r = txn_replace(t, o, copy, reterr);
	if (r >= 0)
		r = route_retarget(t, copy->id, reterr);
	return r < 0 ? r : vpc_note_exits(t, concerned, reterr);
}

int igw_attach(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o, *vpc;
	int r = txn_target(t, c, OBJECT_IGW, &o, reterr);

	if (r >= 0)
		r = txn_resolve(t, OBJECT_VPC, c->vpc_id, NULL, "vpc_id", &vpc, reterr);
	if (r < 0)
		return r;
	if (igw_of(o)->vpc)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "internet_gateway_id",
				     "%s is attached to %s already; detach it first", o->id,
				     model_vpc(t->m, igw_of(o)->vpc)->o.id);
	r = check_vpc(t->m, vpc, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return set_vpc(t, o, vpc->number, reterr);
}

/* As AWS, an internet gateway stays while the VPC has network interfaces with an elastic IP. */
static int check_no_eips(const struct model *m, const struct object *o, struct vpc_error *reterr)
{
	const struct object *first = NULL;
	size_t n = 0;

	for (const struct object *e = NULL; (e = model_next(m, OBJECT_EIP, e));) {
		if (!eip_of(e)->eni || eip_of(e)->vpc != igw_of(o)->vpc)
			continue;
		if (vpc_error_add_holder(reterr, e->id) < 0)
			return vpc_error_oom(reterr);
		first = first ? first : e;
		n++;
	}
	if (!n)
		return 0;
	return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL,
			     "%s is still used by %zu elastic IP%s of network interfaces: %s%s; disassociate first",
			     o->id, n, n == 1 ? "" : "s", first->id, n == 1 ? "" : " and others");
}

int igw_detach(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o, *vpc = NULL;
	int r = txn_target(t, c, OBJECT_IGW, &o, reterr);

	if (r >= 0 && change_has(c, FIELD_VPC_ID))
		r = txn_resolve(t, OBJECT_VPC, c->vpc_id, NULL, "vpc_id", &vpc, reterr);
	if (r < 0)
		return r;
	if (!igw_of(o)->vpc || (vpc && vpc->number != igw_of(o)->vpc))
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "internet_gateway_id",
				     "%s is not attached%s%s; vpcctl igw list shows what is attached to which VPC",
				     o->id, vpc ? " to " : "", vpc ? vpc->id : "");
	r = check_no_eips(t->m, o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return set_vpc(t, o, 0, reterr);
}

int igw_delete(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o, *vpc;
	int r = txn_target(t, c, OBJECT_IGW, &o, reterr);

	if (r < 0)
		return r;
	if (igw_of(o)->vpc) {
		vpc = &model_vpc(t->m, igw_of(o)->vpc)->o;
		if (vpc_error_add_holder(reterr, vpc->id) < 0)
			return vpc_error_oom(reterr);
		return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL,
				     "%s is still attached to %s (%s); detach it first", o->id, vpc->id, vpc->name);
	}
	r = change_delete(t, c, ret, reterr);
	return r < 0 ? r : route_retarget(t, ret->id, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	((struct igw *)to)->vpc = igw_of(from)->vpc;
	return 0;
}

static int post(struct index *ix, struct object *o)
{
	return igw_of(o)->vpc ? index_post_reference(ix, o, OBJECT_VPC, igw_of(o)->vpc) : 0;
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct vpc *v = model_vpc(m, igw_of(o)->vpc);

	return json_put(ret, "vpc_id", json_text_or_null(v ? v->o.id : NULL));
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct igw *g = (struct igw *)o;

	if (!json_is_null(json_object_get(d->json, "vpc_id")))
		g->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	if (g->vpc && gateway_of(m, g->vpc))
		document_damaged(d, "vpc_id");
}

static void loaded(struct model *m, struct object *o)
{
	route_loaded(m, o);
	if (igw_of(o)->vpc)
		vpc_exit_loaded(m, igw_of(o)->vpc);
}

static const struct schema_field fields[] = {
	{"vpc_id", SCHEMA_STRING_OR_NULL, "that it is attached to"},
	{"counters", SCHEMA_REF("VpcCounters"), "since it was attached: received from the world, and sent to it"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops igw_ops = {
	.size = sizeof(struct igw),
	.name_optional = true,
	.copy = copy_members,
	.post = post,
	.to_json = to_document,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
