/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SQLite counts locks in memory: one that the kernel fails to give back once would count for ever. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>

#include "store_util.h"

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* SQLite's locks go through these; one that gives a lock back fails when asked for. */
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

Test(store_locks, an_unlock_that_fails_is_not_for_ever, .timeout = 60)
{
	struct vpc_error error = VPC_ERROR_INIT;
	char *dir = store_test_folder();
	struct store *s = store_test_open(dir);

	store_test_put(s, "vpc", "vpc-1", "one");
	for (int round = 1; round < 5; round++) {
		double from = now_s();

		fail_unlocks = round;
		(void)store_set_meta(s, "a", "1", &error);
		cr_assert_eq(fail_unlocks, 0, "SQLite gave back no lock");
		error = VPC_ERROR_INIT;
		cr_assert_eq(store_set_meta(s, "a", "2", &error), 0, "%s", error.message);
		cr_assert_eq(store_set_meta(s, "a", "2", &error), 0, "%s", error.message);
		cr_assert_lt(now_s() - from, 3);
		cr_assert_eq(store_checkpoint(s), 0);
		cr_assert_eq(store_checkpoint_finish(s), 0);
	}
	store_close(s);
	store_test_remove(dir);
}
