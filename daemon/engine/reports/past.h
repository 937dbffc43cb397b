/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the store's past: each request is a job of the thread WORKER_PAST, with a reader of its own. What a job does
 * is in past_log.c, past_events.c and past_show.c.
 */
#ifndef ENGINE_PAST_H
#define ENGINE_PAST_H

#include "engine/engine_private.h"
#include "store/history.h"

/* First member of a job's own struct. */
struct past_job {
	struct engine *e;
	/* On the thread: must touch nothing of the engine but the store, through the reader. 0, or error is set. */
	int (*run)(struct past_job *job, struct store_reader *reader);
	/* On the loop, once; job->error says whether it failed. Frees the job's own members. */
	void (*done)(struct past_job *job);
	struct vpc_error error;
};

/* Takes job (malloc'ed), whose e, run and done are set. -errno: done isn't called, and the caller still owns it. */
int past_submit(struct past_job *job);
/* Tells who watches that a commit is in force. */
void past_tell(struct engine *e);
/* RevisionTooOld. */
int past_too_old(uint64_t revision, const struct store_reader *reader, struct vpc_error *reterr);

/* What a change did, for log and events: {"action", "kind", "id", "name", "parent_id", "fields"}. NULL: out of memory.
 */
json_t *past_change_json(const struct store_change_row *row);
/* {"revision", "time", "uid", "pid", "command"}. */
json_t *past_commit_json(const struct store_history_row *row);

#endif
