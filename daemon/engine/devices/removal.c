/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deletes the devices that changes removed, a few changes at a time. A device that could not be deleted is tried again
 * until it is gone, and is `pending` meanwhile. */
#include "engine/devices/removal.h"

#include <vpc/clock.h>
#include "engine/condition.h"
#include "engine/upkeep/repair.h"

#include "util/log.h"
#include "util/worker.h"

/* How long after its request a reply waits for a removal that had to wait for others. It waits for one that begins at
 * once until that ends. */
#define PATIENCE_US 50000u
/* Removals in a batch, which end together. As many links are deleted at the same time (datapath/net/removal.c). */
#define BATCH	    3

struct removal {
	struct net_removal *net;
	removal_fn fn; /* NULL: it was called already, or nobody waits */
	void *userdata;
	uint64_t told_at_us; /* CLOCK_MONOTONIC: when fn is called at the latest; UINT64_MAX: when the removal ends */
	int result;
	struct removal *next;
};

struct removals {
	struct engine *e;
	struct removal *waiting, **tail;
	struct removal *now[BATCH]; /* those on the worker */
	size_t n;
	bool runs; /* a batch is on the worker, or its end is being reported */
	sd_event_source *timer;
};

static void tell(struct removal *r, enum removal_state state)
{
	removal_fn fn = r->fn;

	r->fn = NULL;
	if (fn)
		fn(r->userdata, state, r->net);
}

/* --- those that take long --------------------------------------------------------------------------------------- */

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata);
static void removal_failed(struct engine *e, struct net_removal *removal, int result);

static void arm(struct removals *q)
{
	uint64_t at = UINT64_MAX;
	int r;

	for (size_t i = 0; i < q->n; i++)
		if (q->now[i]->fn && q->now[i]->told_at_us < at)
			at = q->now[i]->told_at_us;
	for (const struct removal *w = q->waiting; w; w = w->next)
		if (w->fn && w->told_at_us < at)
			at = w->told_at_us;
	if (at == UINT64_MAX)
		return;
	if (q->timer) {
		r = sd_event_source_set_time(q->timer, at);
		if (r >= 0)
			r = sd_event_source_set_enabled(q->timer, SD_EVENT_ONESHOT);
	} else {
		r = sd_event_add_time(q->e->event, &q->timer, CLOCK_MONOTONIC, at, 1000, on_patience, q);
	}
	if (r < 0)
		log_error("cannot set the timer of removals: %s", strerror(-r));
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct removals *q = userdata;
	uint64_t now = monotonic_us();

	(void)source, (void)usec;
	for (size_t i = 0; i < q->n; i++)
		if (q->now[i]->told_at_us <= now)
			tell(q->now[i], REMOVAL_WAITS);
	for (struct removal *r = q->waiting; r; r = r->next)
		if (r->told_at_us <= now)
			tell(r, REMOVAL_WAITS);
	arm(q);
	return 0;
}

/* --- batches ---------------------------------------------------------------------------------------------------- */

static int batch_run(void *data)
{
	struct removals *q = data;
	struct net_removal *removals[BATCH];
	int results[BATCH];

	for (size_t i = 0; i < q->n; i++)
		removals[i] = q->now[i]->net;
	net_removals_run(removals, q->n, results);
	for (size_t i = 0; i < q->n; i++)
		q->now[i]->result = results[i];
	return 0;
}

/* A callback may begin another removal, which waits, because the batch still counts as running. */
static void batch_end(struct removals *q)
{
	struct engine *e = q->e;

	for (size_t i = 0; i < q->n; i++) {
		struct removal *r = q->now[i];

		e->removing--;
		net_removal_take_objects(e->net, r->net);
		tell(r, r->result < 0 ? REMOVAL_FAILED : REMOVAL_DONE);
		if (r->result < 0 && !e->closing)
			removal_failed(e, r->net, r->result);
		else
			net_removal_free(e->net, r->net);
		free(r);
	}
	q->n = 0;
	queue_wake(&e->queue, WAIT_REMOVAL);
}

static void batch_done(void *data, int result);

static void batch_begin(struct removals *q)
{
	q->runs = true;
	while (q->waiting) {
		for (; q->waiting && q->n < BATCH; q->waiting = q->waiting->next)
			q->now[q->n++] = q->waiting;
		if (!q->waiting)
			q->tail = &q->waiting;
		if (worker_submit(q->e->worker, WORKER_KERNEL, batch_run, batch_done, NULL, q) == 0)
			return;
		batch_run(q);
		batch_end(q);
	}
	q->runs = false;
}

static void batch_done(void *data, int result)
{
	(void)result;
	batch_end(data);
	batch_begin(data);
}

