/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl route-table …, vpcctl route … */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"

static char *count_of(struct cli *cli, const json_t *object, const struct field *field)
{
	char *text = NULL;

	(void)cli;
	return asprintf(&text, "%zu", json_array_size(json_object_get(object, field->key))) < 0 ? NULL : text;
}

/* "0.0.0.0/0", or of a prefix list "offices (pl-…)". */
static char *destination_name(struct cli *cli, const json_t *route, const struct field *field)
{
	const char *destination = json_member_text(route, field->key) ?: "";
	const char *list = json_member_text(route, "destination_prefix_list_id"), *name;
	char *text = NULL;

	if (!list)
		return strdup(destination);
	name = api_name(cli, kind_of(OBJECT_PREFIX_LIST)->path, list);
	if (!strcmp(name, list))
		return strdup(list);
	return asprintf(&text, "%s (%s)", name, list) < 0 ? NULL : text;
}

/* "internet (nat-…)", by the collection that the route's kind of target is in. */
static char *target_name(struct cli *cli, const json_t *route, const struct field *field)
{
	static const enum object_kind kinds[] = {OBJECT_IGW, OBJECT_EIGW, OBJECT_NAT, OBJECT_ENI};
	const char *target = json_member_text(route, field->key) ?: "",
		   *kind = json_member_text(route, "target_kind") ?: "";
	const char *name = target;
	char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kind_of(kinds[i])->noun))
			name = api_name(cli, kind_of(kinds[i])->path, target);
	if (name == target || !strcmp(name, target))
		return strdup(target);
	return asprintf(&text, "%s (%s)", name, target) < 0 ? NULL : text;
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"VPC", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"MAIN", "main", TABLE_LEFT, NULL},
	{"ROUTES", "routes", TABLE_RIGHT, count_of},
	{"SUBNETS", "subnets", TABLE_LEFT, output_subnet_names},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"main", "main", TABLE_LEFT, NULL},
	{"subnets", "subnets", TABLE_LEFT, output_subnet_names},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct field route_columns[] = {
	{"DESTINATION", "destination", TABLE_LEFT, destination_name},
	{"TARGET", "target", TABLE_LEFT, target_name},
	{"STATE", "state", TABLE_LEFT, NULL},
};

static int print_routes(struct cli *cli, const json_t *object)
{
	putchar('\n');
	return output_rows(cli, json_object_get(object, "routes"), route_columns, ARRAY_SIZE(route_columns));
}

const struct resource route_table_resource = {
	.kind = OBJECT_ROUTE_TABLE,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_routes,
	.create = resource_create_in_vpc,
};

static int change_subnets(struct cli *cli, const struct args *args, const char *method)
{
	static const struct body_field body_fields[] = {{"subnets", "SUBNET"}, BODY_END};
	json_t *body = NULL;
	int status = body_make(cli, args, body_fields, &body);

	return status != CLI_OK ? status : resource_change_part(cli, args, method, "subnets", body);
}

static int run_associate(struct cli *cli, const struct args *args)
{
	return change_subnets(cli, args, "POST");
}

static int run_disassociate(struct cli *cli, const struct args *args)
{
	return change_subnets(cli, args, "DELETE");
}

/* The destination is DEST or --prefix-list. With the latter, the argument in the place of DEST is the target. */
static int change_route(struct cli *cli, const struct args *args, const char *method, bool has_target)
{
	const char *dest = args_get(args, "DEST"), *list = args_get(args, "--prefix-list");
	const char *target = !has_target ? NULL : list ? dest : args_get(args, "TARGET");
	_cleanup_json_ json_t *body = NULL;

	if (!list && !dest)
		return args_wrong(args, "DEST or --prefix-list is missing");
	if (list && (has_target ? args_get(args, "TARGET") : dest))
		return args_wrong(args, "a route has DEST or --prefix-list, not both");
	if (has_target && !target)
		return args_wrong(args, "TARGET is missing");
	body = list ? json_pack("{s:s}", "destination_prefix_list_id", list) : json_pack("{s:s}", "destination", dest);
	if (!body || (target && json_object_set_new(body, "target", json_string(target)) < 0))
		return api_oom();
	return resource_change_part(cli, args, method, "routes", TAKE_PTR(body));
}

static int run_add(struct cli *cli, const struct args *args)
{
	return change_route(cli, args, "POST", true);
}

