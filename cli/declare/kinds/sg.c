/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Security groups with their rules. */
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/kinds/rule.h"
#include "cli/declare/plan.h"
#include "cli/declare/value.h"

static int change_rules(struct plan *p, struct node *n, const json_t *before, const json_t *after);

static const struct declared_field rule_fields[] = {
	{.key = "direction", .flags = DECLARED_KEY},
	{.key = "protocol", .flags = DECLARED_KEY},
	{.key = "from_port", .type = DECLARED_INTEGER, .flags = DECLARED_KEY | DECLARED_NULL, .absent = "null"},
	{.key = "to_port", .type = DECLARED_INTEGER, .flags = DECLARED_KEY | DECLARED_NULL, .absent = "null"},
	{.key = "cidr", .flags = DECLARED_KEY | DECLARED_NULL | DECLARED_ADDRESS, .absent = "null"},
	{.key = "sg", .flags = DECLARED_KEY | DECLARED_NULL, .api = "sg_id", .refers = REFERS(SG), .absent = "null"},
	{.key = "sg_vpc",
	 .flags = DECLARED_KEY | DECLARED_NULL,
	 .api = "sg_vpc_id",
	 .refers = REFERS(VPC),
	 .absent = "null"},
	{.key = "prefix_list",
	 .flags = DECLARED_KEY | DECLARED_NULL,
	 .api = "prefix_list_id",
	 .refers = REFERS(PREFIX_LIST),
	 .absent = "null"},
	{.key = "description", .absent = "\"\""},
	{.key = "expires_at", .flags = DECLARED_NULL, .absent = "null"},
	{.key = "tags", .type = DECLARED_TAGS, .absent = "{}"},
};

#define EGRESS                                                                         \
	"{\"direction\": \"egress\", \"protocol\": \"all\", \"cidr\": \"0.0.0.0/0\"}," \
	"{\"direction\": \"egress\", \"protocol\": \"all\", \"cidr\": \"::/0\"}"

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "description", .flags = DECLARED_CREATE | DECLARED_UPDATE, .absent = "\"\""},
	{.key = "rules",
	 .type = DECLARED_ITEMS,
	 .absent = "[" EGRESS "]",
	 .items = rule_fields,
	 .n_items = ARRAY_SIZE(rule_fields),
	 .change = change_rules},
	DECLARED_TAGS_FIELD,
};
static const struct declared_field *const rules_field = &fields[2];

/* The group of another VPC is named with that VPC. A rule whose group is out of reach matches nothing. */
static int prepare(const struct snapshot *s, json_t *object)
{
	json_t *rules = json_object_get(object, "rules"), *rule;
	size_t i = 0;

	while ((rule = json_array_get(rules, i))) {
		const struct entry *peer = snapshot_member(s, rule, "sg_id");
		const char *vpc = peer ? json_member_text(peer->object, "vpc_id") : NULL;

		if (json_is_true(json_object_get(rule, "stale"))) {
			json_array_remove(rules, i);
			continue;
		}
		if (vpc && strcmp(vpc, json_member_text(object, "vpc_id") ?: "") != 0 &&
		    json_object_set_new(rule, "sg_vpc_id", json_string(vpc)) < 0)
			return -ENOMEM;
		i++;
	}
	return 0;
}

/* A rule as a change has it. */
static int to_rule(struct plan *p, const struct node *n, const json_t *item, json_t **ret)
{
	const char *vpc = json_member_text(item, "sg_vpc");
	_cleanup_json_ json_t *own = json_copy((json_t *)item);
	json_t *peer = NULL;
	int r;

	if (!own)
		return -ENOMEM;
	json_object_del(own, "sg_vpc");
	json_object_del(own, "sg");
	r = plan_refer(p, n, OBJECT_SG, vpc ? vpc : n->vpc, json_member_text(item, "sg"), &peer);
	if (r == 0)
		r = plan_item(p, n, rules_field, own, ret);
	if (r == 0 && peer && json_object_set(*ret, "sg_id", peer) < 0)
		r = -ENOMEM;
	json_decref(peer);
	return r;
}

static int emit_rules(struct plan *p, struct node *n, enum phase phase, const char *op, const json_t *items)
{
	json_t *rules = json_array(), *item, *rule;
	size_t i;

	json_array_foreach (items, i, item) {
		int r;

		p->removes = phase != PHASE_FASTEN;
		r = to_rule(p, n, item, &rule);
		p->removes = false;
		/* What a rule is revoked by. */
		if (r == 0 && phase != PHASE_FASTEN)
			json_object_del(rule, "expires_at");

		if (r == 0 && json_array_append_new(rules, rule) < 0)
			r = -ENOMEM;
		if (r < 0) {
			json_decref(rules);
			return r;
		}
	}
	if (json_array_size(rules) == 0) {
		json_decref(rules);
		return 0;
	}
	return plan_emit(p, n, phase, json_pack("{s:s,s:o}", "op", op, "rules", rules));
}

static int change_rules(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	json_t *removed, *added;
	int r = value_items_diff(rules_field, before, after, &removed, &added);

	if (r < 0)
		return r;
	/* A new group has its first rules from its creation on. */
	r = emit_rules(p, n, n->entry ? PHASE_LOOSEN : PHASE_FASTEN, "sg.revoke", removed);
	if (r == 0)
		r = emit_rules(p, n, PHASE_FASTEN, "sg.authorize", added);
	json_decref(removed);
	json_decref(added);
	return r;
}

/* Rules of groups that are to be deleted may name each other. */
static int before_delete(struct plan *p, struct node *n)
{
	json_t *rules = json_object_get(n->entry->object, "rules"), *rule, *ids = json_array();
	size_t i;

	json_array_foreach (rules, i, rule)
		if (json_is_string(json_object_get(rule, "sg_id")))
			json_array_append(ids, json_object_get(rule, "id"));
	if (json_array_size(ids) == 0) {
		json_decref(ids);
		return 0;
	}
	return plan_emit(p, n, PHASE_LOOSEN, json_pack("{s:s,s:o}", "op", "sg.revoke", "rule_ids", ids));
}

const struct declared sg_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_SG,
	.born = "default",
	.born_values =
		"{\"rules\": [{\"direction\": \"ingress\", \"protocol\": \"all\", \"sg\": \"default\"}," EGRESS "]}",
	.prepare = prepare,
	.normalize = rule_normalize,
	.before_delete = before_delete,
};
