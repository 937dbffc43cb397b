/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/lib/api.h"
#include "cli/lib/output.h"
#include "cli/lib/screen.h"
#include "cli/lib/table.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/explain_change.h"
#include "cli/vpcctl/resource.h"

#define PORT_MAX 65535

/* "443", "8" or "8/0" into port and code of the body. */
static bool put_port(json_t *body, const char *text)
{
	size_t slash = strcspn(text, "/");
	uint64_t port, code;

	if (number_parse_part(text, slash, PORT_MAX, &port) < 0 ||
	    json_object_set_new(body, "port", json_integer((json_int_t)port)) < 0)
		return false;
	if (!text[slash])
		return true;
	return number_parse(text + slash + 1, UINT8_MAX, &code) == 0 &&
	       json_object_set_new(body, "code", json_integer((json_int_t)code)) == 0;
}

static const char *end_text(const json_t *answer, const char *key, char *buf, size_t size)
{
	const json_t *end = json_object_get(answer, key);
	const char *address = json_member_text(end, "address") ?: "?", *eni = json_member_text(end, "eni");

	if (eni)
		snprintf(buf, size, "%s (%s)", eni, address);
	else
		snprintf(buf, size, "%s", address);
	return buf;
}

static int print_steps(struct cli *cli, const json_t *steps)
{
	_cleanup_(table_freep) struct table *t = table_new();
	const json_t *step;
	size_t i;

	if (!t)
		return api_oom();
	table_column(t, NULL, TABLE_LEFT);
	table_column(t, NULL, TABLE_LEFT);
	table_column(t, NULL, TABLE_LEFT);
	table_column(t, NULL, TABLE_LEFT);
	json_array_foreach (steps, i, step) {
		bool drops = strcmp(json_member_text(step, "verdict") ?: "", "drop") == 0;

		table_cell(t, drops ? "DROP" : "ok");
		table_cell(t, json_member_text(step, "packet"));
		table_cellf(t, "%s %s", json_member_text(step, "step") ?: "?",
			    json_member_text(step, "direction") ?: "");
		table_cell(t, json_member_text(step, "text"));
	}
	return table_print(t, cli->list_width, cli->colour) < 0 ? api_oom() : CLI_OK;
}

static void print_nearest(const json_t *steps)
{
	const json_t *step;
	size_t i;

	json_array_foreach (steps, i, step) {
		const json_t *nearest = json_object_get(step, "nearest");
		_cleanup_free_ char *misses = nearest ? output_text(json_object_get(nearest, "misses")) : NULL;

		if (!misses)
			continue;
		if (*misses)
			printf("nearest rule: %s of %s misses in: %s\n", json_member_text(nearest, "rule_id") ?: "?",
			       json_member_text(nearest, "text") ?: "?", misses);
		else
			printf("rule %s of %s would allow it, and isn't in force: see vpcctl verify\n",
			       json_member_text(nearest, "rule_id") ?: "?", json_member_text(nearest, "text") ?: "?");
	}
}

static int print_answer(struct cli *cli, const json_t *answer)
{
	const json_t *steps = json_object_get(answer, "steps"), *commands = json_object_get(answer, "commands"), *c;
	const char *reason = json_member_text(answer, "reason"), *verdict = json_member_text(answer, "verdict") ?: "";
	char from[128], to[128];
	size_t i;
	int status;

	printf("%s from %s to %s: ", json_member_text(answer, "protocol") ?: "?",
	       end_text(answer, "from", from, sizeof(from)), end_text(answer, "to", to, sizeof(to)));
	if (!strcmp(verdict, "elsewhere"))
		printf("it doesn't get there (%s)\n\n", json_member_text(answer, "reason_text") ?: "");
	else if (!strcmp(verdict, "partly"))
		puts("some ports are allowed, others not\n");
	else if (reason)
		printf("the %s is dropped (%s: %s)\n\n", json_member_text(answer, "refused") ?: "packet", reason,
		       json_member_text(answer, "reason_text") ?: "");
	else
		printf("allowed\n\n");
	json_array_foreach (json_object_get(answer, "ports"), i, c)
		printf("ports %s: %s%s%s\n", json_member_text(c, "ports") ?: "?", json_member_text(c, "verdict") ?: "?",
		       json_member_text(c, "reason") ? ": " : "", json_member_text(c, "reason") ?: "");
	if (json_object_get(answer, "ports"))
		printf("\nthe first port that is %s, step by step:\n", reason ? "refused" : "asked about");
	status = print_steps(cli, steps);
	if (reason || !strcmp(verdict, "elsewhere"))
		putchar('\n');
	print_nearest(steps);
	json_array_foreach (commands, i, c)
		printf("to open it: %s\n", json_string_value(c));
	if (reason && json_object_get(answer, "ports") && !json_array_size(commands))
		puts("ask about one of the ports to see what would open it");
	return status;
}

