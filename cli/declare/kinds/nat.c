/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NAT gateways. Their elastic IPs name them. */
#include <vpc/cleanup.h>

#include "cli/declare/declare.h"

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "subnet",
	 .flags = DECLARED_CREATE | DECLARED_KEY | DECLARED_NULL,
	 .api = "subnet_id",
	 .refers = REFERS(SUBNET),
	 .absent = "null"},
	DECLARED_TAGS_FIELD,
};

const struct declared nat_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_NAT,
	.name_optional = true,
};
