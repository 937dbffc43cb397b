/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents, order, revisions, meta values, damage, format versions, the lock. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

TestSuite(store_documents, .init = setup, .fini = teardown, .timeout = 60);

static void expect_list(struct store *s, const char *kind, const char *want)
{
	_cleanup_free_ char *list = store_test_list(s, kind);

	cr_assert_str_eq(list, want);
}

Test(store_documents, keeps_first_written_order)
{
	struct store *s = store_test_open(dir);

	store_test_put(s, "vpc", "vpc-b", "1");
	store_test_put(s, "subnet", "subnet-x", "s");
	store_test_put(s, "vpc", "vpc-a", "2");
	store_test_put(s, "vpc", "vpc-c", "3");
	store_test_put(s, "vpc", "vpc-b", "4");
	expect_list(s, "vpc", "vpc-b=4 vpc-a=2 vpc-c=3");
	store_test_put(s, "vpc", "vpc-a", NULL);
	store_test_put(s, "vpc", "vpc-gone", NULL);
	expect_list(s, "vpc", "vpc-b=4 vpc-c=3");
	store_test_put(s, "vpc", "vpc-a", "5");
	store_close(s);

	s = store_test_open(dir);
	cr_assert_eq(store_revision(s), 8);
	expect_list(s, "vpc", "vpc-b=4 vpc-c=3 vpc-a=5");
	expect_list(s, "subnet", "subnet-x=s");
	expect_list(s, "eni", "");
	store_close(s);
}

static int stop_at_second(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	int *calls = userdata;

	(void)id;
	(void)document;
	cr_assert_eq(revision, (uint64_t)*calls + 1);
	return ++*calls == 2;
}

Test(store_documents, load_stops_when_asked_and_tells_revisions)
{
	struct store *s = store_test_open(dir);
	struct vpc_error error = VPC_ERROR_INIT;
	int calls = 0;

	store_test_put(s, "vpc", "vpc-1", "1");
	store_test_put(s, "vpc", "vpc-2", "2");
	store_test_put(s, "vpc", "vpc-3", "3");
	cr_assert_eq(store_load(s, "vpc", stop_at_second, &calls, &error), 0);
	cr_assert_eq(calls, 2);
	store_close(s);
}

Test(store_documents, a_refused_commit_stores_nothing)
{
	struct store *s = store_test_open(dir);
	struct vpc_error error = VPC_ERROR_INIT;
	json_t *document = json_pack("{s:s}", "text", "x");
	struct store_write writes[] = {
		{.kind = "vpc", .id = "vpc-1", .document = document},
		{.kind = "vpc", .id = "vpc-2", .document = document},
	};
	struct store_meta meta = {"k", "v"};
	char *value = NULL;

	store_test_sql(dir, "CREATE TRIGGER refuse BEFORE INSERT ON document WHEN NEW.id = 'vpc-2' BEGIN "
			    "SELECT RAISE(ABORT, 'the disk is full'); END");
	cr_assert_lt(store_commit(s, &(struct store_batch){1, writes, 2, NULL, 0, &meta, 1, NULL, 0, NULL}, &error), 0);
	cr_assert_not_null(strstr(error.message, "the disk is full"), "%s", error.message);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	cr_assert_eq(store_revision(s), 0);
	cr_assert_eq(store_get_meta(s, "k", &value, &error), 0);
	cr_assert_null(value);
	expect_list(s, "vpc", "");

	/* and the store goes on */
	cr_assert_eq(store_commit(s, &(struct store_batch){1, writes, 1, NULL, 0, &meta, 1, NULL, 0, NULL}, &error), 0);
	cr_assert_lt(store_commit(s, &(struct store_batch){1, writes, 1, NULL, 0, NULL, 0, NULL, 0, NULL}, &error), 0,
		     "revision 1 came twice");
	cr_assert_lt(store_commit(s, &(struct store_batch){3, writes, 1, NULL, 0, NULL, 0, NULL, 0, NULL}, &error), 0,
		     "revision 2 was left out");
	expect_list(s, "vpc", "vpc-1=x");
	json_decref(document);
	store_close(s);
	store_close(store_test_open(dir));
}

