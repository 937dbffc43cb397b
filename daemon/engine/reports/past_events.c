/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A piece of GET /v1/events: a line for each commit, then one for each object that it changed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/reports/past.h"

struct events_job {
	struct past_job job;
	struct store_reader *reader;
	struct events_at at;
	uint64_t until; /* the last revision that is in force */
	size_t max_bytes;
	char *text;
	size_t size;
	FILE *f;
	uint64_t revision; /* of the commit that is written */
	engine_events_fn fn;
	void *userdata;
};

static bool is_full(const struct events_job *j)
{
	return (size_t)ftell(j->f) >= j->max_bytes;
}

/* Takes json. */
static int put_line(struct events_job *j, json_t *json, const char *event)
{
	json_t *line = json_pack("{s:s, s:I}", "event", event, "revision", (json_int_t)j->revision);
	int r = json && line ? json_object_update(line, json) : -1;

	if (r == 0)
		r = json_dumpf(line, j->f, JSON_COMPACT);
	json_decref(json);
	json_decref(line);
	if (r < 0 || fputc('\n', j->f) == EOF)
		return vpc_error_oom(&j->job.error);
	j->at.lines++;
	return 0;
}

static int on_change(const struct store_change_row *row, void *userdata)
{
	struct events_job *j = userdata;

	if (row->revision != j->revision || is_full(j))
		return 1;
	return put_line(j, past_change_json(row), "change");
}

static int on_commit(const struct store_history_row *row, void *userdata)
{
	struct events_job *j = userdata;
	int r = 0;

	if (row->revision > j->until || is_full(j))
		return 1;
	j->revision = row->revision;
	if (j->at.lines == 0) {
		json_t *json = past_commit_json(row);

		if (json)
			json_object_set_new(json, "changes", json_integer((json_int_t)row->changes));
		r = put_line(j, json, "commit");
	}
	if (r == 0 && row->changes)
		r = store_read_changes(j->reader, row->revision - 1, j->at.lines - 1, on_change, j, &j->job.error);
	if (r < 0)
		return r;
	if (is_full(j) && j->at.lines <= row->changes)
		return 1;
	j->at = (struct events_at){.revision = row->revision};
	return 0;
}

static int run(struct past_job *job, struct store_reader *reader)
{
	struct events_job *j = (struct events_job *)job;
	int r;

	if (j->at.revision < store_reader_oldest(reader))
		return past_too_old(j->at.revision, reader, &job->error);
	j->reader = reader;
	j->f = open_memstream(&j->text, &j->size);
	if (!j->f)
		return vpc_error_oom(&job->error);
	r = store_read_commits(reader, j->at.revision, on_commit, j, &job->error);
	if (r == 0 && !is_full(j) && j->at.revision < j->until)
		j->at = (struct events_at){.revision = j->until};
	if (fclose(j->f) != 0 && r == 0)
		r = vpc_error_oom(&job->error);
	return r;
}

static void done(struct past_job *job)
{
	struct events_job *j = (struct events_job *)job;

	j->fn(j->text ?: "", job->error.code == VPC_E_OK ? j->size : 0, &j->at, &job->error, j->userdata);
	free(j->text);
}

int engine_read_events(struct engine *e, const struct events_at *from, size_t max_bytes, engine_events_fn fn,
		       void *userdata)
{
	struct events_job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	*j = (struct events_job){.job = {.e = e, .run = run, .done = done},
				 .at = *from,
				 .until = e->revision,
				 .max_bytes = max_bytes,
				 .fn = fn,
				 .userdata = userdata};
	r = past_submit(&j->job);
	if (r < 0)
		free(j);
	return r;
}
