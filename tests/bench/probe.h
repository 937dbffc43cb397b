/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet every 10 µs (or as told) from one namespace to another, each with the time of its sending, and the socket
 * where those that are let through end up. They are read afterwards, so reading disturbs nothing.
 */
#ifndef TESTS_BENCH_PROBE_H
#define TESTS_BENCH_PROBE_H

#include "bench_util.h"

#define PROBE_EVERY_NS (10 * NS_PER_US)
#define PROBE_SLEEP_NS (100 * NS_PER_US)

struct probe {
	int sender;
	int receiver;
	_Atomic bool
		on; /* it sends; it must rest between, or the kernel takes the CPU from it for 50 ms every second */
	_Atomic uint64_t sent;
	/* Set before the start, or 0. */
	uint64_t every_ns; /* 0: PROBE_EVERY_NS */
	uint64_t *stamps;  /* when each was sent; borrowed */
	size_t stamps_max;
};

/* What came through of a stretch of time. Times are those of sending. */
struct probe_seen {
	uint64_t first_ns; /* the first one sent at or after `from`; 0: none */
	uint64_t last_ns;  /* the last one of all; 0: none */
	uint64_t n;
	uint64_t late; /* sent after `until` */
};

/* Starts a thread on CPU_SERVER that sends while p->on; it sleeps between packets that are PROBE_SLEEP_NS or more
 * apart. Leaves this thread in the server's namespace. Returns 0 or -errno, having said why. p lives as long as the
 * process. */
int probe_start(struct probe *p, const char *client, const char *server, const char *address, uint16_t port);
/* Reads all that has arrived. */
void probe_read(const struct probe *p, uint64_t from_ns, uint64_t until_ns, struct probe_seen *ret);

#endif
