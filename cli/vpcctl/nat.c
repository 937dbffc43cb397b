/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl nat … */
#include <vpc/json.h>

#include "cli/vpcctl/counters.h"
#include "cli/vpcctl/resource.h"

/* What the world sees. */
static char *address(struct cli *cli, const json_t *object, const struct field *field)
{
	const char *text = json_member_text(object, field->key);

	(void)cli;
	return strdup(text ? text : "the host's");
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"SUBNET", "subnet_id", TABLE_LEFT, output_subnet_name},
	{"ADDRESS", "address", TABLE_LEFT, address},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"subnet", "subnet_id", TABLE_LEFT, output_subnet_name},
	{"address", "address", TABLE_LEFT, address},
	{"elastic IP", "elastic_ip_id", TABLE_LEFT, NULL},
	{"goes with its VPC", "with_vpc", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field in_vpc_body[] = {
	{"name", "NAME"}, {"vpc_id", "--vpc"}, {"elastic_ip_id", "--eip"}, {"tags", "--tag"}, BODY_END,
};
/* --vpc then is the scope of the subnet's name. */
static const struct body_field in_subnet_body[] = {
	{"name", "NAME"}, {"subnet_id", "--subnet"}, {"elastic_ip_id", "--eip"}, {"tags", "--tag"}, BODY_END,
};

const struct resource nat_resource = {
	.kind = OBJECT_NAT,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = in_vpc_body,
	.details = counters_print,
};

static int run_create(struct cli *cli, const struct args *args)
{
	return resource_create_with(cli, args, args_get(args, "--subnet") ? in_subnet_body : in_vpc_body);
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique in its VPC (default: none)"},
	{"--subnet", VALUE_SUBNET, 0, "SUBNET", "the subnet that it is in (default: it belongs to the VPC alone)"},
	PARAM_OF_VPC,
	{"--eip", VALUE_EIP, 0, "EIP", "its elastic IP (default: the host's own address)"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_VERB(nat, "create", run_create),
	.summary = "create a NAT gateway: IPv4 to the world for network interfaces without an elastic IP",
	.params = create_params,
	.notes = "Nothing outside can open a connection through it. Routes lead to it: vpcctl route add.",
	.example = "vpcctl nat create out --subnet public\nvpcctl route add private 0.0.0.0/0 out",
};
static const struct command list = {
	RESOURCE_LIST(nat),
	.summary = "list the NAT gateways",
	.example = "vpcctl nat list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(nat),
	.summary = "show one NAT gateway",
	.example = "vpcctl nat show out",
};
static const struct command delete = {
	RESOURCE_DELETE(nat),
	.summary = "delete a NAT gateway, and end what goes through it",
	.notes = "Routes to it become blackholes. Its elastic IP stays allocated.",
	.example = "vpcctl nat delete out",
};

const struct command *const nat_commands[] = {&create, &list, &show, &delete, NULL};
