/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl flow list, flow cut */
#include "cli/lib/flow.h"

#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/http.h"
#include "cli/lib/output.h"
#include "cli/lib/yaml.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

/* --- list --------------------------------------------------------------------------------------------------------- */

/* Rows that are lined up with one another. A table of all flows of a busy host would take a gigabyte. */
#define ROWS_A_TABLE 1000u

struct listing {
	struct cli *cli;
	struct table *table;
	unsigned rows;
	bool titled;
	bool limited; /* vpcd has more flows */
	unsigned long long n;
};

static int print_table(struct listing *l)
{
	int r;

	if (!l->table && !l->titled) { /* no flow: the titles alone */
		l->table = table_new();
		if (l->table)
			flow_columns(l->table, true);
	}
	r = l->table ? table_print(l->table, l->cli->list_width, l->cli->colour) : 0;
	table_free(l->table);
	l->table = NULL;
	l->titled = true;
	l->rows = 0;
	return r < 0 || fflush(stdout) != 0 ? -1 : 0;
}

static int print_row(struct listing *l, const json_t *flow)
{
	if (!l->table) {
		l->table = table_new();
		if (!l->table)
			return -1;
		flow_columns(l->table, !l->titled);
	}
	flow_row(l->table, flow);
	return ++l->rows < ROWS_A_TABLE ? 0 : print_table(l);
}

/* "tcp 10.0.0.1:4711 10.0.1.4:443": flows have no id of their own. */
static int print_tuple(const json_t *flow)
{
	_cleanup_free_ char *src = flow_end_text(flow, "src"), *dst = flow_end_text(flow, "dst");

	return src && dst ? printf("%s %s %s\n", json_member_text(flow, "protocol") ?: "", src, dst) : -1;
}

static int print_flow(struct listing *l, const char *line, size_t length)
{
	_cleanup_json_ json_t *flow = NULL;

	l->n++;
	if (l->cli->output == OUTPUT_JSON)
		return printf("%s%.*s", l->n > 1 ? ",\n" : "\n", (int)length, line);
	flow = json_loadb(line, length, 0, NULL);
	if (!flow)
		return -1;
	if (l->cli->output == OUTPUT_YAML) {
		_cleanup_json_ json_t *item = json_pack("[O]", flow);

		return item ? yaml_write(stdout, item) : -1;
	}
	return l->cli->output == OUTPUT_ID ? print_tuple(flow) : print_row(l, flow);
}

/* The reply has a flow on each line, between a first and a last one. Not 0: stdout can't be written. */
static int on_line(const char *line, void *userdata)
{
	struct listing *l = userdata;
	size_t length = strlen(line);

	if (strncmp(line, "{\"flows\"", 8) == 0)
		return l->cli->output == OUTPUT_JSON && putchar('[') < 0;
	if (line[0] == ']') {
		l->limited = strstr(line, "\"complete\":false") != NULL;
		return 0;
	}
	if (length && line[length - 1] == ',')
		length--;
	return print_flow(l, line, length) < 0;
}

static int end_list(struct listing *l)
{
	if (l->cli->output == OUTPUT_JSON)
		puts(l->n ? "\n]" : "]");
	else if (l->cli->output == OUTPUT_YAML && !l->n)
		puts("[]");
	else if (l->cli->output == OUTPUT_TABLE && (l->rows || !l->titled) && print_table(l) < 0)
		return api_oom();
	if (l->limited)
		fprintf(stderr, "vpcctl: there are more flows than the %llu shown; --limit was reached\n", l->n);
	return CLI_OK;
}

/* "/v1/flows?eni=web1&port=443". Owned; NULL: out of memory. */
static char *list_path(const struct cli *cli, const struct args *args)
{
	static const char *const options[] = {"--eni", "--peer", "--protocol", "--port", "--state", "--limit"};
	const char *between = "?";
	char *path = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&path, &size);

	if (!f)
		return NULL;
	fputs("/v1/flows", f);
	for (size_t i = 0; i <= ARRAY_SIZE(options); i++) {
		bool scope = i == ARRAY_SIZE(options);
		const char *value = scope ? cli->scope : args_get(args, options[i]);
		_cleanup_free_ char *text = value ? http_encode(i == 0 ? api_alias(cli, value) : value) : NULL;

		if (!text)
			continue;
		fprintf(f, "%s%s=%s", between, scope ? "vpc" : options[i] + 2, text);
		between = "&";
	}
	if (fclose(f) != 0) {
		free(path);
		return NULL;
	}
	return path;
}

