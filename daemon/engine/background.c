/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a publish, on the worker: grace periods, tcx links; and the timers: dead flows, the store's WAL. */
#include "engine/engine_private.h"

#include "observe/log.h"

/* --- retire: one grace period serves all that was published before it began -------------------------- */

struct retire_trip {
	struct engine *e;
	struct tables_change **list;
	size_t n;
};

static void retire_begin(struct engine *e);

static int retire_run(void *data)
{
	(void)data;
	return tables_wait_grace_period();
}

static void retire_done(void *data, int result)
{
	struct retire_trip *trip = data;
	struct engine *e = trip->e;

	if (result < 0)
		log_error("cannot wait for a grace period: %s", strerror(-result));
	for (size_t i = 0; result == 0 && i < trip->n; i++)
		tables_retire(e->tables, trip->list[i]);
	free(trip->list);
	free(trip);
	e->retiring = false;
	if (e->closing)
		return;
	retire_begin(e);
	engine_wake(e);
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
	if (worker_submit(e->worker, WORKER_KERNEL, retire_run, retire_done, NULL, trip) < 0) {
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

struct attach_trip {
	struct engine *e;
	struct net_attach *attach;
};

static int attach_run(void *data)
{
	return net_attach_run(((struct attach_trip *)data)->attach);
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
	if (e->attach_again && !e->closing) {
		e->attach_again = false;
		engine_attach_links(e);
	}
	if (!e->attaching && !e->closing)
		engine_wake(e);
}

void engine_attach_links(struct engine *e)
{
	struct attach_trip *trip;
	struct net_attach *attach = NULL;

	if (e->attaching) {
		e->attach_again = true;
		return;
	}
	if (net_attach_begin(e->net, &attach) < 0 || !attach)
		return;
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
}

/* --- flows that have ended --------------------------------------------------------------------------- */

#define EXPIRE_INTERVAL_US 1000000ull
/* Entries looked at in one go: a few milliseconds. All of a full table are seen within a minute. */
#define EXPIRE_BUDGET	   16384u

static int on_expire(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;

	tables_expire(e->tables, clock_ns(CLOCK_MONOTONIC), EXPIRE_BUDGET);
	sd_event_source_set_time(source, usec + EXPIRE_INTERVAL_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int expire_start(struct engine *e)
{
	return sd_event_add_time_relative(e->event, &e->expire_timer, CLOCK_MONOTONIC, EXPIRE_INTERVAL_US, 100000,
					  on_expire, e);
}

/* --- the store's WAL --------------------------------------------------------------------------------- */

#define CHECKPOINT_COMMITS 1000

static int checkpoint_run(void *data)
{
	return store_checkpoint(((struct engine *)data)->state_dir);
}

static void checkpoint_done(void *data, int result)
{
	struct engine *e = data;

	e->checkpointing = false;
	if (result < 0)
		log_warning("the store's log could not be moved into its file: %s", strerror(-result));
}

void expire_note_commit(struct engine *e)
{
	if (++e->commits_since_checkpoint < CHECKPOINT_COMMITS || e->checkpointing)
		return;
	e->commits_since_checkpoint = 0;
	e->checkpointing = worker_submit(e->worker, WORKER_KERNEL, checkpoint_run, checkpoint_done, NULL, e) == 0;
}
