/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain --change: what a set of changes would newly allow and newly deny. */
#include "cli/vpcctl/explain_change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/flow.h"
#include "cli/lib/output.h"
#include "cli/lib/table.h"

/* {"changes": […]}, or the list alone. *ret: owned. */
static int read_changes(const char *path, json_t **ret)
{
	json_error_t error;
	FILE *f = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
	json_t *json = f ? json_loadf(f, JSON_REJECT_DUPLICATES, &error) : NULL;

	if (!f)
		return api_unreadable(path, errno);
	if (f != stdin)
		fclose(f);
	if (!json)
		return api_refuse("InvalidParameterValue", "%s is not JSON: line %d: %s; mend it there", path,
				  error.line, error.text);
	*ret = json_is_array(json) ? json_pack("{s:o}", "changes", json) : json;
	if (!*ret)
		return api_oom();
	if (json_object_get(*ret, "changes"))
		return CLI_OK;
	json_decref(*ret);
	*ret = NULL;
	return api_refuse("MissingParameter", "%s has no changes: it must be {\"changes\": [{\"op\": …}, …]}", path);
}

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

int explain_change_run(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = NULL, *answer = NULL;
	int status = read_changes(args_get(args, "--change"), &body);

	if (status == CLI_OK)
		status = api_change(cli, "POST", "/v1/explain", TAKE_PTR(body), 0, &answer);
	if (status != CLI_OK)
		return status;
	return cli->output == OUTPUT_TABLE ? print_answer(cli, answer) : output_document(cli, answer);
}
