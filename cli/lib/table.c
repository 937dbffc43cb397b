/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/table.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include <vpc/text.h>

struct column {
	const char *title;
	enum table_align align;
	size_t width;
};

struct table {
	struct column *columns;
	size_t n_columns;
	char **cells;
	size_t n_cells;
	size_t limit;
	bool failed;
};

struct table *table_new(size_t n_columns)
{
	_cleanup_(table_freep) struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = calloc(n_columns, sizeof(*t->columns));
	if (!t->columns)
		return NULL;
	t->n_columns = n_columns;
	return TAKE_PTR(t);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->columns);
	free(t);
}

/* Walks a text a character at a time. Returns its length in bytes, 0 at the end; a byte that is no character counts as
 * one. */
static size_t next_character(const char *text, mbstate_t *state, wchar_t *ret)
{
	size_t n = mbrtowc(ret, text, strlen(text), state);

	if (!*text)
		return 0;
	if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
		*state = (mbstate_t){0};
		*ret = L'?';
		return 1;
	}
	return n;
}

size_t table_width(const char *text)
{
	mbstate_t state = {0};
	size_t width = 0, n;
	wchar_t c;

	for (; (n = next_character(text, &state, &c)) > 0; text += n) {
		int w = wcwidth(c);

		width += w > 0 ? (size_t)w : 0;
	}
	return width;
}

char *table_clean(const char *text)
{
	char *copy = malloc(strlen(text) + 1), *at = copy;
	mbstate_t state = {0};
	wchar_t c;
	size_t n;

	if (!copy)
		return NULL;
	for (; (n = next_character(text, &state, &c)) > 0; text += n) {
		bool valid = n > 1 || (unsigned char)*text < 0x80;

		if (!valid || wcwidth(c) < 0 || text_is_bidirectional((uint32_t)c) || text_is_invisible((uint32_t)c)) {
			*at++ = '?';
			continue;
		}
		memcpy(at, text, n);
		at += n;
	}
	*at = '\0';
	return copy;
}

/* of "..." */
#define CUT_WIDTH 3

char *table_cut(const char *text, size_t widest)
{
	_cleanup_free_ char *clean = table_clean(text);
	mbstate_t state = {0};
	size_t width = 0, n;
	char *cut = NULL, *at;
	wchar_t c;

	if (!clean || table_width(clean) <= widest)
		return TAKE_PTR(clean);
	for (at = clean; (n = next_character(at, &state, &c)) > 0; at += n) {
		int w = wcwidth(c);

		if (width + (w > 0 ? (size_t)w : 0) + CUT_WIDTH > widest)
			break;
		width += w > 0 ? (size_t)w : 0;
	}
	*at = '\0';
	return asprintf(&cut, "%s...", clean) < 0 ? NULL : cut;
}

void table_limit(struct table *t, size_t width)
{
	t->limit = width;
}

void table_column(struct table *t, size_t column, const char *title, enum table_align align)
{
	t->columns[column] = (struct column){.title = title, .align = align};
}

void table_cell(struct table *t, const char *text)
{
	char **grown = t->cells;
	char *copy;

	/* a power of two of cells: full */
	if ((t->n_cells & (t->n_cells - 1)) == 0)
		grown = realloc(t->cells, (t->n_cells ? 2 * t->n_cells : 1) * sizeof(*grown));
	if (!grown) {
		t->failed = true;
		return;
	}
	t->cells = grown;
	copy = table_clean(text && *text ? text : "-");
	if (!copy) {
		t->failed = true;
		return;
	}
	t->cells[t->n_cells++] = copy;
}

void table_cellf(struct table *t, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		t->failed = true;
	else
		table_cell(t, text);
}

static void print_cell(FILE *f, const char *text, const struct column *c, size_t widest, bool last)
{
	size_t pad = widest - table_width(text);

	if (c->align == TABLE_RIGHT)
		fprintf(f, "%*s", (int)pad, "");
	fputs(text, f);
	if (!last)
		fprintf(f, "%*s", (int)(c->align == TABLE_RIGHT ? 2 : pad + 2), "");
}

/* The last column's cell, which gets what room is left. */
static int print_last(FILE *f, const struct table *t, const char *text)
{
	const struct column *c = &t->columns[t->n_columns - 1];
	size_t used = 0;
	_cleanup_free_ char *cut = NULL;

	for (size_t i = 0; i + 1 < t->n_columns; i++)
		used += t->columns[i].width + 2;
	if (!t->limit || used + table_width(text) <= t->limit) {
		print_cell(f, text, c, c->width, true);
		return 0;
	}
	cut = table_cut(text, t->limit > used + CUT_WIDTH ? t->limit - used : CUT_WIDTH);
	if (!cut)
		return -ENOMEM;
	fputs(cut, f);
	return 0;
}

int table_print(const struct table *t, FILE *f, bool titles, bool colour)
{
	assert(t->n_columns > 0);
	if (t->failed)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_columns; i++)
		t->columns[i].width = titles ? table_width(t->columns[i].title) : 0;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t width = table_width(t->cells[i]);

		if (width > t->columns[i % t->n_columns].width)
			t->columns[i % t->n_columns].width = width;
	}
	if (titles) {
		fputs(colour ? "\033[1m" : "", f);
		for (size_t i = 0; i < t->n_columns; i++)
			print_cell(f, t->columns[i].title, &t->columns[i], t->columns[i].width, i + 1 == t->n_columns);
		fputs(colour ? "\033[0m\n" : "\n", f);
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;

		if (column + 1 < t->n_columns) {
			print_cell(f, t->cells[i], &t->columns[column], t->columns[column].width, false);
			continue;
		}
		if (print_last(f, t, t->cells[i]) < 0)
			return -ENOMEM;
		fputc('\n', f);
	}
	return 0;
}
