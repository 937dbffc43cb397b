/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peerings, and whether they were accepted. */
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"

#define PENDING "pending-acceptance"

static int change_status(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	const char *from = json_string_value(before), *to = json_string_value(after);
	bool accept = to && !strcmp(to, "active");

	if (!to || (!accept && strcmp(to, "rejected") != 0) || strcmp(from ? from : PENDING, PENDING) != 0)
		return plan_refuse(p, n, "InvalidStateTransition",
				   "status of peering '%.255s' can't be changed from %.32s to %.32s: " PENDING
				   " becomes active or rejected",
				   n->name, from ? from : PENDING, to ? to : "");
	return plan_emit(p, n, PHASE_ACCEPT, json_pack("{s:s}", "op", accept ? "peering.accept" : "peering.reject"));
}

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "peer_vpc", .flags = DECLARED_CREATE | DECLARED_KEY, .api = "peer_vpc_id", .refers = REFERS(VPC)},
	{.key = "status", .absent = "\"" PENDING "\"", .change = change_status},
	DECLARED_TAGS_FIELD,
};

const struct declared peering_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_PEERING,
	.name_optional = true,
};
