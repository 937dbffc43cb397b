/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds of resources, and the verbs that all kinds share. The file of a kind has tables alone: its struct resource, the
 * parameters of `create`, and its commands (subnet.c is the shortest).
 */
#ifndef CLI_RESOURCE_H
#define CLI_RESOURCE_H

#include <vpc/kinds.h>

#include "cli/lib/args.h"
#include "cli/lib/cli.h"
#include "cli/lib/output.h"
#include "cli/vpcctl/body.h"

struct resource {
	enum object_kind kind; /* what it is called: kind_of() */
	const struct field *columns;
	size_t n_columns;
	size_t list_width; /* of a list's lines; 0: as wide as they are */
	const struct field *fields;
	size_t n_fields;
	/* NULL, or prints what doesn't fit the fields. Returns an exit status. */
	int (*details)(struct cli *cli, const json_t *object);
	const struct body_field *create; /* the body of `create` */
};

/*
 * Each resource of kinds.def has a file that defines symbol_resource and symbol_commands, which ends with NULL.
 * resource.c has its noun, and the parameters of its list, show and delete: those of a kind whose names are not unique
 * on the host have --vpc. The first parameter of show and delete takes one or several ids or names.
 */
#define RESOURCE(SYMBOL, symbol, ...)                           \
	extern const struct resource symbol##_resource;         \
	extern const struct command *const symbol##_commands[]; \
	extern const char symbol##_noun[];                      \
	extern const struct param symbol##_list_params[], symbol##_show_params[], symbol##_delete_params[];
#include <vpc/kinds.def>

/* All kinds, ends with NULL (commands.c). */
extern const struct resource *const cli_resources[];

/* The verbs, as members of a struct command. The rest of it is summary, example, and the parameters of `create`. */
#define RESOURCE_VERB(symbol, verb_, run_) \
	.noun = symbol##_noun, .verb = (verb_), .resource = &symbol##_resource, .run = (run_)
#define RESOURCE_CREATE(symbol) RESOURCE_VERB(symbol, "create", resource_create)
#define RESOURCE_LIST(symbol)	RESOURCE_VERB(symbol, "list", resource_list), .params = symbol##_list_params
#define RESOURCE_SHOW(symbol)	RESOURCE_VERB(symbol, "show", resource_show), .params = symbol##_show_params
#define RESOURCE_DELETE(symbol) RESOURCE_VERB(symbol, "delete", resource_delete), .params = symbol##_delete_params

/* What the verbs run, of the command's resource. The objects are those that the command's first parameter names. */
int resource_create(struct cli *cli, const struct args *args);
int resource_list(struct cli *cli, const struct args *args);
int resource_show(struct cli *cli, const struct args *args);
int resource_delete(struct cli *cli, const struct args *args);

/* The body of `create` for what has a name, a VPC and tags. */
extern const struct body_field resource_create_in_vpc[];

/* As resource_create(), with a body of these fields. */
int resource_create_with(struct cli *cli, const struct args *args, const struct body_field *fields);

/* A change of what belongs to the one object that the command names: METHOD /v1/path/object/part. Prints the object.
 * body is consumed; NULL: none. */
int resource_change_part(struct cli *cli, const struct args *args, const char *method, const char *part, json_t *body);

/* The same, with a body of these fields. */
int resource_change_part_with(struct cli *cli, const struct args *args, const char *method, const char *part,
			      const struct body_field *fields);

/* The change "noun.verb" of each object that the command names, as one transaction: all are done, or none. *ret: the
 * reply. */
int resource_change_all(struct cli *cli, const struct args *args, const char *verb, json_t **ret);

/* Prints an object, or the object that a change made. */
int resource_print(struct cli *cli, const struct resource *r, const json_t *object, bool changed);
/* Prints that an object was deleted. deleted: {"id", …}; ref: how the user called it. */
int resource_print_deleted(struct cli *cli, const struct resource *r, const char *ref, const json_t *deleted);
/* Prints what one transaction did to all objects that the command names: done ("deleted"), and for each its result in
 * the reply. */
int resource_print_all(struct cli *cli, const struct resource *r, const struct args *args, const char *done,
		       const json_t *reply);

/* The path of a resource at a revision (NULL: now). Owned; NULL: out of memory, or path is NULL. */
char *resource_path_at(const char *path, const char *revision);

/* Parameters that several commands take. */
#define PARAM_AT                                                                  \
	{                                                                         \
		"--at", VALUE_NUMBER, 0, "REVISION", "as it was at that revision" \
	}
#define PARAM_VPC_SCOPE                                                              \
	{                                                                            \
		"--vpc", VALUE_VPC, 0, "VPC", "the VPC in which names are looked up" \
	}
#define PARAM_OF_VPC                                                            \
	{                                                                       \
		"--vpc", VALUE_VPC, 0, "VPC", "its VPC (default: the only one)" \
	}
#define PARAM_SUBNETS                                                                                \
	{                                                                                            \
		"SUBNET", VALUE_SUBNET, PARAM_REQUIRED | PARAM_REPEAT, NULL, "subnets: ids or names" \
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
