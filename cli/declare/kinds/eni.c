/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces. What they are attached to is no part of a document: that is the host's. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"
#include "cli/declare/value.h"

/* An address that another network interface gives up may be given in the same transaction. */
static int change_addresses(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	json_t *removed = value_texts_without(before, after), *added = value_texts_without(after, before);
	int r = removed && added ? 0 : -ENOMEM;

	if (r == 0 && json_array_size(removed))
		r = plan_emit(p, n, PHASE_LOOSEN,
			      json_pack("{s:s,s:O}", "op", "eni.unassign-ip", "secondary_ips", removed));
	if (r == 0 && json_array_size(added))
		r = plan_emit(p, n, PHASE_UPDATE,
			      json_pack("{s:s,s:O}", "op", "eni.assign-ip", "secondary_ips", added));
	json_decref(removed);
	json_decref(added);
	return r;
}

static int change_groups(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	json_t *refs = NULL;
	int r = plan_refer_all(p, n, OBJECT_SG, after, &refs);

	(void)before;
	return r < 0 ? r
		     : plan_emit(p, n, PHASE_UPDATE, json_pack("{s:s,s:o}", "op", "eni.set", "security_groups", refs));
}

static const struct declared_field fields[] = {
	{.key = "vpc", .flags = DECLARED_KEY, .api = "vpc_id", .refers = REFERS(VPC)},
	{.key = "subnet", .flags = DECLARED_CREATE, .api = "subnet_id", .refers = REFERS(SUBNET)},
	{.key = "ip", .flags = DECLARED_CREATE | DECLARED_CHOSEN | DECLARED_ADDRESS},
	{.key = "ip6", .flags = DECLARED_CREATE | DECLARED_CHOSEN | DECLARED_ADDRESS},
	{.key = "mac", .flags = DECLARED_CREATE | DECLARED_CHOSEN | DECLARED_ADDRESS},
	{.key = "secondary_ips",
	 .type = DECLARED_TEXTS,
	 .flags = DECLARED_CREATE | DECLARED_ADDRESS,
	 .absent = "[]",
	 .change = change_addresses},
	{.key = "security_groups",
	 .type = DECLARED_TEXTS,
	 .flags = DECLARED_CREATE,
	 .refers = REFERS(SG),
	 .absent = "[\"default\"]",
	 .change = change_groups},
	{.key = "source_dest_check",
	 .type = DECLARED_BOOL,
	 .flags = DECLARED_CREATE | DECLARED_UPDATE,
	 .absent = "true"},
	{.key = "delete_on_termination",
	 .type = DECLARED_BOOL,
	 .flags = DECLARED_CREATE | DECLARED_UPDATE,
	 .absent = "false"},
	DECLARED_TAGS_FIELD,
};

/* A workload that runs isn't cut off because a document doesn't know it. */
static int before_delete(struct plan *p, struct node *n)
{
	char what[PLAN_CALLED_SIZE];

	if (!json_is_object(json_object_get(n->entry->object, "attachment")))
		return 0;
	return plan_refuse(
		p, n, "IncorrectState",
		"%s is attached, so it isn't deleted by --prune: vpcctl eni detach %s, or put it into the document",
		plan_called(n, what), n->entry->id);
}

const struct declared eni_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_ENI,
	.before_delete = before_delete,
};
