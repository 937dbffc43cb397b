/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl probe … */
#include "cli/vpcctl/resource.h"

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"SUBNET", "subnet_id", TABLE_LEFT, output_subnet_name},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"subnet", "subnet_id", TABLE_LEFT, output_subnet_name},
	{"tags", "tags", TABLE_LEFT, NULL},
};

static const struct body_field create_body[] = {{"name", "NAME"}, {"subnet_id", "--subnet"}, BODY_END};

const struct resource probe_resource = {
	.kind = OBJECT_PROBE,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = create_body,
};

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC"},
	{"--subnet", VALUE_SUBNET, PARAM_REQUIRED, "SUBNET", "what it watches"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(probe),
	.summary = "make a probe",
	.params = create_params,
	.example = "vpcctl probe create p --subnet app",
};
static const struct command list = {
	RESOURCE_LIST(probe),
	.summary = "list the probes",
	.example = "vpcctl probe list",
};
static const struct command show = {
	RESOURCE_SHOW(probe),
	.summary = "show one probe",
	.example = "vpcctl probe show p",
};
static const struct command delete = {
	RESOURCE_DELETE(probe),
	.summary = "delete a probe",
	.example = "vpcctl probe delete p",
};

const struct command *const probe_commands[] = {&create, &list, &show, &delete, NULL};
