/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl vpc … */
#include "api.h"
#include "commands.h"
#include "resource.h"

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},	      {"NAME", "name", TABLE_LEFT, NULL}, {"CIDR", "cidr", TABLE_LEFT, NULL},
	{"CIDR6", "cidr6", TABLE_LEFT, NULL}, {"MTU", "mtu", TABLE_RIGHT, NULL},  {"NETNS", "netns", TABLE_LEFT, NULL},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},	    {"name", "name", TABLE_LEFT, NULL},
	{"cidr", "cidr", TABLE_LEFT, NULL}, {"cidr6", "cidr6", TABLE_LEFT, NULL},
	{"mtu", "mtu", TABLE_LEFT, NULL},   {"netns", "netns", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL}, {"revision", "revision", TABLE_LEFT, NULL},
};

const struct resource vpc_resource = {
	.noun = "vpc",
	.title = "VPC",
	.prefix = "vpc-",
	.collection = "vpcs",
	.list_key = "vpcs",
	.not_found = "InvalidVpcID.NotFound",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
};

static int run_create(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = json_object();

	if (body_set(body, "name", args, "NAME") < 0 || body_set(body, "cidr", args, "--cidr") < 0 ||
	    body_set(body, "cidr6", args, "--cidr6") < 0 || body_set_number(body, "mtu", args, "--mtu") < 0 ||
	    body_set_tags(body, "tags", args, "--tag") < 0)
		return api_oom();
	return resource_create(cli, &vpc_resource, TAKE_PTR(body));
}

static int run_list(struct cli *cli, const struct args *args)
{
	(void)args;
	return resource_list(cli, &vpc_resource);
}

static int run_show(struct cli *cli, const struct args *args)
{
	return resource_show(cli, &vpc_resource, args_get(args, "VPC"));
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return resource_delete(cli, &vpc_resource, args_get(args, "VPC"));
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique on this host"},
	{"--cidr", VALUE_TEXT, PARAM_REQUIRED, "CIDR", "its IPv4 addresses, /8 to /28"},
	{"--cidr6", VALUE_TEXT, 0, "CIDR", "its IPv6 addresses, /44 to /60"},
	{"--mtu", VALUE_NUMBER, 0, "N", "bytes, 1280 to 9216 (default: 1500)"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param list_params[] = {PARAMS_END};
static const struct param show_params[] = {{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "id or name"}, PARAMS_END};
static const struct param delete_params[] = {
	{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "id or name; nothing may be left in it"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command vpc_create_command = {
	.noun = "vpc",
	.verb = "create",
	.summary = "make an isolated network",
	.params = create_params,
	.example = "vpcctl vpc create prod --cidr 10.0.0.0/16 --cidr6 fd00:1::/56",
	.run = run_create,
};
const struct command vpc_list_command = {
	.noun = "vpc",
	.verb = "list",
	.summary = "list the VPCs",
	.params = list_params,
	.example = "vpcctl vpc list",
	.run = run_list,
};
const struct command vpc_show_command = {
	.noun = "vpc",
	.verb = "show",
	.summary = "show one VPC",
	.params = show_params,
	.example = "vpcctl vpc show prod",
	.run = run_show,
};
const struct command vpc_delete_command = {
	.noun = "vpc",
	.verb = "delete",
	.summary = "delete an empty VPC",
	.params = delete_params,
	.example = "vpcctl vpc delete prod",
	.run = run_delete,
};
