/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl subnet … */
#include "cli/lib/api.h"

#include <vpc/json.h>
#include "cli/vpcctl/resource.h"

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"CIDR", "cidr", TABLE_LEFT, NULL},
	{"CIDR6", "cidr6", TABLE_LEFT, NULL},
	{"GATEWAY", "gateway", TABLE_LEFT, NULL},
	{"FREE", "available_ips", TABLE_RIGHT, NULL},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"vpc id", "vpc_id", TABLE_LEFT, NULL},
	{"cidr", "cidr", TABLE_LEFT, NULL},
	{"cidr6", "cidr6", TABLE_LEFT, NULL},
	{"gateway", "gateway", TABLE_LEFT, NULL},
	{"gateway6", "gateway6", TABLE_LEFT, NULL},
	{"free addresses", "available_ips", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

const struct resource subnet_resource = {
	.kind = OBJECT_SUBNET,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
};

static int run_create(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = json_object();
	int status = body_set_vpc(cli, body, args);

	if (status != CLI_OK)
		return status;
	if (body_set(body, "name", args, "NAME") < 0 || body_set(body, "cidr", args, "--cidr") < 0 ||
	    body_set(body, "cidr6", args, "--cidr6") < 0 || body_set_tags(body, "tags", args, "--tag") < 0)
		return api_oom();
	cli->scope = NULL; /* vpc_id says it */
	return resource_create(cli, &subnet_resource, TAKE_PTR(body));
}

static int run_list(struct cli *cli, const struct args *args)
{
	(void)args;
	return resource_list(cli, &subnet_resource);
}

static int run_show(struct cli *cli, const struct args *args)
{
	return resource_show(cli, &subnet_resource, args, "SUBNET");
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return resource_delete(cli, &subnet_resource, args, "SUBNET");
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC"},
	{"--vpc", VALUE_VPC, 0, "VPC", "its VPC (default: the only one)"},
	{"--cidr", VALUE_TEXT, PARAM_REQUIRED, "CIDR", "its IPv4 addresses: a part of the VPC's, /28 or larger"},
	{"--cidr6", VALUE_TEXT, 0, "CIDR", "its IPv6 addresses, a /64 of the VPC's"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param list_params[] = {
	{"--vpc", VALUE_VPC, 0, "VPC", "only those of this VPC"},
	PARAMS_END,
};
static const struct param show_params[] = {
	{"SUBNET", VALUE_SUBNET, PARAM_REQUIRED | PARAM_REPEAT, NULL, "ids or names"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};
static const struct param delete_params[] = {
	{"SUBNET", VALUE_SUBNET, PARAM_REQUIRED | PARAM_REPEAT, NULL,
	 "ids or names; no network interface may be in it"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command subnet_create_command = {
	.noun = "subnet",
	.verb = "create",
	.summary = "create a subnet of a VPC, with a gateway of its own",
	.params = create_params,
	.example = "vpcctl subnet create app --vpc prod --cidr 10.0.1.0/24",
	.run = run_create,
};
static const struct command subnet_list_command = {
	.noun = "subnet",
	.verb = "list",
	.summary = "list the subnets",
	.params = list_params,
	.example = "vpcctl subnet list --vpc prod",
	.run = run_list,
};
static const struct command subnet_show_command = {
	.noun = "subnet",
	.verb = "show",
	.summary = "show one subnet",
	.params = show_params,
	.example = "vpcctl subnet show app",
	.run = run_show,
};
static const struct command subnet_delete_command = {
	.noun = "subnet",
	.verb = "delete",
	.summary = "delete an empty subnet",
	.params = delete_params,
	.example = "vpcctl subnet delete app --vpc prod",
	.run = run_delete,
};

const struct command *const subnet_commands[] = {
	&subnet_create_command, &subnet_list_command, &subnet_show_command, &subnet_delete_command, NULL,
};
