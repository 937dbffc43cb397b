/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs, and which subnets use them. Their rules are in acl_rule.c. */
#include "model/kinds/acl.h"

#include <string.h>

#include <vpc/array.h>

#define DEFAULT_NAME	"default"
#define DEFAULT_NUMBER	100 /* of the rule for IPv4, as AWS; that for IPv6 is the next */
#define DEFAULT_NUMBER6 101

/* The rules of a default ACL: everything in and out, of both families. */
static int allow_all(struct acl *a)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < 4; i++) {
		struct acl_rule rule = {
			.direction = i / 2 ? VPC_EGRESS : VPC_INGRESS,
			.allow = true,
			.number = i % 2 ? DEFAULT_NUMBER6 : DEFAULT_NUMBER,
			.protocol = PROTOCOL_ALL,
			.from_port = -1,
			.to_port = -1,
		};

		r = cidr_parse(i % 2 ? "::/0" : "0.0.0.0/0", &rule.cidr);
		if (r >= 0)
			r = acl_rule_insert(a, &rule);
	}
	return r;
}

/* c NULL: the VPC's default one. */
static int make(struct model_txn *t, uint32_t vpc, const struct change *c, const struct object **ret,
		struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_ACL);
	struct acl *a = (struct acl *)o;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	a->vpc = vpc;
	a->is_default = !c;
	r = change_names_new(t->m, c, DEFAULT_NAME, o, reterr);
	if (r >= 0 && !c && allow_all(a) < 0)
		r = vpc_error_oom(reterr);
	return r < 0 ? r : txn_add(t, TAKE_PTR(o), ret, reterr);
}

/* --- subnets ----------------------------------------------------------------------------------------------------- */

static int associate_one(struct model_txn *t, const struct object *acl, const struct object *subnet, const char *field,
			 struct vpc_error *reterr)
{
	(void)field;
	return subnet_set_number(t, subnet, offsetof(struct subnet, acl), acl_of(acl)->is_default ? 0 : acl->number,
				 reterr);
}

int acl_associate(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return change_subnets(t, c, associate_one, ret, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static const char *born_as(const struct object *o)
{
	return acl_of(o)->is_default ? "default network ACL" : NULL;
}

static void clear(struct object *o)
{
	free(((struct acl *)o)->rules);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct acl *a = (struct acl *)to;
	const struct acl *f = acl_of(from);

	a->vpc = f->vpc;
	a->is_default = f->is_default;
	a->rules = array_copy(f->rules, f->n_rules, sizeof(*a->rules));
	if (!a->rules)
		return -ENOMEM;
	a->n_rules = f->n_rules;
	return 0;
}

static size_t n_rules(const struct object *o)
{
	return acl_of(o)->n_rules;
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct acl *a = acl_of(o);
	json_t *rules = json_array();

	if (json_put(ret, "vpc_id", json_string(model_vpc(m, a->vpc)->o.id)) < 0 ||
	    json_put(ret, "is_default", json_boolean(a->is_default)) < 0 || json_put(ret, "rules", rules) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_rules; i++)
		if (json_array_append_new(rules, acl_rule_to_json(&a->rules[i])) < 0)
			return -ENOMEM;
	return 0;
}

/* The subnets that use it: those that are associated with it; of a default one, all that are with no other. */
static int put_subnets(const struct model *m, const struct object *o, json_t *ret)
{
	uint32_t vpc = acl_of(o)->vpc, number = acl_of(o)->is_default ? 0 : o->number;
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, vpc, OBJECT_SUBNET);
	json_t *subnets = json_array();

	if (json_put(ret, "subnets", subnets) < 0)
		return -ENOMEM;
	for (const struct post *at = p ? p->first : NULL; at; at = at->next)
		if (subnet_of(at->owner)->acl == number &&
		    json_array_append_new(subnets, json_string(at->owner->id)) < 0)
			return -ENOMEM;
	return 0;
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	if (json_put(ret, "number", json_integer(o->number)) < 0 || to_document(m, o, ret) < 0)
		return -ENOMEM;
	return put_subnets(m, o, ret);
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct acl *a = (struct acl *)o;
	json_t *list = json_object_get(d->json, "rules"), *item;
	size_t i;

	a->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	a->is_default = document_bool(d, "is_default");
	if (a->is_default && a->vpc && model_vpc(m, a->vpc)->default_acl)
		document_damaged(d, "is_default");
	if (!json_is_array(list))
		document_damaged(d, "rules");
	json_array_foreach (list, i, item) {
		struct acl_rule rule;

		if (!acl_rule_load(item, &rule) || acl_rule_find(a, rule.direction, rule.number))
			document_damaged(d, "rules");
		else if (acl_rule_insert(a, &rule) < 0)
			document_damaged(d, "(out of memory)");
	}
}

/* Derived, so not in the VPC's document. */
static void loaded(struct model *m, struct object *o)
{
	struct vpc *v = (struct vpc *)model_vpc(m, acl_of(o)->vpc);

	if (acl_of(o)->is_default)
		v->default_acl = o->number;
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"is_default", SCHEMA_BOOLEAN, "that of all subnets that are associated with no other"},
	{"rules", SCHEMA_LIST_OF("NetworkAclRule"), "by direction and number; what no rule names is denied"},
	{"subnets", SCHEMA_STRINGS, "ids of those that use it"},
};
static const struct schema_field rule_fields[] = {
	{"direction", SCHEMA_STRING, "ingress or egress"},
	{"rule_number", SCHEMA_INTEGER, "the lowest that matches decides"},
	{"action", SCHEMA_STRING, "allow or deny"},
	{"protocol", SCHEMA_STRING, NULL},
	{"from_port", SCHEMA_INTEGER_OR_NULL, "of icmp the type"},
	{"to_port", SCHEMA_INTEGER_OR_NULL, "of icmp the code"},
	{"cidr", SCHEMA_STRING, "ingress: of the source; egress: of the destination"},
};
static const struct schema schemas[] = {
	{NULL, fields, ARRAY_SIZE(fields)},
	{"NetworkAclRule", rule_fields, ARRAY_SIZE(rule_fields)},
};

const struct kind_ops acl_ops = {
	.size = sizeof(struct acl),
	.parent = {OBJECT_VPC, offsetof(struct acl, vpc)},
	.limit_per_vpc = MODEL_LIMIT_network_acls_per_vpc,
	.limit_code = VPC_E_NETWORK_ACL_LIMIT_EXCEEDED,
	.make = make,
	.born_as = born_as,
	.has_list = true,
	.clear = clear,
	.copy = copy_members,
	.n_items = n_rules,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
