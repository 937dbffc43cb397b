/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Egress-only internet gateways. */
#include <vpc/cleanup.h>

#include "cli/declare/declare.h"

static const struct declared_field fields[] = {DECLARED_VPC, DECLARED_TAGS_FIELD};

const struct declared eigw_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_GATEWAY,
	.name_optional = true,
};
