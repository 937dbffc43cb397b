/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPCs, with their further CIDRs, DHCP options and host access. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"
#include "cli/declare/value.h"

static int prepare(const struct snapshot *s, json_t *object)
{
	const json_t *options = json_object_get(object, "dhcp_options");

	(void)s;
	return json_object_set(object, "dns_servers", json_object_get(options, "dns_servers")) < 0 ||
			       json_object_set(object, "domain_name", json_object_get(options, "domain_name")) < 0
		       ? -ENOMEM
		       : 0;
}

static int emit_cidrs(struct plan *p, struct node *n, enum phase phase, const char *op, const json_t *cidrs)
{
	json_t *cidr;
	size_t i;

	json_array_foreach (cidrs, i, cidr) {
		int r = plan_emit(p, n, phase, json_pack("{s:s,s:O}", "op", op, "cidr", cidr));

		if (r < 0)
			return r;
	}
	return 0;
}

/* Its CIDRs beside the first one: cidr6 and the others are one set, as vpcd takes another IPv6 one for one that goes.
 */
static json_t *all_cidrs(const json_t *cidr6, const json_t *others)
{
	json_t *all = json_array();

	if (json_is_string(cidr6))
		json_array_append(all, (json_t *)cidr6);
	json_array_extend(all, (json_t *)others);
	return all;
}

static int change_cidrs(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	const json_t *document = n->entry ? n->entry->document : NULL;
	_cleanup_json_ json_t *from = NULL, *to = NULL, *removed = NULL, *added = NULL;
	int r;

	(void)before;
	(void)after;
	if (n->done)
		return 0;
	n->done = true;
	/* What create takes is there already. */
	from = document ? all_cidrs(json_object_get(document, "cidr6"), json_object_get(document, "secondary_cidrs"))
			: all_cidrs(plan_wanted(n, "cidr6"), NULL);
	to = all_cidrs(plan_wanted(n, "cidr6"), plan_wanted(n, "secondary_cidrs"));
	removed = value_texts_without(from, to);
	added = value_texts_without(to, from);
	if (!removed || !added)
		return -ENOMEM;
	r = emit_cidrs(p, n, PHASE_SHRINK_VPC, "vpc.remove-cidr", removed);
	return r < 0 ? r : emit_cidrs(p, n, PHASE_GROW_VPC, "vpc.add-cidr", added);
}

/* One change sets both. */
static int change_dhcp(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	json_t *change = json_pack("{s:s}", "op", "vpc.set-dhcp-options");
	const json_t *servers = plan_wanted(n, "dns_servers"), *domain = plan_wanted(n, "domain_name");

	(void)before;
	(void)after;
	if (servers && json_object_set(change, "dns_servers", (json_t *)servers) < 0) {
		json_decref(change);
		return -ENOMEM;
	}
	if (json_is_string(domain) && json_object_set(change, "domain_name", (json_t *)domain) < 0) {
		json_decref(change);
		return -ENOMEM;
	}
	return plan_emit(p, n, PHASE_GROW_VPC, change);
}

static int change_host_access(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	(void)before;
	return plan_emit(p, n, PHASE_GROW_VPC, json_pack("{s:s,s:O}", "op", "vpc.set", "host_access", after));
}

static const struct declared_field fields[] = {
	{.key = "cidr", .flags = DECLARED_CREATE | DECLARED_ADDRESS},
	{.key = "cidr6",
	 .flags = DECLARED_CREATE | DECLARED_NULL | DECLARED_ADDRESS,
	 .absent = "null",
	 .change = change_cidrs},
	{.key = "secondary_cidrs",
	 .type = DECLARED_TEXTS,
	 .flags = DECLARED_ADDRESS,
	 .absent = "[]",
	 .change = change_cidrs},
	{.key = "mtu", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE, .absent = "1500"},
	{.key = "host_access",
	 .type = DECLARED_TEXTS,
	 .flags = DECLARED_ADDRESS,
	 .absent = "[]",
	 .change = change_host_access},
	{.key = "count_flows", .type = DECLARED_BOOL, .flags = DECLARED_CREATE | DECLARED_UPDATE, .absent = "false"},
	{.key = "dns_servers",
	 .type = DECLARED_TEXTS,
	 .flags = DECLARED_ADDRESS | DECLARED_ORDER,
	 .absent = "[]",
	 .change = change_dhcp},
	{.key = "domain_name", .flags = DECLARED_NULL, .absent = "null", .change = change_dhcp},
	DECLARED_TAGS_FIELD,
};

const struct declared vpc_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE_VPC,
	.delete = PHASE_DELETE,
	.prepare = prepare,
};
