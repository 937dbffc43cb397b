/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs with their rules, and the subnets that use them. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/declare/kinds/rule.h"
#include "cli/declare/plan.h"
#include "cli/declare/value.h"

static int change_rules(struct plan *p, struct node *n, const json_t *before, const json_t *after);
static int change_subnets(struct plan *p, struct node *n, const json_t *before, const json_t *after);

static const struct declared_field rule_fields[] = {
	{.key = "direction", .flags = DECLARED_KEY},
	{.key = "rule_number", .type = DECLARED_INTEGER, .flags = DECLARED_KEY},
	{.key = "action"},
	{.key = "protocol"},
	{.key = "from_port", .type = DECLARED_INTEGER, .flags = DECLARED_NULL, .absent = "null"},
	{.key = "to_port", .type = DECLARED_INTEGER, .flags = DECLARED_NULL, .absent = "null"},
	{.key = "cidr", .flags = DECLARED_ADDRESS},
};

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "rules",
	 .type = DECLARED_ITEMS,
	 .absent = "[]",
	 .items = rule_fields,
	 .n_items = ARRAY_SIZE(rule_fields),
	 .change = change_rules},
	{.key = "subnets", .type = DECLARED_TEXTS, .refers = REFERS(SUBNET), .absent = "[]", .change = change_subnets},
	DECLARED_TAGS_FIELD,
};
static const struct declared_field *const rules_field = &fields[1];

/* The default one is used by all subnets that use no other. */
static int prepare(const struct snapshot *s, json_t *object)
{
	(void)s;
	if (!json_is_true(json_object_get(object, "is_default")))
		return 0;
	return json_object_set_new(object, "subnets", json_array()) < 0 ? -ENOMEM : 0;
}

static int emit_rules(struct plan *p, struct node *n, enum phase phase, const char *op, const json_t *items,
		      const json_t *unlike, bool same)
{
	json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		_cleanup_free_ char *key = value_key(rule_fields, ARRAY_SIZE(rule_fields), item);
		bool known = false;
		json_t *other, *change;
		size_t k;
		int r;

		json_array_foreach (unlike, k, other) {
			_cleanup_free_ char *others = value_key(rule_fields, ARRAY_SIZE(rule_fields), other);

			known |= key && others && !strcmp(key, others);
		}
		if (known != same)
			continue;
		r = plan_item(p, n, rules_field, item, &change);
		if (r == 0 && json_object_set_new(change, "op", json_string(op)) < 0)
			r = -ENOMEM;
		r = r < 0 ? r : plan_emit(p, n, phase, change);
		if (r < 0)
			return r;
	}
	return 0;
}

static int emit_removed(struct plan *p, struct node *n, const json_t *removed, const json_t *added)
{
	json_t *only = json_array(), *item;
	size_t i;
	int r = 0;

	json_array_foreach (removed, i, item)
		json_array_append_new(only, json_pack("{s:O,s:O}", "direction", json_object_get(item, "direction"),
						      "rule_number", json_object_get(item, "rule_number")));
	r = emit_rules(p, n, n->entry ? PHASE_LOOSEN : PHASE_FASTEN, "acl.rule.delete", only, added, false);
	json_decref(only);
	return r;
}

static int change_rules(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	json_t *removed, *added;
	int r = value_items_diff(rules_field, before, after, &removed, &added);

	if (r < 0)
		return r;
	r = emit_removed(p, n, removed, added);
	if (r == 0)
		r = emit_rules(p, n, PHASE_FASTEN, "acl.rule.replace", added, removed, true);
	if (r == 0)
		r = emit_rules(p, n, PHASE_FASTEN, "acl.rule.add", added, removed, false);
	json_decref(removed);
	json_decref(added);
	return r;
}

/* A subnet that uses it no longer uses the default one, until another one takes it. */
static int leave(struct plan *p, struct node *n, const json_t *subnets)
{
	struct node *standard = plan_find(p, OBJECT_ACL, n->vpc, "default");
	json_t *refs = NULL;
	int r;

	if (json_array_size(subnets) == 0 || !standard)
		return 0;
	r = plan_refer_all(p, n, OBJECT_SUBNET, subnets, &refs);
	return r < 0 ? r
		     : plan_emit(p, standard, PHASE_LOOSEN,
				 json_pack("{s:s,s:o}", "op", "acl.associate", "subnets", refs));
}

static int change_subnets(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	_cleanup_json_ json_t *removed = value_texts_without(before, after),
			      *added = value_texts_without(after, before);
	json_t *refs = NULL, *kept = removed ? plan_existing(p, OBJECT_SUBNET, n->vpc, removed) : NULL;
	int r;

	if (!removed || !added || !kept)
		return -ENOMEM;
	r = leave(p, n, kept);
	json_decref(kept);
	if (r < 0 || json_array_size(added) == 0)
		return r;
	r = plan_refer_all(p, n, OBJECT_SUBNET, added, &refs);
	return r < 0 ? r
		     : plan_emit(p, n, PHASE_FASTEN, json_pack("{s:s,s:o}", "op", "acl.associate", "subnets", refs));
}

static int before_delete(struct plan *p, struct node *n)
{
	json_t *kept = plan_existing(p, OBJECT_SUBNET, n->vpc, json_object_get(n->entry->document, "subnets"));
	int r = kept ? leave(p, n, kept) : -ENOMEM;

	json_decref(kept);
	return r;
}

#define EVERYTHING(direction, number, cidr)                                                      \
	"{\"direction\": \"" direction "\", \"rule_number\": " number ", \"action\": \"allow\"," \
	" \"protocol\": \"all\", \"cidr\": \"" cidr "\"}"

const struct declared acl_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE,
	.born = "default",
	.born_values = "{\"rules\": [" EVERYTHING("egress", "100", "0.0.0.0/0") "," EVERYTHING(
		"egress", "101", "::/0") "," EVERYTHING("ingress", "100", "0.0.0.0/0") "," EVERYTHING("ingress", "101",
												      "::/0") "]}",
	.prepare = prepare,
	.normalize = rule_normalize,
	.before_delete = before_delete,
};
