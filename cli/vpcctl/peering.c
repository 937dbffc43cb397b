/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl peering … */
#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/counters.h"
#include "cli/vpcctl/resource.h"

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"PEER VPC", "peer_vpc_id", TABLE_LEFT, output_vpc_name},
	{"STATUS", "status", TABLE_LEFT, NULL},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"peer vpc", "peer_vpc_id", TABLE_LEFT, output_vpc_name},
	{"status", "status", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field create_body[] = {
	{"name", "NAME"}, {"vpc_id", "--vpc"}, {"peer_vpc_id", "--peer-vpc"}, {"tags", "--tag"}, BODY_END,
};

const struct resource peering_resource = {
	.kind = OBJECT_PEERING,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = create_body,
	.details = counters_print,
};

static int run_accept(struct cli *cli, const struct args *args)
{
	return resource_change_part(cli, args, "PUT", "acceptance", NULL);
}

static int run_reject(struct cli *cli, const struct args *args)
{
	return resource_change_part(cli, args, "DELETE", "acceptance", NULL);
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique on this host (default: none)"},
	{"--vpc", VALUE_VPC, PARAM_REQUIRED, "VPC", "the VPC that asks for it"},
	{"--peer-vpc", VALUE_VPC, PARAM_REQUIRED, "VPC", "the VPC that accepts or rejects it"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param answer_params[] = {
	{"PEERING", VALUE_PEERING, PARAM_REQUIRED, NULL, "the peering: id or name"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(peering),
	.summary = "ask for a peering, which leads packets between two VPCs",
	.params = create_params,
	.notes = "Their addresses must not overlap. After it is accepted, each VPC needs a route: vpcctl route add.\n"
		 "It is for packets from one VPC's network interfaces to the other's, and never leads through a VPC.",
	.example = "vpcctl peering create ab --vpc a --peer-vpc b\nvpcctl peering accept ab\n"
		   "vpcctl route add main 10.2.0.0/16 ab --vpc a\nvpcctl route add main 10.1.0.0/16 ab --vpc b",
};
static const struct command accept = {
	RESOURCE_VERB(peering, "accept", run_accept),
	.summary = "accept a peering that was asked for",
	.params = answer_params,
	.example = "vpcctl peering accept ab",
};
static const struct command reject = {
	RESOURCE_VERB(peering, "reject", run_reject),
	.summary = "reject a peering that was asked for",
	.params = answer_params,
	.notes = "It stays in the list until it is deleted.",
	.example = "vpcctl peering reject ab",
};
static const struct command list = {
	RESOURCE_LIST(peering),
	.summary = "list the peerings",
	.example = "vpcctl peering list",
};
static const struct command show = {
	RESOURCE_SHOW(peering),
	.summary = "show one peering",
	.example = "vpcctl peering show ab",
};
static const struct command delete = {
	RESOURCE_DELETE(peering),
	.summary = "delete a peering, and end what goes through it",
	.notes = "Routes to it become blackholes. Rules that name the other VPC's groups become stale: they match\n"
		 "nothing.",
	.example = "vpcctl peering delete ab",
};

const struct command *const peering_commands[] = {&create, &accept, &reject, &list, &show, &delete, NULL};
