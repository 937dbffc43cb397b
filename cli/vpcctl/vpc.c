/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl vpc … */
#include <stdio.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},	      {"NAME", "name", TABLE_LEFT, NULL}, {"CIDR", "cidr", TABLE_LEFT, NULL},
	{"CIDR6", "cidr6", TABLE_LEFT, NULL}, {"MTU", "mtu", TABLE_RIGHT, NULL},  {"NETNS", "netns", TABLE_LEFT, NULL},
};

static char *output_dhcp_options(struct cli *cli, const json_t *object, const struct field *field)
{
	const json_t *options = json_object_get(object, field->key), *servers = json_object_get(options, "dns_servers");
	const char *domain = json_member_text(options, "domain_name");
	char *text = NULL, *more;

	(void)cli;
	if (asprintf(&text, "%s%s", domain ? "domain " : "", domain ? domain : "") < 0)
		return NULL;
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const char *server = json_string_value(json_array_get(servers, i));

		if (asprintf(&more, "%s%sdns %s", text, *text ? ", " : "", server ? server : "?") < 0)
			more = NULL;
		free(text);
		text = more;
		if (!text)
			return NULL;
	}
	return text;
}

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"cidr", "cidr", TABLE_LEFT, NULL},
	{"cidr6", "cidr6", TABLE_LEFT, NULL},
	{"mtu", "mtu", TABLE_LEFT, NULL},
	{"netns", "netns", TABLE_LEFT, NULL},
	{"dhcp options", "dhcp_options", TABLE_LEFT, output_dhcp_options},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

const struct resource vpc_resource = {
	.kind = OBJECT_VPC,
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
	return resource_show(cli, &vpc_resource, args, "VPC");
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return resource_delete(cli, &vpc_resource, args, "VPC");
}

static int run_set_dhcp_options(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path = api_path(cli, "vpcs", args_get(args, "VPC"), "dhcp-options");
	_cleanup_json_ json_t *vpc = NULL;
	json_t *body = json_object();
	int status;

	if (body_set_list(body, "dns_servers", args, "--dns") < 0 ||
	    body_set(body, "domain_name", args, "--domain") < 0) {
		json_decref(body);
		return api_oom();
	}
	status = api_change(cli, "PUT", path, body, 0, &vpc);
	return status != CLI_OK ? status : resource_print(cli, &vpc_resource, vpc, true);
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
static const struct param show_params[] = {{"VPC", VALUE_VPC, PARAM_REQUIRED | PARAM_REPEAT, NULL, "ids or names"},
					   PARAMS_END};
static const struct param set_dhcp_options_params[] = {
	{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "id or name"},
	{"--dns", VALUE_TEXT, PARAM_REPEAT, "ADDRESS", "a DNS server; at most four of a family (default: none)"},
	{"--domain", VALUE_TEXT, 0, "NAME", "domain in which names are looked up (default: none)"},
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param delete_params[] = {
	{"VPC", VALUE_VPC, PARAM_REQUIRED | PARAM_REPEAT, NULL, "ids or names; it must be empty"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command vpc_create_command = {
	.noun = "vpc",
	.verb = "create",
	.summary = "create an isolated network",
	.params = create_params,
	.example = "vpcctl vpc create prod --cidr 10.0.0.0/16 --cidr6 fd00:1::/56",
	.run = run_create,
};
static const struct command vpc_list_command = {
	.noun = "vpc",
	.verb = "list",
	.summary = "list the VPCs",
	.params = list_params,
	.example = "vpcctl vpc list",
	.run = run_list,
};
static const struct command vpc_show_command = {
	.noun = "vpc",
	.verb = "show",
	.summary = "show one VPC",
	.params = show_params,
	.example = "vpcctl vpc show prod",
	.run = run_show,
};
static const struct command vpc_set_dhcp_options_command = {
	.noun = "vpc",
	.verb = "set-dhcp-options",
	.summary = "replace the options that DHCP and router advertisements tell workloads",
	.params = set_dhcp_options_params,
	.notes = "Workloads learn them when they renew their lease, after half an hour at most.",
	.example = "vpcctl vpc set-dhcp-options prod --dns 10.0.0.53 --dns fd00:1::53 --domain prod.internal",
	.run = run_set_dhcp_options,
};
static const struct command vpc_delete_command = {
	.noun = "vpc",
	.verb = "delete",
	.summary = "delete an empty VPC",
	.params = delete_params,
	.example = "vpcctl vpc delete prod",
	.run = run_delete,
};

const struct command *const vpc_commands[] = {
	&vpc_create_command,	       &vpc_list_command,   &vpc_show_command,
	&vpc_set_dhcp_options_command, &vpc_delete_command, NULL,
};