static int run_list(struct cli *cli, const struct args *args)
{
	struct listing l = {.cli = cli};
	_cleanup_free_ char *path = list_path(cli, args);
	int status;

	status = api_lines(cli, path, on_line, &l);
	if (status == CLI_OK)
		status = end_list(&l);
	table_free(l.table);
	return status;
}

#define PARAM_PEER                                                                                         \
	{                                                                                                  \
		"--peer", VALUE_TEXT, 0, "IP", "only flows with this address at the other end; a CIDR too" \
	}
#define PARAM_FLOW_PROTOCOL                                                                               \
	{                                                                                                 \
		"--protocol", VALUE_PROTOCOL, 0, "P", "only flows of tcp, udp, icmp, icmpv6, or a number" \
	}
#define PARAM_FLOW_PORT                                                                                 \
	{                                                                                               \
		"--port", VALUE_NUMBER, 0, "N", "only flows of tcp or udp with this port at either end" \
	}

static const struct param list_params[] = {
	{"--eni", VALUE_ENI, 0, "ENI", "only flows of this network interface"},
	PARAM_PEER,
	PARAM_FLOW_PROTOCOL,
	PARAM_FLOW_PORT,
	{"--state", VALUE_FLOW_STATE, 0, "STATE",
	 "only flows in these states, with commas between; all: those that are cut too"},
	{"--limit", VALUE_NUMBER, 0, "N", "at most so many flows"},
	{"--vpc", VALUE_VPC, 0, "VPC", "only flows of this VPC; names are looked up in it"},
	PARAMS_END,
};

const struct command flow_list_command = {
	.noun = "flow",
	.verb = "list",
	.summary = "list flows, with their state, age, packets and bytes, and the rules that allowed them",
	.params = list_params,
	.notes =
		"FROM is the end that opened the flow, SENT what it has sent in whole frames, RECEIVED what came back. "
		"They\n"
		"are counted in VPCs with a flow log or with vpcctl vpc set VPC --count-flows on. A + behind them says "
		"that\n"
		"the flow is older than the counting, or that packets weren't counted. ICMP isn't counted by flow.\n"
		"OUTSIDE is how the world sees a flow that is translated. The list is printed as it is read: a flow "
		"that\n"
		"changes its state meanwhile may come twice or not at all.",
	.example = "vpcctl flow list --eni web1 --protocol tcp --port 443\n"
		   "vpcctl flow list --vpc prod --state established --limit 100",
	.run = run_list,
};

/* --- cut ---------------------------------------------------------------------------------------------------------- */

static int run_cut(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	const char *port = args_get(args, "--port");
	json_t *body = json_pack("{s:s,s:s*,s:s*,s:s*}", "eni_id", api_alias(cli, args_get(args, "--eni")), "peer",
				 args_get(args, "--peer"), "protocol", args_get(args, "--protocol"), "vpc", cli->scope);
	int status;

	if (!body || (port && json_object_set_new(body, "port", json_integer(strtol(port, NULL, 10))) < 0)) {
		json_decref(body);
		return api_oom();
	}
	status = api_change(cli, "POST", "/v1/flows/cut", body, 0, &reply);
	if (status != CLI_OK)
		return status;
	if (cli->output == OUTPUT_ID) {
		size_t i;
		json_t *flow;

		json_array_foreach (json_object_get(reply, "cut_flows"), i, flow)
			if (print_tuple(flow) < 0)
				return api_oom();
		return CLI_OK;
	}
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, reply);
	if (json_integer_value(json_object_get(reply, "cut_flows_total")) == 0)
		puts("no flow is like that: nothing was cut");
	output_change(cli, reply);
	return CLI_OK;
}

static const struct param cut_params[] = {
	{"--eni", VALUE_ENI, PARAM_REQUIRED, "ENI", "network interface whose flows are cut"},
	PARAM_PEER,
	PARAM_FLOW_PROTOCOL,
	PARAM_FLOW_PORT,
	PARAM_DRY_RUN,
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

const struct command flow_cut_command = {
	.noun = "flow",
	.verb = "cut",
	.summary = "end flows of a network interface, although rules allow them",
	.params = cut_params,
	.notes = "Packets of both directions are dropped at once. A TCP connection stays cut; a new one may be opened "
		 "if the\n"
		 "rules allow it. Flows of other protocols stay cut until they were silent for 16 minutes.",
	.example = "vpcctl flow cut --eni web1 --peer 10.0.1.4 --protocol tcp --port 443",
	.run = run_cut,
};
