/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl sg authorize, sg revoke. */
#include "cli/vpcctl/sg_rules.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"

/* Protocols whose "ports" are types and codes, or ports; others have none. */
static bool is_icmp(const char *protocol)
{
	return !strcasecmp(protocol, "icmp") || !strcasecmp(protocol, "icmpv6") || !strcmp(protocol, "1") ||
	       !strcmp(protocol, "58");
}

static bool has_ports(const char *protocol)
{
	return !strcasecmp(protocol, "tcp") || !strcasecmp(protocol, "udp") || !strcmp(protocol, "6") ||
	       !strcmp(protocol, "17");
}

/* The first `length` characters, all digits. vpcd judges whether the number is allowed. */
static int parse_number(const char *text, size_t length, json_int_t *ret)
{
	uint64_t n;

	if (number_parse_part(text, length, 999999999, &n) < 0)
		return -EINVAL;
	*ret = (json_int_t)n;
	return 0;
}

/* A service's name: a well-known one, or one of /etc/services. */
static int parse_service(const char *text, const char *protocol, json_int_t *ret)
{
	static const struct {
		const char *name;
		int port;
	} known[] = {{"http", 80},    {"https", 443}, {"ssh", 22},	    {"dns", 53},     {"domain", 53},
		     {"smtp", 25},    {"imap", 143},  {"imaps", 993},	    {"ldap", 389},   {"ldaps", 636},
		     {"mysql", 3306}, {"ntp", 123},   {"postgresql", 5432}, {"redis", 6379}, {"syslog", 514}};
	bool udp = !strcasecmp(protocol, "udp") || !strcmp(protocol, "17");
	const struct servent *service;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcasecmp(text, known[i].name)) {
			*ret = known[i].port;
			return 0;
		}
	service = isalpha((unsigned char)*text) ? getservbyname(text, udp ? "udp" : "tcp") : NULL;
	if (!service)
		return -EINVAL;
	*ret = ntohs((uint16_t)service->s_port);
	return 0;
}

static int parse_ports(const char *text, const char *protocol, json_int_t *from, json_int_t *to)
{
	const char *dash = strchr(text, '-');
	size_t length = dash ? (size_t)(dash - text) : strlen(text);

	if (parse_number(text, length, from) == 0) {
		*to = *from;
		return dash ? parse_number(dash + 1, strlen(dash + 1), to) : 0;
	}
	if (parse_service(text, protocol, from) < 0)
		return -EINVAL;
	*to = *from;
	return 0;
}

/* A number, "all" or "-1". */
static int parse_icmp_number(const char *text, size_t length, json_int_t *ret)
{
	if ((length == 3 && !strncasecmp(text, "all", 3)) || (length == 2 && !strncmp(text, "-1", 2))) {
		*ret = -1;
		return 0;
	}
	return parse_number(text, length, ret);
}

static int parse_icmp(const char *text, json_int_t *type, json_int_t *code)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	*code = -1;
	if (parse_icmp_number(text, length, type) < 0)
		return -EINVAL;
	return slash ? parse_icmp_number(slash + 1, strlen(slash + 1), code) : 0;
}

int sg_rules_set_ports(json_t *rule, const char *protocol, const char *ports)
{
	json_int_t from = 0, to = 65535;
	int r = 0;

	if (!ports)
		return 0;
	if (is_icmp(protocol))
		r = parse_icmp(ports, &from, &to);
	else if (strcasecmp(ports, "all") != 0)
		r = parse_ports(ports, protocol, &from, &to);
	else if (!has_ports(protocol))
		return 0;
	if (r < 0)
		return r;
	if (json_object_set_new(rule, "from_port", json_integer(from)) < 0 ||
	    json_object_set_new(rule, "to_port", json_integer(to)) < 0)
		return -ENOMEM;
	return 0;
}

static const struct {
	const char *option;
	const char *key;
} peers[] = {
	{"--cidr", "cidr"},
	{"--sg", "sg_id"},
	{"--prefix-list", "prefix_list_id"},
};

