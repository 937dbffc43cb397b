/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl sg create, list, show, delete. Rules are sg_rules.c's, membership is sg_members.c's. */
#include <stdio.h>

#include <vpc/json.h>

#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/sg_rules.h"

static char *rule_count(struct cli *cli, const json_t *object, const struct field *field)
{
	char *text = NULL;

	(void)cli;
	return asprintf(&text, "%zu", json_array_size(json_object_get(object, field->key))) < 0 ? NULL : text;
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"RULES", "rules", TABLE_RIGHT, rule_count},
	{"DESCRIPTION", "description", TABLE_LEFT, NULL},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"vpc id", "vpc_id", TABLE_LEFT, NULL},
	{"description", "description", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static int print_rules(struct cli *cli, const json_t *object)
{
	const json_t *rules = json_object_get(object, "rules");

	if (json_array_size(rules) == 0) {
		puts("\nno rules: nothing may come in, and nothing may be opened outward");
		return CLI_OK;
	}
	putchar('\n');
	return sg_rules_print(cli, rules);
}

static const struct body_field create_body[] = {
	{"name", "NAME"}, {"vpc_id", "--vpc"}, {"description", "--description"}, {"tags", "--tag"}, BODY_END,
};

const struct resource sg_resource = {
	.kind = OBJECT_SG,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_rules,
	.create = create_body,
};

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC; case does not count"},
	PARAM_OF_VPC,
	{"--description", VALUE_FREE, 0, "TEXT", "what it is for"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(sg),
	.summary = "create a security group: it allows nothing in and everything out",
	.params = create_params,
	.example = "vpcctl sg create web --vpc prod --description \"web servers\"",
};
static const struct command list = {
	RESOURCE_LIST(sg),
	.summary = "list the security groups",
	.example = "vpcctl sg list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(sg),
	.summary = "show one security group and its rules",
	.example = "vpcctl sg show web",
};
static const struct command delete = {
	RESOURCE_DELETE(sg),
	.summary = "delete a security group that nothing uses",
	.notes = "No network interface may have it, and no rule of another group may name it.",
	.example = "vpcctl sg delete web",
};

const struct command *const sg_commands[] = {
	&create,
	&list,
	&show,
	&delete,
	&sg_authorize_command,
	&sg_revoke_command,
	&sg_attach_command,
	&sg_detach_command,
	&sg_advise_command,
	NULL,
};