static int run_replace(struct cli *cli, const struct args *args)
{
	return change_route(cli, args, "PUT", true);
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return change_route(cli, args, "DELETE", false);
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique in its VPC (default: none)"},
	PARAM_OF_VPC,
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param subnets_params[] = {
	{"RTB", VALUE_ROUTE_TABLE, PARAM_REQUIRED, NULL, "the route table: id or name"},
	PARAM_SUBNETS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
#define PARAM_RTB                                                                 \
	{                                                                         \
		"RTB", VALUE_ROUTE_TABLE, PARAM_REQUIRED, NULL,                   \
			"the route table: id or name; a VPC's main one is 'main'" \
	}
#define PARAM_DEST                                                                                                     \
	{"DEST", VALUE_TEXT, 0, NULL, "destination: an IPv4 or IPv6 CIDR, as 0.0.0.0/0; or a prefix list"},            \
	{                                                                                                              \
		"--prefix-list", VALUE_PREFIX_LIST, 0, "PL", "destination: each entry of this prefix list, id or name" \
	}
static const struct param target_params[] = {
	PARAM_RTB,
	PARAM_DEST,
	{"TARGET", VALUE_TEXT, 0, NULL,
	 "id or name of an internet, egress-only or NAT gateway, a network interface or a peering; or blackhole"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param delete_route_params[] = {PARAM_RTB, PARAM_DEST, PARAM_VPC_SCOPE, PARAM_DRY_RUN, PARAMS_END};

static const struct command create = {
	RESOURCE_CREATE(route_table),
	.summary = "create a route table",
	.params = create_params,
	.example = "vpcctl route-table create public --vpc prod",
};
static const struct command list = {
	RESOURCE_LIST(route_table),
	.summary = "list the route tables",
	.example = "vpcctl route-table list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(route_table),
	.summary = "show one route table and its routes",
	.example = "vpcctl route-table show main --vpc prod",
};
static const struct command delete = {
	RESOURCE_DELETE(route_table),
	.summary = "delete a route table that no subnet is associated with",
	.notes = "A VPC's main route table goes with the VPC.",
	.example = "vpcctl route-table delete public",
};
static const struct command associate = {
	RESOURCE_VERB(route_table, "associate", run_associate),
	.summary = "let subnets use a route table",
	.params = subnets_params,
	.notes = "A subnet uses one route table: this one instead of what it used before.",
	.example = "vpcctl route-table associate public web-a web-b",
};
static const struct command disassociate = {
	RESOURCE_VERB(route_table, "disassociate", run_disassociate),
	.summary = "let subnets use their VPC's main route table again",
	.params = subnets_params,
	.example = "vpcctl route-table disassociate public web-a",
};
#define TARGET_USAGE		"RTB (DEST | --prefix-list PL) TARGET [--vpc VPC] [--dry-run]"
#define ROUTE_VERB(verb_, run_) .noun = "route", .verb = (verb_), .resource = &route_table_resource, .run = (run_)
static const struct command add_route = {
	ROUTE_VERB("add", run_add),
	.summary = "add a route to a route table",
	.params = target_params,
	.usage = TARGET_USAGE,
	.notes =
		"The longest prefix wins. For the same prefix a route to a CIDR wins over one to a prefix list, and of "
		"those the one\n"
		"that was added first. A route to a prefix list follows its entries, and counts as --max-entries "
		"routes. What is\n"
		"inside the VPC needs no route.",
	.example = "vpcctl route add main 0.0.0.0/0 internet --vpc prod\n"
		   "vpcctl route add main --prefix-list offices firewall --vpc prod",
};
static const struct command replace_route = {
	ROUTE_VERB("replace", run_replace),
	.summary = "give a route another target",
	.params = target_params,
	.usage = TARGET_USAGE,
	.example = "vpcctl route replace main 0.0.0.0/0 blackhole --vpc prod",
};
static const struct command delete_route = {
	ROUTE_VERB("delete", run_delete),
	.summary = "delete a route",
	.params = delete_route_params,
	.usage = "RTB (DEST | --prefix-list PL) [--vpc VPC] [--dry-run]",
	.example = "vpcctl route delete main 0.0.0.0/0 --vpc prod\n"
		   "vpcctl route delete main --prefix-list offices --vpc prod",
};

const struct command *const route_table_commands[] = {
	&create, &list, &show, &delete, &associate, &disassociate, &add_route, &replace_route, &delete_route, NULL};
