/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs that read the store's past, and who is told of new commits. */
#include "engine/reports/past.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "util/json.h"
#include "util/worker.h"

struct commit_watch {
	struct engine *e;
	void (*fn)(void *userdata);
	void *userdata;
	struct commit_watch *next;
};

static int job_run(void *data)
{
	struct past_job *job = data;
	_cleanup_(store_reader_closep) struct store_reader *reader = NULL;
	int r = store_reader_open(job->e->store, &reader, &job->error);

	return r < 0 ? r : job->run(job, reader);
}

static void job_done(void *data, int result)
{
	struct past_job *job = data;

	job->e->reading_past--;
	if (result < 0 && job->error.code == VPC_E_OK)
		vpc_error_set(&job->error, VPC_E_INTERNAL_ERROR, NULL, "the history can't be read: %s",
			      strerror(-result));
	job->done(job);
	vpc_error_clear(&job->error);
	free(job);
}

int past_submit(struct past_job *job)
{
	int r;

	job->error = VPC_ERROR_INIT;
	r = worker_submit(job->e->worker, WORKER_PAST, job_run, job_done, NULL, job);
	if (r >= 0)
		job->e->reading_past++;
	return r;
}

int past_too_old(uint64_t revision, const struct store_reader *reader, struct vpc_error *reterr)
{
	return vpc_error_set(reterr, VPC_E_REVISION_TOO_OLD, "revision",
			     "the history of revision %" PRIu64 " is not kept any more: it reaches back to revision "
			     "%" PRIu64 " ([history] depth in vpcd.conf says how many are kept)",
			     revision, store_reader_oldest(reader));
}

/* --- JSON -------------------------------------------------------------------------------------------- */

json_t *past_change_json(const struct store_change_row *row)
{
	const char *action = row->deleted ? "deleted" : row->before ? "changed" : "created";
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s?}", "action", action, "kind", row->kind, "id", row->id,
				 "name", row->name, "parent_id", row->parent);
	json_t *fields = row->fields ? json_loads(row->fields, 0, NULL) : json_array();

	if (!json || !fields || json_object_set_new(json, "fields", fields) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *past_commit_json(const struct store_history_row *row)
{
	return json_pack("{s:I, s:o, s:I, s:I, s:s}", "revision", (json_int_t)row->revision, "time",
			 row->time_ns ? json_time_us(row->time_ns) : json_null(), "uid", (json_int_t)row->uid, "pid",
			 (json_int_t)row->pid, "command", row->command);
}

/* --- who is told ------------------------------------------------------------------------------------- */

void past_tell(struct engine *e)
{
	for (struct commit_watch *w = e->watches, *next; w; w = next) {
		next = w->next;
		w->fn(w->userdata);
	}
}

int engine_watch_commits(struct engine *e, void (*fn)(void *userdata), void *userdata, struct commit_watch **ret)
{
	struct commit_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct commit_watch){.e = e, .fn = fn, .userdata = userdata, .next = e->watches};
	e->watches = w;
	*ret = w;
	return 0;
}

void engine_unwatch_commits(struct commit_watch *w)
{
	struct commit_watch **at;

	if (!w)
		return;
	for (at = &w->e->watches; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	free(w);
}
