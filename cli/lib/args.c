/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line's parser, driven by the command table. */
#include "cli/lib/args.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/number.h>

#include "cli/lib/cli.h"
#include "cli/lib/help.h"
#include "cli/lib/nearest.h"

static bool check_text(const char *v)
{
	return *v;
}

static bool check_number(const char *v)
{
	uint64_t n;

	return number_parse(v, INT64_MAX, &n) == 0;
}

static bool check_tag(const char *v)
{
	const char *eq = strchr(v, '=');

	return eq && eq != v;
}

static bool check_flows(const char *v)
{
	return !strcmp(v, "cut") || !strcmp(v, "keep") || (!strncmp(v, "drain=", 6) && check_number(v + 6));
}

static bool check_on_off(const char *v)
{
	return !strcmp(v, "on") || !strcmp(v, "off");
}

static bool check_yes_no(const char *v)
{
	return !strcmp(v, "yes") || !strcmp(v, "no");
}

static bool check_direction(const char *v)
{
	return !strcmp(v, "ingress") || !strcmp(v, "egress");
}

static bool check_action(const char *v)
{
	return !strcmp(v, "allow") || !strcmp(v, "deny");
}

static bool check_logged_traffic(const char *v)
{
	return !strcmp(v, "all") || !strcmp(v, "accept") || !strcmp(v, "reject");
}

static bool check_rule_verb(const char *v)
{
	return !strcmp(v, "add") || !strcmp(v, "replace") || !strcmp(v, "delete");
}

static bool check_output(const char *v)
{
	return !strcmp(v, "table") || !strcmp(v, "wide") || !strcmp(v, "json") || !strcmp(v, "yaml") ||
	       !strcmp(v, "id");
}

/* "@vpc @subnet …" after a blank. */
static const char args_resource_words_after_blank[] = ""
#define RESOURCE(SYMBOL, symbol, noun, ...) " @" noun
#include <vpc/kinds.def>
	;
#define args_resource_words (args_resource_words_after_blank + 1)

static const struct {
	const char *words;
	bool (*check)(const char *value);
	const char *text;
} value_types[] = {
#define VALUE(symbol, words, check, text) [VALUE_##symbol] = {words, check, text},
#include "cli/lib/values.def"
};

const char *args_value_words(enum value_type type)
{
	return value_types[type].words;
}

int args_wrong(const struct args *args, const char *format, ...)
{
	va_list ap;

	fputs("vpcctl: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	help_hint(stderr, args);
	return CLI_USAGE;
}

static bool is_option(const struct param *p)
{
	return p->name[0] == '-';
}

static const struct param *find_option(const struct args *args, const char *name, size_t length)
{
	const struct param *const lists[] = {args->command ? args->command->params : NULL, cli_globals};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct param *p = lists[i]; p && p->name; p++)
			if (is_option(p) && strlen(p->name) == length && !strncmp(p->name, name, length))
				return p;
	return NULL;
}

static int add_value(struct args *args, const struct param *p, const char *value)
{
	if (value_types[p->type].check && !*value)
		return args_wrong(args, "%s is empty", p->name);
	/* `sg revoke web sgr-…` */
	if (p->type == VALUE_DIRECTION && !strncmp(value, "sgr-", 4) && find_option(args, "--rule", 6))
		return args_wrong(args, "%s must be ingress or egress; a rule's id goes after --rule: --rule %s",
				  p->name, value);
	if (value_types[p->type].check && !value_types[p->type].check(value))
		return args_wrong(args, "%s must be %s, not '%s'",
				  p->type == VALUE_TAG && !is_option(p) ? "a tag" : p->name, value_types[p->type].text,
				  value);
	if (!(p->flags & PARAM_REPEAT) && p->type != VALUE_FLAG && args_get(args, p->name))
		return args_wrong(args, "%s is given twice", p->name);
	args->values[args->n].param = p;
	args->values[args->n++].value = value;
	return 0;
}

static int no_option(struct args *args, const char *word, size_t length)
{
	const struct param *const lists[] = {args->command ? args->command->params : NULL, cli_globals};
	char name[64];
	struct nearest n = {.word = name};

	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct param *p = lists[i]; p && p->name; p++)
			if (is_option(p) && p->name[1] == '-')
				nearest_try(&n, p->name);
	if (n.found)
		return args_wrong(args, "no option %s; did you mean %s?", name, n.found);
	return args_wrong(args, "no option %s%s", name, args->command ? "" : " before the command");
}

/* argv[*i] is an option; takes its value too, and moves *i to the last word that it used. */
static int parse_option(struct args *args, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *value = NULL;
	size_t length = strlen(word);
	const struct param *p;
	int r;

	if (word[1] == '-') {
		const char *eq = strchr(word, '=');

		if (eq) {
			length = (size_t)(eq - word);
			value = eq + 1;
		}
	} else if (length > 2) { /* -ojson */
		length = 2;
		value = word + 2;
	}
	p = find_option(args, word, length);
	if (!p)
		return no_option(args, word, length);
	if (p->type == VALUE_FLAG) {
		if (value)
			return args_wrong(args, "%s takes no value", p->name);
		if (!strcmp(p->name, "--help") || !strcmp(p->name, "-h"))
			args->help = true;
		if (!strcmp(p->name, "--version"))
			args->version = true;
		return add_value(args, p, "");
	}
	/* `--cidr --sg web`: the value was forgotten; one that does begin so is given as --description=--x */
	if (!value && (*i + 1 >= argc || !strncmp(argv[*i + 1], "--", 2)))
		return args_wrong(args, "%s needs a value: %s", p->name, p->metavar);
	r = add_value(args, p, value ? value : argv[++*i]);
	/* `--rule sgr-1 sgr-2` */
	while (r == 0 && p->type == VALUE_RULE && *i + 1 < argc && !strncmp(argv[*i + 1], "sgr-", 4))
		r = add_value(args, p, argv[++*i]);
	return r;
}

