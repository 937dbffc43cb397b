/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl status */
#include <stdio.h>
#include <string.h>

#include <vpc/kinds.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

static const struct field fields[] = {
	{"instance", "instance", TABLE_LEFT, NULL},   {"version", "version", TABLE_LEFT, NULL},
	{"health", "health", TABLE_LEFT, NULL},	      {"engine", "engine", TABLE_LEFT, NULL},
	{"fast path", "fast_path", TABLE_LEFT, NULL}, {"attach mode", "attach_mode", TABLE_LEFT, NULL},
	{"edge", "edge", TABLE_LEFT, NULL},	      {"kernel", "kernel", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},   {"epoch", "epoch", TABLE_LEFT, NULL},
};

static bool is_field(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].key, key))
			return true;
	return !strcmp(key, "pending") || !strcmp(key, "limits") || !strcmp(key, "counts");
}

/* {"name": {"size": …, "used": …}, …} as a table whose columns are those of all its rows. */
static int print_records(struct cli *cli, const char *title, const json_t *records)
{
	_cleanup_json_ json_t *keys = json_object();
	_cleanup_(table_freep) struct table *t = NULL;
	const char *name, *key;
	json_t *record, *unused;

	json_object_foreach ((json_t *)records, name, record)
		json_object_update(keys, record);
	t = table_new();
	if (!t)
		return api_oom();
	table_column(t, title, TABLE_LEFT);
	json_object_foreach (keys, key, unused)
		table_column(t, key, TABLE_RIGHT);
	json_object_foreach ((json_t *)records, name, record) {
		table_cell(t, name);
		json_object_foreach (keys, key, unused) {
			_cleanup_free_ char *text = output_text(json_object_get(record, key));

			table_cell(t, text);
		}
	}
	putchar('\n');
	return table_print(t, 0, cli->colour) < 0 ? api_oom() : CLI_OK;
}

static bool is_records(const json_t *value)
{
	return json_is_object(json_object_iter_value(json_object_iter((json_t *)value)));
}

/* Shows the members that this vpcctl doesn't know; records: those that are tables, else the others. */
static int print_others(struct cli *cli, const json_t *status, bool records)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)status, key, value) /* only reads, but takes no const */
	{
		_cleanup_free_ char *text = NULL;

		if (is_field(key) || is_records(value) != records)
			continue;
		if (records) {
			int r = print_records(cli, key, value);

			if (r != CLI_OK)
				return r;
			continue;
		}
		text = output_text(value);
		printf("%s: %s\n", key, text && *text ? text : "-");
	}
	return CLI_OK;
}

/* Name of the limit of a count. */
static const char *limit_of(const char *count)
{
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		if (!strcmp(count, kind_of((enum object_kind)kind)->list))
			return kind_of((enum object_kind)kind)->limit;
	return count;
}

static bool is_counted(const json_t *counts, const char *limit)
{
	const char *count;
	json_t *value;

	json_object_foreach ((json_t *)counts, count, value) {
		if (!strcmp(limit_of(count), limit))
			return true;
	}
	return false;
}

static void count_row(struct table *t, const char *key, const json_t *count, const json_t *limit)
{
	_cleanup_free_ char *in_use = output_text(count), *most = output_text(limit);

	table_cell(t, key);
	table_cell(t, in_use);
	table_cell(t, most);
}

/* Counts beside their limits. */
static int print_counts(struct cli *cli, const json_t *counts, const json_t *limits)
{
	_cleanup_(table_freep) struct table *t = table_new();
	const char *key;
	json_t *value;

	if (!t)
		return api_oom();
	table_column(t, "WHAT", TABLE_LEFT);
	table_column(t, "IN USE", TABLE_RIGHT);
	table_column(t, "LIMIT", TABLE_RIGHT);
	json_object_foreach ((json_t *)counts, key, value)
		count_row(t, key, value, json_object_get(limits, limit_of(key)));
	json_object_foreach ((json_t *)limits, key, value) {
		if (!is_counted(counts, key))
			count_row(t, key, NULL, value);
	}
	putchar('\n');
	return table_print(t, 0, cli->colour) < 0 ? api_oom() : CLI_OK;
}

static const char *string_of(const json_t *object, const char *key)
{
	return json_member_text(object, key) ?: "";
}

/* "pending: vpc prod, eni web-1 (eni-…): the namespace has …; since …, next try …". */
static void print_pending(const json_t *entry)
{
	const char *object = string_of(entry, "object"), *eni = string_of(entry, "eni"), *vpc = string_of(entry, "vpc");
	const char *since = string_of(entry, "since"), *retry = string_of(entry, "next_retry");

	printf("pending: %s: ", string_of(entry, "subsystem"));
	if (vpc[0])
		printf("vpc %s%s", vpc, eni[0] ? ", " : " ");
	if (eni[0])
		printf("eni %s ", eni);
	if (object[0])
		printf(vpc[0] || eni[0] ? "(%s): " : "%s: ", object);
	printf("%s", string_of(entry, "reason"));
	if (since[0])
		printf("; since %s", since);
	if (retry[0])
		printf(", next try %s", retry);
	putchar('\n');
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
		puts(json_member_text(status, "instance") ?: "");
		return CLI_OK;
	}
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, status);
	r = output_fields(cli, status, fields, ARRAY_SIZE(fields));
	if (r == CLI_OK)
		r = print_others(cli, status, false);
	json_array_foreach (json_object_get(status, "pending"), i, entry)
		print_pending(entry);
	if (r == CLI_OK)
		r = print_counts(cli, json_object_get(status, "counts"), json_object_get(status, "limits"));
	return r != CLI_OK ? r : print_others(cli, status, true);
}

static const struct param params[] = {PARAMS_END};

const struct command status_command = {
	.noun = "status",
	.summary = "show vpcd's state: health, kernel features in use, counts, limits",
	.params = params,
	.example = "vpcctl status",
	.run = run,
};
