/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What VPCs used, by the hour: what a commit adds to it, and what is too old. */
#include "store/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/internal.h"

/* Rows that one step deletes. */
#define STEP_ROWS 1000

/* The values as they are in the row: decimal numbers with a space between. */
#define VALUES_TEXT (STORE_USAGE_VALUES * 21 + 1)

static void values_format(const uint64_t *values, char text[VALUES_TEXT])
{
	size_t at = 0;

	for (size_t i = 0; i < STORE_USAGE_VALUES; i++)
		at += (size_t)snprintf(text + at, VALUES_TEXT - at, "%s%llu", i ? " " : "",
				       (unsigned long long)values[i]);
}

static bool values_parse(const char *text, uint64_t *ret)
{
	for (size_t i = 0; i < STORE_USAGE_VALUES; i++) {
		char *end;

		errno = 0;
		ret[i] = strtoull(text, &end, 10);
		if (end == text || errno || *end != (i + 1 < STORE_USAGE_VALUES ? ' ' : '\0'))
			return false;
		text = end + 1;
	}
	return true;
}

static uint64_t row_checksum(const struct store_usage *row)
{
	uint64_t sum = store_checksum_number(store_checksum_begin(), row->hour);

	sum = store_checksum_string(store_checksum_string(sum, row->vpc), row->name);
	sum = store_checksum_number(sum, row->most);
	for (size_t i = 0; i < STORE_USAGE_VALUES; i++)
		sum = store_checksum_number(sum, row->values[i]);
	return sum;
}

bool store_usage_from(sqlite3_stmt *q, struct store_usage *ret)
{
	*ret = (struct store_usage){.hour = (uint64_t)sqlite3_column_int64(q, 0),
				    .vpc = store_column_text(q, 1),
				    .name = store_column_text(q, 2),
				    .most = (uint64_t)sqlite3_column_int64(q, 3)};
	return values_parse(store_column_text(q, 4), ret->values) &&
	       row_checksum(ret) == (uint64_t)sqlite3_column_int64(q, 5);
}

/* Adds what the table has of the row's hour and VPC to the row. A damaged one is left behind: no commit may fail by it.
 * SQLite's code; *ret_found: it has some. */
static int add_known(struct store *s, struct store_usage *row, bool *ret_found)
{
	sqlite3_stmt *q = store_statement(s, STORE_USAGE_FIND);
	struct store_usage known;
	int r;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)row->hour);
	sqlite3_bind_text(q, 2, row->vpc, -1, SQLITE_STATIC);
	r = sqlite3_step(q);
	*ret_found = r == SQLITE_ROW;
	if (r == SQLITE_ROW && store_usage_from(q, &known)) {
		row->most = known.most > row->most ? known.most : row->most;
		for (size_t i = 0; i < STORE_USAGE_VALUES; i++)
			row->values[i] += known.values[i];
	}
	sqlite3_reset(q);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static int count_of_hour(struct store *s, uint64_t hour, int64_t *ret)
{
	sqlite3_stmt *q = store_statement(s, STORE_USAGE_COUNT);
	int r;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)hour);
	r = sqlite3_step(q);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return r == SQLITE_ROW ? SQLITE_OK : r;
}

int store_usage_write(struct store *s, const struct store_usage *usage)
{
	struct store_usage row = *usage;
	char values[VALUES_TEXT];
	sqlite3_stmt *q;
	int64_t n = 0;
	bool found;
	int r = add_known(s, &row, &found);

	if (r == SQLITE_OK && !found)
		r = count_of_hour(s, row.hour, &n);
	if (r == SQLITE_OK && n >= STORE_USAGE_PER_HOUR) {
		row.vpc = row.name = "";
		r = add_known(s, &row, &found);
	}
	if (r != SQLITE_OK)
		return r;
	values_format(row.values, values);
	q = store_statement(s, STORE_USAGE_SET);
	sqlite3_bind_int64(q, 1, (sqlite3_int64)row.hour);
	sqlite3_bind_text(q, 2, row.vpc, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, row.name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)row.most);
	sqlite3_bind_text(q, 5, values, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 6, (sqlite3_int64)row_checksum(&row));
	r = store_run(q);
	sqlite3_clear_bindings(q);
	return r;
}

int store_usage_prune(struct store *s, uint64_t before)
{
	sqlite3_stmt *q;
	int r, deleted = 0;

	if (!s->db || s->failed)
		return 0;
	q = store_statement(s, STORE_USAGE_PRUNE);
	sqlite3_bind_int64(q, 1, (sqlite3_int64)before);
	sqlite3_bind_int64(q, 2, STEP_ROWS);
	r = store_run(q); /* a transaction by itself */
	if (r == SQLITE_OK)
		deleted = sqlite3_changes(s->db);
	return r == SQLITE_OK ? deleted > 0 : r == SQLITE_NOMEM ? -ENOMEM : r == SQLITE_BUSY ? -EBUSY : -EIO;
}
