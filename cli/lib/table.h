/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables for people: columns as wide as their widest cell on the screen, no wrapping. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <vpc/cleanup.h>

struct table;

enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
};

/* NULL: out of memory. */
struct table *table_new(size_t n_columns);
void table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free);

void table_column(struct table *t, size_t column, const char *title, enum table_align align);
/* Appends a cell, row by row, left to right. text is copied, cleaned of control characters; NULL and "" show as "-".
 * Memory that runs out is remembered, and table_print fails. */
void table_cell(struct table *t, const char *text);
__attribute__((__format__(__printf__, 2, 3))) void table_cellf(struct table *t, const char *format, ...);
/* titles: a row of them first, bold when colour is set. 0, -ENOMEM. */
int table_print(const struct table *t, FILE *f, bool titles, bool colour);

/* Columns that a text takes on a terminal. */
size_t table_width(const char *text);
/* A copy in which control characters, which could steer the terminal, are '?'. Owned; NULL: out of memory. */
/* Lines get no wider than this: the last column is cut. 0: as wide as they are. */
void table_limit(struct table *t, size_t width);
/* A copy that is cut to a width, with "..." at its end. Owned; NULL: out of memory. */
char *table_cut(const char *text, size_t widest);
char *table_clean(const char *text);

#endif