/* A document that is called new and isn't: nothing is written twice, nor lost from the sum. */
Test(store_documents, a_document_called_fresh_must_be)
{
	struct store *s = store_test_open(dir);
	struct vpc_error error = VPC_ERROR_INIT;
	json_t *document = json_pack("{s:s}", "text", "x");
	struct store_write writes[] = {
		{.kind = "vpc", .id = "vpc-1", .document = document, .fresh = true},
		{.kind = "vpc", .id = "vpc-2", .document = NULL, .fresh = true}, /* came and went */
	};

	cr_assert_eq(store_commit(s, &(struct store_batch){1, writes, 2, NULL, 0, NULL, 0, NULL, 0, NULL}, &error), 0,
		     "%s", error.message);
	cr_assert_lt(store_commit(s, &(struct store_batch){2, writes, 1, NULL, 0, NULL, 0, NULL, 0, NULL}, &error), 0);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	expect_list(s, "vpc", "vpc-1=x");
	json_decref(document);
	store_close(s);
	s = store_test_open(dir);
	cr_assert_eq(store_revision(s), 1);
	store_close(s);
}

Test(store_documents, meta_values)
{
	struct store *s = store_test_open(dir);
	struct vpc_error error = VPC_ERROR_INIT;
	struct store_meta meta[] = {{"a", "1"}, {"b", "2"}};
	char *value = NULL;

	cr_assert_eq(store_commit(s, &(struct store_batch){1, NULL, 0, NULL, 0, meta, 2, NULL, 0, NULL}, &error), 0);
	cr_assert_eq(store_set_meta(s, "a", "one", &error), 0);
	cr_assert_eq(store_set_meta(s, "b", NULL, &error), 0);
	cr_assert_eq(store_revision(s), 1);
	store_close(s);

	s = store_test_open(dir);
	cr_assert_eq(store_get_meta(s, "a", &value, &error), 0);
	cr_assert_str_eq(value, "one");
	free(value);
	cr_assert_eq(store_get_meta(s, "b", &value, &error), 0);
	cr_assert_null(value);
	store_close(s);
}

/* Changes the byte after `marker` in the database file itself. */
static void flip_byte_after(const char *marker)
{
	_cleanup_free_ char *path = NULL, *bytes = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	char *at;

	cr_assert(asprintf(&path, "%s/state.db", dir) > 0);
	fd = open(path, O_RDWR);
	cr_assert(fd >= 0 && fstat(fd, &st) == 0);
	bytes = malloc((size_t)st.st_size);
	cr_assert_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	at = memmem(bytes, (size_t)st.st_size, marker, strlen(marker));
	cr_assert_not_null(at, "%s is not in the file", marker);
	at[strlen(marker)] ^= 1;
	cr_assert_eq(pwrite(fd, at, strlen(marker) + 1, at - bytes), (ssize_t)strlen(marker) + 1);
}

static void fill_and_close(void)
{
	_cleanup_free_ char *wal = NULL;
	struct store *s = store_test_open(dir);

	store_test_put(s, "rule", "sgr-1", "before");
	store_test_put(s, "rule", "sgr-2", "MARKER-port-443");
	store_test_put(s, "rule", "sgr-3", "after");
	cr_assert_eq(store_checkpoint(s), 0);
	store_close(s);
	/* what was checkpointed must be in the file alone */
	cr_assert(asprintf(&wal, "%s/state.db-wal", dir) > 0 && unlink(wal) == 0);
}

Test(store_documents, a_flipped_byte_is_noticed_and_named)
{
	fill_and_close();
	flip_byte_after("MARKER-port-");
	store_test_open_fails(dir, "rule sgr-2");
}

static int ignore(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	(void)id;
	(void)revision;
	(void)document;
	(void)userdata;
	return 0;
}

/* SQLite's word for it alone helps nobody. */
Test(store_documents, a_damaged_file_is_refused_with_the_way_out)
{
	static const long sizes[] = {100, 4096, 10000};
	_cleanup_free_ char *path = NULL;

	fill_and_close();
	flip_byte_after("MARKER-port-");
	store_test_open_fails(dir, "--accept-store");
	cr_assert_gt(asprintf(&path, "%s/state.db", dir), 0);
	for (size_t i = ARRAY_SIZE(sizes); i > 0; i--) {
		cr_assert_eq(truncate(path, sizes[i - 1]), 0);
		store_test_open_fails(dir, "--accept-store");
	}
}

