/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a command takes, and the parser for it. A command's parameters stand once, in its table: parsing, help, usage
 * hints and bash completion all follow from them.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

enum value_type {
#define VALUE(symbol, words, check, text) VALUE_##symbol,
#include "cli/lib/values.def"
};

/* Words that complete a value. @files, @netns, @users and @<noun> stand for what is found at completion. */
const char *args_value_words(enum value_type type);

enum param_flags {
	PARAM_REQUIRED = 1 << 0,
	PARAM_REPEAT = 1 << 1,
	PARAM_ONE_OF = 1 << 2, /* one of those with this flag is required; only one, unless they repeat */
	PARAM_HIDDEN = 1 << 3, /* accepted, but not in help */
};

/* An option ("--cidr", "-o") or a positional argument ("NAME"). Positional ones are taken in their order. */
struct param {
	const char *name;
	enum value_type type;
	unsigned flags;
	const char *metavar; /* of an option's value; NULL for a flag or a positional */
	const char *help;
};

struct cli;
struct args;
struct resource;

struct command {
	const char *noun;
	const char *verb; /* NULL: the noun alone is the command */
	const char *summary;
	const struct param *params; /* ends with a name of NULL */
	const char *usage;   /* instead of the one made from params; lines of it, each after "vpcctl noun verb " */
	const char *notes;   /* NULL, or a paragraph of help */
	const char *example; /* lines */
	const struct resource *resource; /* whose command it is, or NULL; lib/ doesn't look into it */
	/* Returns an exit status; has printed its error. */
	int (*run)(struct cli *cli, const struct args *args);
};

/* The command table (commands.c), nouns together, in the order of help: the ith command, NULL behind the last. */
const struct command *cli_command(size_t i);
/* Options that every command takes. */
extern const struct param cli_globals[];

/* A parsed command line. Strings are argv's. */
struct args {
	const struct command *command;
	const char *noun; /* set before the command is known, for help on a noun */
	bool help;
	bool version;
	size_t n;
	struct {
		const struct param *param;
		const char *value;
	} * values;
};

/* Fills *args, which args_clear() frees whatever the result. 0; EXIT_USAGE when the line is wrong, after saying so on
 * stderr. With help or version set nothing else is checked. */
int args_parse(int argc, char **argv, struct args *args);
void args_clear(struct args *args);

/* The first value of a parameter, NULL when it wasn't given. A flag's value is "". */
const char *args_get(const struct args *args, const char *name);
/* Its nth value, or NULL. */
const char *args_nth(const struct args *args, const char *name, size_t n);
size_t args_count(const struct args *args, const char *name);
/* Says on stderr what is wrong and how the command is used. Returns EXIT_USAGE. */
__attribute__((__format__(__printf__, 2, 3))) int args_wrong(const struct args *args, const char *format, ...);

#endif
