/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SQLite counts locks in memory: one that the kernel fails to give back once would count for ever. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

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

/* The first round meets it at a transaction's begin, the second at its end, since the log starts anew. SQLite itself
 * tries for 10 s; then the change is made after all, and the next ones wait for nothing. */
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
