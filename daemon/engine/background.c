/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a publish, on the worker: grace periods, tcx links. */
#include "engine/engine_private.h"

#include "util/log.h"

/* --- retire: one grace period serves all that was published before it began -------------------------- */

struct retire_trip {
	struct engine *e;
	struct tables_change **list;
	size_t n;
	int result;
};

static void retire_begin(struct engine *e);

static int retire_run(void *data)
{
	(void)data;
	return tables_wait_grace_period();
}

static void retire_end(struct retire_trip *trip)
{
	struct engine *e = trip->e;

	for (size_t i = 0; trip->result == 0 && i < trip->n; i++)
		tables_retire(e->tables, trip->list[i]);
	free(trip->list);
	free(trip);
	e->retiring = false;
	if (e->closing)
		return;
	retire_begin(e);
	engine_wake(e, WAIT_NUMBERS);
}

static void retire_done(void *data, int result)
{
	struct retire_trip *trip = data;

	if (result < 0)
		log_error("cannot wait for a grace period: %s", strerror(-result));
	trip->result = result;
	if (trip->e->committing && !trip->e->closing)
		trip->e->retired = trip;
	else
		retire_end(trip);
}

static void retire_begin(struct engine *e)
{
	struct retire_trip *trip;

	if (e->retiring || !e->n_retire)
		return;
	trip = calloc(1, sizeof(*trip));
	if (!trip)
		return; /* with the next change */
	*trip = (struct retire_trip){.e = e, .list = e->retire, .n = e->n_retire};
	if (worker_submit(e->worker, WORKER_GRACE, retire_run, retire_done, NULL, trip) < 0) {
		free(trip);
		return;
	}
	e->retire = NULL;
	e->n_retire = 0;
	e->retiring = true;
}

void engine_retire(struct engine *e, struct tables_change *c)
{
	struct tables_change **grown;

	if (!c)
		return;
	grown = realloc(e->retire, (e->n_retire + 1) * sizeof(struct tables_change *));
	if (!grown) {
		/* No list to keep it in: wait here rather than lose the numbers. */
		if (tables_wait_grace_period() == 0)
			tables_retire(e->tables, c);
		return;
	}
	e->retire = grown;
	e->retire[e->n_retire++] = c;
	retire_begin(e);
}

/* --- tcx links over the floor ------------------------------------------------------------------------ */

/*
 * The kernel waits for a grace period for each link, 4 to 10 ms, and holds the lock of all network configuration over
 * it: whoever attaches the next ENI would wait for the links of the one before, which the floor serves as well. So
 * links are made when nothing else is done for a while, one port at a time; and now and then when something always is.
 */
#define ATTACH_QUIET_US	 100000ull
#define ATTACH_LATEST_US 2000000ull

struct attach_trip {
	struct engine *e;
	struct net_attach *attach;
};

static int attach_run(void *data)
{
	return net_attach_run(((struct attach_trip *)data)->attach);
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
	uint64_t now = clock_ns(CLOCK_MONOTONIC) / 1000, at = now + ATTACH_QUIET_US;

	if (at > e->attach_latest_us)
		at = e->attach_latest_us > now ? e->attach_latest_us : now;
	if (!e->attach_timer)
		return sd_event_add_time(e->event, &e->attach_timer, CLOCK_MONOTONIC, at, 10000, on_attach_timer, e);
	sd_event_source_set_time(e->attach_timer, at);
	return sd_event_source_set_enabled(e->attach_timer, SD_EVENT_ONESHOT);
}

static void attach_done(void *data, int result)
{
	struct attach_trip *trip = data;
	struct engine *e = trip->e;

	if (result < 0)
		log_warning("a port goes on with clsact only: %s", strerror(-result));
	net_attach_free(e->net, trip->attach);
	free(trip);
	e->attaching = false;
	if (e->closing)
		return;
	e->attach_latest_us = clock_ns(CLOCK_MONOTONIC) / 1000 + ATTACH_LATEST_US;
	if (!e->running || e->holding || attach_later(e) < 0)
		attach_begin(e);
}

/* The next port, if there is one that lacks its links. */
static void attach_begin(struct engine *e)
{
	struct net_attach *attach = NULL;
	struct attach_trip *trip;

	if (e->attaching)
		return;
	if (e->committing) {
		e->attach_put_off = true;
		return;
	}
	if (net_attach_begin(e->net, 1, &attach) < 0 || !attach) {
		e->attach_wanted = false;
		engine_wake(e, WAIT_LINKS);
		return;
	}
	trip = calloc(1, sizeof(*trip));
	if (trip) {
		*trip = (struct attach_trip){.e = e, .attach = attach};
		e->attaching = true;
		if (worker_submit(e->worker, WORKER_KERNEL, attach_run, attach_done, NULL, trip) == 0)
			return;
		e->attaching = false;
		free(trip);
	}
	net_attach_free(e->net, attach);
	e->attach_wanted = false; /* until somebody asks again */
	engine_wake(e, WAIT_LINKS);
}

void engine_attach_links(struct engine *e)
{
	if (!e->attach_wanted)
		e->attach_latest_us = clock_ns(CLOCK_MONOTONIC) / 1000 + ATTACH_LATEST_US;
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
	struct retire_trip *retired = TAKE_PTR(e->retired);

	if (retired)
		retire_end(retired);
	if (e->attach_put_off) {
		e->attach_put_off = false;
		attach_begin(e);
	}
}