static int ask(struct cli *cli, const struct args *args, json_t **ret)
{
	static const struct {
		const char *key, *param;
	} texts[] = {{"from", "--from"}, {"to", "--to"}, {"protocol", "PROTO"}, {"vpc", "--vpc"}};
	const char *port = args_get(args, "PORT"), *source = args_get(args, "--source-port");
	_cleanup_json_ json_t *body = json_object();
	uint64_t number;
	int r = body ? 0 : -1;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++) {
		const char *text = args_get(args, texts[i].param);

		if (text)
			r = json_object_set_new(body, texts[i].key, json_string(text));
	}
	if (r < 0)
		return api_oom();
	if (port && !put_port(body, port))
		return args_wrong(args, "PORT must be a port from 0 to 65535, or of icmp a TYPE or TYPE/CODE: not '%s'",
				  port);
	if (source && number_parse(source, PORT_MAX, &number) < 0)
		return args_wrong(args, "--source-port must be from 0 to 65535: not '%s'", source);
	if (source && json_object_set_new(body, "source_port", json_integer((json_int_t)number)) < 0)
		return api_oom();
	return api_change(cli, "POST", "/v1/explain", TAKE_PTR(body), 0, ret);
}

/* Exit status 0: the packet and its answer pass. */
static int run(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *answer = NULL;
	int status = CLI_OK;
	bool allowed;

	if (args_get(args, "--change"))
		return explain_change_run(cli, args);
	if (args_get(args, "--prune"))
		return args_wrong(args, "--prune goes with --change");
	if (!args_get(args, "--from") || !args_get(args, "--to") || !args_get(args, "PROTO"))
		return args_wrong(args, "explain needs --from, --to and PROTO, or --change");
	status = ask(cli, args, &answer);
	if (status != CLI_OK)
		return status;
	allowed = strcmp(json_member_text(answer, "verdict") ?: "", "allow") == 0;
	if (cli->output == OUTPUT_TABLE)
		status = print_answer(cli, answer);
	else if (cli->output == OUTPUT_ID)
		puts(json_member_text(answer, "reason") ?: json_member_text(answer, "verdict") ?: "allow");
	else
		status = output_document(cli, answer);
	return status != CLI_OK ? status : allowed ? CLI_OK : CLI_REFUSED;
}

static const struct param params[] = {
	{"--from", VALUE_ENI, 0, "ENI|IP", "who sends: a network interface, or an address"},
	{"--to", VALUE_ENI, 0, "ENI|IP", "who receives"},
	{"PROTO", VALUE_PROTOCOL, 0, NULL, "tcp, udp, icmp, icmpv6 or a number"},
	{"PORT", VALUE_TEXT, 0, NULL, "destination port (default: all); of icmp TYPE or TYPE/CODE (default: echo)"},
	{"--source-port", VALUE_NUMBER, 0, "PORT", "look at the flow from this port too, if it is known"},
	{"--vpc", VALUE_VPC, 0, "VPC", "where names and private addresses are looked up"},
	{"--change", VALUE_FILE, 0, "FILE",
	 "changes as of POST /v1/transactions, or a document as of vpcctl apply; - is standard input"},
	{"--prune", VALUE_FLAG, 0, NULL, "with a document: as vpcctl apply --prune"},
	PARAMS_END,
};

const struct command explain_command = {
	.noun = "explain",
	.summary = "say whether a connection would work, and which rule allows it or what is missing",
	.params = params,
	.usage = "--from ENI|IP --to ENI|IP PROTO [PORT] [--source-port PORT] [--vpc VPC]\n--change FILE [--prune]",
	.notes =
		"The verdict comes from the eBPF maps that packets are judged by. Nothing is sent and nothing changes. "
		"Exit status 0: it works. 1: it doesn't, and the last lines say what would open it. With --change: "
		"what "
		"the changes would newly allow and newly deny between which groups and ports, and which flows they "
		"would cut. The file has the changes, as {changes: [...]} or as a list, or it is a document, of which "
		"vpcctl apply would make them.",
	.example = "vpcctl explain --from web1 --to db1 tcp 5432\n"
		   "vpcctl explain --from 198.51.100.7 --to web1 tcp 443\n"
		   "vpcctl explain --from web1 --to 10.0.2.9 icmp\n"
		   "vpcctl explain --change prod.yaml\n"
		   "vpcctl explain --change changes.json",
	.run = run,
};
