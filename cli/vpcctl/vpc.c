/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl vpc … */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/counters.h"
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
	{"secondary cidrs", "secondary_cidrs", TABLE_LEFT, NULL},
	{"host access", "host_access", TABLE_LEFT, NULL},
	{"count flows", "count_flows", TABLE_LEFT, NULL},
	{"mtu", "mtu", TABLE_LEFT, NULL},
	{"netns", "netns", TABLE_LEFT, NULL},
	{"dhcp options", "dhcp_options", TABLE_LEFT, output_dhcp_options},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field create_body[] = {
	{"name", "NAME"},  {"cidr", "--cidr"}, {"cidr6", "--cidr6"}, {"mtu", "--mtu"}, {"internet", "--internet"},
	{"tags", "--tag"}, BODY_END,
};

const struct resource vpc_resource = {
	.kind = OBJECT_VPC,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = counters_print,
	.create = create_body,
};

static int run_set_dhcp_options(struct cli *cli, const struct args *args)
{
	static const struct body_field fields_of_options[] = {
		{"dns_servers", "--dns"}, {"domain_name", "--domain"}, BODY_END};
	json_t *body = NULL;
	int status = body_make(cli, args, fields_of_options, &body);

	return status != CLI_OK ? status : resource_change_part(cli, args, "PUT", "dhcp-options", body);
}

static int change_cidr(struct cli *cli, const struct args *args, const char *method)
{
	static const struct body_field fields_of_cidr[] = {{"cidr", "CIDR"}, BODY_END};
	json_t *body = NULL;
	int status = body_make(cli, args, fields_of_cidr, &body);

	return status != CLI_OK ? status : resource_change_part(cli, args, method, "cidrs", body);
}

/* `--host-access a b`: what follows is ranges too. */
static int run_set(struct cli *cli, const struct args *args)
{
	static const struct body_field fields_of_vpc[] = {
		{"host_access", "--host-access"}, {"count_flows", "--count-flows"}, BODY_END};
	_cleanup_json_ json_t *body = NULL;
	json_t *ranges;
	int status;

	if (!args_get(args, "--host-access") && (!args_get(args, "--count-flows") || args_count(args, "CIDR")))
		return args_wrong(args, "--host-access or --count-flows is missing");
	status = body_make(cli, args, fields_of_vpc, &body);
	if (status != CLI_OK)
		return status;
	ranges = json_object_get(body, "host_access");
	for (size_t i = 0; i < args_count(args, "CIDR"); i++)
		if (json_array_append_new(ranges, json_string(args_nth(args, "CIDR", i))) < 0)
			return api_oom();
	if (ranges && json_array_size(ranges) == 1 && !strcmp(json_string_value(json_array_get(ranges, 0)), "none"))
		json_array_clear(ranges);
	return resource_change_part(cli, args, "PATCH", NULL, TAKE_PTR(body));
}

static int run_add_cidr(struct cli *cli, const struct args *args)
{
	return change_cidr(cli, args, "POST");
}

