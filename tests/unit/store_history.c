/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The past: who changed what, documents as they were, how much is kept, and stores that had none. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/history.h"
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

TestSuite(store_history, .init = setup, .fini = teardown, .timeout = 120);

static struct store_reader *reader_of(struct store *s)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store_reader *r = NULL;

	cr_assert_eq(store_reader_open(s, &r, &error), 0, "%s", error.message);
	return r;
}

static void commit(struct store *s, const struct store_write *writes, size_t n, const char *command)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct store_author author = {
		.time_ns = 1000 + store_revision(s), .uid = 7, .pid = 8, .command = command};
	const struct store_batch b = {
		.revision = store_revision(s) + 1, .writes = writes, .n_writes = n, .author = &author};

	cr_assert_eq(store_commit(s, &b, &error), 0, "%s", error.message);
}

/* --- what is told ------------------------------------------------------------------------------------ */

static int put_commit(const struct store_history_row *row, void *userdata)
{
	fprintf(userdata, "%llu:%u/%d@%llu %s %llu; ", (unsigned long long)row->revision, row->uid, row->pid,
		(unsigned long long)row->time_ns, row->command, (unsigned long long)row->changes);
	return 0;
}

static int put_change(const struct store_change_row *row, void *userdata)
{
	fprintf(userdata, "%llu:%s %s %s %s%s%s%s; ", (unsigned long long)row->revision, row->kind, row->id, row->name,
		row->deleted  ? "deleted"
		: row->before ? "changed"
			      : "created",
		row->fields ? row->fields : "", row->parent ? " of " : "", row->parent ? row->parent : "");
	return 0;
}

static int put_revision(uint64_t revision, void *userdata)
{
	fprintf(userdata, "%llu ", (unsigned long long)revision);
	return 0;
}

static int put_id(const char *id, void *userdata)
{
	fprintf(userdata, "%s ", id);
	return 0;
}

#define EXPECT_TOLD(expected, call)                                      \
	do {                                                             \
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT; \
		char *text = NULL;                                       \
		size_t size = 0;                                         \
		FILE *f = open_memstream(&text, &size);                  \
                                                                         \
		cr_assert_eq(call, 0, "%s", error.message);              \
		fclose(f);                                               \
		cr_expect_str_eq(text, expected);                        \
		free(text);                                              \
	} while (0)

/* Three commits: a group with a rule; its name and colour; all gone. */
static void make_three(struct store *s)
{
	json_t *web = json_pack("{s:s, s:s, s:i}", "name", "web", "colour", "red", "revision", 1);
	json_t *rule = json_pack("{s:s}", "name", "");
	json_t *changed = json_pack("{s:s, s:i, s:i}", "name", "www", "size", 3, "revision", 2);
	const struct store_write first[] = {
		{.kind = "sg", .id = "sg-1", .document = web, .fresh = true, .name = "web"},
		{.kind = "rule", .id = "sgr-1", .document = rule, .fresh = true, .name = "", .parent = "sg-1"},
	};
	const struct store_write second = {.kind = "sg", .id = "sg-1", .document = changed, .name = "web"};
	const struct store_write third[] = {
		{.kind = "sg", .id = "sg-1", .name = "www"},
		{.kind = "rule", .id = "sgr-1", .name = ""},
		{.kind = "rule", .id = "sgr-none", .name = ""},
	};

	commit(s, first, 2, "sg create");
	commit(s, &second, 1, "rename");
	commit(s, third, 3, "sg delete");
	json_decref(web);
	json_decref(rule);
	json_decref(changed);
}

Test(store_history, tells_who_changed_what)
{
	struct store *s = store_test_open(dir);
	struct store_reader *r;
	json_t *ids = json_pack("{s:b}", "sg-1", 1);

	make_three(s);
	r = reader_of(s);
	EXPECT_TOLD("1:7/8@1000 sg create 2; 2:7/8@1001 rename 1; 3:7/8@1002 sg delete 3; ",
		    store_read_commits(r, 0, put_commit, f, &error));
	EXPECT_TOLD("2:7/8@1001 rename 1; 1:7/8@1000 sg create 2; ",
		    store_read_commits_back(r, 3, put_commit, f, &error));
	EXPECT_TOLD("1:sg sg-1 web created; 1:rule sgr-1  created of sg-1; "
		    "2:sg sg-1 web changed[\"name\",\"size\",\"colour\"]; "
		    "3:sg sg-1 www deleted; 3:rule sgr-1  deleted; ",
		    store_read_changes(r, 0, 0, put_change, f, &error));
	EXPECT_TOLD("3:rule sgr-1  deleted; ", store_read_changes(r, 2, 1, put_change, f, &error));
	EXPECT_TOLD("sg-1 ", store_find_ids(r, "www", put_id, f, &error));
	EXPECT_TOLD("sgr-1 ", store_find_ids(r, "sgr-1", put_id, f, &error));
	EXPECT_TOLD("3 2 1 ", store_find_revisions(r, ids, 9, 9, put_revision, f, &error));
	EXPECT_TOLD("2 ", store_find_revisions(r, ids, 3, 1, put_revision, f, &error));
	json_decref(ids);
	store_reader_close(r);
	store_close(s);
}