int removals_new(struct engine *e)
{
	e->removals = calloc(1, sizeof(*e->removals));
	if (!e->removals)
		return -ENOMEM;
	e->removals->e = e;
	e->removals->tail = &e->removals->waiting;
	return 0;
}

static bool any_has(struct removal *const *list, size_t n, const struct net_removal_match *m)
{
	for (size_t i = 0; i < n; i++)
		if (net_removal_has(list[i]->net, m))
			return true;
	return false;
}

bool removal_under_way(const struct engine *e, const struct net_removal_match *m)
{
	const struct removals *q = e->removals;

	for (struct removal *r = q->waiting; r; r = r->next)
		if (any_has(&r, 1, m))
			return true;
	return any_has(q->now, q->n, m);
}

void removal_begin(struct engine *e, struct net_removal *removal, uint64_t since_us, removal_fn fn, void *userdata)
{
	struct removals *q = e->removals;
	struct removal *r = calloc(1, sizeof(*r));

	if (!r) { /* without memory the event loop has to wait for it */
		int result = net_removal_run(removal);

		if (fn)
			fn(userdata, result < 0 ? REMOVAL_FAILED : REMOVAL_DONE, removal);
		if (result < 0)
			removal_failed(e, removal, result);
		else
			net_removal_free(e->net, removal);
		return;
	}
	*r = (struct removal){.net = removal, .fn = fn, .userdata = userdata, .told_at_us = UINT64_MAX};
	e->removing++;
	*q->tail = r;
	q->tail = &r->next;
	if (!q->runs) {
		batch_begin(q);
		return;
	}
	r->told_at_us = since_us + PATIENCE_US;
	arm(q);
}

/* --- what failed ------------------------------------------------------------------------------------------------ */

struct failed_removal {
	struct engine *e;
	struct net_removal *removal;
	unsigned failures;
	bool running;
	sd_event_source *timer;
	struct failed_removal *next;
};

struct telling {
	struct engine *e;
	uint64_t at_ns;
	int result;
};

static void tell_left(const char *object, void *userdata)
{
	const struct telling *t = userdata;

	condition_raise(t->e->conditions, CONDITION_REMOVAL, object, t->at_ns,
			"what is left of it cannot be deleted: %s", strerror(-t->result));
}

static void tell_gone(const char *object, void *userdata)
{
	condition_clear(((struct engine *)userdata)->conditions, CONDITION_REMOVAL, object);
}

static int removal_run(void *data)
{
	return net_removal_run(((struct failed_removal *)data)->removal);
}

static void removal_free(struct failed_removal *f)
{
	for (struct failed_removal **p = &f->e->failed_removals; *p; p = &(*p)->next) {
		if (*p == f) {
			*p = f->next;
			break;
		}
	}
	net_removal_free(f->e->net, f->removal);
	sd_event_source_disable_unref(f->timer);
	free(f);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static void try_later(struct failed_removal *f, int result)
{
	struct telling t = {.e = f->e, .at_ns = retry_after(f->failures++), .result = result};

	net_removal_each(f->removal, false, tell_left, &t);
	if (!f->timer)
		(void)sd_event_add_time(f->e->event, &f->timer, CLOCK_MONOTONIC, t.at_ns / 1000, 1000, on_retry, f);
	else if (sd_event_source_set_time(f->timer, t.at_ns / 1000) >= 0)
		(void)sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static void removal_done(void *data, int result)
{
	struct failed_removal *f = data;

	f->running = false;
	if (f->e->closing)
		return; /* the next start removes what is left */
	net_removal_each(f->removal, true, tell_gone, f->e);
	if (result < 0)
		try_later(f, result);
	else
		removal_free(f);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct failed_removal *f = userdata;

	(void)source, (void)usec;
	f->running = worker_submit(f->e->worker, WORKER_KERNEL, removal_run, removal_done, NULL, f) == 0;
	if (!f->running)
		try_later(f, -EAGAIN);
	return 0;
}

/* Takes a removal that failed in part, and tries it again until nothing is left. */
static void removal_failed(struct engine *e, struct net_removal *removal, int result)
{
	struct failed_removal *f = calloc(1, sizeof(*f));

	if (!f) {
		log_warning("a device could not be deleted, nor is there memory to try it again: %s",
			    strerror(-result));
		net_removal_free(e->net, removal);
		return;
	}
	*f = (struct failed_removal){.e = e, .removal = removal, .next = e->failed_removals};
	e->failed_removals = f;
	try_later(f, result);
}

void removals_clear(struct engine *e)
{
	if (e->removals)
		sd_event_source_disable_unref(e->removals->timer);
	free(e->removals);
	while (e->failed_removals)
		removal_free(e->failed_removals);
}
