/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl status */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/resource.h"

static const struct field fields[] = {
	{"instance", "instance", TABLE_LEFT, NULL},   {"version", "version", TABLE_LEFT, NULL},
	{"health", "health", TABLE_LEFT, NULL},	      {"engine", "engine", TABLE_LEFT, NULL},
	{"fast path", "fast_path", TABLE_LEFT, NULL}, {"attach mode", "attach_mode", TABLE_LEFT, NULL},
	{"kernel", "kernel", TABLE_LEFT, NULL},	      {"revision", "revision", TABLE_LEFT, NULL},
	{"epoch", "epoch", TABLE_LEFT, NULL},
};

static bool is_field(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].key, key))
			return true;
	return !strcmp(key, "pending") || !strcmp(key, "limits") || !strcmp(key, "counts");
}

/* What this vpcctl doesn't know yet is shown all the same. */
static void print_others(const json_t *status)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)status, key, value) /* only reads, but takes no const */
	{
		_cleanup_free_ char *text = is_field(key) ? NULL : output_text(value);

		if (text)
			printf("%s: %s\n", key, *text ? text : "-");
	}
}

static void count_row(struct table *t, const char *key, const json_t *count, const json_t *limit)
{
	_cleanup_free_ char *in_use = output_text(count), *most = output_text(limit);

	table_cell(t, key);
	table_cell(t, in_use);
	table_cell(t, most);
}

/* Counts beside the limits of the same name. */
static int print_counts(struct cli *cli, const json_t *counts, const json_t *limits)
{
	_cleanup_(table_freep) struct table *t = table_new(3);
	const char *key;
	json_t *value;

	if (!t)
		return api_oom();
	table_column(t, 0, "WHAT", TABLE_LEFT);
	table_column(t, 1, "IN USE", TABLE_RIGHT);
	table_column(t, 2, "LIMIT", TABLE_RIGHT);
	json_object_foreach ((json_t *)counts, key, value)
		count_row(t, key, value, json_object_get(limits, key));
	json_object_foreach ((json_t *)limits, key, value) {
		if (!json_object_get(counts, key))
			count_row(t, key, NULL, value);
	}
	putchar('\n');
	return table_print(t, stdout, true, cli->colour) < 0 ? api_oom() : CLI_OK;
}

static int run(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *status = NULL;
	json_t *entry;
	size_t i;
	int r = api_get(cli, "/v1/status", &status);

	(void)args;
	if (r != CLI_OK)
		return r;
	if (cli->output == OUTPUT_ID) {
		puts(json_string_value(json_object_get(status, "instance")) ?: "");
		return CLI_OK;
	}
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, status);
	r = output_fields(cli, status, fields, ARRAY_SIZE(fields));
	print_others(status);
	json_array_foreach (json_object_get(status, "pending"), i, entry) {
		_cleanup_free_ char *text = output_text(entry);

		printf("still to be done: %s\n", text ? text : "");
	}
	return r != CLI_OK ? r
			   : print_counts(cli, json_object_get(status, "counts"), json_object_get(status, "limits"));
}

static const struct param params[] = {PARAMS_END};

const struct command status_command = {
	.noun = "status",
	.summary = "show how vpcd is: kernel features in use, counts, limits, health",
	.params = params,
	.example = "vpcctl status",
	.run = run,
};
