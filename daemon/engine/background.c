/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a publish, on the worker: grace periods, tcx links. */
#include "engine/background.h"

#include <vpc/array.h>
#include <vpc/clock.h>
#include "engine/engine_private.h"

#include "util/log.h"

/* --- retire: one grace period serves all that was published before it began -------------------------- */

struct retire_op {
	struct engine *e;
	struct maps_change **list;
	size_t n;
	int result;
};

static void retire_begin(struct engine *e);

static int retire_run(void *data)
{
	(void)data;
	return maps_wait_grace_period();
}

static void retire_end(struct retire_op *async_op)
{
	struct engine *e = async_op->e;

	for (size_t i = 0; async_op->result == 0 && i < async_op->n; i++)
		maps_retire(e->maps, async_op->list[i]);
	free(async_op->list);
	free(async_op);
	e->retiring = false;
	if (e->closing)
		return;
	retire_begin(e);
	queue_wake(&e->queue, WAIT_NUMBERS);
}

static void retire_done(void *data, int result)
{
	struct retire_op *async_op = data;

	if (result < 0)
		log_error("cannot wait for a grace period: %s", strerror(-result));
	async_op->result = result;
	if (async_op->e->committing && !async_op->e->closing)
		async_op->e->retired = async_op;
	else
		retire_end(async_op);
}

static void retire_begin(struct engine *e)
{
	struct retire_op *async_op;

	if (e->retiring || !e->n_retire)
		return;
	async_op = calloc(1, sizeof(*async_op));
	if (!async_op)
		return; /* with the next change */
	*async_op = (struct retire_op){.e = e, .list = e->retire, .n = e->n_retire};
	if (worker_submit(e->worker, WORKER_GRACE, retire_run, retire_done, NULL, async_op) < 0) {
		free(async_op);
		return;
	}
	e->retire = NULL;
	e->n_retire = 0;
	e->retiring = true;
}

void engine_retire(struct engine *e, struct maps_change *c)
{
	struct maps_change **added;

	if (!c)
		return;
	added = ARRAY_ADD(e->retire, e->n_retire);
	if (!added) {
		/* No list to keep it in: wait here rather than lose the numbers. */
		if (maps_wait_grace_period() == 0)
			maps_retire(e->maps, c);
		return;
	}
	*added = c;
	retire_begin(e);
}

/* --- tcx links over the fallback filters ------------------------------------------------------------- */

/*
 * The kernel waits for a grace period for each link, 4 to 10 ms, and holds the lock of all network configuration over
 * it: whoever attaches the next ENI would wait for the links of the one before, which the fallback filters serve as
 * well. So links are made when nothing else is done for a while, one port at a time; and now and then when something
 * always is.
 */
#define ATTACH_QUIET_US	 100000ull
#define ATTACH_LATEST_US 2000000ull

struct attach_op {
	struct engine *e;
	struct net_attach *attach;
};

static int attach_run(void *data)
{
	return net_attach_run(((struct attach_op *)data)->attach);
}

static void attach_begin(struct engine *e);

static int on_attach_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	attach_begin(userdata);
	return 0;
}

/* Not before the engine has been left alone for a while, or this was put off for long. */
static int attach_later(struct engine *e)
{
	uint64_t now = monotonic_us(), at = now + ATTACH_QUIET_US;

	if (at > e->attach_latest_us)
		at = e->attach_latest_us > now ? e->attach_latest_us : now;
	if (!e->attach_timer)
		return sd_event_add_time(e->event, &e->attach_timer, CLOCK_MONOTONIC, at, 10000, on_attach_timer, e);
	sd_event_source_set_time(e->attach_timer, at);
	return sd_event_source_set_enabled(e->attach_timer, SD_EVENT_ONESHOT);
}

static void attach_done(void *data, int result)
{
	struct attach_op *async_op = data;
	struct engine *e = async_op->e;

	if (result < 0)
		log_warning("ports without a tcx link are filtered by their clsact filters alone: %s",
			    strerror(-result));
	net_attach_free(e->net, async_op->attach);
	free(async_op);
	e->attaching = false;
	if (e->closing)
		return;
	e->attach_latest_us = monotonic_us() + ATTACH_LATEST_US;
	if (!e->queue.running || e->queue.holding || attach_later(e) < 0)
		attach_begin(e);
}

/* The next port, if there is one that lacks its links. */
static void attach_begin(struct engine *e)
{
	struct net_attach *attach = NULL;
	struct attach_op *async_op;

	if (e->attaching)
		return;
	if (e->committing) {
		e->attach_put_off = true;
		return;
	}
	if (net_attach_begin(e->net, 1, &attach) < 0 || !attach) {
		e->attach_wanted = false;
		queue_wake(&e->queue, WAIT_LINKS);
		return;
	}
	async_op = calloc(1, sizeof(*async_op));
	if (async_op) {
		*async_op = (struct attach_op){.e = e, .attach = attach};
		e->attaching = true;
		if (worker_submit(e->worker, WORKER_KERNEL, attach_run, attach_done, NULL, async_op) == 0)
			return;
		e->attaching = false;
		free(async_op);
	}
	net_attach_free(e->net, attach);
	e->attach_wanted = false; /* until somebody asks again */
	queue_wake(&e->queue, WAIT_LINKS);
}

void engine_attach_links(struct engine *e)
{
	if (!e->attach_wanted)
		e->attach_latest_us = monotonic_us() + ATTACH_LATEST_US;
	e->attach_wanted = true;
	if (!e->attaching && attach_later(e) < 0)
		attach_begin(e);
}

bool engine_attach_hurry(struct engine *e)
{
	if (e->attach_wanted)
		attach_begin(e);
	return e->attach_wanted;
}

/* --- put off ----------------------------------------------------------------------------------------- */

void engine_do_put_off(struct engine *e)
{
	struct retire_op *retired = TAKE_PTR(e->retired);

	if (retired)
		retire_end(retired);
	if (e->attach_put_off) {
		e->attach_put_off = false;
		attach_begin(e);
	}
}
