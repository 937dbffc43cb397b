/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Repairs put a VPC right in which somebody else changed something, or in which something failed.
 *
 *   repair_start    makes a missing namespace on the worker; other jobs go on meanwhile
 *   repair_ensure   net_ensure puts right what is there, and lists ports as lost whose workload must be opened
 *   reopen_begin    opens each of them on the worker, outside the queue, because what a user named may hang
 *   repair_new      a second repair makes the port
 *
 * A failure becomes a condition of its object, with a retry of its own.
 */
#include "engine/upkeep/repair.h"

#include <vpc/array.h>
#include <vpc/clock.h>

#include "compiler/compile.h"
#include "engine/condition.h"
#include "engine/devices/links.h"
#include "engine/devices/namespaces.h"
#include "engine/devices/removal.h"
#include "engine/devices/taps.h"
#include "engine/reports/status.h"
#include "engine/upkeep/audit_maps.h"
#include "util/log.h"
#include "util/worker.h"

#define REPAIR_DELAY_US 20000ull

struct repair {
	struct job job;
	struct engine *e;
	uint32_t vpc;
	struct reopen *reopened; /* the port that is to be made; NULL: none */
	struct plan all;
	struct making making;
	struct vpc_error error;
};

/* --- what could not be put right ------------------------------------------------------------------------ */

struct named {
	const char *object;
	UT_hash_handle hh;
};

struct noting {
	struct engine *e;
	const struct plan *all;
	const struct net_report *report;
	struct named *named; /* objects with a trouble */
};

static uint32_t vpc_in_plan(const struct noting *n, const char *object)
{
	uint32_t vpc = engine_vpc_of(n->e, object);

	for (size_t i = 0; i < n->all->n_vpcs; i++)
		if (n->all->vpcs[i].has_after && n->all->vpcs[i].after.number == vpc)
			return vpc;
	return 0;
}

bool repair_is_lost(const struct net_report *report, uint32_t eni)
{
	for (size_t i = 0; i < report->n_lost; i++)
		if (report->lost[i] == eni)
			return true;
	return false;
}

/* Clears the conditions of this plan's objects that have no trouble any more, and of objects that no longer exist. */
static void clear_if_right(const struct condition *c, void *userdata)
{
	const struct noting *n = userdata;
	const struct object *o = model_find(n->e->model, OBJECT_ENI, c->object);
	struct port_retry *retry;
	struct named *named;
	bool gone;

	if (c->subsystem != CONDITION_NETWORK)
		return;
	gone = !engine_vpc_of(n->e, c->object) || (o && eni_of(o)->attachment.kind == ATTACHMENT_NONE);
	HASH_FIND_STR(n->named, c->object, named);
	if (!gone && (named || (o && repair_is_lost(n->report, o->number)) || !vpc_in_plan(n, c->object)))
		return;
	/* a VPC without its namespace was not examined */
	if (!gone && !net_has_vpc(n->e->net, engine_vpc_of(n->e, c->object)))
		return;
	retry = o ? port_retry_find(n->e, o->number) : NULL;
	if (retry)
		retry->retry_us = 0;
	condition_clear(n->e->conditions, CONDITION_NETWORK, c->object);
}

static void schedule_retry(const struct condition *c, void *userdata)
{
	const struct noting *n = userdata;
	uint32_t vpc = c->subsystem == CONDITION_NETWORK ? vpc_in_plan(n, c->object) : 0;

	if (vpc && c->retry_ns)
		reconcile_schedule_at(n->e, vpc, c->retry_ns / 1000);
}

static uint64_t retry_of(struct engine *e, const char *object)
{
	const struct object *o = model_find(e->model, OBJECT_ENI, object);
	const struct condition *c = condition_find(e->conditions, CONDITION_NETWORK, object);

	return o ? port_retry_failed(e, o->number) : retry_after(c ? c->failures : 0);
}

static void raise_trouble(struct noting *n, const struct net_trouble *t)
{
	struct named *named;

	HASH_FIND_STR(n->named, t->object, named);
	if (named)
		return; /* the first reason says how it began */
	named = calloc(1, sizeof(*named));
	if (!named)
		return;
	named->object = t->object;
	HASH_ADD_KEYPTR(hh, n->named, named->object, strlen(named->object), named);
	condition_raise(n->e->conditions, CONDITION_NETWORK, t->object, retry_of(n->e, t->object), "%s", t->reason);
}

void repair_note(struct engine *e, const struct plan *all, const struct net_report *report, int result)
{
	struct noting n = {.e = e, .all = all, .report = report};
	struct named *named, *next;

	for (size_t i = 0; i < report->n_troubles; i++)
		raise_trouble(&n, &report->troubles[i]);
	if (result < 0 && !report->n_troubles) {
		for (size_t i = 0; i < all->n_vpcs; i++)
			if (all->vpcs[i].has_after)
				condition_raise(e->conditions, CONDITION_NETWORK, all->vpcs[i].after.id,
						retry_of(e, all->vpcs[i].after.id), "cannot be put right: %s",
						strerror(-result));
	} else {
		condition_each(e->conditions, clear_if_right, &n);
	}
	condition_each(e->conditions, schedule_retry, &n);
	port_retries_prune(e);
	HASH_ITER (hh, n.named, named, next) {
		HASH_DEL(n.named, named);
		free(named);
	}
}

