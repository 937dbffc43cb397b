/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl probe … */
#include "cli/lib/api.h"
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

const struct resource probe_resource = {
	.kind = OBJECT_PROBE,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
};

static int run_create(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = json_object();

	if (body_set(body, "name", args, "NAME") < 0 || body_set(body, "subnet_id", args, "--subnet") < 0)
		return api_oom();
	return resource_create(cli, &probe_resource, TAKE_PTR(body));
}

static int run_list(struct cli *cli, const struct args *args)
{
	(void)args;
	return resource_list(cli, &probe_resource);
}

static int run_show(struct cli *cli, const struct args *args)
{
	return resource_show(cli, &probe_resource, args, "PROBE");
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return resource_delete(cli, &probe_resource, args, "PROBE");
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC"},
	{"--subnet", VALUE_SUBNET, PARAM_REQUIRED, "SUBNET", "what it watches"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};
static const struct param list_params[] = {PARAM_VPC_SCOPE, PARAMS_END};
static const struct param named_params[] = {
	{"PROBE", VALUE_PROBE, PARAM_REQUIRED | PARAM_REPEAT, NULL, "ids or names"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

static const struct command create_command = {
	.noun = "probe",
	.verb = "create",
	.summary = "make a probe",
	.params = create_params,
	.example = "vpcctl probe create p --subnet app",
	.run = run_create,
};
static const struct command list_command = {
	.noun = "probe",
	.verb = "list",
	.summary = "list the probes",
	.params = list_params,
	.example = "vpcctl probe list",
	.run = run_list,
};
static const struct command show_command = {
	.noun = "probe",
	.verb = "show",
	.summary = "show one probe",
	.params = named_params,
	.example = "vpcctl probe show p",
	.run = run_show,
};
static const struct command delete_command = {
	.noun = "probe",
	.verb = "delete",
	.summary = "delete a probe",
	.params = named_params,
	.example = "vpcctl probe delete p",
	.run = run_delete,
};

const struct command *const probe_commands[] = {&create_command, &list_command, &show_command, &delete_command, NULL};
