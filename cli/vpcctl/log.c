/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl log, vpcctl show */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/http.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

/* So many changes of a commit stand in its line. */
#define CHANGES_SHOWN 3

/* "changed vpc prod (mtu, tags)". */
static void print_change(FILE *f, const json_t *change)
{
	const char *name = json_member_text(change, "name"), *id = json_member_text(change, "id");
	const json_t *fields = json_object_get(change, "fields");

	fprintf(f, "%s %s %s", json_member_text(change, "action") ?: "-", json_member_text(change, "kind") ?: "-",
		name && *name ? name
		: id	      ? id
			      : "-");
	if (json_array_size(fields) > 0) {
		_cleanup_free_ char *text = output_text(fields);

		fprintf(f, " (%s)", text ? text : "");
	}
}

static char *changes_text(struct cli *cli, const json_t *entry, const struct field *field)
{
	const json_t *changes = json_object_get(entry, field->key);
	json_int_t total = json_integer_value(json_object_get(entry, "changes_total"));
	char *text = NULL;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);
	json_t *change;

	(void)cli;
	if (!f)
		return NULL;
	json_array_foreach (changes, i, change) {
		if (i == CHANGES_SHOWN)
			break;
		fputs(i ? "; " : "", f);
		print_change(f, change);
	}
	if (total > (json_int_t)i)
		fprintf(f, "; %lld more", (long long)(total - (json_int_t)i));
	return fclose(f) == 0 ? text : NULL;
}

static const struct field columns[] = {
	{"REVISION", "revision", TABLE_RIGHT, NULL},
	{"TIME", "time", TABLE_LEFT, NULL},
	{"UID", "uid", TABLE_RIGHT, NULL},
	{"COMMAND", "command", TABLE_LEFT, NULL},
	{"CHANGE", "changes", TABLE_LEFT, changes_text},
};

static int print_log(struct cli *cli, const json_t *log)
{
	json_t *entry;
	size_t i;

	if (cli->output == OUTPUT_TABLE)
		return output_rows(cli, log, columns, ARRAY_SIZE(columns));
	if (cli->output != OUTPUT_ID)
		return output_document(cli, log);
	json_array_foreach (log, i, entry)
		printf("%lld\n", (long long)json_integer_value(json_object_get(entry, "revision")));
	return CLI_OK;
}

static int run_log(struct cli *cli, const struct args *args)
{
	const char *resource = args_get(args, "RESOURCE"), *limit = args_get(args, "--limit");
	const char *before = args_get(args, "--before");
	_cleanup_free_ char *encoded = http_encode(resource ? resource : "");
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *reply = NULL;
	int status;

	if (!encoded || asprintf(&path, "/v1/log?resource=%s&limit=%s&before=%s", encoded, limit ? limit : "",
				 before ? before : "") < 0)
		path = NULL;
	status = api_get(cli, path, &reply);
	return status != CLI_OK ? status : print_log(cli, json_object_get(reply, "log"));
}

static const struct param log_params[] = {
	{"RESOURCE", VALUE_RESOURCE, 0, NULL, "id or name of a resource, also of one that is gone: what concerns it"},
	{"--limit", VALUE_NUMBER, 0, "N", "at most so many commits (1000)"},
	{"--before", VALUE_NUMBER, 0, "REVISION", "only what came before that revision"},
	PARAMS_END,
};

const struct command log_command = {
	.noun = "log",
	.summary = "show who changed what, newest first",
	.params = log_params,
	.notes = "Each commit has its revision, time, the caller's uid, the command and what it changed. [history] in\n"
		 "vpcd.conf says how many revisions are kept.",
	.example = "vpcctl log web\nvpcctl show web --at 41",
	.run = run_log,
};

/* --- show --- */

static int run_show(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path = api_path(cli, "resources", args_get(args, "RESOURCE"), NULL);
	_cleanup_free_ char *past = resource_path_at(path, args_get(args, "--at"));
	_cleanup_json_ json_t *object = NULL;
	enum object_kind kind;
	int status = api_get(cli, past, &object);

	if (status != CLI_OK)
		return status;
	kind = kind_of_id(json_member_text(object, "id") ?: "");
	for (size_t i = 0; cli_resources[i]; i++)
		if (cli_resources[i]->kind == kind)
			return resource_print(cli, cli_resources[i], object, false);
	return cli->output == OUTPUT_ID ? output_id(object) : output_document(cli, object);
}

static const struct param show_params[] = {
	{"RESOURCE", VALUE_RESOURCE, PARAM_REQUIRED, NULL, "id or name of any resource"},
	PARAM_AT,
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

const struct command show_command = {
	.noun = "show",
	.summary = "show a resource of any kind, also one that is gone",
	.params = show_params,
	.notes =
		"With --at as it was at that revision, by the name or id that it had. `vpcctl log` has the revisions.\n"
		"Without counters: those are not kept.",
	.example = "vpcctl show web --at 41",
	.run = run_show,
};
