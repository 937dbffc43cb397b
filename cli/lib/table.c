/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/lib/screen.h"

#define BETWEEN	       "  "
#define BETWEEN_SIZE   (sizeof(BETWEEN) - 1)
#define BOLD	       "\033[1m"
/* of the last column, when the others leave no room */
#define LAST_WIDTH_MIN 3

struct table {
	struct libscols_table *columns_and_lines;
	struct libscols_line *line; /* the last; borrowed */
	size_t n_cells;
	bool failed;
};

struct table *table_new(void)
{
	_cleanup_(table_freep) struct table *t = calloc(1, sizeof(*t));
	struct libscols_table *s = t ? scols_new_table() : NULL;

	if (!s)
		return NULL;
	t->columns_and_lines = s;
	/* never the terminal's width: lines are not wrapped, and nothing is cut to fit */
	if (scols_table_set_termforce(s, SCOLS_TERMFORCE_NEVER) < 0 ||
	    scols_table_set_column_separator(s, BETWEEN) < 0 || scols_table_enable_noencoding(s, 1) < 0 ||
	    scols_table_enable_noheadings(s, 1) < 0)
		return NULL;
	return TAKE_PTR(t);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	scols_unref_table(t->columns_and_lines);
	free(t);
}

void table_column(struct table *t, const char *title, enum table_align align)
{
	struct libscols_column *c =
		scols_table_new_column(t->columns_and_lines, title, 0, align == TABLE_RIGHT ? SCOLS_FL_RIGHT : 0);

	if (!c || scols_cell_set_color(scols_column_get_header(c), BOLD) < 0 ||
	    (title && scols_table_enable_noheadings(t->columns_and_lines, 0) < 0))
		t->failed = true;
}

void table_cell(struct table *t, const char *text)
{
	_cleanup_free_ char *clean = screen_clean(text && *text ? text : "-");
	size_t column = t->n_cells % scols_table_get_ncols(t->columns_and_lines);

	if (column == 0)
		t->line = scols_table_new_line(t->columns_and_lines, NULL);
	t->n_cells++;
	if (!clean || !t->line || scols_line_refer_data(t->line, column, clean) < 0)
		t->failed = true;
	else
		TAKE_PTR(clean);
}

void table_cellf(struct table *t, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		table_cell(t, text);
	else
		t->failed = true;
}

/* Cuts the last column's cells to what the others leave of the limit. */
static int cut_lines(struct libscols_table *s, size_t limit)
{
	size_t last = scols_table_get_ncols(s) - 1, used = 0, room;
	_cleanup_free_ char *sized = NULL;

	/* the columns have a width once they were printed */
	if (scols_print_table_to_string(s, &sized) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < last; i++)
		used += scols_column_get_width(scols_table_get_column(s, i)) + BETWEEN_SIZE;
	room = limit > used + LAST_WIDTH_MIN ? limit - used : LAST_WIDTH_MIN;
	for (size_t i = 0; i < scols_table_get_nlines(s); i++) {
		struct libscols_cell *cell = scols_line_get_cell(scols_table_get_line(s, i), last);
		_cleanup_free_ char *cut = screen_cut(scols_cell_get_data(cell), room);

		if (!cut || scols_cell_refer_data(cell, cut) < 0)
			return -ENOMEM;
		TAKE_PTR(cut);
	}
	return 0;
}

/* libsmartcols prints nothing of a table without lines. */
static void print_titles(struct libscols_table *s)
{
	size_t n = scols_table_get_ncols(s);
	bool bold = scols_table_colors_wanted(s);

	for (size_t i = 0; i < n; i++)
		printf("%s%s%s%s", bold ? BOLD : "", scols_column_get_name(scols_table_get_column(s, i)),
		       bold ? "\033[0m" : "", i + 1 < n ? BETWEEN : "\n");
}

int table_print(struct table *t, size_t limit, bool colour)
{
	struct libscols_table *s = t->columns_and_lines;

	if (t->failed || scols_table_enable_colors(s, colour) < 0)
		return -ENOMEM;
	if (scols_table_get_nlines(s) == 0) {
		if (!scols_table_is_noheadings(s))
			print_titles(s);
		return 0;
	}
	if (limit && cut_lines(s, limit) < 0)
		return -ENOMEM;
	return scols_print_table(s) < 0 ? -ENOMEM : 0;
}
