/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl events */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/output.h"
#include "cli/lib/screen.h"
#include "cli/lib/yaml.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

struct events {
	struct cli *cli;
	bool ended; /* vpcd said that it ends, and why */
};

static long long number_of(const json_t *json, const char *key)
{
	return (long long)json_integer_value(json_object_get(json, key));
}

static void print_event(FILE *f, const json_t *e)
{
	const char *event = json_member_text(e, "event") ?: "-", *name = json_member_text(e, "name");
	const json_t *fields = json_object_get(e, "fields");

	if (!strcmp(event, "commit")) {
		fprintf(f, "%s revision %lld by uid %lld, pid %lld: %s", json_member_text(e, "time") ?: "-",
			number_of(e, "revision"), number_of(e, "uid"), number_of(e, "pid"),
			json_member_text(e, "command") ?: "-");
		return;
	}
	fprintf(f, "    %s %s %s", json_member_text(e, "action") ?: event, json_member_text(e, "kind") ?: "",
		json_member_text(e, "id") ?: "");
	if (name && *name)
		fprintf(f, " (%s)", name);
	if (json_array_size(fields) > 0) {
		_cleanup_free_ char *text = output_text(fields);

		fprintf(f, ": %s", text ? text : "");
	}
}

static int print_clean(const json_t *event)
{
	_cleanup_free_ char *line = NULL, *clean = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		return -1;
	print_event(f, event);
	if (fclose(f) != 0)
		return -1;
	clean = screen_clean(line);
	return clean ? puts(clean) : -1;
}

/* Not 0: stdout can't be written, since its reader went away. */
static int on_line(const char *line, void *userdata)
{
	struct events *events = userdata;
	_cleanup_json_ json_t *event = json_loads(line, 0, NULL);
	enum cli_output output = events->cli->output;
	int r;

	if (!json_is_object(event))
		return 0;
	if (!strcmp(json_member_text(event, "event") ?: "", "end")) {
		api_refuse(json_member_text(event, "code") ?: "InternalError", "%s",
			   json_member_text(event, "detail") ?: "the stream ended");
		events->ended = true;
		return 1;
	}
	if (output == OUTPUT_JSON)
		r = puts(line);
	else if (output == OUTPUT_YAML)
		r = yaml_write(stdout, event);
	else if (output == OUTPUT_ID)
		r = puts(json_member_text(event, "id") ?: "-");
	else
		r = print_clean(event);
	return r < 0 || fflush(stdout) != 0;
}

static int run(struct cli *cli, const struct args *args)
{
	struct events events = {.cli = cli};
	const char *since = args_get(args, "--since");
	_cleanup_free_ char *path = NULL;
	int status;

	if (asprintf(&path, "/v1/events?since=%s", since ? since : "") < 0)
		path = NULL;
	status = api_stream(cli, path, on_line, &events);
	return events.ended ? CLI_REFUSED : status;
}

static const struct param params[] = {
	{"--since", VALUE_NUMBER, 0, "REVISION", "begin with what came after that revision (default: the newest)"},
	PARAMS_END,
};

const struct command events_command = {
	.noun = "events",
	.summary = "show changes as they are made: who made them, and what they changed",
	.params = params,
	.notes =
		"A line for each commit, and one for each object that it changed, until interrupted; with -o json one\n"
		"JSON object a line. Who was interrupted goes on with --since and the last revision that was read.",
	.example = "vpcctl events --since 41",
	.run = run,
};
