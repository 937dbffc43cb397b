/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /v1/usage: hours that are over from the store, on its readers' thread, and the running one. */
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "engine/reports/past.h"
#include "engine/reports/usage_private.h"

/* Rows of a reply: those of a month of hours of 13 VPCs. */
#define ROWS_MAX 10000

/* A VPC's running hour. */
struct running {
	char vpc[OBJECT_ID_MAX];
	char *name;
	struct usage_hour hour;
};

struct usage_job {
	struct past_job job;
	char *vpc; /* NULL: all */
	bool by_id;
	uint64_t first, last;
	enum usage_by by;
	struct running *running;
	size_t n_running;
	bool running_told;
	struct usage_report *report;
	json_t *reply;
	engine_past_fn fn;
	void *userdata;
};

static bool is_asked_for(const struct usage_job *j, const char *id, const char *name)
{
	return !j->vpc || strcmp(j->vpc, id) == 0 || (!j->by_id && strcmp(j->vpc, name) == 0);
}

/* VPCs that were made before the clock was set back have other running hours. They come where the first one's is. */
static int tell_running(struct usage_job *j)
{
	int r = 0;

	j->running_told = true;
	for (size_t i = 0; r == 0 && i < j->n_running; i++) {
		const struct running *v = &j->running[i];

		r = usage_report_add(j->report, v->hour.hour, v->vpc, v->name, v->hour.most_enis, &v->hour.counts,
				     true);
	}
	return r;
}

static int on_row(const struct store_usage *row, void *userdata)
{
	struct usage_job *j = userdata;
	struct usage_counts counts = usage_from_values(row->values);
	int r = 0;

	if (!j->running_told && j->n_running && row->hour > j->running[0].hour.hour)
		r = tell_running(j);
	if (r == 0 && is_asked_for(j, row->vpc, row->name))
		r = usage_report_add(j->report, row->hour, row->vpc, row->name, row->most, &counts, false);
	return r;
}

static int run(struct past_job *job, struct store_reader *reader)
{
	struct usage_job *j = (struct usage_job *)job;
	int r = usage_report_new(j->by, ROWS_MAX, &j->report);

	if (r == 0)
		r = store_read_usage(reader, j->first, j->last, on_row, j, &job->error);
	if (r == 0 && !j->running_told)
		r = tell_running(j);
	if (r < 0)
		return r == -ENOMEM ? vpc_error_oom(&job->error) : r;
	j->reply = usage_report_json(j->report);
	return j->reply ? 0 : vpc_error_oom(&job->error);
}

static void job_clear(struct usage_job *j)
{
	for (size_t i = 0; i < j->n_running; i++)
		free(j->running[i].name);
	free(j->running);
	free(j->vpc);
	usage_report_free(j->report);
	json_decref(j->reply);
}

static void done(struct past_job *job)
{
	struct usage_job *j = (struct usage_job *)job;

	j->fn(j->reply, &job->error, j->userdata);
	job_clear(j);
}

static int add_running(struct usage_job *j, const struct object *vpc)
{
	const struct engine *e = j->job.e;
	const struct usage_state *s = &e->usage->vpcs[vpc->number];
	struct usage_counts totals = usage_totals(e, vpc->number);
	struct running *v;

	if (!is_asked_for(j, vpc->id, vpc->name) || s->hour < j->first || s->hour > j->last)
		return 0;
	v = ARRAY_ADD(j->running, j->n_running);
	if (!v)
		return -ENOMEM;
	snprintf(v->vpc, sizeof(v->vpc), "%s", vpc->id);
	v->name = strdup(vpc->name);
	v->hour = (struct usage_hour){
		.hour = s->hour, .most_enis = s->most_enis, .counts = usage_gain(&s->start, &totals)};
	return v->name ? 0 : -ENOMEM;
}

static void refuse(struct usage_job *j)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	vpc_error_oom(&error);
	j->fn(NULL, &error, j->userdata);
	job_clear(j);
	free(j);
}

/* The counters were read. */
static void on_read(const json_t *traffic, void *userdata)
{
	struct usage_job *j = userdata;
	struct engine *e = j->job.e;
	const struct object *vpc = NULL;
	int r = traffic && !e->closing ? 0 : -ENOMEM;

	if (r == 0)
		usage_take_stock(e);
	while (r == 0 && (vpc = model_next(e->model, OBJECT_VPC, vpc)))
		r = add_running(j, vpc);
	if (r == 0)
		r = past_submit(&j->job);
	if (r < 0)
		refuse(j);
}

int engine_usage(struct engine *e, const char *vpc, uint64_t first, uint64_t last, enum usage_by by, engine_past_fn fn,
		 void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct usage_job *j = calloc(1, sizeof(*j));
	const struct object *o = NULL;

	if (!j)
		return -ENOMEM;
	/* A name that a VPC has now is that VPC's; else it is of those that are gone. */
	if (vpc && model_resolve(e->model, OBJECT_VPC, vpc, NULL, "vpc", &o, &error) < 0)
		o = NULL;
	*j = (struct usage_job){.job = {.e = e, .run = run, .done = done},
				.vpc = vpc ? strdup(o ? o->id : vpc) : NULL,
				.by_id = o != NULL,
				.first = first,
				.last = last,
				.by = by,
				.fn = fn,
				.userdata = userdata};
	if (vpc && !j->vpc) {
		free(j);
		return -ENOMEM;
	}
	engine_traffic(e, on_read, j);
	return 0;
}