Test(store_history, a_reader_sees_one_state_while_commits_go_on)
{
	struct store *s = store_test_open(dir);
	struct store_reader *r;

	make_three(s);
	r = reader_of(s);
	store_test_put(s, "sg", "sg-2", "x");
	cr_expect_eq(store_reader_revision(r), 3);
	EXPECT_TOLD("3:7/8@1002 sg delete 3; ", store_read_commits(r, 2, put_commit, f, &error));
	store_reader_close(r);
	store_close(s);
}

/* --- documents as they were -------------------------------------------------------------------------- */

#define REVISIONS 200
#define IDS	  12

/* What each document was at each revision; "": there was none. */
static char texts[REVISIONS + 1][IDS][8];

static int note_text(const char *kind, const char *id, const json_t *document, void *userdata)
{
	char(*found)[8] = userdata;
	int n = atoi(id + strlen("x-"));

	cr_assert_str_eq(kind, "x");
	cr_assert_str_eq(found[n], "", "%s comes twice", id);
	snprintf(found[n], 8, "%s", json_string_value(json_object_get(document, "text")));
	return 0;
}

static void expect_text(struct store_reader *r, uint64_t revision)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char found[IDS][8] = {0};

	cr_assert_eq(store_read_documents(r, revision, note_text, found, &error), 0, "%s", error.message);
	for (int i = 0; i < IDS; i++)
		cr_expect_str_eq(found[i], texts[revision][i], "x-%d at %llu: '%s', not '%s'", i,
				 (unsigned long long)revision, found[i], texts[revision][i]);
}

static void make_random(struct store *s)
{
	uint32_t random = 12345;

	for (unsigned revision = 1; revision <= REVISIONS; revision++) {
		char id[8], text[8];
		unsigned n;

		random = random * 1103515245 + 12345;
		n = (random >> 16) % IDS;
		memcpy(texts[revision], texts[revision - 1], sizeof(texts[0]));
		snprintf(id, sizeof(id), "x-%u", n);
		snprintf(text, sizeof(text), "t%u", revision);
		if (texts[revision][n][0] && (random >> 24) % 3 == 0)
			texts[revision][n][0] = '\0';
		else
			memcpy(texts[revision][n], text, sizeof(text));
		store_test_put(s, "x", id, texts[revision][n][0] ? text : NULL);
	}
}

Test(store_history, documents_are_what_they_were_at_each_revision)
{
	struct store *s = store_test_open(dir);
	struct store_reader *r;

	make_random(s);
	store_close(s);
	s = store_test_open(dir);
	r = reader_of(s);
	cr_expect_eq(store_reader_oldest(r), 0);
	for (unsigned revision = 0; revision <= REVISIONS; revision++)
		expect_text(r, revision);
	store_reader_close(r);
	store_close(s);
}

/* --- how much is kept -------------------------------------------------------------------------------- */

static int count_commit(const struct store_history_row *row, void *userdata)
{
	(void)row;
	++*(unsigned *)userdata;
	return 0;
}

static unsigned rows_of(const char *table)
{
	char sql[80], *path = NULL;
	sqlite3_stmt *q = NULL;
	sqlite3 *db = NULL;
	unsigned n;

	cr_assert(asprintf(&path, "%s/state.db", dir) > 0);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
	n = (unsigned)sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	free(path);
	return n;
}

/* Returns how many steps it took. */
static unsigned prune_all(struct store *s)
{
	unsigned steps = 0;
	int r;

	while ((r = store_history_prune(s)) > 0)
		steps++;
	cr_assert_eq(r, 0);
	return steps;
}

Test(store_history, as_many_revisions_are_kept_as_configured)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = store_test_open(dir);
	struct store_reader *r;
	unsigned n = 0;

	store_keep_history(s, 20, 1 << 20);
	make_random(s);
	cr_expect(store_history_due(s));
	/* Those that are there still aren't told of. */
	r = reader_of(s);
	cr_expect_eq(store_reader_oldest(r), REVISIONS - 20);
	cr_assert_eq(store_read_commits(r, 0, count_commit, &n, &error), 0);
	cr_expect_eq(n, 20);
	store_reader_close(r);
	prune_all(s);
	cr_expect_not(store_history_due(s));
	cr_expect_eq(rows_of("history"), 20);
	cr_expect_eq(rows_of("history_change"), 20);
	r = reader_of(s);
	cr_expect_eq(store_reader_oldest(r), REVISIONS - 20);
	for (unsigned revision = REVISIONS - 20; revision <= REVISIONS; revision++)
		expect_text(r, revision);
	store_reader_close(r);
	store_close(s);
}

/* The second commit deletes 3,000 documents: its changes are too many for one step, and too large to be kept beside the
 * third. */
