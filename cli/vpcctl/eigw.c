/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl eigw … */
#include "cli/vpcctl/counters.h"
#include "cli/vpcctl/resource.h"

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"goes with its VPC", "with_vpc", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

const struct resource eigw_resource = {
	.kind = OBJECT_EIGW,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = resource_create_in_vpc,
	.details = counters_print,
};

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique in its VPC (default: none)"},
	PARAM_OF_VPC,
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(eigw),
	.summary = "create an egress-only internet gateway: IPv6 to the world, opened from inside alone",
	.params = create_params,
	.example = "vpcctl eigw create out6 --vpc prod\nvpcctl route add main ::/0 out6 --vpc prod",
};
static const struct command list = {
	RESOURCE_LIST(eigw),
	.summary = "list the egress-only internet gateways",
	.example = "vpcctl eigw list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(eigw),
	.summary = "show one egress-only internet gateway",
	.example = "vpcctl eigw show out6",
};
static const struct command delete = {
	RESOURCE_DELETE(eigw),
	.summary = "delete an egress-only internet gateway",
	.notes = "Routes to it become blackholes.",
	.example = "vpcctl eigw delete out6",
};

const struct command *const eigw_commands[] = {&create, &list, &show, &delete, NULL};
