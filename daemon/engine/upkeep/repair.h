/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reconcile.c (a start) and repair.c (later) share: opening again what lost ports were attached to, and reporting
 * what could not be put right. */
#ifndef ENGINE_REPAIR_H
#define ENGINE_REPAIR_H

#include <uthash.h>

#include "datapath/net/net.h"
#include "engine/engine_private.h"

/*
 * When a port is tried again. Each port has a back-off of its own. So a container that stands in the way of its own
 * interface, or deletes it again and again, delays no other port.
 */
struct port_retry {
	uint32_t eni;
	unsigned failures;
	uint64_t retry_us; /* CLOCK_MONOTONIC; 0: not waiting */
	uint64_t made_us;  /* when it was last made again; 0: not yet */
	bool reopening;	   /* its workload is being opened on the worker */
	UT_hash_handle hh;
};

/* Whether a lost port may be made again now. To be called when a repair finds it lost. */
bool port_retry_due(struct engine *e, uint32_t eni);
/* Notes that its workload is being opened on the worker. */
void port_retry_begin(struct engine *e, uint32_t eni);
/* Notes a failure. Returns when the port is tried again, CLOCK_MONOTONIC in ns. */
uint64_t port_retry_failed(struct engine *e, uint32_t eni);
/* Notes that the port was made again. */
void port_retry_made(struct engine *e, uint32_t eni);
/* NULL: nothing is known of it. */
struct port_retry *port_retry_find(const struct engine *e, uint32_t eni);
/* Forgets ports that no longer exist, or that were made and stayed. */
void port_retries_prune(struct engine *e);
void port_retries_clear(struct engine *e);
/* When something is tried again that has failed so many times in a row, CLOCK_MONOTONIC in ns. */
uint64_t retry_after(unsigned failures);

/* The workload of a lost port, to be opened again on a thread; self-contained, since a thread may hang in it. */
struct reopen {
	struct engine *e;
	uint32_t vpc, eni;
	char eni_id[OBJECT_ID_MAX];
	struct attachment attachment; /* path owned */
	struct workload workload;
	int result; /* of workload_reopen: -ESTALE: it is gone for good */
};
struct reopen *reopen_new(struct engine *e, const struct port_record *p);
void reopen_free(void *reopen);
int reopen_run(void *reopen);
/* Whether the port is still attached to what was opened. */
bool reopen_matches(const struct reopen *r, const struct port_record *p);
/* After it ran: a namespace that is gone detaches the ENI, another failure is its condition. True: it may be made. */
bool reopen_note(struct engine *e, const struct reopen *r);

/* Whether the report lists the port as lost. */
bool repair_is_lost(const struct net_report *report, uint32_t eni);
/* Conditions as a report says; those of the plan's objects that it doesn't name are over. Ports that were left as lost
 * and wait keep theirs. Schedules the retries. result: what net_ensure returned. */
void repair_note(struct engine *e, const struct plan *all, const struct net_report *report, int result);

/* net_event_fn: schedules a repair. */
void reconcile_event(uint32_t vpc, uint32_t port, void *userdata);
/* Schedules a repair of a VPC: soon, or at a time (CLOCK_MONOTONIC) unless one is scheduled before that. */
void reconcile_schedule(struct engine *e, uint32_t vpc);
void reconcile_schedule_at(struct engine *e, uint32_t vpc, uint64_t at_us);

#endif
