/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks of the database: those that the kernel fails to give back, and those of other processes. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <vpc/clock.h>

#include "store_util.h"

static double now_s(void)
{
	return (double)monotonic_ns() / NS_PER_S;
}

/* SQLite's locks go through here; this many that are given back fail. */
static int fail_unlocks;

static bool fails(int cmd, const struct flock *lock)
{
	if (cmd != F_SETLK || lock->l_type != F_UNLCK || fail_unlocks == 0)
		return false;
	fail_unlocks--;
	errno = ENOLCK;
	return true;
}

int fcntl64(int fd, int cmd, ...)
{
	static int (*next)(int, int, ...);
	va_list ap;
	void *arg;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "fcntl64");
	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fails(cmd, arg) ? -1 : next(fd, cmd, arg);
}

/* SQLite counts locks in memory: one that isn't given back once would count for ever. The first round meets it at a
 * transaction's begin, the second at its end, since the log starts anew. SQLite itself tries for 10 s; then the change
 * is made after all, and the next ones wait for nothing. */
Test(store_locks, an_unlock_that_fails_is_not_for_ever, .timeout = 120)
{
	struct vpc_error error = VPC_ERROR_INIT;
	char *dir = store_test_folder();
	struct store *s = store_test_open(dir);

	for (int round = 0; round < 2; round++) {
		double from;

		store_test_put(s, "vpc", "vpc-1", "one");
		fail_unlocks = 1;
		cr_assert_eq(store_set_meta(s, "a", "1", &error), 0, "%s", error.message);
		cr_assert_eq(fail_unlocks, 0, "SQLite gave back no lock");
		from = now_s();
		cr_assert_eq(store_set_meta(s, "a", "2", &error), 0, "%s", error.message);
		cr_assert_eq(store_set_meta(s, "a", "3", &error), 0, "%s", error.message);
		cr_assert_lt(now_s() - from, 5);
		cr_assert_eq(store_checkpoint(s), 0);
		cr_assert_eq(store_checkpoint_finish(s), 0);
	}
	store_close(s);
	store_test_remove(dir);
}

/* Another process that will hold a write transaction open until it is killed: from before this one has SQLite open. */
static pid_t lock_holder(const char *dir, const int go[2], const int done[2])
{
	char path[256], byte;
	sqlite3 *db;
	pid_t pid;

	pid = fork();
	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (read(go[0], &byte, 1) != 1 || sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK || write(done[1], "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

Test(store_locks, somebody_elses_transaction_costs_one_wait, .timeout = 100)
{
	struct vpc_error error = VPC_ERROR_INIT;
	char *dir = store_test_folder();
	int go[2], done[2];
	struct store *s;
	double from;
	pid_t pid;
	char byte;

	cr_assert(pipe(go) == 0 && pipe(done) == 0);
	pid = lock_holder(dir, go, done);
	s = store_test_open(dir);
	store_test_put(s, "vpc", "vpc-1", "one");
	cr_assert(write(go[1], "x", 1) == 1 && read(done[0], &byte, 1) == 1);
	from = now_s();
	cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_not_null(strstr(error.message, "another process"), "%s", error.message);
	cr_assert_lt(now_s() - from, 4);
	from = now_s();
	for (int i = 0; i < 5; i++)
		cr_assert_lt(store_test_try(s, &error), 0);
	cr_assert_lt(now_s() - from, 4, "those behind it don't wait as long");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	error = VPC_ERROR_INIT;
	cr_assert_eq(store_test_try(s, &error), 0, "%s", error.message);
	store_close(s);
	store_test_remove(dir);
}
