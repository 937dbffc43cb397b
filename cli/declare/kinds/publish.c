/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports. */
#include <vpc/cleanup.h>

#include "cli/declare/declare.h"

static const struct declared_field fields[] = {
	{.key = "vpc", .flags = DECLARED_KEY, .api = "vpc_id", .refers = REFERS(VPC)},
	{.key = "eni", .flags = DECLARED_CREATE, .api = "eni_id", .refers = REFERS(ENI)},
	{.key = "protocol", .flags = DECLARED_CREATE | DECLARED_KEY, .absent = "\"tcp\""},
	{.key = "from_port", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE},
	{.key = "to_port", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE | DECLARED_CHOSEN},
	{.key = "host_from_port", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE | DECLARED_KEY},
	{.key = "host_to_port", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE | DECLARED_CHOSEN},
	{.key = "host_address",
	 .flags = DECLARED_CREATE | DECLARED_KEY | DECLARED_NULL | DECLARED_ADDRESS,
	 .absent = "null"},
	DECLARED_TAGS_FIELD,
};

const struct declared publish_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_UNPUBLISH,
	.name_optional = true,
};
