/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Security groups. Rules are objects of their own (rule.c). A change of its rules gives a group a new revision. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "model/internal.h"

/* Every new group allows all egress; and the group `default`, whose ingress is everything from itself. */
static const char *const everywhere[] = {"0.0.0.0/0", "::/0"};

static bool sg_is_default(const struct sg *g)
{
	return !strcasecmp(g->o.name, SG_DEFAULT_NAME);
}

static int add_rule(struct model_txn *t, uint32_t sg, uint8_t direction, const char *cidr, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_RULE);
	struct rule *r = (struct rule *)o;
	int k;

	if (!o)
		return vpc_error_oom(reterr);
	r->sg = sg;
	r->direction = direction;
	r->protocol = PROTOCOL_ALL;
	r->from_port = r->to_port = -1;
	r->peer = cidr ? PEER_CIDR : PEER_SG;
	if (!cidr)
		r->peer_sg = sg;
	else if (cidr_parse(cidr, &r->cidr) < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "'%s' is not a CIDR", cidr);
	if (rule_set_key(r) < 0)
		return vpc_error_oom(reterr);
	k = txn_identify(t, o, reterr);
	return k < 0 ? k : txn_insert(t, TAKE_PTR(o), reterr);
}

/* Of the rules that a group is born with. */
static int check_rule_limits(const struct model *m, bool is_default, struct vpc_error *reterr)
{
	size_t n_rules = ARRAY_SIZE(everywhere) + is_default;
	int r = limit_check(m, MODEL_LIMIT_rules_per_group, ARRAY_SIZE(everywhere),
			    VPC_E_RULES_PER_SECURITY_GROUP_LIMIT_EXCEEDED, NULL, reterr);

	if (r >= 0)
		r = limit_check(m, MODEL_LIMIT_rules, model_count(m, OBJECT_RULE) + n_rules,
				VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL, reterr);
	return r;
}

int sg_make(struct model_txn *t, uint32_t vpc, const char *name, const struct change *c, bool is_default,
	    const struct sg **ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_SG);
	struct sg *g = (struct sg *)o;
	const struct object *added;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	g->vpc = vpc;
	r = limit_check_new(t->m, o, reterr);
	if (r >= 0)
		r = check_rule_limits(t->m, is_default, reterr);
	if (r >= 0)
		r = change_names_new(t->m, c, name, o, reterr);
	if (r >= 0)
		r = txn_add(t, TAKE_PTR(o), &added, reterr);
	if (r >= 0 && is_default)
		r = add_rule(t, g->o.number, VPC_INGRESS, NULL, reterr);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(everywhere); i++)
		r = add_rule(t, g->o.number, VPC_EGRESS, everywhere[i], reterr);
	if (r >= 0)
		*ret = g;
	return r;
}

int sg_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *vpc;
	const struct sg *g;
	int r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);

	if (r < 0)
		return r;
	if (c->name && !strcasecmp(c->name, SG_DEFAULT_NAME))
		return vpc_error_set(reterr, VPC_E_INVALID_GROUP_RESERVED, "name",
				     "every VPC is born with the group '%s'; choose another name", SG_DEFAULT_NAME);
	r = sg_make(t, vpc->number, c->name, c, false, &g, reterr);
	if (r < 0)
		return r;
	result_set(ret, &g->o);
	return 0;
}

int sg_update(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, OBJECT_SG, &o, reterr);

	if (r < 0)
		return r;
	if (change_has(c, FIELD_NAME) && c->name && !sg_is_default(sg_of(o)) && !strcasecmp(c->name, SG_DEFAULT_NAME))
		return vpc_error_set(reterr, VPC_E_INVALID_GROUP_RESERVED, "name",
				     "every VPC is born with the group '%s'; choose another name", SG_DEFAULT_NAME);
	return change_update(t, c, ret, reterr);
}

static const char *born_as(const struct object *o)
{
	return sg_is_default(sg_of(o)) ? "default group" : NULL;
}

static int check_name(const char *name, struct vpc_error *reterr)
{
	static const char punctuation[] = " ._-:/()#,@[]+=&;{}!$*";

	for (const char *s = name; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 0x80 && isalnum(c)) || strchr(punctuation, c))
			continue;
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "name",
				     "a security group's name may have the characters a-z, A-Z, 0-9 and %s",
				     punctuation);
	}
	return 0;
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static void clear(struct object *o)
{
	free(((struct sg *)o)->description);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct sg *g = (struct sg *)to;

	g->vpc = sg_of(from)->vpc;
	return text_set(&g->description, sg_of(from)->description);
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct sg *g = sg_of(o);

	if (json_put(ret, "vpc_id", json_string(model_vpc(m, g->vpc)->o.id)) < 0 ||
	    json_put(ret, "description", json_string(g->description ? g->description : "")) < 0)
		return -ENOMEM;
	return 0;
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	json_t *rules = json_array();

	if (json_put(ret, "number", json_integer(o->number)) < 0 || to_document(m, o, ret) < 0 ||
	    json_put(ret, "rules", rules) < 0)
		return -ENOMEM;
	for (const struct rule *r = NULL; (r = model_next_rule(m, o->number, r));)
		if (json_array_append_new(rules, model_to_json(m, &r->o)) < 0)
			return -ENOMEM;
	return 0;
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct sg *g = (struct sg *)o;

	g->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	g->description = document_text(d, "description", true);
	if (g->description && !g->description[0]) {
		free(g->description);
		g->description = NULL;
	}
}

/* Derived, so not in the VPC's document. */
static void loaded(struct model *m, struct object *o)
{
	struct vpc *v = (struct vpc *)model_vpc(m, sg_of(o)->vpc);

	if (sg_is_default(sg_of(o)))
		v->default_sg = o->number;
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"description", SCHEMA_STRING, NULL},
	{"rules", SCHEMA_LIST_OF("Rule"), NULL},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops sg_ops = {
	.size = sizeof(struct sg),
	.parent = {OBJECT_VPC, offsetof(struct sg, vpc)},
	.limit_per_vpc = MODEL_LIMIT_groups_per_vpc,
	.limit_code = VPC_E_SECURITY_GROUP_LIMIT_EXCEEDED,
	.born_as = born_as,
	.description = offsetof(struct sg, description),
	.has_list = true,
	.names_ignore_case = true,
	.name_taken = VPC_E_INVALID_GROUP_DUPLICATE,
	.check_name = check_name,
	.clear = clear,
	.copy = copy_members,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
