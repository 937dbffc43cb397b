/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes: a resource in a VPC that refers to a subnet. */
#include "model/internal.h"

struct probe {
	struct object o;
	uint32_t vpc;
	uint32_t subnet;
	char *description;
};

static const struct probe *probe_of(const struct object *o)
{
	return (const struct probe *)o;
}

int probe_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_PROBE);
	struct probe *p = (struct probe *)o;
	const struct object *subnet;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = txn_target(t, c, OBJECT_SUBNET, &subnet, reterr);
	if (r < 0)
		return r;
	p->subnet = subnet->number;
	p->vpc = model_vpc_of(t->m, subnet);
	r = change_names(t->m, c, o, NULL, reterr);
	return r < 0 ? r : change_add(t, TAKE_PTR(o), ret, reterr);
}

static void clear(struct object *o)
{
	free(((struct probe *)o)->description);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct probe *p = (struct probe *)to;

	p->vpc = probe_of(from)->vpc;
	p->subnet = probe_of(from)->subnet;
	return text_set(&p->description, probe_of(from)->description);
}

static int post(struct index *ix, struct object *o)
{
	return index_post_reference(ix, o, OBJECT_SUBNET, probe_of(o)->subnet);
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct probe *p = probe_of(o);

	if (json_put(ret, "subnet_id", json_string(model_subnet(m, p->subnet)->o.id)) < 0)
		return -ENOMEM;
	return json_put(ret, "description", json_text_or_null(p->description));
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	if (json_put(ret, "vpc_id", json_string(model_vpc(m, probe_of(o)->vpc)->o.id)) < 0)
		return -ENOMEM;
	return to_document(m, o, ret);
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct probe *p = (struct probe *)o;
	const struct subnet *s;

	p->subnet = document_ref(m, d, "subnet_id", OBJECT_SUBNET);
	s = model_subnet(m, p->subnet);
	p->vpc = s ? s->vpc : 0;
	p->description = document_text(d, "description", false);
}

static const struct schema_field fields[] = {
	{"vpc_id", SCHEMA_STRING, NULL},
	{"subnet_id", SCHEMA_STRING, "what it watches"},
	{"description", SCHEMA_STRING_OR_NULL, NULL},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops probe_ops = {
	.size = sizeof(struct probe),
	.parent = {OBJECT_VPC, offsetof(struct probe, vpc)},
	.description = offsetof(struct probe, description),
	.clear = clear,
	.copy = copy_members,
	.post = post,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
