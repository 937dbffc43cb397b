/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs: a record for each direction that doesn't allow everything. */
#include "compiler/internal.h"

static void record_ports(const struct acl_rule *r, struct acl_rule_record *ret)
{
	switch (ret->slot) {
	case VPC_SLOT_TCP:
	case VPC_SLOT_UDP:
		ret->port_first = (uint16_t)(r->from_port < 0 ? 0 : r->from_port);
		ret->port_last = (uint16_t)(r->from_port < 0 ? UINT16_MAX : r->to_port);
		return;
	case VPC_SLOT_ICMP:
	case VPC_SLOT_ICMPV6:
		ret->port_first =
			(uint16_t)(r->from_port < 0 ? 0 : r->from_port << 8 | (r->to_port < 0 ? 0 : r->to_port));
		ret->port_last =
			(uint16_t)(r->from_port < 0 ? UINT16_MAX
						    : r->from_port << 8 | (r->to_port < 0 ? 0xff : r->to_port));
		return;
	case VPC_SLOT_OTHER:
		ret->port_first = ret->port_last = (uint16_t)r->protocol;
		return;
	default:
		return;
	}
}

static void record_rule(const struct acl_rule *r, struct acl_rule_record *ret)
{
	*ret = (struct acl_rule_record){
		.slot = protocol_slot(r->protocol),
		.family = r->cidr.addr.family,
		.plen = r->cidr.plen,
		.allow = r->allow,
	};
	record_ports(r, ret);
	if (ret->family == 4)
		ret->addr[0] = ip_v4_be(&r->cidr.addr);
	else
		memcpy(ret->addr, r->cidr.addr.bytes, sizeof(ret->addr));
}

/* Whether the direction allows every packet: in each family the first rule that denies, or that names everything, names
 * everything and allows it. */
static bool is_open(const struct acl *a, uint8_t direction)
{
	bool open[2] = {false, false}, decided[2] = {false, false};

	for (size_t i = 0; i < a->n_rules; i++) {
		const struct acl_rule *r = &a->rules[i];
		unsigned family = r->cidr.addr.family == 6;
		bool all = r->protocol == PROTOCOL_ALL && r->cidr.plen == 0;

		if (r->direction != direction || decided[family] || (r->allow && !all))
			continue;
		decided[family] = true;
		open[family] = r->allow;
	}
	return open[0] && open[1];
}

/* The record of a direction, with its rules. False: it is open, or there is no ACL. */
static bool record_acl(const struct acl *a, uint8_t direction, struct acl_record *ret)
{
	if (!a || is_open(a, direction))
		return false;
	*ret = (struct acl_record){.number = a->o.number, .vpc = a->vpc, .direction = direction};
	return true;
}

static int record_rules(const struct acl *a, struct acl_record *ret)
{
	ret->rules = calloc(a->n_rules + 1, sizeof(*ret->rules));
	if (!ret->rules)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].direction == ret->direction)
			record_rule(&a->rules[i], &ret->rules[ret->n_rules++]);
	return 0;
}

static bool rule_equal(const struct acl_rule *x, const struct acl_rule *y)
{
	return x->direction == y->direction && x->allow == y->allow && x->number == y->number &&
	       x->protocol == y->protocol && x->from_port == y->from_port && x->to_port == y->to_port &&
	       x->cidr.plen == y->cidr.plen && memcmp(&x->cidr.addr, &y->cidr.addr, sizeof(x->cidr.addr)) == 0;
}

/* Whether both have the same rules in the direction: rules are in order of direction. */
static bool same_rules(const struct acl *x, const struct acl *y, uint8_t direction)
{
	size_t i = 0, k = 0;

	for (;; i++, k++) {
		while (i < x->n_rules && x->rules[i].direction != direction)
			i++;
		while (k < y->n_rules && y->rules[k].direction != direction)
			k++;
		if (i == x->n_rules || k == y->n_rules)
			return i == x->n_rules && k == y->n_rules;
		if (!rule_equal(&x->rules[i], &y->rules[k]))
			return false;
	}
}

static int compile_direction(const struct acl *before, const struct acl *after, uint8_t direction, struct plan *plan)
{
	struct plan_acl c = {0};
	struct plan_acl *added;

	c.has_before = record_acl(before, direction, &c.before);
	c.has_after = record_acl(after, direction, &c.after);
	if ((!c.has_before && !c.has_after) || (c.has_before && c.has_after && same_rules(before, after, direction)))
		return 0;
	if (c.has_after && record_rules(after, &c.after) < 0)
		return -ENOMEM;
	added = ARRAY_ADD(plan->acls, plan->n_acls);
	if (!added) {
		free(c.after.rules);
		return -ENOMEM;
	}
	*added = c;
	return 0;
}

int compile_acl(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	const struct acl *old = before ? acl_of(before) : NULL, *new = after ? acl_of(after) : NULL;
	int err = compile_direction(old, new, VPC_INGRESS, plan);

	(void)s;
	return err < 0 ? err : compile_direction(old, new, VPC_EGRESS, plan);
}
