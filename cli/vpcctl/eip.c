/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl eip … */
#include <stdio.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"

/* "web1 (10.0.1.4)", or the NAT gateway. */
static char *holder(struct cli *cli, const json_t *object, const struct field *field)
{
	const char *eni = json_member_text(object, "eni_id"), *nat = json_member_text(object, "nat_gateway_id");
	const char *private_ip = json_member_text(object, "private_ip");
	char *text = NULL;

	(void)field;
	if (eni && private_ip)
		return asprintf(&text, "%s (%s)", api_name(cli, "enis", eni), private_ip) < 0 ? NULL : text;
	return strdup(nat ? api_name(cli, "nat-gateways", nat) : "");
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"ADDRESS", "address", TABLE_LEFT, NULL},
	{"POOL", "pool", TABLE_LEFT, NULL},
	{"ASSOCIATED WITH", "eni_id", TABLE_LEFT, holder},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"address", "address", TABLE_LEFT, NULL},
	{"pool", "pool", TABLE_LEFT, NULL},
	{"network interface", "eni_id", TABLE_LEFT, output_eni_name},
	{"private address", "private_ip", TABLE_LEFT, NULL},
	{"NAT gateway", "nat_gateway_id", TABLE_LEFT, output_nat_name},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field allocate_body[] = {
	{"name", "NAME"}, {"pool", "--pool"}, {"address", "--address"}, {"tags", "--tag"}, BODY_END,
};

const struct resource eip_resource = {
	.kind = OBJECT_EIP,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = allocate_body,
};

static int run_associate(struct cli *cli, const struct args *args)
{
	static const struct body_field associate_body[] = {
		{"eni_id", "--eni"},
		{"private_ip", "--ip"},
		{"nat_gateway_id", "--nat"},
		{"vpc", "--vpc"},
		{"allow_reassociation", "--allow-reassociation"},
		{"allow_reassociation", "--no-allow-reassociation"},
		BODY_END,
	};

	return resource_change_part_with(cli, args, "PUT", "association", associate_body);
}

static int run_disassociate(struct cli *cli, const struct args *args)
{
	return resource_change_part(cli, args, "DELETE", "association", NULL);
}

static const struct param allocate_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique on this host (default: none)"},
	{"--pool", VALUE_TEXT, 0, "POOL", "a pool of vpcd's configuration (default: the only one)"},
	{"--address", VALUE_TEXT, 0, "A", "an address of the pool (default: the next free one)"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param associate_params[] = {
	{"EIP", VALUE_EIP, PARAM_REQUIRED, NULL, "the elastic IP: id or name"},
	{"--eni", VALUE_ENI, PARAM_ONE_OF, "ENI", "the network interface that gets it"},
	{"--nat", VALUE_NAT, PARAM_ONE_OF, "NAT", "the NAT gateway that gets it"},
	{"--ip", VALUE_TEXT, 0, "A", "the network interface's address that it stands for (default: the primary one)"},
	PARAM_VPC_SCOPE,
	{"--allow-reassociation", VALUE_FLAG, 0, NULL, "also if the elastic IP is associated (the default)"},
	{"--no-allow-reassociation", VALUE_FLAG, 0, NULL, "refuse to take it from anybody, or anybody's place"},
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param one_params[] = {
	{"EIP", VALUE_EIP, PARAM_REQUIRED, NULL, "the elastic IP: id or name"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command allocate = {
	RESOURCE_VERB(eip, "allocate", resource_create),
	.summary = "allocate an elastic IP, a public address, from a pool",
	.params = allocate_params,
	.example = "vpcctl eip allocate web-public --pool public",
};
static const struct command list = {
	RESOURCE_LIST(eip),
	.summary = "list the elastic IPs",
	.example = "vpcctl eip list",
};
static const struct command show = {
	RESOURCE_SHOW(eip),
	.summary = "show one elastic IP",
	.example = "vpcctl eip show web-public",
};
static const struct command associate = {
	RESOURCE_VERB(eip, "associate", run_associate),
	.summary = "give an elastic IP to a network interface or a NAT gateway",
	.params = associate_params,
	.notes = "It is taken from whoever had it, and takes the place of the elastic IP that was there, unless "
		 "--no-allow-reassociation is given.",
	.example = "vpcctl eip associate web-public --eni web1",
};
static const struct command disassociate = {
	RESOURCE_VERB(eip, "disassociate", run_disassociate),
	.summary = "take an elastic IP from what has it",
	.params = one_params,
	.example = "vpcctl eip disassociate web-public",
};
static const struct command release = {
	RESOURCE_VERB(eip, "release", resource_delete),
	.summary = "give an elastic IP back to its pool",
	.params = eip_delete_params,
	.notes = "It must be associated with nothing. Its address rests: the pool gives all others before it.",
	.example = "vpcctl eip release web-public",
};

const struct command *const eip_commands[] = {&allocate, &list, &show, &associate, &disassociate, &release, NULL};