static int add_rule(const struct cli *cli, json_t *rules, const struct args *args, const char *ports, const char *key,
		    const char *peer)
{
	const char *protocol = args_get(args, "PROTO");
	json_t *rule = json_pack("{s:s, s:s}", "direction", args_get(args, "DIRECTION"), "protocol", protocol);
	int r = sg_rules_set_ports(rule, protocol, ports);

	if (r == 0 && (json_object_set_new(rule, key, json_string(peer)) < 0 ||
		       body_set(cli, rule, "description", args, "--description") < 0 ||
		       body_set(cli, rule, "expires_in", args, "--expires-in") < 0 ||
		       body_set(cli, rule, "tags", args, "--tag") < 0))
		r = -ENOMEM;
	if (r < 0) {
		json_decref(rule);
		return r;
	}
	return json_array_append_new(rules, rule) < 0 ? -ENOMEM : 0;
}

/* One rule for each peer. */
static int add_rules(const struct cli *cli, json_t *rules, const struct args *args, const char *ports)
{
	int r = 0;

	for (size_t p = 0; p < ARRAY_SIZE(peers); p++)
		for (size_t i = 0; r == 0 && i < args_count(args, peers[p].option); i++)
			r = add_rule(cli, rules, args, ports, peers[p].key, args_nth(args, peers[p].option, i));
	return r;
}

/* The same for each of "80,443". */
static int add_rules_of_list(const struct cli *cli, json_t *rules, const struct args *args, const char *list)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *ports;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (ports = strsep(&rest, ",")))
		r = add_rules(cli, rules, args, ports);
	return r;
}

/* *ret: {"rules": […]}. */
static int make_rules(const struct cli *cli, const struct args *args, json_t **ret)
{
	_cleanup_json_ json_t *rules = json_array();
	const char *list = args_get(args, "PORTS");
	int r = list ? add_rules_of_list(cli, rules, args, list) : add_rules(cli, rules, args, NULL);

	if (r == -EINVAL)
		return args_wrong(args,
				  is_icmp(args_get(args, "PROTO"))
					  ? "'%s' is not TYPE[/CODE]: numbers, or all"
					  : "'%s' is not PORTS: 443, 8000-8999, 80,443, http, or all",
				  args_get(args, "PORTS"));
	*ret = r < 0 ? NULL : json_pack("{s:o}", "rules", TAKE_PTR(rules));
	return *ret ? CLI_OK : api_oom();
}

/* Prints the reply to a change of rules: {"id", "rules", …}. */
static int print_reply(struct cli *cli, const json_t *reply, const char *done)
{
	const json_t *rules = json_object_get(reply, "rules");
	json_t *rule;
	size_t i;
	int status = CLI_OK;

	if (cli->output == OUTPUT_ID) {
		json_array_foreach (rules, i, rule)
			output_id(rule);
		return CLI_OK;
	}
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, reply);
	printf("%s %zu %s\n", done, json_array_size(rules), json_array_size(rules) == 1 ? "rule" : "rules");
	/* of revoked rules vpcd may tell the ids alone */
	if (json_object_get(json_array_get(rules, 0), "direction"))
		status = sg_rules_print(cli, rules);
	else
		json_array_foreach (rules, i, rule)
			output_id(rule);
	output_change(cli, reply);
	return status;
}

static int run_authorize(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path = api_path(cli, "security-groups", args_get(args, "SG"), "rules");
	_cleanup_json_ json_t *reply = NULL;
	json_t *body = NULL;
	int status = make_rules(cli, args, &body);

	if (status == CLI_OK)
		status = api_change(cli, "POST", path, body, 0, &reply);
	return status != CLI_OK ? status : print_reply(cli, reply, "authorized");
}

static int run_revoke(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path = api_path(cli, "security-groups", args_get(args, "SG"), "rules");
	_cleanup_json_ json_t *body = NULL, *reply = NULL;
	bool by_id = args_count(args, "--rule") > 0, by_spec = args_get(args, "DIRECTION") != NULL;
	int status = CLI_OK;

	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		by_spec = by_spec || args_count(args, peers[i].option) > 0;
	if (by_id && by_spec)
		return args_wrong(args, "give either --rule, or direction, protocol and peer");
	if (by_spec && !args_get(args, "PROTO"))
		return args_wrong(args, "the direction (ingress or egress) and PROTO are missing");
	if (by_id) {
		body = json_object();
		if (body_set(cli, body, "rule_ids", args, "--rule") < 0)
			return api_oom();
	} else {
		status = make_rules(cli, args, &body);
	}
	if (status != CLI_OK)
		return status;
	if (body_set(cli, body, "flows", args, "--flows") < 0)
		return api_oom();
	status = api_change(cli, "DELETE", path, TAKE_PTR(body), 0, &reply);
	return status != CLI_OK ? status : print_reply(cli, reply, "revoked");
}

