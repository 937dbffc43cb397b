/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that a change took away and that could not be deleted: tried again until they are gone, and pending
 * meanwhile. */
#include "engine/repair.h"

#include "observe/log.h"

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
	while (e->failed_removals)
		removal_free(e->failed_removals);
}
