/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow logs. */
#include <vpc/cleanup.h>

#include "cli/declare/declare.h"

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "subnet",
	 .flags = DECLARED_CREATE | DECLARED_KEY | DECLARED_NULL,
	 .api = "subnet_id",
	 .refers = REFERS(SUBNET),
	 .absent = "null"},
	{.key = "eni",
	 .flags = DECLARED_CREATE | DECLARED_KEY | DECLARED_NULL,
	 .api = "eni_id",
	 .refers = REFERS(ENI),
	 .absent = "null"},
	{.key = "traffic", .flags = DECLARED_CREATE | DECLARED_KEY, .absent = "\"all\""},
	{.key = "interval", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE | DECLARED_KEY, .absent = "600"},
	{.key = "format", .flags = DECLARED_CREATE | DECLARED_KEY, .absent = "\"default\""},
	DECLARED_TAGS_FIELD,
};

const struct declared flow_log_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_UNPUBLISH,
	.name_optional = true,
};