Test(store_documents, damage_after_the_start_is_noticed_at_load)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s;

	fill_and_close();
	s = store_test_open(dir);
	store_test_sql(dir, "UPDATE document SET text = '{\"text\":\"other\"}' WHERE id = 'sgr-2'");
	cr_assert_lt(store_load(s, "rule", ignore, NULL, &error), 0);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	cr_assert_not_null(strstr(error.message, "sgr-2"));
	store_close(s);
}

Test(store_documents, a_lost_document_is_noticed)
{
	fill_and_close();
	store_test_sql(dir, "DELETE FROM document WHERE id = 'sgr-3'");
	store_test_open_fails(dir, "should hold 3 documents and holds 2");
}

Test(store_documents, a_document_under_another_kind_is_noticed)
{
	fill_and_close();
	store_test_sql(dir, "UPDATE document SET kind = 'rulf' WHERE id = 'sgr-3'");
	store_test_open_fails(dir, "sgr-3");
}

Test(store_documents, a_damaged_revision_is_noticed)
{
	fill_and_close();
	store_test_sql(dir, "UPDATE state SET revision = 2");
	store_test_open_fails(dir, "state revision");
}

Test(store_documents, a_damaged_meta_value_is_noticed)
{
	struct store *s = store_test_open(dir);
	struct vpc_error error = VPC_ERROR_INIT;
	char *value = NULL;

	cr_assert_eq(store_set_meta(s, "sweep", "12", &error), 0);
	store_test_sql(dir, "UPDATE meta SET value = '13'");
	cr_assert_lt(store_get_meta(s, "sweep", &value, &error), 0);
	cr_assert_null(value);
	store_close(s);
}

Test(store_documents, a_newer_format_is_refused)
{
	fill_and_close();
	store_test_sql(dir, "PRAGMA user_version = 99");
	store_test_open_fails(dir, "newer vpcd");
}

Test(store_documents, another_programs_file_is_refused)
{
	store_test_sql(dir, "CREATE TABLE mine (x)");
	store_test_open_fails(dir, "not a store of vpcd");
}

Test(store_documents, a_file_that_is_no_database_is_refused)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;

	cr_assert(asprintf(&path, "%s/state.db", dir) > 0);
	f = fopen(path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database\n", f);
	fflush(f);
	store_test_open_fails(dir, "not a database");
}

Test(store_documents, a_second_process_is_told_who_has_it)
{
	struct store *s = store_test_open(dir);
	char part[64];
	int status;
	pid_t pid;

	snprintf(part, sizeof(part), "in use by another vpcd (process %d)", getpid());
	pid = fork();
	if (pid == 0) {
		struct vpc_error error = VPC_ERROR_INIT;
		struct store *second = NULL;

		_exit(store_open(dir, false, &second, &error) == -EBUSY && strstr(error.message, part) ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	store_test_open_fails(dir, part); /* nor twice in one process */
	store_close(s);
	store_close(store_test_open(dir));
}

Test(store_documents, files_are_private)
{
	_cleanup_free_ char *deep = NULL, *file = NULL, *wal = NULL;
	struct store *s;
	struct stat st;

	umask(022);
	cr_assert(asprintf(&deep, "%s/a/b", dir) > 0);
	cr_assert(asprintf(&file, "%s/state.db", deep) > 0);
	cr_assert(asprintf(&wal, "%s/state.db-wal", deep) > 0);
	s = store_test_open(deep);
	store_test_put(s, "vpc", "vpc-1", "1");
	cr_assert(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0700);
	cr_assert(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
	cr_assert(stat(wal, &st) == 0 && (st.st_mode & 0777) == 0600);
	store_close(s);
}

Test(store_documents, a_folder_that_cannot_be_made_is_named)
{
	_cleanup_free_ char *path = NULL, *file = NULL;

	store_close(store_test_open(dir));
	cr_assert(asprintf(&file, "%s/lock", dir) > 0);
	cr_assert(asprintf(&path, "%s/state", file) > 0);
	store_test_open_fails(path, file);
}
