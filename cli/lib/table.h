/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables for people, by libsmartcols: columns as wide as their widest cell on the screen, never wrapped. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <vpc/cleanup.h>

struct table;

enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
};

/* An empty table. NULL: out of memory. */
struct table *table_new(void);
void table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free);

/* All columns come before the first cell. A table whose columns have no title (NULL) prints no titles. Memory that runs
 * out in these functions is remembered, and table_print() fails. */
void table_column(struct table *t, const char *title, enum table_align align);
/* Appends a cell, row by row, left to right. text is copied by screen_clean(); NULL and "" show as "-". */
void table_cell(struct table *t, const char *text);
PRINTF_LIKE(2, 3) void table_cellf(struct table *t, const char *format, ...);
/* Writes to stdout, in lines of at most `limit` columns: what is too long for it in the last column is cut. 0: no
 * limit. colour: titles are bold. 0, -ENOMEM. */
int table_print(struct table *t, size_t limit, bool colour);

#endif
