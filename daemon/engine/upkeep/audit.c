/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rolling audit of namespaces: what sends no event is found within 1.2 s, as long as that takes less than 2 % of a
 * core; with more VPCs than that, later. Some VPCs at a time, on the worker, so that nobody waits long for it. On a
 * busy machine the same work takes up to twice its time, so 100 VPCs are well below that part.
 */
#include "engine/upkeep/audit.h"

#include <vpc/clock.h>
#include "engine/condition.h"
#include "engine/engine_private.h"
#include "engine/upkeep/repair.h"

#include "util/log.h"
#include "util/worker.h"

#define ROUND_US   1200000ull
#define SLICE	   8u
#define COST_SHARE 50ull /* of the time, this part at most */

struct audit_op {
	struct engine *e;
	struct net_audit *audit;
	uint64_t begun_us;
};

/* The next slice, by when this one began: what a busy machine adds to each slice doesn't add up over a round. */
static void audit_later(struct engine *e, uint64_t begun_us, uint64_t cost_ns)
{
	uint64_t vpcs = model_count(e->model, OBJECT_VPC), slices = vpcs / SLICE + 1;
	uint64_t pause_us = ROUND_US / slices, least_us = cost_ns / 1000 * COST_SHARE;
	uint64_t at = begun_us + (pause_us > least_us ? pause_us : least_us);

	if (sd_event_source_set_time(e->audit_timer, at) < 0 ||
	    sd_event_source_set_enabled(e->audit_timer, SD_EVENT_ONESHOT) < 0)
		log_error("the audit of namespaces cannot be scheduled");
}

static void found(uint32_t vpc, void *userdata)
{
	struct engine *e = userdata;
	const struct object *o = model_by_number(e->model, OBJECT_VPC, vpc);

	/* what could not be mended has a retry of its own */
	if (!o || condition_find(e->conditions, CONDITION_NETWORK, o->id))
		return;
	log_notice("%s was changed by somebody else: it is put right", o->id);
	reconcile_schedule(e, vpc);
}

static int audit_run(void *data)
{
	return net_audit_run(((struct audit_op *)data)->audit);
}

static void audit_done(void *data, int result)
{
	struct audit_op *async_op = data;
	struct engine *e = async_op->e;

	if (!e->closing) {
		if (result >= 0)
			net_audit_each(async_op->audit, found, e);
		if (result >= 0)
			net_audit_mend_outers(e->net, async_op->audit);
		audit_later(e, async_op->begun_us, net_audit_cost_ns(async_op->audit));
	}
	net_audit_free(async_op->audit);
	free(async_op);
}

static int on_audit(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	struct audit_op *async_op = calloc(1, sizeof(*async_op));
	uint64_t begun_us = monotonic_us();

	(void)source, (void)usec;
	if (async_op && net_audit_begin(e->net, &e->audited_vpc, SLICE, &async_op->audit) >= 0) {
		async_op->e = e;
		async_op->begun_us = begun_us;
		if (worker_submit(e->worker, WORKER_KERNEL, audit_run, audit_done, NULL, async_op) == 0)
			return 0;
		net_audit_free(async_op->audit);
	}
	free(async_op);
	audit_later(e, begun_us, 0);
	return 0;
}

int audit_start(struct engine *e)
{
	return sd_event_add_time_relative(e->event, &e->audit_timer, CLOCK_MONOTONIC, ROUND_US, 10000, on_audit, e);
}
