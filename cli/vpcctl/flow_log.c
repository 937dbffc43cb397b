/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl flow-log … */
#include <stdio.h>

#include <vpc/flow_log_format.h>
#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

/* "eni web1", "subnet app", "vpc prod" */
static char *target(struct cli *cli, const json_t *object, const struct field *field)
{
	static const struct {
		const char *key, *noun, *path;
	} targets[] = {{"eni_id", "eni", "enis"}, {"subnet_id", "subnet", "subnets"}, {"vpc_id", "vpc", "vpcs"}};
	char *text = NULL;

	(void)field;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		const char *id = json_member_text(object, targets[i].key);

		if (id)
			return asprintf(&text, "%s %s", targets[i].noun, api_name(cli, targets[i].path, id)) < 0 ? NULL
														 : text;
	}
	return NULL;
}

static char *seconds(struct cli *cli, const json_t *object, const struct field *field)
{
	char *text = NULL;

	(void)cli;
	return asprintf(&text, "%lld s", (long long)json_integer_value(json_object_get(object, field->key))) < 0 ? NULL
														 : text;
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"OF", "vpc_id", TABLE_LEFT, target},
	{"TRAFFIC", "traffic", TABLE_LEFT, NULL},
	{"INTERVAL", "interval", TABLE_RIGHT, seconds},
	{"STATUS", "log_status", TABLE_LEFT, NULL},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"of", "vpc_id", TABLE_LEFT, target},
	{"traffic", "traffic", TABLE_LEFT, NULL},
	{"interval", "interval", TABLE_LEFT, seconds},
	{"format", "format", TABLE_LEFT, NULL},
	{"file", "file", TABLE_LEFT, NULL},
	{"status", "log_status", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field create_body[] = {
	{"name", "NAME"},	    {"subnet_id", "--subnet"}, {"eni_id", "--eni"}, {"traffic", "--traffic"},
	{"interval", "--interval"}, {"format", "--format"},    {"tags", "--tag"},   BODY_END,
};

const struct resource flow_log_resource = {
	.kind = OBJECT_FLOW_LOG,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = create_body,
};

/* Beside a subnet or a network interface, --vpc is where its name is looked up. */
static int run_create(struct cli *cli, const struct args *args)
{
	static const struct body_field of_vpc[] = {
		{"name", "NAME"},
		{"vpc_id", "--vpc"},
		{"traffic", "--traffic"},
		{"interval", "--interval"},
		{"format", "--format"},
		{"tags", "--tag"},
		BODY_END,
	};
	bool part = args_get(args, "--subnet") || args_get(args, "--eni");

	if (args_get(args, "--subnet") && args_get(args, "--eni"))
		return args_wrong(args, "--subnet and --eni don't go together: a flow log is of one of them");
	if (!part && !args_get(args, "--vpc"))
		return args_wrong(args, "what is logged is missing: --vpc, --subnet or --eni");
	return resource_create_with(cli, args, part ? create_body : of_vpc);
}

static int print_line(const char *line, void *userdata)
{
	(void)userdata;
	return puts(line) < 0 || fflush(stdout) != 0;
}

static int run_tail(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path =
		api_path(cli, kind_of(OBJECT_FLOW_LOG)->path, args_get(args, "FLOW-LOG"), "records");

	return api_stream(cli, path, print_line, NULL);
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique in its VPC (default: none)"},
	{"--vpc", VALUE_VPC, 0, "VPC", "log all of this VPC; with --subnet or --eni: where its name is looked up"},
	{"--subnet", VALUE_SUBNET, 0, "SUBNET", "log the network interfaces of this subnet"},
	{"--eni", VALUE_ENI, 0, "ENI", "log this network interface"},
	{"--traffic", VALUE_LOGGED_TRAFFIC, 0, "all|accept|reject", "what is logged (default: all)"},
	{"--interval", VALUE_NUMBER, 0, "SECONDS", "packets of so long become one record: 1 to 600 (default: 600)"},
	{"--format", VALUE_TEXT, 0, "FORMAT", "default, json, or fields like '${srcaddr} ${dstport} ${action}'"},
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param tail_params[] = {
	{"FLOW-LOG", VALUE_FLOW_LOG, PARAM_REQUIRED, NULL, "the flow log: id or name"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_VERB(flow_log, "create", run_create),
	.summary = "log the traffic of a VPC, a subnet or a network interface, in AWS's format",
	.params = create_params,
	.notes =
		"The default format has AWS's fields of version 2. A format may have any of these: version account-id\n"
		"interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
		"vpc-id subnet-id tcp-flags type pkt-srcaddr pkt-dstaddr flow-direction traffic-path, and two that\n"
		"AWS lacks: rule-id drop-reason. AWS's other fields of versions 2 to 5 are always -: instance-id\n"
		"region az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service. Records are\n"
		"kept in the file that `show` names, 16 MiB and three older files.\n"
		"NODATA: nothing was seen of an interface. SKIPDATA: some packets are in no record.",
	.example = "vpcctl flow-log create --vpc prod --interval 60\n"
		   "vpcctl flow-log create --eni web1 --traffic reject --interval 10 --format json",
};
static const struct command list = {
	RESOURCE_LIST(flow_log),
	.summary = "list the flow logs",
	.example = "vpcctl flow-log list",
};
static const struct command show = {
	RESOURCE_SHOW(flow_log),
	.summary = "show one flow log",
	.example = "vpcctl flow-log show fl-0123456789abcdef0",
};
static const struct command tail = {
	RESOURCE_VERB(flow_log, "tail", run_tail),
	.summary = "show the records of a flow log as they are made",
	.params = tail_params,
	.notes = "Until interrupted. A reader that is too slow gets a SKIPDATA record for what it missed.",
	.example = "vpcctl flow-log tail fl-0123456789abcdef0",
};
static const struct command delete = {
	RESOURCE_DELETE(flow_log),
	.summary = "delete a flow log and its files",
	.example = "vpcctl flow-log delete fl-0123456789abcdef0",
};

const struct command *const flow_log_commands[] = {&create, &list, &show, &tail, &delete, NULL};
