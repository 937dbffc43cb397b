/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for a daemon that is about to be there. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a daemon that can't be reached: from its socket, and from vpcd.lock beside it, which it holds while
 * it runs. */
struct wait {
	const char *socket; /* borrowed */
	uint64_t began_ms;  /* CLOCK_MONOTONIC; 0: it hasn't */
};

/* Sleeps for a moment if it is worth trying again after a connection failed with error (-ENOENT, -ECONNREFUSED); false:
 * it isn't. Up to 10 s while the daemon starts or stops (it holds its lock), and after it ended without removing its
 * socket (killed: whoever started it does so again); up to 3 s after it was stopped, which a restart begins with. Not
 * at all where there is no lock: none was ever started there. */
bool wait_for_restart(struct wait *w, int error);

#endif
