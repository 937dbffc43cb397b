/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store that is damaged, cut, older or gone is refused, or it is right: acknowledged changes never vanish in silence.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <vpc/clock.h>

#include "store_util.h"

#define CHANGES	    25
#define FRAME_BYTES (4096 + 24)

static char *dir;

static void setup(void)
{
	/* Hundreds of stores are opened: in memory, where syncing is free. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	dir = store_test_folder();
}

static void teardown(void)
{
	store_test_remove(dir);
}

TestSuite(store_lost, .init = setup, .fini = teardown, .timeout = 100);

/* --- folders as bytes -------------------------------------------------------------------------------- */

static const char *const names[] = {"state.db", "state.db-wal", "acknowledged"};
enum { DB, WAL, ACK, FILES };

struct copy {
	char *bytes[FILES]; /* NULL: no such file */
	size_t n[FILES];
	size_t used[FILES]; /* without zeros at the end */
};

static void path_of(int file, char ret[256])
{
	snprintf(ret, 256, "%s/%s", dir, names[file]);
}

static void copy_take(struct copy *c)
{
	for (int i = 0; i < FILES; i++) {
		_cleanup_close_ int fd = -1;
		struct stat st;
		char path[256];

		path_of(i, path);
		fd = open(path, O_RDONLY);
		c->bytes[i] = NULL;
		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		c->n[i] = (size_t)st.st_size;
		c->bytes[i] = malloc(c->n[i] + 1);
		cr_assert_eq(pread(fd, c->bytes[i], c->n[i], 0), st.st_size);
		for (c->used[i] = c->n[i]; c->used[i] > 0 && !c->bytes[i][c->used[i] - 1]; c->used[i]--)
			;
	}
}

static void copy_put_file(const struct copy *c, int file)
{
	_cleanup_close_ int fd = -1;
	char path[256];

	path_of(file, path);
	unlink(path);
	if (!c->bytes[file])
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, c->bytes[file], c->used[file]), (ssize_t)c->used[file]);
	cr_assert_eq(ftruncate(fd, (off_t)c->n[file]), 0);
}

static void copy_put(const struct copy *c)
{
	char path[256];

	for (int i = 0; i < FILES; i++)
		copy_put_file(c, i);
	snprintf(path, sizeof(path), "%s/state.db-shm", dir);
	unlink(path);
}

static void copy_clear(struct copy *c)
{
	for (int i = 0; i < FILES; i++)
		free(c->bytes[i]);
}

/* --- what should be there ---------------------------------------------------------------------------- */

static char *expected;

/* In a process of its own, which makes no assertions: criterion knows only its own children. */
static int change_child(int from, int to, bool checkpoint, bool end)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = NULL;

	if (store_open(dir, false, &s, &error) < 0)
		return 1;
	for (int i = from; i < to; i++) {
		char id[32], text[32];
		json_t *document;
		struct store_write w = {.kind = "vpc", .id = id};

		snprintf(id, sizeof(id), "vpc-%d", i % 7);
		snprintf(text, sizeof(text), "change-%d", i);
		w.document = document = i % 5 == 4 ? NULL : json_pack("{s:s}", "text", text);
		if (store_commit(s,
				 &(struct store_batch){store_revision(s) + 1, &w, 1, NULL, 0, NULL, 0, NULL, 0, NULL},
				 &error) < 0)
			return 2;
		json_decref(document);
		if (checkpoint && i == (from + to) / 2 && store_checkpoint(s) < 0)
			return 3;
	}
	if (end)
		store_close(s);
	return 0;
}

/* Changes, with a checkpoint in the middle. end: closes the store; otherwise it is as kill -9 leaves it. */
static void change(int from, int to, bool checkpoint, bool end)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(change_child(from, to, checkpoint, end));
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void expect(void)
{
	struct copy c;
	struct store *s;

	copy_take(&c);
	s = store_test_open(dir);
	expected = store_test_list(s, "vpc");
	store_close(s);
	copy_put(&c);
	copy_clear(&c);
}

/* Refused, or right. Returns whether it was refused. */
static bool refused_or_right(const char *what, size_t at)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_free_ char *list = NULL;
	struct store *s = NULL;

	if (store_open(dir, false, &s, &error) < 0) {
		cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
		return true;
	}
	list = store_test_list(s, "vpc");
	cr_assert_str_eq(list, expected, "%s at %zu rolled back in silence", what, at);
	store_close(s);
	return false;
}

