/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /v1/log: commits, newest first, with what each did. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/reports/past.h"

/* A commit may have 100,000 changes: so many of each are shown, and of all commits of a reply. */
#define CHANGES_SHOWN 100
#define SHOWN_MAX     20000

struct log_job {
	struct past_job job;
	struct store_reader *reader;
	char *resource; /* NULL: everything */
	json_t *ids;	/* of the resource, those that it has now; an object {id: true} */
	uint64_t before;
	size_t limit;
	json_t *log;
	json_t *changes; /* of the commit that is written */
	uint64_t revision, n_changes, n_shown;
	json_t *reply;
	engine_past_fn fn;
	void *userdata;
};

static bool concerns(const struct log_job *j, const struct store_change_row *row)
{
	return !j->resource || json_object_get(j->ids, row->id) ||
	       (row->parent && json_object_get(j->ids, row->parent));
}

static int on_change(const struct store_change_row *row, void *userdata)
{
	struct log_job *j = userdata;
	json_t *change;

	if (row->revision != j->revision)
		return 1;
	if (!concerns(j, row))
		return 0;
	if (j->n_changes++ >= CHANGES_SHOWN || j->n_shown >= SHOWN_MAX)
		return 0;
	j->n_shown++;
	change = past_change_json(row);
	return change && json_array_append_new(j->changes, change) == 0 ? 0 : vpc_error_oom(&j->job.error);
}

/* Takes j->changes. */
static int put_commit(struct log_job *j, const struct store_history_row *row)
{
	json_t *commit = past_commit_json(row), *changes = TAKE_PTR(j->changes);

	if (json_object_set_new(commit, "changes", changes) < 0 ||
	    json_object_set_new(commit, "changes_total", json_integer((json_int_t)j->n_changes)) < 0) {
		json_decref(commit);
		return vpc_error_oom(&j->job.error);
	}
	return json_array_append_new(j->log, commit) < 0 ? vpc_error_oom(&j->job.error) : 0;
}

static int on_commit(const struct store_history_row *row, void *userdata)
{
	struct log_job *j = userdata;
	int r;

	if (json_array_size(j->log) >= j->limit)
		return 1;
	j->revision = row->revision;
	j->n_changes = 0;
	j->changes = json_array();
	if (!j->changes)
		return vpc_error_oom(&j->job.error);
	r = store_read_changes(j->reader, row->revision - 1, 0, on_change, j, &j->job.error);
	if (r == 0 && (!j->resource || j->n_changes))
		r = put_commit(j, row);
	json_decref(TAKE_PTR(j->changes));
	return r < 0 ? r : j->resource ? 1 : 0; /* a resource's commits are looked for one by one */
}

static int on_revision(uint64_t revision, void *userdata)
{
	struct log_job *j = userdata;

	return store_read_commits_back(j->reader, revision + 1, on_commit, j, &j->job.error);
}

static int on_id(const char *id, void *userdata)
{
	struct log_job *j = userdata;

	return json_object_set_new(j->ids, id, json_true()) < 0 ? vpc_error_oom(&j->job.error) : 0;
}

static int make_reply(struct log_job *j)
{
	j->reply = json_pack("{s:O, s:I, s:I}", "log", j->log, "oldest", (json_int_t)store_reader_oldest(j->reader) + 1,
			     "revision", (json_int_t)store_reader_revision(j->reader));
	return j->reply ? 0 : vpc_error_oom(&j->job.error);
}

static int run(struct past_job *job, struct store_reader *reader)
{
	struct log_job *j = (struct log_job *)job;
	int r = 0;

	j->reader = reader;
	j->log = json_array();
	if (!j->log)
		return vpc_error_oom(&job->error);
	if (!j->resource) {
		r = store_read_commits_back(reader, j->before, on_commit, j, &job->error);
		return r < 0 ? r : make_reply(j);
	}
	r = store_find_ids(reader, j->resource, on_id, j, &job->error);
	if (r == 0 && json_object_size(j->ids) == 0)
		r = vpc_error_set(&job->error, VPC_E_NOT_FOUND, "resource",
				  "no resource '%.64s' is there, or was since revision %" PRIu64
				  "; vpcctl log without a resource lists all changes",
				  j->resource, store_reader_oldest(reader));
	if (r == 0)
		r = store_find_revisions(reader, j->ids, j->before, j->limit, on_revision, j, &job->error);
	return r < 0 ? r : make_reply(j);
}

static void log_job_clear(struct log_job *j)
{
	free(j->resource);
	json_decref(j->ids);
	json_decref(j->log);
	json_decref(j->reply);
}

static void done(struct past_job *job)
{
	struct log_job *j = (struct log_job *)job;

	j->fn(j->reply, &job->error, j->userdata);
	log_job_clear(j);
}

/* The ids that an id or name stands for now. */
static int note_ids(const struct model *m, const char *ref, json_t *ids)
{
	int r = 0;

	for (unsigned kind = 0; kind < OBJECT_KINDS && r == 0; kind++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		const struct object *o;

		if (model_resolve(m, (enum object_kind)kind, ref, NULL, "resource", &o, &error) == 0)
			r = json_object_set_new(ids, o->id, json_true());
		for (size_t i = 0; i < error.n_holders && r == 0; i++)
			r = json_object_set_new(ids, error.holders[i], json_true());
	}
	return r < 0 ? -ENOMEM : 0;
}

int engine_log(struct engine *e, const char *resource, uint64_t before, size_t limit, engine_past_fn fn, void *userdata)
{
	struct log_job *j = calloc(1, sizeof(*j));
	int r = 0;

	if (!j)
		return -ENOMEM;
	*j = (struct log_job){.job = {.e = e, .run = run, .done = done},
			      .resource = resource ? strdup(resource) : NULL,
			      .ids = json_object(),
			      .before = before && before <= e->revision ? before : e->revision + 1,
			      .limit = limit,
			      .fn = fn,
			      .userdata = userdata};
	if (!j->ids || (resource && !j->resource) || (resource && note_ids(e->model, resource, j->ids) < 0))
		r = -ENOMEM;
	if (r == 0)
		r = past_submit(&j->job);
	if (r < 0) {
		log_job_clear(j);
		free(j);
	}
	return r;
}
