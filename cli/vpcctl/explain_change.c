/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain --change: what a set of changes would newly allow and newly deny. */
#include "cli/vpcctl/explain_change.h"

#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/flow.h"
#include "cli/lib/output.h"
#include "cli/lib/table.h"
#include "cli/vpcctl/document.h"

/* "group app (web1, web2, …)", "0.0.0.0/0". Owned. */
static char *end_text(const json_t *end)
{
	const char *cidr = json_member_text(end, "cidr");
	_cleanup_free_ char *groups = NULL, *names = NULL;
	long long enis = json_integer_value(json_object_get(end, "enis"));
	char *text = NULL;

	if (cidr)
		return strdup(cidr);
	groups = output_text(json_object_get(end, "security_groups"));
	names = output_text(json_object_get(end, "eni_names"));
	if (asprintf(&text, "group %s (%s%s)", groups ?: "?", names ?: "?",
		     enis > (long long)json_array_size(json_object_get(end, "eni_names")) ? ", …" : "") < 0)
		return NULL;
	return text;
}

static int print_list(struct cli *cli, const json_t *list, const char *title, long long total)
{
	_cleanup_(table_freep) struct table *t = table_new();
	const json_t *reach;
	size_t i;

	printf("%s: %lld\n", title, total);
	if (!json_array_size(list))
		return CLI_OK;
	if (!t)
		return api_oom();
	table_column(t, "FROM", TABLE_LEFT);
	table_column(t, "TO", TABLE_LEFT);
	table_column(t, "IP", TABLE_LEFT);
	table_column(t, "PORTS", TABLE_LEFT);
	json_array_foreach (list, i, reach) {
		_cleanup_free_ char *from = end_text(json_object_get(reach, "from"));
		_cleanup_free_ char *to = end_text(json_object_get(reach, "to"));
		_cleanup_free_ char *ports = output_text(json_object_get(reach, "ports"));

		table_cell(t, from);
		table_cell(t, to);
		table_cellf(t, "v%lld", (long long)json_integer_value(json_object_get(reach, "ip_version")));
		table_cell(t, ports);
	}
	if (table_print(t, cli->list_width, cli->colour) < 0)
		return api_oom();
	putchar('\n');
	return CLI_OK;
}

static int print_answer(struct cli *cli, const json_t *answer)
{
	static const char *const lists[][3] = {{"allowed", "allowed_total", "newly allowed"},
					       {"denied", "denied_total", "newly denied"}};
	struct cli dry = *cli;
	int status = CLI_OK;

	for (size_t i = 0; status == CLI_OK && i < ARRAY_SIZE(lists); i++)
		status = print_list(cli, json_object_get(answer, lists[i][0]), lists[i][2],
				    json_integer_value(json_object_get(answer, lists[i][1])));
	if (!json_is_true(json_object_get(answer, "complete")))
		puts("There is more: looking at everything would have taken too long.");
	if (json_integer_value(json_object_get(answer, "cut_flows_total")) == 0)
		puts("no established flow would be cut");
	/* Nothing was cut: the flows are told as by a dry run. */
	dry.dry_run = true;
	flow_print_cut(&dry, answer);
	return status;
}

static int print(struct cli *cli, json_t *answer)
{
	return cli->output == OUTPUT_TABLE ? print_answer(cli, answer) : output_document(cli, answer);
}

#define PATH "/v1/explain"

/* Of {"changes": […]}, or of the list alone. changes: as text_parse() makes it. */
static int ask_changes(struct cli *cli, const struct args *args, const json_t *changes, json_t **ret)
{
	json_t *plain = text_strip(changes);

	if (args_get(args, "--prune")) {
		json_decref(plain);
		return args_wrong(args, "--prune is for a document, and %s has changes: add those that delete",
				  args_get(args, "--change"));
	}
	if (json_is_array(plain))
		plain = json_pack("{s:o}", "changes", plain);
	return document_send_changes(cli, PATH, plain, ret);
}

/* One try, for the state as it is now. CLI_AGAIN: somebody else was faster. */
static int ask_document(struct cli *cli, const struct args *args, const json_t *document, json_t **ret)
{
	struct document_plan p;
	int status = document_plan(cli, args_get(args, "--change"), document, args_get(args, "--prune"), &p);

	if (status == CLI_OK && json_array_size(p.plan.changes) > 0)
		status = document_send(cli, &p, PATH, NULL, ret);
	else if (status == CLI_OK)
		*ret = json_pack("{s:[],s:i,s:[],s:i,s:b,s:[],s:i,s:I}", "allowed", "allowed_total", 0, "denied",
				 "denied_total", 0, "complete", true, "cut_flows", "cut_flows_total", 0, "revision",
				 (json_int_t)p.revision);
	document_plan_clear(&p);
	return status == CLI_OK && !*ret ? api_oom() : status;
}

int explain_change_run(struct cli *cli, const struct args *args)
{
	const char *file = args_get(args, "--change");
	_cleanup_json_ json_t *text = NULL, *document = NULL, *answer = NULL;
	int status = document_read(file, &text);

	if (status != CLI_OK)
		return status;
	if (json_is_array(text) || json_object_get(text, "changes"))
		status = ask_changes(cli, args, text, &answer);
	else if (json_object_size(text) == (json_object_get(text, TEXT_LINES) != NULL))
		return api_refuse("MissingParameter",
				  "%s is empty: it must have changes: [{op: …}, …], or be a document as vpcctl export "
				  "writes it",
				  file);
	else
		status = document_check(file, text, &document);
	if (status == CLI_OK && document)
		do
			status = ask_document(cli, args, document, &answer);
		while (status == CLI_AGAIN);
	return status == CLI_OK ? print(cli, answer) : status;
}