static unsigned flip_all(const struct copy *c, int file, size_t step, const char *what)
{
	unsigned refused = 0;

	for (size_t at = 0; at < c->used[file]; at += step) {
		copy_put(c);
		{
			_cleanup_close_ int fd = -1;
			char path[256], byte = (char)(c->bytes[file][at] ^ (1 << at % 8));

			path_of(file, path);
			fd = open(path, O_WRONLY);
			cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
		}
		refused += refused_or_right(what, at);
	}
	copy_put(c);
	return refused;
}

/* --- at rest ----------------------------------------------------------------------------------------- */

Test(store_lost, a_flipped_bit_in_the_log_of_a_killed_process)
{
	struct copy c;

	change(0, CHANGES, false, false);
	expect();
	copy_take(&c);
	/* In each frame's header and page, the log's header too. */
	cr_assert_gt(flip_all(&c, WAL, 2311, "a flip in the log"), 30);
	for (size_t at = 32; at + 24 < c.used[WAL]; at += FRAME_BYTES) {
		copy_put(&c);
		{
			_cleanup_close_ int fd = -1;
			char path[256], byte = (char)(c.bytes[WAL][at + 9] ^ 1);

			path_of(WAL, path);
			fd = open(path, O_WRONLY);
			cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at + 9), 1); /* the salt */
		}
		cr_assert(refused_or_right("a flip in a frame's salt", at));
	}
	copy_clear(&c);
}

Test(store_lost, a_flipped_bit_in_the_log_after_a_checkpoint)
{
	struct copy c;

	change(0, CHANGES, true, false);
	expect();
	copy_take(&c);
	cr_assert_gt(flip_all(&c, WAL, 2311, "a flip in the log"), 10);
	flip_all(&c, DB, 389, "a flip in the file");
	copy_clear(&c);
}

/* The log of a store that was closed says nothing any more: no flip in it is of any consequence. */
Test(store_lost, a_flipped_bit_in_the_log_after_a_clean_stop)
{
	struct copy c;

	change(0, CHANGES, true, true);
	expect();
	copy_take(&c);
	cr_assert_gt(c.used[WAL], 10 * FRAME_BYTES);
	cr_assert_eq(flip_all(&c, WAL, 2311, "a flip in the log"), 0);
	flip_all(&c, DB, 389, "a flip in the file");
	cr_assert_eq(flip_all(&c, ACK, 7, "a flip in the mark"), 0);
	copy_clear(&c);
}

Test(store_lost, a_log_that_is_cut_or_gone)
{
	struct copy c;

	change(0, CHANGES, false, false);
	expect();
	copy_take(&c);
	for (size_t bytes = 0; bytes < c.used[WAL]; bytes += FRAME_BYTES * 2 / 3) {
		char path[256];

		copy_put(&c);
		path_of(WAL, path);
		cr_assert_eq(truncate(path, (off_t)bytes), 0);
		cr_assert(refused_or_right("a log cut", bytes));
	}
	copy_put(&c);
	free(c.bytes[WAL]);
	c.bytes[WAL] = NULL;
	copy_put(&c);
	cr_assert(refused_or_right("a log removed", 0));
	copy_clear(&c);
}

Test(store_lost, an_older_copy_of_a_file_or_of_both)
{
	struct copy old, now;

	for (int end = 0; end < 2; end++) {
		store_test_remove(dir);
		dir = store_test_folder();
		change(0, CHANGES / 2, true, end);
		copy_take(&old);
		change(CHANGES / 2, CHANGES, true, end);
		expect();
		copy_take(&now);
		for (int which = 1; which < 4; which++) {
			copy_put(&now);
			if (which & 1)
				copy_put_file(&old, DB);
			if (which & 2)
				copy_put_file(&old, WAL);
			cr_assert(refused_or_right("an older copy", (size_t)which) || which < 3);
		}
		copy_clear(&old);
		copy_clear(&now);
	}
}

Test(store_lost, a_database_that_is_gone)
{
	struct copy c;
	char path[256];

	change(0, CHANGES, false, true);
	copy_take(&c);
	free(c.bytes[DB]);
	c.bytes[DB] = NULL;
	copy_put(&c);
	store_test_open_fails(dir, "state.db is gone");
	path_of(DB, path);
	cr_assert_lt(access(path, F_OK), 0, "nothing was made in its place");
	store_test_open_fails(dir, "--accept-store");
	copy_clear(&c);
}

