/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl sg create, list, show, delete. Rules are sg_rules.c's, membership is sg_members.c's. */
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
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

const struct resource sg_resource = {
	.kind = OBJECT_SG,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_rules,
};

static int run_create(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = json_object();
	int status = body_set_vpc(cli, body, args);

	if (status != CLI_OK)
		return status;
	if (body_set(body, "name", args, "NAME") < 0 || body_set(body, "description", args, "--description") < 0 ||
	    body_set_tags(body, "tags", args, "--tag") < 0)
		return api_oom();
	cli->scope = NULL; /* vpc_id says it */
	return resource_create(cli, &sg_resource, TAKE_PTR(body));
}

static int run_list(struct cli *cli, const struct args *args)
{
	(void)args;
	return resource_list(cli, &sg_resource);
}

static int run_show(struct cli *cli, const struct args *args)
{
	return resource_show(cli, &sg_resource, args, "SG");
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return resource_delete(cli, &sg_resource, args, "SG");
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC; case does not count"},
	{"--vpc", VALUE_VPC, 0, "VPC", "its VPC (default: the only one)"},
	{"--description", VALUE_FREE, 0, "TEXT", "what it is for"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param list_params[] = {
	{"--vpc", VALUE_VPC, 0, "VPC", "only those of this VPC"},
	PARAMS_END,
};
static const struct param show_params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED | PARAM_REPEAT, NULL, "ids or names"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};
static const struct param delete_params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED | PARAM_REPEAT, NULL,
	 "ids or names; no network interface may have it, and no rule of another group may name it"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command sg_create_command = {
	.noun = "sg",
	.verb = "create",
	.summary = "create a security group: it allows nothing in and everything out",
	.params = create_params,
	.example = "vpcctl sg create web --vpc prod --description \"web servers\"",
	.run = run_create,
};
static const struct command sg_list_command = {
	.noun = "sg",
	.verb = "list",
	.summary = "list the security groups",
	.params = list_params,
	.example = "vpcctl sg list --vpc prod",
	.run = run_list,
};
static const struct command sg_show_command = {
	.noun = "sg",
	.verb = "show",
	.summary = "show one security group and its rules",
	.params = show_params,
	.example = "vpcctl sg show web",
	.run = run_show,
};
static const struct command sg_delete_command = {
	.noun = "sg",
	.verb = "delete",
	.summary = "delete a security group that nothing uses",
	.params = delete_params,
	.example = "vpcctl sg delete web",
	.run = run_delete,
};

const struct command *const sg_commands[] = {
	&sg_create_command, &sg_list_command,	   &sg_show_command,
	&sg_delete_command, &sg_authorize_command, &sg_revoke_command,
	&sg_attach_command, &sg_detach_command,	   NULL,
};