/* What hands type. */
static const char *verb_of(const char *word)
{
	return !strcmp(word, "ls") ? "list" : !strcmp(word, "rm") ? "delete" : word;
}

/* A word that is no command. */
static int no_command(struct args *args, const char *word)
{
	struct nearest n = {.word = word};
	const char *noun = args->noun;

	for (size_t i = 0; cli_command(i); i++) {
		const struct command *c = cli_command(i);

		if (!noun)
			nearest_try(&n, c->noun);
		else if (c->verb && !strcmp(c->noun, noun))
			nearest_try(&n, c->verb);
	}
	if (n.found)
		return args_wrong(args, "no command '%s%s%s'; did you mean '%s%s%s'?", noun ? noun : "",
				  noun ? " " : "", word, noun ? noun : "", noun ? " " : "", n.found);
	return args_wrong(args, "no command '%s%s%s'", noun ? noun : "", noun ? " " : "", word);
}

/* The noun, or the verb after it. */
static int parse_command_word(struct args *args, const char *word)
{
	const char *verb = verb_of(word);
	bool known = false;

	if (!args->noun && !strcmp(word, "help")) {
		args->help = true;
		return 0;
	}
	for (size_t i = 0; cli_command(i); i++) {
		const struct command *c = cli_command(i);

		if (strcmp(c->noun, args->noun ? args->noun : word) != 0)
			continue;
		known = true;
		if (!c->verb || (args->noun && !strcmp(c->verb, verb))) {
			args->noun = c->noun;
			args->command = c;
			return 0;
		}
	}
	if (!known || args->noun)
		return no_command(args, word);
	args->noun = word;
	return 0;
}

static int parse_positional(struct args *args, const char *word, size_t *taken)
{
	size_t i = 0;

	if (!args->command)
		return parse_command_word(args, word);
	for (const struct param *p = args->command->params; p->name; p++) {
		if (is_option(p))
			continue;
		if (i == *taken || p->flags & PARAM_REPEAT) {
			(*taken)++;
			return add_value(args, p, word);
		}
		i++;
	}
	/* `sg list prod` */
	if (args->command->verb && !strcmp(args->command->verb, "list") && find_option(args, "--vpc", 5))
		return args_wrong(args, "'%s' is one argument too many; for those of one VPC: --vpc %s", word, word);
	return args_wrong(args, "'%s' is one argument too many", word);
}

static int check_complete(struct args *args)
{
	size_t one_of = 0;
	bool wants_one = false, repeats = false;

	if (!args->command)
		return args->noun ? args_wrong(args, "%s needs a verb", args->noun) : args_wrong(args, "no command");
	for (const struct param *p = args->command->params; p->name; p++) {
		if (p->flags & PARAM_REQUIRED && !args_get(args, p->name))
			return args_wrong(args, "%s is missing", p->name);
		if (p->flags & PARAM_ONE_OF) {
			wants_one = true;
			repeats = repeats || p->flags & PARAM_REPEAT;
			one_of += args_count(args, p->name);
		}
	}
	if ((wants_one && one_of == 0) || (one_of > 1 && !repeats)) {
		char names[256] = "";

		for (const struct param *p = args->command->params; p->name; p++)
			if (p->flags & PARAM_ONE_OF)
				snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
					 *names ? ", " : "", p->name);
		return args_wrong(args, "%s of %s is needed", repeats ? "at least one" : "exactly one", names);
	}
	return 0;
}

int args_parse(int argc, char **argv, struct args *args)
{
	bool options_end = false;
	size_t taken = 0;
	int r = 0;

	*args = (struct args){0};
	args->values = calloc((size_t)argc + 1, sizeof(*args->values));
	if (!args->values) {
		fputs("vpcctl: out of memory\n", stderr);
		return CLI_REFUSED;
	}
	for (int i = 1; r == 0 && i < argc; i++) {
		const char *word = argv[i];

		if (!options_end && !strcmp(word, "--"))
			options_end = true;
		else if (!options_end && word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]))
			r = parse_option(args, argc, argv, &i);
		else /* "-1" is a protocol */
			r = parse_positional(args, word, &taken);
	}
	if (r != 0 || args->help || args->version)
		return r;
	return check_complete(args);
}

void args_clear(struct args *args)
{
	free(args->values);
	*args = (struct args){0};
}

static bool is_value_of(const struct args *args, size_t i, const char *name)
{
	const struct param *p = args->values[i].param;

	assert(p); /* add_value sets it with each value */
	return !strcmp(p->name, name);
}

const char *args_nth(const struct args *args, const char *name, size_t n)
{
	for (size_t i = 0; i < args->n; i++)
		if (is_value_of(args, i, name) && n-- == 0)
			return args->values[i].value;
	return NULL;
}

const char *args_get(const struct args *args, const char *name)
{
	return args_nth(args, name, 0);
}

size_t args_count(const struct args *args, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < args->n; i++)
		n += is_value_of(args, i, name);
	return n;
}
