/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl subnet … */
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
	{"route table", "route_table_id", TABLE_LEFT, output_route_table_name},
	{"network acl", "network_acl_id", TABLE_LEFT, output_acl_name},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field create_body[] = {
	{"name", "NAME"}, {"vpc_id", "--vpc"}, {"cidr", "--cidr"}, {"cidr6", "--cidr6"}, {"tags", "--tag"}, BODY_END,
};

const struct resource subnet_resource = {
	.kind = OBJECT_SUBNET,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = create_body,
};

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC"},
	PARAM_OF_VPC,
	{"--cidr", VALUE_TEXT, PARAM_REQUIRED, "CIDR", "its IPv4 addresses: a part of the VPC's, /28 or larger"},
	{"--cidr6", VALUE_TEXT, 0, "CIDR", "its IPv6 addresses, a /64 of the VPC's"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct command create = {
	RESOURCE_CREATE(subnet),
	.summary = "create a subnet of a VPC, with a gateway of its own",
	.params = create_params,
	.example = "vpcctl subnet create app --vpc prod --cidr 10.0.1.0/24",
};
static const struct command list = {
	RESOURCE_LIST(subnet),
	.summary = "list the subnets",
	.example = "vpcctl subnet list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(subnet),
	.summary = "show one subnet",
	.example = "vpcctl subnet show app",
};
static const struct command delete = {
	RESOURCE_DELETE(subnet),
	.summary = "delete an empty subnet",
	.notes = "No network interface may be in it.",
	.example = "vpcctl subnet delete app --vpc prod",
};

const struct command *const subnet_commands[] = {&create, &list, &show, &delete, NULL};
