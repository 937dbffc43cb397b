/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log has its size from the start and keeps it, so that no commit waits for the file system's own journal. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store_util.h"

#define HEADER_BYTES 32
#define FRAME_BYTES  (4096 + 24)

/* The text of a document that takes so many pages, so that a log is filled by few commits: each waits for the disk. */
#define TEXT_PAGES 16

static char *dir, *wal, long_text[TEXT_PAGES * 4096];

/* SQLite writes only pages that differ: each text is another. */
static void put_long(struct store *s, unsigned i)
{
	char id[32];

	snprintf(id, sizeof(id), "vpc-%u", i % 50);
	memset(long_text, 'a' + (int)(i % 26), sizeof(long_text) - 1);
	store_test_put(s, "vpc", id, long_text);
}

static void setup(void)
{
	dir = store_test_folder();
	cr_assert(asprintf(&wal, "%s/state.db-wal", dir) > 0);
}

static void teardown(void)
{
	free(wal);
	store_test_remove(dir);
}

TestSuite(store_wal, .init = setup, .fini = teardown, .timeout = 60);

static off_t wal_bytes(void)
{
	struct stat st;

	cr_assert_eq(stat(wal, &st), 0);
	/* No holes: to write to one is as slow as to write at the end. */
	cr_assert_geq(st.st_blocks * 512, st.st_size);
	return st.st_size;
}

static void *move_log(void *userdata)
{
	int r = store_checkpoint(userdata);

	/* Whether a commit is under way just then is chance. */
	cr_assert(r == 0 || r == -EBUSY, "%d", r);
	return NULL;
}

/* Somebody who changes things in a row leaves no moment in which all of the log is in the file, unless it is made. */
Test(store_wal, commits_in_a_row_do_not_make_it_grow)
{
	struct store *s = store_test_open(dir);
	off_t bytes = wal_bytes();
	bool moving = false;
	pthread_t thread;
	unsigned moved = 0;

	for (unsigned i = 0; i * TEXT_PAGES * FRAME_BYTES < 4 * bytes; i++) {
		put_long(s, i);
		if (moving && i % 10 == 0) {
			pthread_join(thread, NULL);
			cr_assert_eq(store_checkpoint_finish(s), 0);
			moving = false;
			moved++;
		} else if (!moving && store_checkpoint_due(s)) {
			cr_assert_eq(pthread_create(&thread, NULL, move_log, s), 0);
			moving = true;
		}
	}
	if (moving)
		pthread_join(thread, NULL);
	cr_assert_geq(moved, 3, "%u times", moved);
	cr_assert_eq(wal_bytes(), bytes);
	store_close(s);
}