Test(store_history, as_many_bytes_are_kept_as_configured)
{
	enum { MANY = 3000 };
	struct store *s = store_test_open(dir);
	struct store_write *writes = calloc(MANY, sizeof(*writes));
	char(*ids)[16] = calloc(MANY, sizeof(*ids)), *large = calloc(1, 400);
	struct store_reader *r;
	json_t *document;

	memset(large, 'x', 399);
	document = json_pack("{s:s}", "text", large);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(ids[i], sizeof(ids[i]), "x-%u", i);
		writes[i] = (struct store_write){.kind = "x", .id = ids[i], .document = document, .fresh = true};
	}
	store_keep_history(s, 1000, 64 << 10);
	prune_all(s); /* who opens a store looks for what an earlier process left */
	commit(s, writes, MANY, "create");
	for (unsigned i = 0; i < MANY; i++) {
		writes[i].document = NULL;
		writes[i].fresh = false;
	}
	commit(s, writes, MANY, "delete");
	cr_assert(store_history_due(s));
	prune_all(s);
	cr_expect_not(store_history_due(s)); /* one commit is kept, however large */
	for (unsigned i = 0; i < 500 && !store_history_due(s); i++)
		store_test_put(s, "x", "x-0", large);
	cr_assert(store_history_due(s));
	cr_expect_gt(prune_all(s), 3);
	r = reader_of(s);
	cr_expect_geq(store_reader_oldest(r), 2);
	cr_expect_leq(rows_of("history_change"), 300);
	store_reader_close(r);
	json_decref(document);
	free(writes);
	free(ids);
	free(large);
	store_close(s);
}

/* --- faults ------------------------------------------------------------------------------------------ */

Test(store_history, a_store_of_the_format_before_begins_its_history)
{
	struct store *s = store_test_open(dir);
	struct store_reader *r;
	char *list;

	make_random(s);
	store_close(s);
	store_test_sql(dir, "DROP TABLE history; DROP TABLE history_change; DROP TABLE usage; PRAGMA user_version = 1");
	s = store_test_open(dir);
	cr_expect_eq(store_revision(s), REVISIONS);
	r = reader_of(s);
	cr_expect_eq(store_reader_oldest(r), REVISIONS);
	expect_text(r, REVISIONS);
	store_reader_close(r);
	list = store_test_list(s, "x");
	store_test_put(s, "x", "x-0", "new");
	r = reader_of(s);
	cr_expect_eq(store_reader_oldest(r), REVISIONS);
	expect_text(r, REVISIONS); /* as it was before that */
	EXPECT_TOLD("201:0/0@0 vpcd 1; ", store_read_commits(r, 0, put_commit, f, &error));
	store_reader_close(r);
	free(list);
	store_close(s);
}

Test(store_history, a_wrong_byte_is_noticed)
{
	static const char *const faults[] = {
		"UPDATE history SET uid = 0 WHERE revision = 2",
		"UPDATE history_change SET before = replace(before, 'red', 'rad')",
		"UPDATE history_change SET name = 'other' WHERE revision = 1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		struct store *s = store_test_open(dir);
		struct store_reader *r;
		unsigned n = 0;
		char *text = NULL;
		size_t size = 0;
		FILE *f = open_memstream(&text, &size);
		int result;

		if (i == 0)
			make_three(s);
		store_close(s);
		store_test_sql(dir, faults[i]);
		s = store_test_open(dir);
		r = reader_of(s);
		result = i == 0 ? store_read_commits(r, 0, count_commit, &n, &error)
				: store_read_changes(r, 0, 0, put_change, f, &error);
		cr_expect_lt(result, 0, "%s", faults[i]);
		cr_expect_eq(error.code, VPC_E_STORE_UNAVAILABLE);
		fclose(f);
		free(text);
		store_reader_close(r);
		store_close(s);
		if (i == 1)
			store_test_sql(dir, "UPDATE history_change SET before = replace(before, 'rad', 'red')");
	}
}

/* A commit that fails leaves nothing of the past either. */
Test(store_history, a_commit_that_fails_is_no_history)
{
	_cleanup_error_ struct vpc_error refused = VPC_ERROR_INIT;
	struct store *s = store_test_open(dir);
	struct store_reader *r;
	json_t *document = json_pack("{s:s}", "text", "x");
	const struct store_write writes[] = {
		{.kind = "x", .id = "x-1", .document = document, .fresh = true},
		{.kind = "x", .id = "x-1", .document = document, .fresh = true}, /* is there already */
	};

	cr_expect_lt(store_commit(s, &(struct store_batch){.revision = 1, .writes = writes, .n_writes = 2}, &refused),
		     0);
	r = reader_of(s);
	EXPECT_TOLD("", store_read_commits(r, 0, put_commit, f, &error));
	EXPECT_TOLD("", store_read_changes(r, 0, 0, put_change, f, &error));
	store_reader_close(r);
	store_test_put(s, "x", "x-1", "x");
	r = reader_of(s);
	EXPECT_TOLD("1:x x-1  created; ", store_read_changes(r, 0, 0, put_change, f, &error));
	store_reader_close(r);
	json_decref(document);
	store_close(s);
}