/* --- ports that are lost -------------------------------------------------------------------------------- */

static void repair_new(struct engine *e, uint32_t vpc, struct reopen *reopened);

static void reopen_failed(struct engine *e, uint32_t vpc, uint32_t eni, const char *eni_id, const char *reason)
{
	uint64_t at_ns = port_retry_failed(e, eni);

	condition_raise(e->conditions, CONDITION_NETWORK, eni_id, at_ns, "%s", reason);
	reconcile_schedule_at(e, vpc, at_ns / 1000);
}

static void reopen_done(void *data, int result)
{
	struct reopen *r = data;
	struct engine *e = r->e;
	const struct condition *c;

	if (result == -ETIMEDOUT) { /* the thread still uses r */
		if (!e->closing)
			reopen_failed(e, r->vpc, r->eni, r->eni_id,
				      "the namespace that it is attached to cannot be opened in time");
		return;
	}
	if (e->closing || result == -ECANCELED) {
		reopen_free(r);
		return;
	}
	if (reopen_note(e, r)) {
		repair_new(e, r->vpc, r);
		return;
	}
	c = condition_find(e->conditions, CONDITION_NETWORK, r->eni_id);
	if (c)
		reconcile_schedule_at(e, r->vpc, c->retry_ns / 1000);
	reopen_free(r);
}

static void reopen_begin(struct engine *e, const struct port_record *p)
{
	struct reopen *r = reopen_new(e, p);

	/* the mark keeps other repairs from opening it too */
	port_retry_begin(e, p->eni);
	if (r && worker_submit(e->worker, WORKER_USER, reopen_run, reopen_done, reopen_free, r) == 0)
		return;
	reopen_free(r);
	reopen_failed(e, p->vpc, p->eni, p->eni_id, "its namespace cannot be opened: out of memory or threads");
}

static void reopen_lost(struct engine *e, const struct plan *all, const struct net_report *report)
{
	for (size_t i = 0; i < all->n_ports; i++) {
		const struct port_record *p = &all->ports[i].after;
		const struct port_retry *retry;

		if (!repair_is_lost(report, p->eni))
			continue;
		if (port_retry_due(e, p->eni)) {
			reopen_begin(e, p);
			continue;
		}
		retry = port_retry_find(e, p->eni);
		if (!retry || retry->reopening)
			continue;
		if (!condition_find(e->conditions, CONDITION_NETWORK, p->eni_id))
			condition_raise(e->conditions, CONDITION_NETWORK, p->eni_id, retry->retry_us * 1000,
					"its port was deleted again just after it was made; it is made again later");
		reconcile_schedule_at(e, p->vpc, retry->retry_us);
	}
}

/* --- the job -------------------------------------------------------------------------------------------- */

static void repair_end(struct repair *p)
{
	struct engine *e = p->e;
	bool running = e->queue.running == &p->job;

	plan_clear(&p->all);
	making_end(&p->making);
	reopen_free(p->reopened);
	vpc_error_clear(&p->error);
	free(p);
	if (running)
		queue_done(&e->queue);
}

static void repair_cancel(struct job *job)
{
	repair_end((struct repair *)job);
}

static void repair_failed(struct repair *p, const char *reason)
{
	const struct object *o = model_by_number(p->e->model, OBJECT_VPC, p->vpc);
	uint64_t at_ns;

	if (o) {
		at_ns = retry_of(p->e, o->id);
		condition_raise(p->e->conditions, CONDITION_NETWORK, o->id, at_ns, "%s", reason);
		reconcile_schedule_at(p->e, p->vpc, at_ns / 1000);
	}
	if (p->reopened)
		(void)port_retry_failed(p->e, p->reopened->eni);
	repair_end(p);
}

static void repair_ensure(struct repair *p)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct workload workload;
	size_t n = 0;
	struct engine *e = p->e;
	int r;

	for (size_t i = 0; !n && p->reopened && i < p->all.n_ports; i++) {
		if (!reopen_matches(p->reopened, &p->all.ports[i].after))
			continue;
		workload = p->reopened->workload; /* borrowed */
		workload.eni = p->all.ports[i].after.eni;
		n = 1;
	}
	r = net_ensure(e->net, &p->all, &workload, n, &report, &error);
	if (p->reopened)
		port_retry_made(e, p->reopened->eni); /* if it failed, its trouble says so */
	repair_note(e, &p->all, &report, r);
	taps_flag(e, &p->all);
	maps_audit_address_config(e, &p->all);
	(void)net_report_ports(e->net, p->vpc);
	engine_attach_links(e);
	reopen_lost(e, &p->all, &report);
	net_report_clear(&report);
	repair_end(p);
}

