/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads for calls that may block: entering namespaces, opening what a user named, deleting links, attaching tcx,
 * grace periods. Jobs of one queue run one after the other, in order; `done` runs on the event loop. A job on
 * WORKER_USER that exceeds its limit is given up: done is called with -ETIMEDOUT, and another thread takes the place of
 * the lost one.
 */
#ifndef UTIL_WORKER_H
#define UTIL_WORKER_H

#include <stdint.h>
#include <systemd/sd-event.h>

struct worker;

/* Runs on the thread; returns 0 or -errno for done. Must touch nothing but data. */
typedef int (*worker_run_fn)(void *data);
/* Runs on the event loop. result: what run returned, or -ETIMEDOUT, after which run may still be using data: then done
 * must not free it (free_fn is called when the lost thread comes back, if ever). */
typedef void (*worker_done_fn)(void *data, int result);

enum worker_queue {
	WORKER_KERNEL, /* operations that always end */
	WORKER_GRACE,  /* grace periods: nothing else waits behind them */
	WORKER_STORE,  /* the store's commits: end when the disk answers */
	WORKER_USER,   /* opening what a user named: may hang, 5 s limit */
	WORKER_FLOWS,  /* reading the maps of flows for a reply: always ends */
	WORKER_COUNT,  /* reading them for nobody who waits: always ends, and leaves the CPU to whoever wants it */
	WORKER_LIST,   /* reading and writing lists, a piece at a time: always ends, and lets others go first */
	WORKER_PAST,   /* reading the store's past for a reply: always ends */
	WORKER_QUEUES,
};

/* user_limit_ms: time limit of a job on WORKER_USER, from its start. */
int worker_new(sd_event *event, unsigned user_limit_ms, struct worker **ret);
/* Waits for the jobs of all queues but the users' (their done is called), gives up the others: done gets -ECANCELED
 * for those that never ran, -ETIMEDOUT for the one that is running. NULL is fine. */
void worker_free(struct worker *w);
/* free_fn may be NULL; it is called only for data of a job given up while running. -ENOMEM; -EAGAIN: too many threads
 * are lost in hung jobs, or the worker is being freed. A run that itself returns -ETIMEDOUT is reported as -ETIME. */
int worker_submit(struct worker *w, enum worker_queue queue, worker_run_fn run, worker_done_fn done,
		  void (*free_fn)(void *data), void *data);

#endif
