/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that changes took away: deleted some changes at a time. What could not be deleted is tried again until it is
 * gone, and pending meanwhile. */
#include "engine/removal.h"

#include <vpc/clock.h>
#include "engine/repair.h"

#include "util/log.h"

/* A batch that follows another one within APART_US begins when SETTLE_US have passed without a change, at the latest
 * PUT_OFF_US after the first of it. */
#define APART_US   100000u
#define SETTLE_US  4000u
#define PUT_OFF_US 60000u

/* --- batches --------------------------------------------------------------------------------------------------------
 */

static int batch_run(void *data)
{
	struct removal_batch *b = &((struct engine *)data)->removal_batch;
	struct net_removal *removals[REMOVALS_AT_ONCE];
	int results[REMOVALS_AT_ONCE];

	for (size_t i = 0; i < b->n; i++)
		removals[i] = b->now[i]->removal;
	net_removals_run(removals, b->n, results);
	for (size_t i = 0; i < b->n; i++)
		b->now[i]->result = results[i];
	return 0;
}

/* Whoever is told may begin another one: it waits, since the batch still runs. */
static void batch_tell(struct engine *e)
{
	struct removal_batch *b = &e->removal_batch;

	for (size_t i = 0; i < b->n; i++) {
		e->removing--;
		b->now[i]->fn(b->now[i]->userdata, b->now[i]->result);
	}
	b->n = 0;
}

static void batch_done(void *data, int result);

static void batch_begin(struct engine *e)
{
	struct removal_batch *b = &e->removal_batch;

	b->runs = true;
	while (b->waiting) {
		for (; b->waiting && b->n < REMOVALS_AT_ONCE; b->waiting = b->waiting->next)
			b->now[b->n++] = b->waiting;
		if (worker_submit(e->worker, WORKER_KERNEL, batch_run, batch_done, NULL, e) == 0)
			return;
		batch_run(e);
		batch_tell(e);
	}
	b->runs = false;
}

static int on_batch_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Where several changes take something away, all are published before anything is deleted: each would wait for the lock
 * of all network configuration, which deleting holds. */
static void batch_begin_soon(struct engine *e)
{
	struct removal_batch *b = &e->removal_batch;
	uint64_t now = monotonic_us(), at = now + SETTLE_US;
	int r = -ECANCELED;

	if (b->waiting && !e->closing && now - b->ended_us < APART_US && at < b->since_us + PUT_OFF_US) {
		r = b->timer ? sd_event_source_set_time(b->timer, at)
			     : sd_event_add_time(e->event, &b->timer, CLOCK_MONOTONIC, at, 500, on_batch_timer, e);
		if (r >= 0)
			r = sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
	}
	if (r < 0)
		batch_begin(e);
}

static int on_batch_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;

	(void)source, (void)usec;
	if (e->removal_batch.runs)
		return 0;
	if (e->queue.running)
		batch_begin_soon(e);
	else
		batch_begin(e);
	return 0;
}

static void batch_done(void *data, int result)
{
	struct engine *e = data;

	(void)result;
	batch_tell(e);
	e->removal_batch.runs = false;
	e->removal_batch.ended_us = monotonic_us();
	batch_begin_soon(e);
}

void removal_begin(struct engine *e, struct removal_wait *w)
{
	struct removal_batch *b = &e->removal_batch;

	e->removing++;
	w->next = NULL;
	if (b->waiting)
		b->last->next = w;
	else
		b->waiting = w;
	if (b->waiting == w)
		b->since_us = monotonic_us();
	b->last = w;
	if (!b->runs)
		batch_begin_soon(e);
}

void removals_flush(struct engine *e)
{
	if (!e->removal_batch.runs)
		batch_begin(e);
}

/* --- what failed ----------------------------------------------------------------------------------------------------
 */

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
		return; /* a start removes what nobody wants */
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

void removal_failed(struct engine *e, struct net_removal *removal, int result)
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
	sd_event_source_disable_unref(e->removal_batch.timer);
	while (e->failed_removals)
		removal_free(e->failed_removals);
}
