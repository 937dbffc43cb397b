/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl igw … */
#include <vpc/json.h>

#include "cli/lib/api.h"
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
	{"attached to", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field create_detached_body[] = {{"name", "NAME"}, {"tags", "--tag"}, BODY_END};

const struct resource igw_resource = {
	.kind = OBJECT_IGW,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = resource_create_in_vpc,
	.details = counters_print,
};

static int run_create(struct cli *cli, const struct args *args)
{
	return resource_create_with(cli, args, args_get(args, "--vpc") ? resource_create_in_vpc : create_detached_body);
}

static int run_attach(struct cli *cli, const struct args *args)
{
	static const struct body_field attach_body[] = {{"vpc_id", "VPC"}, BODY_END};

	return resource_change_part_with(cli, args, "PUT", "attachment", attach_body);
}

static int run_detach(struct cli *cli, const struct args *args)
{
	json_t *body = NULL;

	if (args_get(args, "VPC")) {
		body = json_object();
		if (!body || body_set(cli, body, "vpc_id", args, "VPC") < 0) {
			json_decref(body);
			return api_oom();
		}
	}
	return resource_change_part(cli, args, "DELETE", "attachment", body);
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique on this host (default: none)"},
	{"--vpc", VALUE_VPC, 0, "VPC", "the VPC that it is attached to (default: none yet)"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param attach_params[] = {
	{"IGW", VALUE_IGW, PARAM_REQUIRED, NULL, "the internet gateway: id or name"},
	{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "the VPC: id or name"},
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param detach_params[] = {
	{"IGW", VALUE_IGW, PARAM_REQUIRED, NULL, "the internet gateway: id or name"},
	{"VPC", VALUE_VPC, 0, NULL, "the VPC: id or name (default: the one that it is attached to)"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_VERB(igw, "create", run_create),
	.summary = "create an internet gateway, the way to the world for network interfaces with an elastic IP",
	.params = create_params,
	.notes = "A VPC has one at most. Routes lead to it: vpcctl route add.",
	.example = "vpcctl igw create gate --vpc prod\nvpcctl route add main 0.0.0.0/0 gate --vpc prod",
};
static const struct command list = {
	RESOURCE_LIST(igw),
	.summary = "list the internet gateways",
	.example = "vpcctl igw list",
};
static const struct command show = {
	RESOURCE_SHOW(igw),
	.summary = "show one internet gateway",
	.example = "vpcctl igw show gate",
};
static const struct command attach = {
	RESOURCE_VERB(igw, "attach", run_attach),
	.summary = "attach an internet gateway to a VPC",
	.params = attach_params,
	.example = "vpcctl igw attach gate prod",
};
static const struct command detach = {
	RESOURCE_VERB(igw, "detach", run_detach),
	.summary = "detach an internet gateway",
	.params = detach_params,
	.notes = "Routes to it become blackholes. No network interface of the VPC may have an elastic IP.",
	.example = "vpcctl igw detach gate",
};
static const struct command delete = {
	RESOURCE_DELETE(igw),
	.summary = "delete an internet gateway that is not attached",
	.example = "vpcctl igw delete gate",
};

const struct command *const igw_commands[] = {&create, &list, &show, &attach, &detach, &delete, NULL};
