/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl acl … */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/sg_rules.h"

static char *count_of(struct cli *cli, const json_t *object, const struct field *field)
{
	char *text = NULL;

	(void)cli;
	return asprintf(&text, "%zu", json_array_size(json_object_get(object, field->key))) < 0 ? NULL : text;
}

/* "443", "8000-8999", "all"; icmp: "8/0". */
static char *ports_of(struct cli *cli, const json_t *rule, const struct field *field)
{
	const char *protocol = json_member_text(rule, "protocol") ?: "";
	const json_t *from = json_object_get(rule, field->key), *to = json_object_get(rule, "to_port");
	json_int_t first = json_integer_value(from), last = json_integer_value(to);
	char *text = NULL;
	int r;

	(void)cli;
	if (!json_is_integer(from) || first < 0 || (first == 0 && last == 65535))
		return strdup("all");
	if (!strncmp(protocol, "icmp", 4))
		r = last < 0 ? asprintf(&text, "%lld", (long long)first)
			     : asprintf(&text, "%lld/%lld", (long long)first, (long long)last);
	else
		r = first == last ? asprintf(&text, "%lld", (long long)first)
				  : asprintf(&text, "%lld-%lld", (long long)first, (long long)last);
	return r < 0 ? NULL : text;
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"DEFAULT", "is_default", TABLE_LEFT, NULL},
	{"RULES", "rules", TABLE_RIGHT, count_of},
	{"SUBNETS", "subnets", TABLE_LEFT, output_subnet_names},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"default", "is_default", TABLE_LEFT, NULL},
	{"subnets", "subnets", TABLE_LEFT, output_subnet_names},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct field rule_columns[] = {
	{"DIRECTION", "direction", TABLE_LEFT, NULL}, {"NUMBER", "rule_number", TABLE_RIGHT, NULL},
	{"ACTION", "action", TABLE_LEFT, NULL},	      {"PROTOCOL", "protocol", TABLE_LEFT, NULL},
	{"PORTS", "from_port", TABLE_LEFT, ports_of}, {"CIDR", "cidr", TABLE_LEFT, NULL},
};

static int print_rules(struct cli *cli, const json_t *object)
{
	putchar('\n');
	return output_rows(cli, json_object_get(object, "rules"), rule_columns, ARRAY_SIZE(rule_columns));
}

const struct resource acl_resource = {
	.kind = OBJECT_ACL,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_rules,
	.create = resource_create_in_vpc,
};

static int run_associate(struct cli *cli, const struct args *args)
{
	static const struct body_field body_fields[] = {{"subnets", "SUBNET"}, BODY_END};

	return resource_change_part_with(cli, args, "POST", "subnets", body_fields);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *verb;
	const char *method;
	bool says_all; /* it has more than direction and number */
} verbs[] = {{"add", "POST", true}, {"replace", "PUT", true}, {"delete", "DELETE", false}};

static int check_words(const struct args *args, bool says_all)
{
	if (!says_all)
		return args_get(args, "ACTION") || args_get(args, "--cidr")
			       ? args_wrong(args, "a rule is deleted by its direction and number alone")
			       : CLI_OK;
	if (!args_get(args, "ACTION"))
		return args_wrong(args, "allow or deny is missing");
	if (!args_get(args, "PROTO"))
		return args_wrong(args, "PROTO is missing");
	return args_get(args, "--cidr") ? CLI_OK : args_wrong(args, "--cidr is missing");
}

static int add_ports(const struct args *args, json_t *body)
{
	const char *protocol = args_get(args, "PROTO");
	int r = protocol ? sg_rules_set_ports(body, protocol, args_get(args, "PORTS")) : 0;

	if (r == -EINVAL)
		return args_wrong(args, "'%s' is not PORTS: 443, 8000-8999, http, or all; for icmp TYPE[/CODE]",
				  args_get(args, "PORTS"));
	return r < 0 ? api_oom() : CLI_OK;
}