static int run_remove_cidr(struct cli *cli, const struct args *args)
{
	return change_cidr(cli, args, "DELETE");
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique on this host"},
	{"--cidr", VALUE_TEXT, PARAM_REQUIRED, "CIDR", "its IPv4 addresses, /8 to /28"},
	{"--cidr6", VALUE_TEXT, 0, "CIDR", "its IPv6 addresses, /44 to /60"},
	{"--mtu", VALUE_NUMBER, 0, "N", "bytes, 1280 to 9216 (default: 1500)"},
	{"--internet", VALUE_FLAG, 0, NULL, "with a NAT gateway behind the host's address, and default routes"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param set_dhcp_options_params[] = {
	{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "id or name"},
	{"--dns", VALUE_TEXT, PARAM_REPEAT, "ADDRESS", "a DNS server; at most four of a family (default: none)"},
	{"--domain", VALUE_TEXT, 0, "NAME", "domain in which names are looked up (default: none)"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct param set_params[] = {
	{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "id or name"},
	{"CIDR", VALUE_TEXT, PARAM_REPEAT | PARAM_HIDDEN, NULL, ""},
	{"--host-access", VALUE_TEXT, PARAM_REPEAT, "CIDR",
	 "the host's own addresses in it and the VPC may talk with each other; replaces all. none: no address"},
	{"--count-flows", VALUE_ON_OFF, 0, "on|off", "on: packets and bytes of each of its flows are counted"},
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param cidr_params[] = {
	{"VPC", VALUE_VPC, PARAM_REQUIRED, NULL, "id or name"},
	{"CIDR", VALUE_TEXT, PARAM_REQUIRED, NULL, "IPv4 (/8 to /28) or IPv6 (/44 to /60)"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(vpc),
	.summary = "create an isolated network",
	.params = create_params,
	.notes = "--internet also makes an egress-only internet gateway for IPv6. Both gateways are called 'internet', "
		 "and are "
		 "deleted with the VPC.",
	.example = "vpcctl vpc create prod --cidr 10.0.0.0/16 --cidr6 fd00:1::/56",
};
static const struct command list = {
	RESOURCE_LIST(vpc),
	.summary = "list the VPCs",
	.example = "vpcctl vpc list",
};
static const struct command show = {
	RESOURCE_SHOW(vpc),
	.summary = "show one VPC",
	.example = "vpcctl vpc show prod",
};
static const struct command set_dhcp_options = {
	RESOURCE_VERB(vpc, "set-dhcp-options", run_set_dhcp_options),
	.summary = "replace the options that DHCP and router advertisements tell workloads",
	.params = set_dhcp_options_params,
	.notes = "Workloads learn them when they renew their lease, after half an hour at most.",
	.example = "vpcctl vpc set-dhcp-options prod --dns 10.0.0.53 --dns fd00:1::53 --domain prod.internal",
};
static const struct command set = {
	RESOURCE_VERB(vpc, "set", run_set),
	.summary = "say which of the host's own addresses a VPC may talk with, and whether its flows are counted",
	.params = set_params,
	.notes = "Without host access a VPC and the host don't reach each other. Groups judge the host's address in "
		 "both directions. Host access comes before the route tables, and two VPCs that have it may not "
		 "overlap. A CIDR of the VPC that overlaps a network of the host gets no route on the host: see "
		 "vpcctl status. What is taken away is cut at once. Counted flows have packets and bytes each way in "
		 "vpcctl flow list and in what a change tells of flows that it cut. A flow log counts them too. "
		 "Counting costs some speed: see daemon/observe/README.md.",
	.example = "vpcctl vpc set prod --host-access 192.0.2.10/32 --host-access 2001:db8::10/128\n"
		   "vpcctl vpc set prod --count-flows on",
};
static const struct command add_cidr = {
	RESOURCE_VERB(vpc, "add-cidr", run_add_cidr),
	.summary = "give a VPC a further CIDR",
	.params = cidr_params,
	.notes = "It may overlap none of the VPC's CIDRs and hold no destination of its routes. Of each family a VPC "
		 "has "
		 "five at most. The first IPv6 one becomes the VPC's cidr6.",
	.example = "vpcctl vpc add-cidr prod 10.1.0.0/16",
};
static const struct command remove_cidr = {
	RESOURCE_VERB(vpc, "remove-cidr", run_remove_cidr),
	.summary = "take a CIDR from a VPC",
	.params = cidr_params,
	.notes = "No subnet may be in it. The CIDR that the VPC was created with stays.",
	.example = "vpcctl vpc remove-cidr prod 10.1.0.0/16",
};
static const struct command delete = {
	RESOURCE_DELETE(vpc),
	.summary = "delete an empty VPC",
	.notes = "Nothing may be in it but what it was created with.",
	.example = "vpcctl vpc delete prod",
};

const struct command *const vpc_commands[] = {&create,	 &list,	       &show,	&set, &set_dhcp_options,
					      &add_cidr, &remove_cidr, &delete, NULL};
