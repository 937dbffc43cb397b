/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for a daemon that restarts. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Of one request. The daemon holds vpcd.lock beside its socket while it runs. */
struct wait {
	const char *socket; /* borrowed */
	uint64_t began_ms;  /* CLOCK_MONOTONIC; 0: not yet */
};

/* After a connection failed with error (-ENOENT, -ECONNREFUSED). True: it slept for a moment, and the caller tries
 * again. False: the caller gives up. It waits up to 30 s while a daemon starts or stops (it holds its lock), up to
 * 10 s after one was killed (its socket is left, and refuses), and up to 3 s after one was stopped. It doesn't wait
 * where there is no lock file: no daemon ever ran there. */
bool wait_for_restart(struct wait *w, int error);

#endif