static int run_rule(struct cli *cli, const struct args *args)
{
	static const struct body_field body_fields[] = {
		{"direction", "DIRECTION"}, {"rule_number", "NUMBER"}, {"action", "ACTION"},
		{"protocol", "PROTO"},	    {"cidr", "--cidr"},	       BODY_END,
	};
	_cleanup_free_ char *path = api_path(cli, kind_of(OBJECT_ACL)->path, args_get(args, "ACL"), "rules");
	_cleanup_json_ json_t *object = NULL, *body = NULL;
	const char *verb = args_get(args, "VERB");
	int status = CLI_USAGE;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].verb, verb) != 0)
			continue;
		status = check_words(args, verbs[i].says_all);
		if (status == CLI_OK)
			status = body_make(cli, args, body_fields, &body);
		if (status == CLI_OK)
			status = add_ports(args, body);
		if (status == CLI_OK)
			status = api_change(cli, verbs[i].method, path, TAKE_PTR(body), 0, &object);
	}
	return status != CLI_OK ? status : resource_print(cli, &acl_resource, object, true);
}

#define PARAM_ACL                                                                        \
	{                                                                                \
		"ACL", VALUE_ACL, PARAM_REQUIRED, NULL,                                  \
			"the network ACL: id or name; that of a VPC itself is 'default'" \
	}
static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC"},
	PARAM_OF_VPC,
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param associate_params[] = {
	PARAM_ACL, PARAM_SUBNETS, PARAM_VPC_SCOPE, PARAM_DRY_RUN, PARAMS_END,
};
static const struct param rule_params[] = {
	{"VERB", VALUE_RULE_VERB, PARAM_REQUIRED, NULL, "add, replace or delete"},
	PARAM_ACL,
	{"DIRECTION", VALUE_DIRECTION, PARAM_REQUIRED, NULL, "ingress or egress"},
	{"NUMBER", VALUE_NUMBER, PARAM_REQUIRED, NULL, "1 to 32766: rules are evaluated in this order"},
	{"ACTION", VALUE_ACTION, 0, NULL, "allow or deny"},
	{"PROTO", VALUE_PROTOCOL, 0, NULL, "tcp, udp, icmp, icmpv6, a number, or all"},
	{"PORTS", VALUE_TEXT, 0, NULL, "443, 8000-8999, http, or all; for icmp TYPE[/CODE]"},
	{"--cidr", VALUE_TEXT, 0, "CIDR", "ingress: of the source; egress: of the destination"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(acl),
	.summary = "create a network ACL, which denies everything until it has rules",
	.params = create_params,
	.example = "vpcctl acl create edge --vpc prod",
};
static const struct command list = {
	RESOURCE_LIST(acl),
	.summary = "list the network ACLs",
	.example = "vpcctl acl list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(acl),
	.summary = "show one network ACL and its rules",
	.example = "vpcctl acl show default --vpc prod",
};
static const struct command delete = {
	RESOURCE_DELETE(acl),
	.summary = "delete a network ACL that no subnet uses",
	.notes = "A VPC's default network ACL goes with the VPC.",
	.example = "vpcctl acl delete edge",
};
static const struct command associate = {
	RESOURCE_VERB(acl, "associate", run_associate),
	.summary = "let subnets use a network ACL",
	.params = associate_params,
	.notes = "A subnet uses one network ACL: this one instead of what it used before.",
	.example = "vpcctl acl associate edge web-a\n"
		   "vpcctl acl associate default web-a --vpc prod",
};
static const struct command rule = {
	RESOURCE_VERB(acl, "rule", run_rule),
	.summary = "add, replace or delete a rule of a network ACL",
	.params = rule_params,
	.usage = "add|replace ACL ingress|egress NUMBER allow|deny PROTO [PORTS|TYPE[/CODE]] --cidr C\n"
		 "delete ACL ingress|egress NUMBER",
	.notes = "Rules judge each packet that enters or leaves a subnet, answers too; inside a subnet they judge "
		 "nothing.\n"
		 "The lowest number that matches decides; what no rule names is denied.",
	.example = "vpcctl acl rule add edge ingress 100 allow tcp 443 --cidr 0.0.0.0/0\n"
		   "vpcctl acl rule add edge egress 100 allow tcp 1024-65535 --cidr 0.0.0.0/0\n"
		   "vpcctl acl rule replace edge ingress 100 deny all --cidr 203.0.113.0/24\n"
		   "vpcctl acl rule delete edge ingress 100",
};

const struct command *const acl_commands[] = {&create, &list, &show, &delete, &associate, &rule, NULL};
