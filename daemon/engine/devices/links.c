/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcx links over the fallback filters.
 *
 * The kernel waits for a grace period for each link, 4 to 10 ms, and holds the lock of all network configuration over
 * it: whoever attaches the next ENI would wait for the links of the one before, which the fallback filters serve as
 * well. So links are made when nothing else is done for a while, one port at a time; and now and then when something
 * always is.
 */
#include "engine/devices/links.h"

#include <errno.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/net/net.h"
#include "engine/condition.h"
#include "util/log.h"
#include "util/worker.h"

#define ATTACH_QUIET_US	 100000ull
#define ATTACH_LATEST_US 2000000ull
#define AGAIN_FIRST_NS	 20000000ull /* a link whose pin was removed is gone after about this */
#define AGAIN_MAX_SHIFT	 10u	     /* 20 s */

struct attach_op {
	struct engine *e;
	struct net_attach *attach;
};

static int attach_run(void *data)
{
	return net_attach_run(((struct attach_op *)data)->attach);
}

static void attach_begin(struct engine *e);

/* --- what failed is tried again --------------------------------------------------------------------------------- */

struct again {
	struct engine *e;
	uint64_t now_ns, next_ns;
	bool wanted;
};

static void try_again(const struct condition *c, void *userdata)
{
	struct again *a = userdata;

	if (c->subsystem != CONDITION_LINKS)
		return;
	if (c->retry_ns > a->now_ns) {
		a->next_ns = c->retry_ns < a->next_ns ? c->retry_ns : a->next_ns;
	} else if (net_attach_again(a->e->net, c->object)) {
		a->wanted = true; /* its result says how it is with it */
	} else {
		a->wanted |= !c->object[0];
		condition_clear(a->e->conditions, CONDITION_LINKS, c->object);
	}
}

static void arm(struct engine *e, uint64_t at_ns);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct again a = {.e = userdata, .now_ns = monotonic_ns(), .next_ns = UINT64_MAX};

	(void)source, (void)usec;
	condition_each(a.e->conditions, try_again, &a);
	if (a.next_ns != UINT64_MAX)
		arm(a.e, a.next_ns);
	if (a.wanted)
		engine_attach_links(a.e);
	return 0;
}

static void arm(struct engine *e, uint64_t at_ns)
{
	uint64_t at_us = at_ns / NS_PER_US + 1, set;
	int enabled = SD_EVENT_OFF, r;

	if (!e->links_timer) {
		r = sd_event_add_time(e->event, &e->links_timer, CLOCK_MONOTONIC, at_us, 1000, on_again, e);
	} else {
		(void)sd_event_source_get_enabled(e->links_timer, &enabled);
		if (enabled != SD_EVENT_OFF && sd_event_source_get_time(e->links_timer, &set) >= 0 && set <= at_us)
			return;
		r = sd_event_source_set_time(e->links_timer, at_us);
		if (r >= 0)
			r = sd_event_source_set_enabled(e->links_timer, SD_EVENT_ONESHOT);
	}
	if (r < 0)
		log_error("cannot schedule tcx links: %s", strerror(-r));
}

/* object: "": none was tried. */
static void failed(struct engine *e, const char *object, int r)
{
	const struct condition *c = condition_find(e->conditions, CONDITION_LINKS, object);
	unsigned shift = !c ? 0 : c->failures < AGAIN_MAX_SHIFT ? c->failures : AGAIN_MAX_SHIFT;
	uint64_t at_ns = monotonic_ns() + (AGAIN_FIRST_NS << shift);

	condition_raise(e->conditions, CONDITION_LINKS, object, at_ns,
			"its tcx link cannot be made, and its filter (clsact) judges alone meanwhile: %s",
			r == -EEXIST ? "a link that isn't pinned by vpcd has the program there" : strerror(-r));
	arm(e, at_ns);
}

static void attached(const char *object, int result, void *userdata)
{
	struct engine *e = userdata;

	if (result == -ECANCELED)
		return;
	if (result < 0)
		failed(e, object, result);
	else
		condition_clear(e->conditions, CONDITION_LINKS, object);
}

/* --- one after the other ------------------------------------------------------------------------------------------ */

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

	(void)result; /* each port has its own */
	if (!e->closing)
		net_attach_each(e->net, async_op->attach, attached, e);
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
	int r;

	if (e->attaching)
		return;
	if (e->committing) {
		e->attach_put_off = true;
		return;
	}
	r = net_attach_begin(e->net, 1, &attach);
	async_op = attach ? calloc(1, sizeof(*async_op)) : NULL;
	if (attach && !async_op)
		r = -ENOMEM;
	if (async_op) {
		*async_op = (struct attach_op){.e = e, .attach = attach};
		e->attaching = true;
		r = worker_submit(e->worker, WORKER_KERNEL, attach_run, attach_done, NULL, async_op);
		if (r == 0)
			return;
		e->attaching = false;
		free(async_op);
	}
	net_attach_free(e->net, attach);
	if (r < 0)
		failed(e, "", r);
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

void links_do_put_off(struct engine *e)
{
	if (!e->attach_put_off)
		return;
	e->attach_put_off = false;
	attach_begin(e);
}

void links_end(struct engine *e)
{
	e->attach_timer = sd_event_source_unref(e->attach_timer);
	e->links_timer = sd_event_source_unref(e->links_timer);
}
