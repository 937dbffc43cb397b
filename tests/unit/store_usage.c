/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Usage in the store: rows add up, outlive what wrote them, and go when they are too old; older stores get the table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "store/usage.h"
#include "store_util.h"

static char *dir;

static void setup(void)
{
	dir = store_test_folder();
}

static void teardown(void)
{
	store_test_remove(dir);
}

TestSuite(store_usage, .init = setup, .fini = teardown);

/* Commits a row of the hour whose values are n, n + 1 …. */
static int put(struct store *s, uint64_t hour, const char *vpc, const char *name, uint64_t n)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store_usage row = {.hour = hour, .vpc = vpc, .name = name, .most = n};
	int r;

	for (size_t i = 0; i < STORE_USAGE_VALUES; i++)
		row.values[i] = n + i;
	r = store_commit(s, &(struct store_batch){.revision = store_revision(s), .usage = &row, .n_usage = 1}, &error);
	vpc_error_clear(&error);
	return r;
}

static int print_row(const struct store_usage *row, void *userdata)
{
	return fprintf(userdata, "%llu %s %s %llu %llu %llu; ", (unsigned long long)row->hour, row->vpc, row->name,
		       (unsigned long long)row->most, (unsigned long long)row->values[0],
		       (unsigned long long)row->values[STORE_USAGE_VALUES - 1]) < 0
		       ? -1
		       : 0;
}

/* "hour vpc name most first last; …". */
static void expect_rows(struct store *s, uint64_t first, uint64_t last, const char *expected)
{
	struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	struct store_reader *r;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	cr_assert_eq(store_reader_open(s, &r, &error), 0);
	cr_assert_eq(store_read_usage(r, first, last, print_row, f, &error), 0, "%s", error.message);
	store_reader_close(r);
	fclose(f);
	cr_expect_str_eq(text, expected);
}

Test(store_usage, rows_of_an_hour_add_up_and_keep_the_last_name)
{
	struct store *s = store_test_open(dir);

	cr_assert_eq(put(s, 10, "vpc-1", "old", 5), 0);
	cr_assert_eq(put(s, 10, "vpc-1", "new", 3), 0);
	cr_assert_eq(put(s, 9, "vpc-1", "new", 1), 0);
	cr_assert_eq(put(s, 10, "vpc-0", "b", 1), 0);
	expect_rows(s, 0, UINT64_MAX, "9 vpc-1 new 1 1 12; 10 vpc-0 b 1 1 12; 10 vpc-1 new 5 8 30; ");
	expect_rows(s, 9, 9, "9 vpc-1 new 1 1 12; ");
	expect_rows(s, 11, 20, "");
	store_close(s);
	s = store_test_open(dir);
	expect_rows(s, 10, 10, "10 vpc-0 b 1 1 12; 10 vpc-1 new 5 8 30; ");
	store_close(s);
}

Test(store_usage, old_hours_go_a_step_at_a_time)
{
	struct store *s = store_test_open(dir);
	int steps = 0;

	for (uint64_t hour = 1; hour <= 20; hour++)
		cr_assert_eq(put(s, hour, "vpc-1", "a", 1), 0);
	while (store_usage_prune(s, 20) > 0)
		cr_assert_lt(++steps, 20);
	expect_rows(s, 0, UINT64_MAX, "20 vpc-1 a 1 1 12; ");
	cr_expect_eq(store_usage_prune(s, 20), 0);
	store_close(s);
}

Test(store_usage, vpcs_that_come_and_go_by_the_thousand_share_a_row)
{
	struct store *s = store_test_open(dir);
	struct store_usage *rows = calloc(STORE_USAGE_PER_HOUR + 10, sizeof(*rows));
	struct vpc_error error = VPC_ERROR_INIT;
	char(*ids)[16] = calloc(STORE_USAGE_PER_HOUR + 10, sizeof(*ids));

	for (size_t i = 0; i < STORE_USAGE_PER_HOUR + 10; i++) {
		snprintf(ids[i], sizeof(ids[i]), "vpc-%zu", i);
		rows[i] = (struct store_usage){.hour = 7, .vpc = ids[i], .name = "x", .values = {1}};
	}
	cr_assert_eq(store_commit(s,
				  &(struct store_batch){.revision = store_revision(s),
							.usage = rows,
							.n_usage = STORE_USAGE_PER_HOUR + 10},
				  &error),
		     0);
	store_test_sql(dir, "DELETE FROM usage WHERE vpc <> ''");
	expect_rows(s, 7, 7, "7   0 10 0; ");
	free(rows);
	free(ids);
	store_close(s);
}

Test(store_usage, a_damaged_row_fails_its_reader_and_no_commit)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = store_test_open(dir);
	struct store_reader *r;

	cr_assert_eq(put(s, 3, "vpc-1", "a", 1), 0);
	store_test_sql(dir, "UPDATE usage SET counts = replace(counts, '1 2', '1 9')");
	cr_assert_eq(store_reader_open(s, &r, &error), 0);
	cr_expect_lt(store_read_usage(r, 0, 9, print_row, stderr, &error), 0);
	cr_expect_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	store_reader_close(r);
	vpc_error_clear(&error);
	cr_assert_eq(put(s, 3, "vpc-1", "a", 4), 0);
	expect_rows(s, 0, 9, "3 vpc-1 a 4 4 15; ");
	store_close(s);
}

Test(store_usage, a_store_of_the_format_before_gets_the_table_and_keeps_all_else)
{
	struct store *s = store_test_open(dir);
	char *list;

	store_test_put(s, "x", "x-0", "kept");
	store_close(s);
	store_test_sql(dir, "DROP TABLE usage; PRAGMA user_version = 2");
	s = store_test_open(dir);
	list = store_test_list(s, "x");
	cr_expect_str_eq(list, "x-0=kept");
	cr_assert_eq(put(s, 1, "vpc-1", "a", 1), 0);
	expect_rows(s, 0, 9, "1 vpc-1 a 1 1 12; ");
	free(list);
	store_close(s);
	store_test_sql(dir, "PRAGMA user_version = 4");
	store_test_open_fails(dir, "format 4, written by a newer vpcd; this one reads up to 3");
}
