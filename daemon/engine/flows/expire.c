/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Once a second the maps of flows are searched for flows that have ended: on the worker, and deleted when nothing else
 * is to be done, a little at a time, so that neither requests nor packets wait for it. */
#include "engine/flows/expire.h"

#include <vpc/clock.h>

#include "engine/devices/edge.h"
#include "engine/engine_private.h"
#include "engine/flows/advice.h"

#include "datapath/maps/flows/expiry.h"
#include "util/log.h"
#include "util/worker.h"

#define INTERVAL_US	  1000000ull
#define TIMER_ACCURACY_US 100000
/* Entries looked at in one go. All of a full map are seen within a minute or so. */
#define BUDGET		  16384u

static void rest(struct engine *e)
{
	sd_event_source_set_enabled(e->expire_step, SD_EVENT_OFF);
	sd_event_source_set_time_relative(e->expire_timer, INTERVAL_US);
	sd_event_source_set_enabled(e->expire_timer, SD_EVENT_ONESHOT);
}

static int read_run(void *data)
{
	return maps_expiry_read(((struct engine *)data)->expiry);
}

static void read_done(void *data, int result)
{
	struct engine *e = data;

	if (e->closing)
		return;
	if (result < 0)
		log_warning("flows that have ended could not be looked for: %s", strerror(-result));
	if (result < 0 || sd_event_source_set_enabled(e->expire_step, SD_EVENT_ON) < 0)
		rest(e);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;

	(void)source, (void)usec;
	maps_expiry_plan(e->maps, e->expiry, monotonic_ns());
	if (worker_submit(e->worker, WORKER_KERNEL, read_run, read_done, NULL, e) < 0)
		rest(e);
	return 0;
}

static int on_step(sd_event_source *source, void *userdata)
{
	struct engine *e = userdata;
	unsigned deleted = 0;
	int r = maps_expiry_step(e->maps, e->expiry, monotonic_ns(), &deleted);
	const struct vpc_nat_key *tracked;
	unsigned n;

	(void)source;
	tracked = maps_expiry_tracked(e->expiry, &n);
	edge_untrack(e, tracked, n);
	if (r < 0)
		log_warning("flows that have ended could not be deleted: %s", strerror(-r));
	if (r <= 0) {
		advice_look_at_some(e);
		rest(e);
	}
	return 0;
}

int expire_start(struct engine *e)
{
	int r = maps_expiry_new(e->maps, BUDGET, &e->expiry);

	if (r == 0)
		r = sd_event_add_defer(e->event, &e->expire_step, on_step, e);
	/* After everything else that waits: requests above all. */
	if (r >= 0)
		r = sd_event_source_set_priority(e->expire_step, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(e->expire_step, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(e->event, &e->expire_timer, CLOCK_MONOTONIC, INTERVAL_US,
					       TIMER_ACCURACY_US, on_timer, e);
	return r < 0 ? r : 0;
}

void expire_end(struct engine *e)
{
	sd_event_source_disable_unref(e->expire_timer);
	sd_event_source_disable_unref(e->expire_step);
	maps_expiry_free(e->expiry);
}
