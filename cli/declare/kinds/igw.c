/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internet gateways. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"

static int change_vpc(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	json_t *vpc = NULL;
	int r = 0;

	if (json_is_string(before))
		r = plan_emit(p, n, PHASE_DELETE_GATEWAY, json_pack("{s:s}", "op", "igw.detach"));
	if (r < 0 || !json_is_string(after))
		return r;
	r = plan_refer(p, n, OBJECT_VPC, "", json_string_value(after), &vpc);
	return r < 0 ? r : plan_emit(p, n, PHASE_ACCEPT, json_pack("{s:s,s:o}", "op", "igw.attach", "vpc_id", vpc));
}

static const struct declared_field fields[] = {
	{.key = "vpc",
	 .flags = DECLARED_CREATE | DECLARED_KEY | DECLARED_NULL,
	 .api = "vpc_id",
	 .refers = REFERS(VPC),
	 .absent = "null",
	 .change = change_vpc},
	DECLARED_TAGS_FIELD,
};

static int before_delete(struct plan *p, struct node *n)
{
	if (!json_is_string(json_object_get(n->entry->document, "vpc")))
		return 0;
	return plan_emit(p, n, PHASE_DELETE_GATEWAY, json_pack("{s:s}", "op", "igw.detach"));
}

const struct declared igw_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_GATEWAY,
	.name_optional = true,
	.before_delete = before_delete,
};
