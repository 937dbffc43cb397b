/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kinds of resources, and the verbs that all kinds share. */
#ifndef CLI_RESOURCE_H
#define CLI_RESOURCE_H

#include <vpc/kinds.h>

#include "cli/lib/args.h"
#include "cli/lib/cli.h"
#include "cli/lib/output.h"

struct resource {
	enum object_kind kind; /* what it is called: kind_of() */
	const struct field *columns;
	size_t n_columns;
	size_t list_width; /* of a list's lines; 0: as wide as they are */
	const struct field *fields;
	size_t n_fields;
	/* NULL, or prints what doesn't fit the fields. Returns an exit status. */
	int (*details)(struct cli *cli, const json_t *object);
};

/* Each resource of kinds.def has a file that defines these. Commands end with NULL. */
#define RESOURCE(SYMBOL, symbol, ...)                   \
	extern const struct resource symbol##_resource; \
	extern const struct command *const symbol##_commands[];
#include <vpc/kinds.def>

/* All kinds, ends with NULL (commands.c). */
extern const struct resource *const cli_resources[];

/* The verbs; ref: an id or a name. body is consumed. */
int resource_list(struct cli *cli, const struct resource *r);
/* name: the parameter that names one or several of them. */
int resource_show(struct cli *cli, const struct resource *r, const struct args *args, const char *name);
int resource_create(struct cli *cli, const struct resource *r, json_t *body);
int resource_delete(struct cli *cli, const struct resource *r, const struct args *args, const char *name);

/* Prints an object, or the object that a change made. */
int resource_print(struct cli *cli, const struct resource *r, const json_t *object, bool changed);
/* Prints that an object was deleted. deleted: {"id", …}; ref: how the user called it. */
int resource_print_deleted(struct cli *cli, const struct resource *r, const char *ref, const json_t *deleted);

/* The same of several that one transaction deleted: its reply, with a result for each value of the parameter. */
int resource_print_all_deleted(struct cli *cli, const struct resource *r, const struct args *args, const char *name,
			       const json_t *reply);

/* Sets body[key] to the option's value, if it was given. The list form takes every value. -1: out of memory. */
int body_set(json_t *body, const char *key, const struct args *args, const char *option);
int body_set_number(json_t *body, const char *key, const struct args *args, const char *option);
int body_set_list(json_t *body, const char *key, const struct args *args, const char *option);
/* {"K": "V"} from K=V values. */
int body_set_tags(json_t *body, const char *key, const struct args *args, const char *option);

/* Sets vpc_id to --vpc, or without it to the only VPC there is. Returns an exit status. */
int body_set_vpc(struct cli *cli, json_t *body, const struct args *args);

/* Parameters that several commands take. */
#define PARAM_VPC_SCOPE                                                              \
	{                                                                            \
		"--vpc", VALUE_VPC, 0, "VPC", "the VPC in which names are looked up" \
	}
#define PARAM_TAGS                                                     \
	{                                                              \
		"--tag", VALUE_TAG, PARAM_REPEAT, "KEY=VALUE", "a tag" \
	}
#define PARAM_DRY_RUN                                                                          \
	{                                                                                      \
		"--dry-run", VALUE_FLAG, 0, NULL, "check and reply, without changing anything" \
	}
#define PARAM_FLOWS                                                                         \
	{                                                                                   \
		"--flows", VALUE_FLOWS, 0, "cut|keep|drain=SECONDS",                        \
			"what happens to flows that no rule allows any more (default: cut)" \
	}
#define PARAMS_END \
	{          \
		0  \
	}

#endif
