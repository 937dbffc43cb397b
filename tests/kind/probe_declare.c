/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes in documents of vpcctl apply. */
#include <vpc/cleanup.h>

#include "cli/declare/declare.h"

static const struct declared_field fields[] = {
	{.key = "vpc", .flags = DECLARED_KEY, .api = "vpc_id", .refers = REFERS(VPC)},
	{.key = "subnet", .flags = DECLARED_CREATE, .api = "subnet_id", .refers = REFERS(SUBNET)},
	DECLARED_TAGS_FIELD,
};

const struct declared probe_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_GATEWAY,
};
