/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl: parse the line by the command table, run the command, say how it went. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpc/paths.h>

#include "cli/lib/cli.h"
#include "cli/lib/help.h"
#include "cli/lib/http.h"
#include "cli/vpcctl/hint.h"

static enum cli_output parse_output(const char *text)
{
	static const char *const names[] = {
		[OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml", [OUTPUT_ID] = "id"};

	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i]))
			return (enum cli_output)i;
	return OUTPUT_TABLE;
}

static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

/* -o, --socket and the like say nothing of the change. */
static bool is_global(const struct param *param)
{
	for (const struct param *p = cli_globals; p->name; p++)
		if (p == param)
			return true;
	return false;
}

/* Tells vpcd what was asked for, for its history. */
static void name_command(struct http *h, const struct args *args)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	fputs(args->command->noun, f);
	if (args->command->verb)
		fprintf(f, " %s", args->command->verb);
	for (size_t i = 0; i < args->n; i++) {
		const char *name = args->values[i].param->name, *value = args->values[i].value;

		if (is_global(args->values[i].param))
			continue;
		if (name[0] == '-')
			fprintf(f, " %s", name);
		if (value[0])
			fprintf(f, " %s", value);
	}
	if (fclose(f) == 0)
		http_set_command(h, text);
}

static int run_command(const struct args *args)
{
	const char *environment = getenv("VPCD_SOCKET");
	const char *option = args_get(args, "--socket"), *output = args_get(args, "-o");
	const char *format = output ? output : args_get(args, "--output");
	struct cli cli = {
		.refusals = &hint_refusals,
		.socket = option			? option
			  : environment && *environment ? environment
							: VPCD_SOCKET,
		.output = parse_output(format),
		.wide = format && !strcmp(format, "wide"),
		.colour = wants_colour(),
		.scope = args_get(args, "--vpc"),
		.dry_run = args_get(args, "--dry-run"),
	};
	int status;

	if (http_new(cli.socket, &cli.http) < 0) {
		fputs("vpcctl: out of memory\n", stderr);
		return CLI_REFUSED;
	}
	name_command(cli.http, args);
	/* each time one more ENI is known that was called by its address, its container's name or a short id */
	do
		status = args->command->run(&cli, args);
	while (status == CLI_AGAIN);
	json_decref(cli.aliases);
	json_decref(cli.names);
	json_decref(cli.processes);
	json_decref(cli.vmms);
	http_free(cli.http);
	return status;
}

int main(int argc, char **argv)
{
	struct args args;
	int status;

	/* widths of characters: UTF-8 even where no locale was set */
	setlocale(LC_ALL, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	status = args_parse(argc, argv, &args);
	if (status == CLI_OK && args.version)
		puts("vpcctl " VPCD_VERSION);
	else if (status == CLI_OK && args.help)
		help_print(stdout, &args);
	else if (status == CLI_OK)
		status = run_command(&args);
	args_clear(&args);
	/* a full disk, not a reader that went away (which has ended us by SIGPIPE, or monitor by itself) */
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE && status == CLI_OK) {
		fprintf(stderr, "vpcctl: cannot write the output: %s\n", strerror(errno));
		status = CLI_REFUSED;
	}
	return status;
}
