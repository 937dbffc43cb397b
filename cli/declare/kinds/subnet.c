/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subnets. Their route tables and network ACLs name them. */
#include "cli/declare/declare.h"

#include <vpc/cleanup.h>

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "cidr", .flags = DECLARED_CREATE | DECLARED_ADDRESS},
	{.key = "cidr6", .flags = DECLARED_CREATE | DECLARED_NULL | DECLARED_ADDRESS, .absent = "null"},
	DECLARED_TAGS_FIELD,
};

const struct declared subnet_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_SUBNET,
};
