/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <vpc/cleanup.h>
#include <vpc/clock.h>
#include <vpc/paths.h>

#define START_MS   30000 /* a daemon that starts verifies its programs, which takes seconds on a busy machine */
#define KILLED_MS  10000
#define STOPPED_MS 3000
#define PAUSE_MS   50

/* By /proc/locks, which anybody may read. Taking the lock to try it could keep the daemon from taking it. */
static bool is_locked(const struct stat *st)
{
	_cleanup_free_ char *line = NULL;
	FILE *f = fopen("/proc/locks", "re");
	char wanted[64];
	bool locked = false;
	size_t size = 0;

	if (!f)
		return false;
	snprintf(wanted, sizeof(wanted), " %02x:%02x:%llu ", major(st->st_dev), minor(st->st_dev),
		 (unsigned long long)st->st_ino);
	while (!locked && getline(&line, &size, f) > 0)
		locked = strstr(line, "FLOCK") && !strstr(line, "->") && strstr(line, wanted);
	fclose(f);
	return locked;
}

/* "/run/vpcd/vpcd.sock" → "/run/vpcd/vpcd.lock". False: there is none. */
static bool stat_lock(const char *socket, struct stat *ret)
{
	const char *slash = strrchr(socket, '/');
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%.*s" VPCD_LOCK_NAME, slash ? (int)(slash + 1 - socket) : 0, socket) < 0) {
		path = NULL;
		return false;
	}
	return stat(path, ret) == 0;
}

bool wait_for_restart(struct wait *w, int error)
{
	uint64_t limit_ms = STOPPED_MS;
	struct stat lock;

	if ((error != -ENOENT && error != -ECONNREFUSED) || !stat_lock(w->socket, &lock))
		return false;
	if (!w->began_ms)
		w->began_ms = monotonic_ms();
	if (is_locked(&lock))
		limit_ms = START_MS;
	else if (error == -ECONNREFUSED)
		limit_ms = KILLED_MS;
	if (monotonic_ms() - w->began_ms >= limit_ms)
		return false;
	sleep_ms(PAUSE_MS);
	return true;
}
