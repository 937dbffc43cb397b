/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/help.h"

#include <string.h>

#include "cli/lib/cli.h"

static bool is_shown(const struct param *p, bool options)
{
	return !(p->flags & PARAM_HIDDEN) && (p->name[0] == '-') == options;
}

static void print_param(FILE *f, const struct param *p)
{
	fputs(p->name, f);
	if (p->metavar)
		fprintf(f, " %s", p->metavar);
}

/* "(--cidr CIDR | --sg SG)..." for the parameters of which one is needed. */
static void print_one_of(FILE *f, const struct param *params)
{
	const char *between = " (";
	bool repeats = false;

	for (const struct param *p = params; p->name; p++) {
		if (!(p->flags & PARAM_ONE_OF))
			continue;
		fputs(between, f);
		print_param(f, p);
		between = " | ";
		repeats = p->flags & PARAM_REPEAT;
	}
	fputs(repeats ? ")..." : ")", f);
}

static void print_command_name(FILE *f, const struct command *c)
{
	fprintf(f, "vpcctl %s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
}

void help_usage(FILE *f, const struct command *c, const char *indent)
{
	bool one_of_done = false;

	if (c->usage) {
		for (const char *line = c->usage; line && *line; line = *line ? line + 1 : line) {
			size_t length = strcspn(line, "\n");

			fputs(indent, f);
			print_command_name(f, c);
			fprintf(f, " %.*s\n", (int)length, line);
			line += length;
			if (!*line)
				break;
		}
		return;
	}
	fputs(indent, f);
	print_command_name(f, c);
	for (int options = 0; options < 2; options++) {
		for (const struct param *p = c->params; p->name; p++) {
			if (!is_shown(p, options))
				continue;
			if (p->flags & PARAM_ONE_OF) {
				if (!one_of_done)
					print_one_of(f, c->params);
				one_of_done = true;
				continue;
			}
			fputs(p->flags & PARAM_REQUIRED ? " " : " [", f);
			print_param(f, p);
			fputs(p->flags & PARAM_REQUIRED ? "" : "]", f);
			fputs(p->flags & PARAM_REPEAT ? "..." : "", f);
		}
	}
	fputc('\n', f);
}

static void print_params(FILE *f, const char *title, const struct param *params, bool options)
{
	for (const struct param *p = params; p->name; p++) {
		int width;

		if (!is_shown(p, options))
			continue;
		if (title)
			fprintf(f, "\n%s\n", title);
		title = NULL;
		width = fprintf(f, "  %s%s%s", p->name, p->metavar ? " " : "", p->metavar ? p->metavar : "");
		fprintf(f, "%*s%s%s\n", width < 24 ? 24 - width : 2, "", p->help,
			p->flags & PARAM_REPEAT && options ? " (repeatable)" : "");
	}
}

static void print_lines(FILE *f, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		fprintf(f, "  %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void print_command(FILE *f, const struct command *c)
{
	fprintf(f, "%s\n\nUsage:\n", c->summary);
	help_usage(f, c, "  ");
	if (c->notes)
		fprintf(f, "\n%s\n", c->notes);
	print_params(f, "Arguments:", c->params, false);
	print_params(f, "Options:", c->params, true);
	print_params(f, "Options of every command:", cli_globals, true);
	fputs("\nExample:\n", f);
	print_lines(f, c->example);
}

static void print_noun(FILE *f, const char *noun)
{
	fputs("Usage:\n", f);
	for (size_t i = 0; cli_command(i); i++)
		if (!strcmp(cli_command(i)->noun, noun))
			help_usage(f, cli_command(i), "  ");
	fprintf(f, "\nvpcctl %s VERB --help explains one, with an example.\n", noun);
}

/* Of the longest command. */
static int name_width(void)
{
	size_t widest = 0;

	for (size_t i = 0; cli_command(i); i++) {
		const struct command *c = cli_command(i);
		size_t width = strlen(c->noun) + (c->verb ? 1 + strlen(c->verb) : 0);

		if (width > widest)
			widest = width;
	}
	return (int)widest;
}

static void print_program(FILE *f)
{
	const char *noun = "";
	int width = name_width();

	fputs("vpcctl: private networks with security groups on this host\n\n"
	      "Usage: vpcctl [--socket PATH] [-o table|json|yaml|id] COMMAND ...\n\nCommands:\n",
	      f);
	for (size_t i = 0; cli_command(i); i++) {
		const struct command *c = cli_command(i);
		char name[64];

		if (i > 0 && c->verb && strcmp(noun, c->noun) != 0)
			fputc('\n', f);
		else if (i > 0 && !c->verb && cli_command(i - 1)->verb)
			fputc('\n', f);
		noun = c->noun;
		snprintf(name, sizeof(name), "%s %s", c->noun, c->verb ? c->verb : "");
		fprintf(f, "  %-*s  %s\n", width, name, c->summary);
	}
	print_params(f, "Options of every command:", cli_globals, true);
	fputs("\nExample: a web server that the world may reach, on port 443 only\n"
	      "  vpcctl vpc create prod --cidr 10.0.0.0/16\n"
	      "  vpcctl subnet create app --vpc prod --cidr 10.0.1.0/24\n"
	      "  vpcctl sg create web --vpc prod\n"
	      "  vpcctl attach web1 --subnet app --sg web --netns web1\n"
	      "  vpcctl sg authorize web ingress tcp 443 --cidr 0.0.0.0/0\n\n"
	      "vpcctl COMMAND --help explains a command. Exit status: 0 done, 1 refused, 2 wrong usage, 3 no daemon.\n",
	      f);
}

void help_print(FILE *f, const struct args *args)
{
	if (args->command)
		print_command(f, args->command);
	else if (args->noun)
		print_noun(f, args->noun);
	else
		print_program(f);
}

void help_hint(FILE *f, const struct args *args)
{
	if (args->command) {
		fputs("usage:\n", f);
		help_usage(f, args->command, "  ");
		fputs("see: ", f);
		print_command_name(f, args->command);
		fputs(" --help\n", f);
	} else {
		fprintf(f, "see: vpcctl %s%s--help\n", args->noun ? args->noun : "", args->noun ? " " : "");
	}
}
