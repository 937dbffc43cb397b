/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sg.authorize and sg.revoke. Their work follows the rules of the request, not those of the group. */
#include <string.h>

#include "model/internal.h"

static int check_limits(const struct model *m, const struct object *o, const struct change *c, struct vpc_error *reterr)
{
	const struct posting *p = index_parts(&m->ix, OBJECT_SG, o->number, OBJECT_RULE);
	/* A rule's rank is its direction, and egress is 1. */
	size_t n_egress = p ? p->n_ranked : 0, n_ingress = p ? p->n - p->n_ranked : 0;
	bool some_egress = false, some_ingress = false;
	int r = 0;

	for (size_t i = 0; i < c->n_rules; i++) {
		bool egress = c->rules[i].direction && !strcmp(c->rules[i].direction, "egress");

		*(egress ? &n_egress : &n_ingress) += 1;
		*(egress ? &some_egress : &some_ingress) = true;
	}
	/* A direction that the request leaves alone may be over a limit that was lowered. */
	if (some_ingress)
		r = limit_check(m, MODEL_LIMIT_rules_per_group, n_ingress,
				VPC_E_RULES_PER_SECURITY_GROUP_LIMIT_EXCEEDED, "rules", reterr);
	if (r >= 0 && some_egress)
		r = limit_check(m, MODEL_LIMIT_rules_per_group, n_egress, VPC_E_RULES_PER_SECURITY_GROUP_LIMIT_EXCEEDED,
				"rules", reterr);
	if (r >= 0)
		r = limit_check(m, MODEL_LIMIT_rules, model_count(m, OBJECT_RULE) + c->n_rules,
				VPC_E_RESOURCE_LIMIT_EXCEEDED, "rules", reterr);
	return r;
}

static int authorize_one(struct model_txn *t, const struct sg *g, const struct rule_spec *spec, const char *prefix,
			 struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_RULE);
	const struct object *same;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = rule_spec_resolve(t, g, spec, prefix, (struct rule *)o, reterr);
	if (r < 0)
		return r;
	if (rule_is_stale(t->m, (struct rule *)o)) {
		char field[64];

		snprintf(field, sizeof(field), "%s.sg_id", prefix);
		return vpc_error_set(reterr, VPC_E_INVALID_GROUP_NOT_FOUND, field,
				     "%s is of another VPC, with which there is no active peering; make and accept one "
				     "first (vpcctl peering)",
				     model_sg(t->m, rule_of(o)->peer_sg)->o.id);
	}
	same = index_by_key(&t->m->ix, o->name_key);
	if (same)
		return vpc_error_set(reterr, VPC_E_INVALID_PERMISSION_DUPLICATE, prefix,
				     "%s already has that rule: %s; leave it out", g->o.id, same->id);
	r = txn_identify(t, o, reterr);
	if (r >= 0)
		r = result_add_rule(ret, o, reterr);
	if (r < 0)
		return r;
	return txn_insert(t, TAKE_PTR(o), reterr);
}

int sg_authorize(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, OBJECT_SG, &o, reterr);

	if (r < 0)
		return r;
	if (!c->n_rules)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "rules", "rules must name at least one rule");
	r = check_limits(t->m, o, c, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	for (size_t i = 0; r >= 0 && i < c->n_rules; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "rules[%zu]", i);
		r = authorize_one(t, sg_of(o), &c->rules[i], prefix, ret, reterr);
	}
	return r < 0 ? r : txn_touch(t, o, reterr);
}

static int revoke_spec(struct model_txn *t, const struct sg *g, const struct rule_spec *spec, const char *prefix,
		       struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *wanted = object_new(OBJECT_RULE);
	const struct object *o;
	int r;

	if (!wanted)
		return vpc_error_oom(reterr);
	r = rule_spec_resolve(t, g, spec, prefix, (struct rule *)wanted, reterr);
	if (r < 0)
		return r;
	o = index_by_key(&t->m->ix, wanted->name_key);
	if (!o)
		return vpc_error_set(reterr, VPC_E_INVALID_PERMISSION_NOT_FOUND, prefix,
				     "%s has no such rule; vpcctl sg show lists its rules", g->o.id);
	r = result_add_rule(ret, o, reterr);
	return r < 0 ? r : txn_remove(t, o, reterr);
}

static int revoke_id(struct model_txn *t, const struct sg *g, const char *id, const char *field,
		     struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o = model_find(t->m, OBJECT_RULE, id ? id : "");
	int r;

	if (!o || rule_of(o)->sg != g->o.number)
		return vpc_error_set(reterr, VPC_E_INVALID_RULE_ID_NOT_FOUND, field,
				     "%s has no rule '%.64s'; vpcctl sg show lists its rules", g->o.id, id ? id : "");
	r = result_add_rule(ret, o, reterr);
	return r < 0 ? r : txn_remove(t, o, reterr);
}

int sg_revoke(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	size_t n_rules = change_has(c, FIELD_RULES) ? c->n_rules : 0;
	size_t n_ids = change_has(c, FIELD_RULE_IDS) ? c->n_rule_ids : 0;
	char field[32];
	int r = txn_target(t, c, OBJECT_SG, &o, reterr);

	if (r < 0)
		return r;
	if (!n_rules && !n_ids)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "rules", "sg.revoke needs rules or rule_ids");
	if (n_rules && n_ids)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "rule_ids",
				     "sg.revoke takes either rules or rule_ids; leave one out");
	result_set(ret, o);
	for (size_t i = 0; r >= 0 && i < n_rules; i++) {
		snprintf(field, sizeof(field), "rules[%zu]", i);
		r = revoke_spec(t, sg_of(o), &c->rules[i], field, ret, reterr);
	}
	for (size_t i = 0; r >= 0 && i < n_ids; i++) {
		snprintf(field, sizeof(field), "rule_ids[%zu]", i);
		r = revoke_id(t, sg_of(o), c->rule_ids[i], field, ret, reterr);
	}
	return r < 0 ? r : txn_touch(t, o, reterr);
}
