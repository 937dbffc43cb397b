/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl publish … */
#include <stdio.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"

#define PORT_MAX 65535

/* "8080/tcp", "8000-8010/udp", by the field's first port and the one beside it. */
static char *ports(const json_t *object, const char *from_key, const char *to_key)
{
	long long from = json_integer_value(json_object_get(object, from_key));
	long long to = json_integer_value(json_object_get(object, to_key));
	const char *protocol = json_member_text(object, "protocol") ?: "?";
	char *text = NULL;
	int n = from == to ? asprintf(&text, "%lld/%s", from, protocol)
			   : asprintf(&text, "%lld-%lld/%s", from, to, protocol);

	return n < 0 ? NULL : text;
}

static char *eni_ports(struct cli *cli, const json_t *object, const struct field *field)
{
	(void)cli, (void)field;
	return ports(object, "from_port", "to_port");
}

static char *host_ports(struct cli *cli, const json_t *object, const struct field *field)
{
	(void)cli, (void)field;
	return ports(object, "host_from_port", "host_to_port");
}

static char *host_address(struct cli *cli, const json_t *object, const struct field *field)
{
	const char *text = json_member_text(object, field->key);

	(void)cli;
	return strdup(text ? text : "any");
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"HOST ADDRESS", "host_address", TABLE_LEFT, host_address},
	{"HOST PORT", "host_from_port", TABLE_LEFT, host_ports},
	{"ENI", "eni_id", TABLE_LEFT, output_eni_name},
	{"PORT", "from_port", TABLE_LEFT, eni_ports},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"host address", "host_address", TABLE_LEFT, host_address},
	{"host port", "host_from_port", TABLE_LEFT, host_ports},
	{"network interface", "eni_id", TABLE_LEFT, output_eni_name},
	{"port", "from_port", TABLE_LEFT, eni_ports},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct body_field create_body[] = {
	{"name", "NAME"}, {"eni_id", "--eni"}, {"host_address", "--host-address"}, {"tags", "--tag"}, BODY_END,
};

const struct resource publish_resource = {
	.kind = OBJECT_PUBLISH,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = create_body,
};

/* "80", "8000-8010", with /tcp or /udp behind it or not. *ret_protocol: borrowed; NULL: it doesn't say. */
static int parse_ports(const char *text, uint64_t *ret_from, uint64_t *ret_to, const char **ret_protocol)
{
	size_t n = strcspn(text, "/"), dash = strcspn(text, "-/");

	*ret_protocol = text[n] ? text + n + 1 : NULL;
	if (*ret_protocol && strcmp(*ret_protocol, "tcp") != 0 && strcmp(*ret_protocol, "udp") != 0)
		return -EINVAL;
	if (number_parse_part(text, dash, PORT_MAX, ret_from) < 0)
		return -EINVAL;
	*ret_to = *ret_from;
	return dash < n ? number_parse_part(text + dash + 1, n - dash - 1, PORT_MAX, ret_to) : 0;
}

static int run_create(struct cli *cli, const struct args *args)
{
	static const char *const options[] = {"--port", "--host-port"};
	static const char *const keys[][2] = {{"from_port", "to_port"}, {"host_from_port", "host_to_port"}};
	_cleanup_json_ json_t *body = NULL, *object = NULL;
	_cleanup_free_ char *path = NULL;
	const char *protocol = NULL;
	int status = body_make(cli, args, create_body, &body);

	for (size_t i = 0; status == CLI_OK && i < ARRAY_SIZE(options); i++) {
		const char *text = args_get(args, options[i]), *said;
		uint64_t from, to;

		if (parse_ports(text, &from, &to, &said) < 0)
			return args_wrong(args, "%s must be a port or a range, with /udp behind it for UDP: not '%s'",
					  options[i], text);
		if (said && protocol && strcmp(said, protocol) != 0)
			return args_wrong(args, "--port is %s and --host-port is %s", protocol, said);
		protocol = said ? said : protocol;
		if (json_object_set_new(body, keys[i][0], json_integer((json_int_t)from)) < 0 ||
		    (from != to && json_object_set_new(body, keys[i][1], json_integer((json_int_t)to)) < 0))
			return api_oom();
	}
	if (status != CLI_OK)
		return status;
	if (json_object_set_new(body, "protocol", json_string(protocol ? protocol : "tcp")) < 0)
		return api_oom();
	path = api_path(cli, kind_of(OBJECT_PUBLISH)->path, NULL, NULL);
	status = api_change(cli, "POST", path, json_incref(body), 0, &object);
	return status != CLI_OK ? status : resource_print(cli, &publish_resource, object, true);
}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, 0, NULL, "unique in its VPC (default: none)"},
	{"--eni", VALUE_ENI, PARAM_REQUIRED, "ENI", "the network interface that is reached"},
	{"--port", VALUE_TEXT, PARAM_REQUIRED, "P[-P][/udp]", "its port or ports; TCP without /udp"},
	{"--host-port", VALUE_TEXT, PARAM_REQUIRED, "P[-P]", "the host's port, or the first of as many"},
	{"--host-address", VALUE_TEXT, 0, "A", "an IPv4 address of the host (default: all of them)"},
	PARAM_TAGS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_VERB(publish, "create", run_create),
	.summary = "let a port of the host lead to a network interface",
	.params = create_params,
	.notes = "It works from outside, from the host itself and from other VPCs. Security groups judge the real "
		 "address of whoever "
		 "connects.",
	.example = "vpcctl publish create --eni web1 --port 80 --host-port 8080\n"
		   "vpcctl publish create --eni voip --port 5060-5070/udp --host-port 5060-5070",
};
static const struct command list = {
	RESOURCE_LIST(publish),
	.summary = "list the published ports",
	.example = "vpcctl publish list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(publish),
	.summary = "show one published port",
	.example = "vpcctl publish show pub-0123456789abcdef0",
};
static const struct command delete = {
	RESOURCE_DELETE(publish),
	.summary = "delete a published port, and end what came by it",
	.example = "vpcctl publish delete pub-0123456789abcdef0",
};

const struct command *const publish_commands[] = {&create, &list, &show, &delete, NULL};
