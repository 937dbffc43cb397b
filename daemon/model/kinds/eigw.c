/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Egress-only internet gateways: IPv6, outward alone. */
#include <string.h>

#include "model/internal.h"

/* c NULL: one that goes with its VPC. */
static int make(struct model_txn *t, uint32_t vpc, const struct change *c, const struct object **ret,
		struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_EIGW);
	struct eigw *g = (struct eigw *)o;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	g->vpc = vpc;
	g->with_vpc = !c;
	r = change_names_new(t->m, c, INTERNET_NAME, o, reterr);
	if (r >= 0)
		r = txn_add(t, TAKE_PTR(o), ret, reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

static int remove_one(struct model_txn *t, const struct object *o, struct vpc_error *reterr)
{
	uint32_t vpc = eigw_of(o)->vpc;
	int r = txn_remove(t, o, reterr);

	if (r >= 0)
		r = route_retarget(t, o->id, reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	((struct eigw *)to)->vpc = eigw_of(from)->vpc;
	((struct eigw *)to)->with_vpc = eigw_of(from)->with_vpc;
	return 0;
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	if (json_put(ret, "vpc_id", json_string(model_vpc(m, eigw_of(o)->vpc)->o.id)) < 0)
		return -ENOMEM;
	return json_put(ret, "with_vpc", json_boolean(eigw_of(o)->with_vpc));
}

static void load(struct model *m, struct document *d, struct object *o)
{
	((struct eigw *)o)->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	((struct eigw *)o)->with_vpc = document_bool(d, "with_vpc");
}

static void loaded(struct model *m, struct object *o)
{
	route_loaded(m, o);
	vpc_exit_loaded(m, eigw_of(o)->vpc);
}

static const struct schema_field fields[] = {
	{"vpc_id", SCHEMA_STRING, NULL},
	{"with_vpc", SCHEMA_BOOLEAN, "it was made with its VPC, and is deleted with it"},
	{"counters", SCHEMA_REF("VpcCounters"), "received from the world, and sent to it"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops eigw_ops = {
	.size = sizeof(struct eigw),
	.parent = {OBJECT_VPC, offsetof(struct eigw, vpc)},
	.name_optional = true,
	.make = make,
	.remove = remove_one,
	.with_vpc = offsetof(struct eigw, with_vpc),
	.copy = copy_members,
	.to_json = to_document,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
