/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A workload that sets its interface down and up loses what the kernel keeps only while it is up: routes, and IPv6
 * addresses. The port's carrier tells; the worker looks, and puts back what is missing. At most once a second for each
 * port, however often it flaps.
 */
#include "engine/devices/workload_end.h"

#include <uthash.h>

#include <vpc/clock.h>

#include "compiler/compile.h"
#include "datapath/net/net.h"
#include "engine/engine_private.h"
#include "store/store.h"
#include "util/worker.h"

#define PAUSE_US 1000000ull

struct end_check {
	uint32_t eni;
	uint64_t last_us;
	bool running, wanted;
	bool unfinished; /* it may not have been attached to its end */
	UT_hash_handle hh;
};

/* Self-contained: the thread may hang in what a user named. */
struct end_op {
	struct engine *e;
	uint32_t eni;
	bool unfinished;
	struct plan plan; /* of the one port */
};

static void async_op_free(void *data)
{
	struct end_op *t = data;

	plan_clear(&t->plan);
	free(t);
}

static int async_op_run(void *data)
{
	struct end_op *t = data;
	_cleanup_(workload_clear) struct workload w = WORKLOAD_INIT;
	int r = workload_reopen(&t->plan.ports[0].after.attachment, &w);

	return r < 0 ? r : net_workload_mend(&t->plan, &w, t->unfinished);
}

static void begin(struct engine *e, struct end_check *c);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	struct end_check *c, *next;
	uint64_t now = monotonic_us(), at = 0;

	(void)source, (void)usec;
	HASH_ITER (hh, e->end_checks, c, next) {
		if (c->running)
			continue;
		if (now - c->last_us < PAUSE_US) {
			if (c->wanted && (!at || c->last_us + PAUSE_US < at))
				at = c->last_us + PAUSE_US;
		} else if (c->wanted) {
			begin(e, c);
		} else {
			HASH_DEL(e->end_checks, c);
			free(c);
		}
	}
	if (at && sd_event_source_set_time(e->end_timer, at) >= 0)
		(void)sd_event_source_set_enabled(e->end_timer, SD_EVENT_ONESHOT);
	return 0;
}

static void look_later(struct engine *e, const struct end_check *c)
{
	uint64_t at = c->last_us + PAUSE_US;

	if (!e->end_timer)
		(void)sd_event_add_time(e->event, &e->end_timer, CLOCK_MONOTONIC, at, 10000, on_timer, e);
	else if (sd_event_source_set_time(e->end_timer, at) >= 0)
		(void)sd_event_source_set_enabled(e->end_timer, SD_EVENT_ONESHOT);
}

static void async_op_done(void *data, int result)
{
	struct end_op *t = data;
	struct engine *e = t->e;
	struct end_check *c;

	HASH_FIND(hh, e->end_checks, &t->eni, sizeof(t->eni), c);
	if (c) {
		c->running = false;
		if (!e->closing)
			look_later(e, c);
	}
	if (result != -ETIMEDOUT)
		async_op_free(t);
}

static void begin(struct engine *e, struct end_check *c)
{
	const struct object *o = model_by_number(e->model, OBJECT_ENI, c->eni);
	const struct delta delta = {.after = o};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct end_op *t = NULL;

	c->wanted = false;
	c->last_us = monotonic_us();
	if (o && (eni_of(o)->attachment.kind == ATTACHMENT_NETNS || eni_of(o)->attachment.path))
		t = calloc(1, sizeof(*t));
	if (!t)
		return;
	*t = (struct end_op){.e = e, .eni = c->eni, .unfinished = c->unfinished};
	c->unfinished = false;
	if (compile_delta(e->model, e->instance, &delta, 1, &t->plan, &error) < 0 || t->plan.n_ports != 1 ||
	    worker_submit(e->worker, WORKER_USER, async_op_run, async_op_done, async_op_free, t) < 0) {
		async_op_free(t);
		return;
	}
	c->running = true;
}

static void look(struct engine *e, uint32_t eni, bool unfinished)
{
	struct end_check *c;

	if (e->closing)
		return;
	HASH_FIND(hh, e->end_checks, &eni, sizeof(eni), c);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return;
		c->eni = eni;
		HASH_ADD(hh, e->end_checks, eni, sizeof(c->eni), c);
	}
	c->wanted = true;
	c->unfinished |= unfinished;
	if (!c->running && monotonic_us() - c->last_us >= PAUSE_US)
		begin(e, c);
	look_later(e, c);
}

void workload_end_up(uint32_t vpc, uint32_t eni, void *userdata)
{
	(void)vpc;
	look(userdata, eni, false);
}

/* The workload's end is finished after the commit: only of the last changes it may be that it isn't. */
#define LAST_REVISIONS 8u

void workload_ends_start(struct engine *e)
{
	const struct object *o = NULL;

	while ((o = model_next(e->model, OBJECT_ENI, o)))
		if (o->revision + LAST_REVISIONS > store_revision(e->store) &&
		    eni_of(o)->attachment.kind != ATTACHMENT_NONE)
			look(e, o->number, true);
}

void workload_ends_clear(struct engine *e)
{
	struct end_check *c, *next;

	HASH_ITER (hh, e->end_checks, c, next) {
		HASH_DEL(e->end_checks, c);
		free(c);
	}
	sd_event_source_unref(e->end_timer);
}
