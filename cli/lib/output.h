/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints results on stdout, in the form of -o. Functions return an exit status. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/lib/cli.h"
#include "cli/lib/table.h"

/* One thing that tables show of an object. */
struct field {
	const char *title;
	const char *key; /* of the object */
	enum table_align align;
	/* NULL: output_text(). Owned; NULL: out of memory, or nothing to show. */
	char *(*text)(struct cli *cli, const json_t *object, const struct field *field);
};

/* JSON (indented) or YAML, by cli->output. */
int output_document(const struct cli *cli, const json_t *json);
/* The id alone, as a line. */
int output_id(const json_t *object);
/* A table with a row for each object. */
int output_rows(struct cli *cli, const json_t *objects, const struct field *fields, size_t n);
/* "title  value" lines; what the object doesn't have is left out. */
int output_fields(struct cli *cli, const json_t *object, const struct field *fields, size_t n);
/* After a change, for people: how long it took until it was in force, the flows that it cut, pending work. */
void output_change(const struct cli *cli, const json_t *reply);

/* A JSON value as text: yes, no, "a, b", "k=v". Owned; NULL: out of memory. */
char *output_text(const json_t *value);
/* For struct field: the names of the objects whose ids the field has. */
char *output_vpc_name(struct cli *cli, const json_t *object, const struct field *field);
char *output_subnet_name(struct cli *cli, const json_t *object, const struct field *field);
char *output_eni_name(struct cli *cli, const json_t *object, const struct field *field);
char *output_nat_name(struct cli *cli, const json_t *object, const struct field *field);
char *output_route_table_name(struct cli *cli, const json_t *object, const struct field *field);
char *output_acl_name(struct cli *cli, const json_t *object, const struct field *field);
char *output_group_names(struct cli *cli, const json_t *object, const struct field *field);
char *output_subnet_names(struct cli *cli, const json_t *object, const struct field *field);

#endif
