/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of network ACLs: added, replaced and deleted. */
#include <string.h>

#include <vpc/array.h>

#include "model/kinds/acl.h"

static const char *const directions[] = {[VPC_INGRESS] = "ingress", [VPC_EGRESS] = "egress"};

/* --- an ACL's rules ---------------------------------------------------------------------------------------------- */

static uint32_t rank_of(uint8_t direction, uint32_t number)
{
	return (uint32_t)direction << 16 | number;
}

/* Where a rule is, or would be. */
static size_t place_of(const struct acl *a, uint8_t direction, uint32_t number)
{
	size_t i = 0;

	while (i < a->n_rules && rank_of(a->rules[i].direction, a->rules[i].number) < rank_of(direction, number))
		i++;
	return i;
}

struct acl_rule *acl_rule_find(const struct acl *a, uint8_t direction, uint32_t number)
{
	size_t i = place_of(a, direction, number);

	return i < a->n_rules && a->rules[i].direction == direction && a->rules[i].number == number ? &a->rules[i]
												    : NULL;
}

int acl_rule_insert(struct acl *a, const struct acl_rule *r)
{
	struct acl_rule *added = ARRAY_INSERT(a->rules, a->n_rules, place_of(a, r->direction, r->number));

	if (!added)
		return -ENOMEM;
	*added = *r;
	return 0;
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *port_to_json(int32_t port, int16_t protocol)
{
	bool has_ports = protocol == 6 || protocol == 17 || protocol == 1 || protocol == 58;

	return has_ports ? json_integer(port) : json_null();
}

json_t *acl_rule_to_json(const struct acl_rule *r)
{
	json_t *json = json_object();
	char protocol[8];

	if (json && (json_put(json, "direction", json_string(directions[r->direction])) < 0 ||
		     json_put(json, "rule_number", json_integer(r->number)) < 0 ||
		     json_put(json, "action", json_string(r->allow ? "allow" : "deny")) < 0 ||
		     json_put(json, "protocol", json_string(protocol_format(r->protocol, protocol))) < 0 ||
		     json_put(json, "from_port", port_to_json(r->from_port, r->protocol)) < 0 ||
		     json_put(json, "to_port", port_to_json(r->to_port, r->protocol)) < 0 ||
		     json_put(json, "cidr", json_cidr(&r->cidr)) < 0)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* What a rule says, from texts and numbers. Errors name the fields of a change. */
static int rule_parse(const struct rule_spec *spec, const char *action, int64_t number, struct acl_rule *ret,
		      struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_RULE);
	struct rule *parsed = (struct rule *)o;
	int r = o ? rule_spec_parse(spec, "", parsed, reterr) : vpc_error_oom(reterr);

	/* InvalidPermission.… are codes of groups' rules. */
	if (r < 0 && reterr->code == VPC_E_INVALID_PERMISSION_MALFORMED)
		reterr->code = VPC_E_INVALID_PARAMETER_VALUE;
	if (r < 0)
		return r;
	*ret = (struct acl_rule){
		.direction = parsed->direction,
		.number = (uint16_t)number,
		.protocol = parsed->protocol,
		.from_port = parsed->from_port,
		.to_port = parsed->to_port,
		.cidr = parsed->cidr,
	};
	if (number < 1 || number > ACL_RULE_NUMBER_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "rule_number",
				     "a rule's number is 1 to %d, not %lld", ACL_RULE_NUMBER_MAX, (long long)number);
	if (action && !strcmp(action, "allow"))
		ret->allow = true;
	else if (!action || strcmp(action, "deny") != 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "action",
				     "'%.64s' is neither allow nor deny", action ? action : "");
	return 0;
}

bool acl_rule_load(const json_t *json, struct acl_rule *ret)
{
	json_t *from = json_object_get(json, "from_port"), *to = json_object_get(json, "to_port");
	struct rule_spec spec = {
		.direction = (char *)json_string_value(json_object_get(json, "direction")),
		.protocol = (char *)json_string_value(json_object_get(json, "protocol")),
		.has_from_port = json_is_integer(from),
		.has_to_port = json_is_integer(to),
		.from_port = (int32_t)json_integer_value(from),
		.to_port = (int32_t)json_integer_value(to),
		.cidr = (char *)json_string_value(json_object_get(json, "cidr")),
	};
	struct vpc_error error = {0};
	int r = rule_parse(&spec, json_string_value(json_object_get(json, "action")),
			   json_integer_value(json_object_get(json, "rule_number")), ret, &error);

	vpc_error_clear(&error);
	return r >= 0;
}

/* --- the changes ------------------------------------------------------------------------------------------------- */

/* A number as a port of a rule; what doesn't fit is refused as any other that is no port. */
static int32_t port_of(int64_t value)
{
	return value < INT32_MIN || value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static int parse_change(const struct change *c, struct acl_rule *ret, struct vpc_error *reterr)
{
	bool has_from = change_has(c, FIELD_FROM_PORT), has_to = change_has(c, FIELD_TO_PORT);
	bool icmp = c->protocol &&
		    (!strncmp(c->protocol, "icmp", 4) || !strcmp(c->protocol, "1") || !strcmp(c->protocol, "58"));
	struct rule_spec spec = {
		.direction = c->direction,
		.protocol = c->protocol,
		.has_from_port = has_from,
		.has_to_port = has_to || (has_from && !icmp),
		.from_port = port_of(c->from_port),
		.to_port = port_of(has_to || icmp ? c->to_port : c->from_port),
		.cidr = c->cidr,
	};

	return rule_parse(&spec, c->action, c->rule_number, ret, reterr);
}

static int check_limits(const struct model *m, const struct acl *a, uint8_t direction, struct vpc_error *reterr)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < a->n_rules; i++)
		n += a->rules[i].direction == direction;
	r = limit_check(m, MODEL_LIMIT_network_acl_rules_per_direction, n + 1, VPC_E_NETWORK_ACL_ENTRY_LIMIT_EXCEEDED,
			NULL, reterr);
	if (r < 0)
		return r;
	return limit_check(m, MODEL_LIMIT_network_acl_rules, m->ix.n_items[OBJECT_ACL] + 1,
			   VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL, reterr);
}

static int not_found(const struct object *o, uint8_t direction, int64_t number, struct vpc_error *reterr)
{
	return vpc_error_set(reterr, VPC_E_INVALID_NETWORK_ACL_ENTRY_NOT_FOUND, "rule_number",
			     "%s has no %s rule %lld; vpcctl acl show lists its rules", o->id, directions[direction],
			     (long long)number);
}

static int add_or_replace(struct model_txn *t, const struct change *c, bool replace, struct change_result *ret,
			  struct vpc_error *reterr)
{
	const struct object *o;
	struct acl_rule rule, *there;
	struct object *copy;
	int r = txn_target(t, c, OBJECT_ACL, &o, reterr);

	if (r >= 0)
		r = parse_change(c, &rule, reterr);
	if (r < 0)
		return r;
	there = acl_rule_find(acl_of(o), rule.direction, rule.number);
	if (there && !replace)
		return vpc_error_set(reterr, VPC_E_NETWORK_ACL_ENTRY_ALREADY_EXISTS, "rule_number",
				     "%s has an %s rule %u already; replace it, or take another number", o->id,
				     directions[rule.direction], rule.number);
	if (!there && replace)
		return not_found(o, rule.direction, rule.number, reterr);
	r = there ? 0 : check_limits(t->m, acl_of(o), rule.direction, reterr);
	if (r < 0)
		return r;
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	if (there) {
		*acl_rule_find(acl_of(copy), rule.direction, rule.number) = rule;
	} else if (acl_rule_insert((struct acl *)copy, &rule) < 0) {
		object_free(copy);
		return vpc_error_oom(reterr);
	}
	result_set(ret, o);
	return txn_replace(t, o, copy, reterr);
}

int acl_add_rule(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return add_or_replace(t, c, false, ret, reterr);
}

int acl_replace_rule(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return add_or_replace(t, c, true, ret, reterr);
}

int acl_delete_rule(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	struct acl_rule *there;
	struct object *copy;
	uint8_t direction = VPC_INGRESS;
	struct acl *a;
	int r = txn_target(t, c, OBJECT_ACL, &o, reterr);

	if (r < 0)
		return r;
	if (c->direction && !strcmp(c->direction, directions[VPC_EGRESS]))
		direction = VPC_EGRESS;
	else if (!c->direction || strcmp(c->direction, directions[VPC_INGRESS]) != 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "direction",
				     "'%.64s' is neither ingress nor egress", c->direction ? c->direction : "");
	if (c->rule_number < 1 || c->rule_number > ACL_RULE_NUMBER_MAX ||
	    !acl_rule_find(acl_of(o), direction, (uint32_t)c->rule_number))
		return not_found(o, direction, c->rule_number, reterr);
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	a = (struct acl *)copy;
	there = acl_rule_find(a, direction, (uint32_t)c->rule_number);
	a->n_rules--;
	memmove(there, there + 1, (size_t)(&a->rules[a->n_rules] - there) * sizeof(*there));
	result_set(ret, o);
	return txn_replace(t, o, copy, reterr);
}