Test(store_lost, another_store_in_its_place)
{
	struct copy other, c;
	char *mine = dir;

	change(0, 3, false, true);
	dir = store_test_folder();
	change(0, CHANGES, false, true);
	copy_take(&other);
	store_test_remove(dir);
	dir = mine;
	copy_take(&c);
	copy_put_file(&other, DB);
	copy_put_file(&other, WAL);
	store_test_open_fails(dir, "another store");
	copy_clear(&c);
	copy_clear(&other);
}

Test(store_lost, who_means_it_has_it_under_a_new_name)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store_mark before = {.revision = CHANGES};
	struct store *s = NULL;
	struct copy c;

	change(0, CHANGES, false, false);
	copy_take(&c);
	s = store_test_open(dir);
	snprintf(before.id, sizeof(before.id), "%s", store_id(s));
	cr_assert_eq(strlen(before.id), 36);
	cr_assert_eq(store_check_mark(s, &before, "the kernel", &error), 0);
	before.revision++;
	cr_assert_lt(store_check_mark(s, &before, "the kernel", &error), 0);
	cr_assert_not_null(strstr(error.message, "knows revision 26"), "%s", error.message);
	before.revision--;
	store_close(s);

	free(c.bytes[WAL]);
	c.bytes[WAL] = NULL;
	copy_put(&c);
	store_test_open_fails(dir, "has lost changes");
	cr_assert_eq(store_open(dir, true, &s, &error), 0, "%s", error.message);
	cr_assert_neq(strcmp(store_id(s), before.id), 0);
	cr_assert_lt(store_check_mark(s, &before, "the kernel", &error), 0, "it is another one now");
	store_test_put(s, "vpc", "vpc-new", "after");
	store_close(s);
	store_close(store_test_open(dir));
	copy_clear(&c);
}

/* --- while it is open -------------------------------------------------------------------------------- */

Test(store_lost, a_folder_that_vanishes_and_comes_back)
{
	struct vpc_error error;
	struct store *s = store_test_open(dir);
	char away[512], path[256];
	uint64_t revision;

	store_test_put(s, "vpc", "vpc-1", "one");
	revision = store_revision(s);
	snprintf(away, sizeof(away), "%s-away", dir);
	cr_assert_eq(rename(dir, away), 0);
	cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	cr_assert_not_null(strstr(error.message, "was removed"), "%s", error.message);
	cr_assert_lt(store_probe(s, &error), 0);
	cr_assert_eq(store_checkpoint(s), -ESTALE);
	cr_assert_lt(access(dir, F_OK), 0, "nothing was made in its place");
	cr_assert_eq(store_revision(s), revision);
	/* another folder with the name */
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_eq(rmdir(dir), 0);
	cr_assert_eq(rename(away, dir), 0);
	cr_assert_eq(store_probe(s, &error), 0, "%s", error.message);
	cr_assert_eq(store_test_try(s, &error), 0, "%s", error.message);
	/* a copy in place of the file */
	path_of(DB, path);
	snprintf(away, sizeof(away), "%s-away", path);
	cr_assert_eq(rename(path, away), 0);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_not_null(strstr(error.message, "replaced"), "%s", error.message);
	store_close(s);
}

Test(store_lost, a_log_that_is_removed_is_made_again_from_what_was_open)
{
	_cleanup_free_ char *list = NULL;
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = store_test_open(dir);
	char path[256];

	store_test_put(s, "vpc", "vpc-1", "one");
	path_of(WAL, path);
	cr_assert_eq(unlink(path), 0);
	cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	cr_assert_eq(store_probe(s, &error), 0, "%s", error.message);
	store_test_put(s, "vpc", "vpc-2", "two");
	store_close(s);
	s = store_test_open(dir);
	list = store_test_list(s, "vpc");
	cr_assert_str_eq(list, "vpc-1=one vpc-2=two");
	store_close(s);
}

Test(store_lost, a_log_that_is_cut_is_noticed)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = store_test_open(dir);
	char path[256];

	store_test_put(s, "vpc", "vpc-1", "one");
	path_of(WAL, path);
	cr_assert_eq(truncate(path, 0), 0);
	cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_not_null(strstr(error.message, "was cut"), "%s", error.message);
	store_close(s);
	store_test_open_fails(dir, "has lost changes");
}