#define PARAM_PEERS                                                                                        \
	{"--cidr", VALUE_TEXT, PARAM_ONE_OF | PARAM_REPEAT, "CIDR", "peer: these IPv4 or IPv6 addresses"}, \
		{"--sg", VALUE_SG, PARAM_ONE_OF | PARAM_REPEAT, "SG", "peer: the members of this group"},  \
	{                                                                                                  \
		"--prefix-list", VALUE_PREFIX_LIST, PARAM_ONE_OF | PARAM_REPEAT, "PL",                     \
			"peer: the entries of this prefix list"                                            \
	}

static const struct param authorize_params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED, NULL, "the group: id or name"},
	{"DIRECTION", VALUE_DIRECTION, PARAM_REQUIRED, NULL, "ingress or egress"},
	{"PROTO", VALUE_PROTOCOL, PARAM_REQUIRED, NULL, "tcp, udp, icmp, icmpv6, a number, or all"},
	{"PORTS", VALUE_TEXT, 0, NULL, "443, 8000-8999, http, several as 80,443, or all; for icmp TYPE[/CODE]"},
	PARAM_PEERS,
	{"--description", VALUE_FREE, 0, "TEXT", "what the rules are for"},
	{"--expires-in", VALUE_NUMBER, 0, "SECONDS", "vpcd revokes the rules then, and cuts what they alone allowed"},
	PARAM_TAGS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param revoke_params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED, NULL, "the group: id or name"},
	{"DIRECTION", VALUE_DIRECTION, 0, NULL, "ingress or egress"},
	{"PROTO", VALUE_PROTOCOL, 0, NULL, "tcp, udp, icmp, icmpv6, a number, or all"},
	{"PORTS", VALUE_TEXT, 0, NULL, "443, 8000-8999, http, several as 80,443, or all; for icmp TYPE[/CODE]"},
	PARAM_PEERS,
	{"--rule", VALUE_RULE, PARAM_ONE_OF | PARAM_REPEAT, "SGR", "the rule with this id; several may follow"},
	PARAM_FLOWS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command sg_authorize_command = {
	.noun = "sg",
	.verb = "authorize",
	.summary = "allow traffic, from the moment when the command returns",
	.params = authorize_params,
	.usage = "SG ingress|egress PROTO [PORTS|TYPE[/CODE]] (--cidr C | --sg SG | --prefix-list PL)... "
		 "[--description TEXT] [--expires-in SECONDS]",
	.notes = "Several peers and ports make several rules, all in force at the same moment. ingress: what peers may "
		 "open to "
		 "the\n"
		 "group's members; egress: what the members may open. Answers are allowed by themselves.",
	.example = "vpcctl sg authorize web ingress tcp 443 --cidr 0.0.0.0/0 --cidr ::/0\n"
		   "vpcctl sg authorize web ingress tcp 80,443 --sg clients\n"
		   "vpcctl sg authorize db ingress tcp 5432 --sg web\n"
		   "vpcctl sg authorize web ingress icmp 8/0 --cidr 10.0.0.0/16",
	.run = run_authorize,
};
const struct command sg_revoke_command = {
	.noun = "sg",
	.verb = "revoke",
	.summary = "revoke rules, and cut the flows that only they allowed",
	.params = revoke_params,
	.usage = "SG ingress|egress PROTO [PORTS|TYPE[/CODE]] (--cidr C | --sg SG | --prefix-list PL)... "
		 "[--flows cut|keep|drain=S]\n"
		 "SG --rule SGR... [--flows cut|keep|drain=S]",
	.notes = "Established flows that nothing else allows end with their next packet; --flows drain=SECONDS gives "
		 "them\n"
		 "that long, --flows keep lets them run on and refuses new ones only.",
	.example = "vpcctl sg revoke web ingress tcp 443 --cidr 0.0.0.0/0\n"
		   "vpcctl sg revoke web --rule sgr-0123456789abcdef0 --flows drain=30",
	.run = run_revoke,
};
