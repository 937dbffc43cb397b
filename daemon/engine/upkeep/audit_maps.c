/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/upkeep/audit_maps.h"

#include <string.h>

#include "compiler/compile.h"
#include "datapath/maps/address_config.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/store_mark.h"
#include "datapath/maps/verify/audit.h"
#include "datapath/net/net.h"
#include "engine/condition.h"
#include "engine/devices/links.h"
#include "engine/devices/taps.h"
#include "engine/txn/background.h"
#include "util/log.h"

#define TICK_US	     100000ull
/* What was changed just after it was looked at waits for a pass and a half. */
#define TICKS_A_PASS 300u
#define ITEMS_LEAST  128u
/* About 1 ms, so 1 % of a CPU. */
#define ITEMS_MOST   2000u
#define PINS_TICKS   10u
/* Ports whose links' pins are looked at in a tick. */
#define PORTS_A_TICK 16u
/* When the maps can't be read back now. */
#define RETRY_TICKS  10u

struct maps_audit {
	struct job job;
	struct engine *e;
	struct maps_audit *maps;
	sd_event_source *timer;
	bool queued;   /* the job is in the engine's queue */
	bool damaged;  /* something was found and is to be mended */
	unsigned wait; /* ticks until mending is tried again */
	uint64_t ticks;
	uint64_t found, mended, pins, links;
};

/* --- mending ------------------------------------------------------------------------------------------------------ */

/* As at a start, on what differs. */
static int mend(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_(plan_clear) struct plan all = {0}, difference = {0};
	struct maps_change *change = NULL;
	int r = compile_all(e->model, e->instance, 0, &all, reterr);

	if (r == 0)
		r = maps_reread(e->maps, reterr);
	if (r == 0)
		r = maps_diff(e->maps, &all, &difference, reterr);
	if (r == 0)
		r = maps_prepare(e->maps, &difference, &change, reterr);
	if (r < 0)
		return r;
	maps_publish(e->maps, change);
	engine_retire(e, change);
	engine_tell_walked(e);
	maps_address_config_apply(e->maps, &all);
	taps_flag(e, &all);
	(void)net_report_ports(e->net, 0);
	return 0;
}

static void mend_now(struct maps_audit *a)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r = mend(a->e, &error);

	if (r == -EBUSY) {
		a->wait = 1; /* a change is not yet retired or swept */
		return;
	}
	if (r < 0) {
		a->wait = RETRY_TICKS;
		condition_raise(a->e->conditions, CONDITION_MAPS, "", 0, "rows in the maps can't be mended: %s",
				error.message[0] ? error.message : strerror(-r));
		return;
	}
	a->damaged = false;
	a->mended++;
	log_notice("the maps are as they should be again");
	condition_clear(a->e->conditions, CONDITION_MAPS, "");
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static void look(struct maps_audit *a)
{
	uint32_t n = maps_audit_size(a->e->maps) / TICKS_A_PASS + 1;
	struct maps_finding finding;
	int r;

	n = n < ITEMS_LEAST ? ITEMS_LEAST : n > ITEMS_MOST ? ITEMS_MOST : n;
	r = maps_audit_step(a->e->maps, a->maps, n, &finding);
	if (r < 0)
		log_debug("the maps could not be read: %s", strerror(-r));
	if (r <= 0)
		return;
	a->found++;
	a->damaged = true;
	a->wait = 0;
	condition_raise(a->e->conditions, CONDITION_MAPS, "", 0, "somebody else changed the map '%s': %s", finding.map,
			finding.detail);
}

/* In the engine's queue, so that nothing is prepared and not yet published. */
static void audit_run(struct job *job)
{
	struct maps_audit *a = (struct maps_audit *)job;
	struct engine *e = a->e;

	a->queued = false;
	if (!a->damaged)
		look(a);
	if (a->damaged && a->wait == 0)
		mend_now(a);
	queue_done(&e->queue);
}

/* Packets are judged by this row as a whole, so it is looked at often. */
static void look_at_ctl(struct maps_audit *a)
{
	struct maps_finding finding;
	int n = maps_ctl_mend(a->e->maps, &finding);

	if (!n)
		return;
	a->found++;
	a->mended++;
	log_warning("somebody else changed the map '%s': %s; it is as it should be again", finding.map, finding.detail);
}

void maps_audit_address_config(struct engine *e, const struct plan *plan)
{
	size_t n = maps_address_config_apply(e->maps, plan);

	if (!n || !e->maps_audit)
		return;
	e->maps_audit->found += n;
	e->maps_audit->mended += n;
	log_warning("somebody else changed what %zu interfaces or VPCs answer DHCP with; it is as it should be again",
		    n);
}

static void look_at_pins(struct maps_audit *a)
{
	int r = maps_pins_mend(a->e->maps);
	int mark = r >= 0 ? pinned_mark_mend(a->e->mark, a->e->bpf_dir) : 0;

	r = mark < 0 ? mark : r + mark;
	if (r < 0) {
		condition_raise(a->e->conditions, CONDITION_MAPS, "pins", 0,
				"pins of maps or programs are gone and can't be made again: %s", strerror(-r));
		return;
	}
	if (r > 0) {
		a->pins += (uint64_t)r;
		log_warning("somebody else removed %d pins of maps and programs: they are made again", r);
	}
	condition_clear(a->e->conditions, CONDITION_MAPS, "pins");
}

static void look_at_links(struct maps_audit *a)
{
	size_t lost = net_check_links(a->e->net, PORTS_A_TICK);

	if (!lost)
		return;
	a->links += lost;
	log_warning("the pinned tcx links of %zu ports are gone: they are made again", lost);
	engine_attach_links(a->e);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct maps_audit *a = userdata;

	a->ticks++;
	look_at_ctl(a);
	if (a->ticks % PINS_TICKS == 0)
		look_at_pins(a);
	look_at_links(a);
	if (a->wait)
		a->wait--;
	if (!a->queued) {
		a->queued = true;
		queue_add(&a->e->queue, &a->job);
	}
	sd_event_source_set_time(source, usec + TICK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- its life ----------------------------------------------------------------------------------------------------- */

int maps_audit_start(struct engine *e)
{
	struct maps_audit *a = calloc(1, sizeof(*a));
	int r = a ? maps_audit_new(&a->maps) : -ENOMEM;

	e->maps_audit = a;
	if (r < 0)
		return r;
	a->e = e;
	a->job.start = audit_run;
	return sd_event_add_time_relative(e->event, &a->timer, CLOCK_MONOTONIC, TICK_US, TICK_US / 4, on_tick, a);
}

void maps_audit_end(struct engine *e)
{
	struct maps_audit *a = TAKE_PTR(e->maps_audit);

	if (!a)
		return;
	sd_event_source_disable_unref(a->timer);
	maps_audit_free(a->maps);
	free(a);
}

json_t *maps_audit_json(const struct engine *e)
{
	const struct maps_audit *a = e->maps_audit;

	return json_pack("{s:I, s:I, s:I, s:I}", "found", (json_int_t)(a ? a->found : 0), "mended",
			 (json_int_t)(a ? a->mended : 0), "pins", (json_int_t)(a ? a->pins : 0), "links",
			 (json_int_t)(a ? a->links : 0));
}