Test(store_wal, what_a_reader_holds_back_is_moved_when_it_ends)
{
	struct store *s = store_test_open(dir);
	char path[256];
	sqlite3 *reader;

	snprintf(path, sizeof(path), "%s/state.db", dir);
	put_long(s, 0);
	cr_assert_eq(sqlite3_open(path, &reader), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(reader, "BEGIN; SELECT revision FROM state", NULL, NULL, NULL), SQLITE_OK);
	put_long(s, 1);
	cr_assert_eq(store_checkpoint(s), -EBUSY);
	cr_assert_eq(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(store_checkpoint_finish(s), 0);
	sqlite3_close(reader);
	store_close(s);
}

/* Cuts the log after its last frame, as one that was never reserved. */
static void cut_reserve(void)
{
	off_t size = wal_bytes(), end = 0;
	_cleanup_free_ char *bytes = malloc((size_t)size);
	_cleanup_close_ int fd = open(wal, O_RDWR | O_CLOEXEC);

	cr_assert_eq(pread(fd, bytes, (size_t)size, 0), size);
	for (end = size; end > HEADER_BYTES && !bytes[end - 1]; end--)
		;
	end = HEADER_BYTES + (end - HEADER_BYTES + FRAME_BYTES - 1) / FRAME_BYTES * FRAME_BYTES;
	cr_assert_lt(end, size);
	cr_assert_eq(ftruncate(fd, end), 0);
}

Test(store_wal, commits_do_not_make_it_grow)
{
	struct store *s = store_test_open(dir);
	off_t bytes = wal_bytes();
	unsigned due = 0;

	cr_assert_geq(bytes, 1 << 20);
	/* More than would fit, were it never started anew. */
	for (unsigned i = 0; i * TEXT_PAGES * FRAME_BYTES < 3 * bytes; i++) {
		put_long(s, i);
		if (!store_checkpoint_due(s))
			continue;
		due++;
		cr_assert_eq(store_checkpoint(s), 0);
		cr_assert_not(store_checkpoint_due(s), "once is enough");
	}
	cr_assert_geq(due, 2);
	cr_assert_leq(due, 20, "not with every few commits");
	cr_assert_eq(wal_bytes(), bytes);
	store_close(s);
	store_close(store_test_open(dir));
}

Test(store_wal, what_is_in_a_shorter_one_stays)
{
	_cleanup_free_ char *list = NULL;
	struct store *s = store_test_open(dir);
	off_t bytes = wal_bytes();

	store_test_put(s, "vpc", "vpc-1", "one");
	store_test_put(s, "vpc", "vpc-2", "two");
	store_close(s);
	cut_reserve();
	s = store_test_open(dir);
	cr_assert_eq(wal_bytes(), bytes);
	store_test_put(s, "vpc", "vpc-3", "three");
	store_close(s);
	s = store_test_open(dir);
	list = store_test_list(s, "vpc");
	cr_assert_str_eq(list, "vpc-1=one vpc-2=two vpc-3=three");
	store_close(s);
}

/* A disk that is too full for the reserve: vpcd starts, commits, and has left nothing half-written there. */
static int open_with_little_room(void)
{
	const struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
	struct store *s;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 2;
	s = store_test_open(dir);
	store_test_put(s, "vpc", "vpc-1", "kept");
	store_close(s);
	return 0;
}

Test(store_wal, no_room_for_it)
{
	_cleanup_free_ char *list = NULL;
	struct store *s;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(open_with_little_room());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_assert_lt(wal_bytes(), 1 << 20);
	s = store_test_open(dir);
	list = store_test_list(s, "vpc");
	cr_assert_str_eq(list, "vpc-1=kept");
	store_close(s);
}

/* One big transaction: it may grow, and is of use all the same. */
Test(store_wal, larger_than_its_reserve)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = store_test_open(dir);
	off_t bytes = wal_bytes(), grown;
	_cleanup_free_ char *text = calloc(1, 200001);
	struct store_write writes[400];
	char ids[400][16];
	json_t *document;

	memset(text, 'x', 200000);
	document = json_pack("{s:s}", "text", text);
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		snprintf(ids[i], sizeof(ids[i]), "vpc-%zu", i);
		writes[i] = (struct store_write){.kind = "vpc", .id = ids[i], .document = document, .fresh = true};
	}
	cr_assert_eq(store_commit(s,
				  &(struct store_batch){1, writes, ARRAY_SIZE(writes), NULL, 0, NULL, 0, NULL, 0, NULL},
				  &error),
		     0, "%s", error.message);
	json_decref(document);
	cr_assert_gt(wal_bytes(), bytes);
	cr_assert(store_checkpoint_due(s));
	cr_assert_eq(store_checkpoint(s), 0);
	cr_assert_eq(store_checkpoint_finish(s), 0);
	grown = wal_bytes();
	store_test_put(s, "vpc", "vpc-0", NULL);
	cr_assert_not(store_checkpoint_due(s), "it has started anew");
	cr_assert_eq(wal_bytes(), grown, "no commit waits for it to be cut");
	cr_assert_eq(store_idle_work(s, &error), 0);
	cr_assert_eq(wal_bytes(), bytes);
	store_test_put(s, "vpc", "vpc-1", "after");
	store_close(s);
	store_close(store_test_open(dir));
}