/* Returns 1: the namespace is being made, and the job will start over; 0: it is there; or -errno. */
static int repair_namespace(struct repair *p)
{
	struct made_netns *made;
	int r;

	if (p->making.error.code != VPC_E_OK) {
		p->error = p->making.error;
		p->making.error = VPC_ERROR_INIT;
		return -EIO;
	}
	r = making_begin(&p->making, p->e, &p->job, &p->all);
	made = r == 0 ? making_find(&p->making, p->all.vpcs[0].after.id) : NULL;
	return made ? net_add_vpc(p->e->net, &p->all.vpcs[0].after, &made->ns) : r;
}

static void repair_start(struct job *job)
{
	struct repair *p = (struct repair *)job;
	const struct net_removal_match its_vpc = {.vpc = p->vpc};
	int r;

	if (!model_by_number(p->e->model, OBJECT_VPC, p->vpc)) {
		repair_end(p);
		return;
	}
	/* net_ensure would delete links on the event loop that the worker has yet to delete */
	if (p->e->removing && removal_under_way(p->e, &its_vpc)) {
		queue_wait(&p->e->queue, &p->job, WAIT_REMOVAL);
		return;
	}
	r = compile_all(p->e->model, p->e->instance, p->vpc, &p->all, &p->error);
	if (r < 0 || !p->all.n_vpcs) {
		repair_failed(p, "out of memory");
		return;
	}
	r = repair_namespace(p);
	if (r < 0) {
		repair_failed(p, p->error.message[0] ? p->error.message : strerror(-r));
	} else if (r > 0) {
		plan_clear(&p->all); /* its number may be another one by then */
		queue_wait(&p->e->queue, &p->job, WAIT_NAMESPACE);
	} else {
		repair_ensure(p);
	}
}

/* Takes reopened. */
static void repair_new(struct engine *e, uint32_t vpc, struct reopen *reopened)
{
	struct repair *p = calloc(1, sizeof(*p));

	if (!p) {
		if (reopened)
			(void)port_retry_failed(e, reopened->eni);
		reopen_free(reopened);
		reconcile_schedule_at(e, vpc, retry_after(2) / 1000);
		return;
	}
	*p = (struct repair){.job.start = repair_start, .e = e, .vpc = vpc, .reopened = reopened};
	p->job.cancel = repair_cancel;
	p->making.error = VPC_ERROR_INIT;
	p->error = VPC_ERROR_INIT;
	queue_add(&e->queue, &p->job);
}

/* --- when ----------------------------------------------------------------------------------------------- */

static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

static void arm(struct engine *e)
{
	uint64_t at = UINT64_MAX;
	int r;

	for (size_t i = 0; i < e->n_due; i++)
		if (e->due[i].at_us < at)
			at = e->due[i].at_us;
	if (at == UINT64_MAX)
		return;
	if (e->repair_timer) {
		r = sd_event_source_set_time(e->repair_timer, at);
		if (r >= 0)
			r = sd_event_source_set_enabled(e->repair_timer, SD_EVENT_ONESHOT);
	} else {
		r = sd_event_add_time(e->event, &e->repair_timer, CLOCK_MONOTONIC, at, 1000, on_due, e);
	}
	if (r < 0)
		log_error("cannot schedule a repair: %s", strerror(-r));
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	uint64_t now = monotonic_us();
	struct due_vpc *list = TAKE_PTR(e->due);
	size_t n = e->n_due;

	(void)source, (void)usec;
	e->n_due = 0;
	for (size_t i = 0; i < n; i++) {
		if (list[i].at_us > now)
			reconcile_schedule_at(e, list[i].vpc, list[i].at_us);
		else
			repair_new(e, list[i].vpc, NULL);
	}
	free(list);
	arm(e);
	return 0;
}

void reconcile_schedule_at(struct engine *e, uint32_t vpc, uint64_t at_us)
{
	struct due_vpc *added;

	if (e->closing)
		return;
	for (size_t i = 0; i < e->n_due; i++) {
		if (e->due[i].vpc != vpc)
			continue;
		if (at_us < e->due[i].at_us) {
			e->due[i].at_us = at_us;
			arm(e);
		}
		return;
	}
	added = ARRAY_ADD(e->due, e->n_due);
	if (!added)
		return;
	*added = (struct due_vpc){.vpc = vpc, .at_us = at_us};
	arm(e);
}

void reconcile_schedule(struct engine *e, uint32_t vpc)
{
	reconcile_schedule_at(e, vpc, monotonic_us() + REPAIR_DELAY_US);
}

void reconcile_event(uint32_t vpc, uint32_t port, void *userdata)
{
	struct engine *e = userdata;

	if (e->closing)
		return;
	log_debug("somebody else changed VPC number %u (port %u)", vpc, port);
	reconcile_schedule(e, vpc);
}
