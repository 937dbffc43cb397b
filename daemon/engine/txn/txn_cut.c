/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cut_flows: the established flows that a change cuts, told beside its reply.
 *
 * They are looked for after the change is in force, by a thread of its own, and judged by the event loop a few at a
 * time: nobody waits for it but this reply. And that only while there are few flows: with many of them the reply comes
 * at once and says `pending`, and how many were cut is in the log.
 */
#include <inttypes.h>

#include <vpc/clock.h>

#include "datapath/maps/flows/cut.h"
#include "datapath/maps/maps.h"
#include "engine/devices/edge.h"
#include "engine/flows/flow_cut.h"
#include "engine/txn/background.h"
#include "engine/txn/txn.h"
#include "observe/flow_pair.h"
#include "util/log.h"
#include "util/worker.h"

/* So many flows, or about, are read in a few milliseconds. */
#define WAIT_FOR_FLOWS 20000

/* Whether the plan takes something away that a flow may have been allowed by. */
static bool takes_away(const struct plan *p)
{
	for (size_t i = 0; i < p->n_rows; i++)
		if (!p->rows[i].add)
			return true;
	for (size_t i = 0; i < p->n_addrs; i++)
		if (!p->addrs[i].add)
			return true;
	for (size_t i = 0; i < p->n_enis; i++)
		if (p->enis[i].has_before)
			return true;
	return false;
}

/* Whether the plan may cut flows at the edge or by a network ACL. A route that is added may: it may be more specific
 * than another. */
static bool takes_edge_away(const struct plan *p)
{
	if (p->n_routes || p->n_acls || p->n_subnet_acls)
		return true;
	for (size_t i = 0; i < p->n_associations; i++)
		if (p->associations[i].has_before)
			return true;
	for (size_t i = 0; i < p->n_nats; i++)
		if (p->nats[i].has_before)
			return true;
	for (size_t i = 0; i < p->n_eips; i++)
		if (p->eips[i].has_before && p->eips[i].before.target)
			return true;
	for (size_t i = 0; i < p->n_publishes; i++)
		if (p->publishes[i].has_before)
			return true;
	for (size_t i = 0; i < p->n_vpcs; i++)
		if (p->vpcs[i].has_before && p->vpcs[i].before.n_host_access)
			return true;
	return false;
}

/* Whether the reply tells of flows that were cut. */
static bool may_cut(const struct txn *t)
{
	return t->plan.flows == FLOWS_CUT && (takes_away(&t->plan) || takes_edge_away(&t->plan));
}

/* The epoch of the change. */
static uint64_t cut_epoch(const struct txn *t)
{
	return t->maps_change ? maps_change_epoch(t->maps_change) : maps_epoch(t->e->maps) + 1;
}

static int on_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct txn *t = userdata;

	(void)established;
	if (!flow_pairs_tell(&t->cut_pairs, t->e->maps, key, flow, t->cut_epoch))
		return 0;
	t->reply.cut_flows_total++;
	cut_flows_add(t->e, t->reply.cut_flows, &t->cut_counts, key, flow);
	return 0;
}

/* Of a change that is in force. */
static int on_cut(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct txn *t = userdata;
	struct vpc_nat_key tracked;

	if (maps_flow_tracked(t->e->maps, key, flow, &tracked))
		edge_untrack(t->e, &tracked, 1);
	return on_flow(key, flow, established, t);
}

void txn_try_cut(struct txn *t)
{
	if (!may_cut(t))
		return;
	t->reply.cut_flows = json_array();
	t->cut_epoch = cut_epoch(t);
	if (t->reply.cut_flows)
		maps_cut_flows(t->e->maps, t->maps_change, monotonic_ns(), on_flow, t);
}

/* --- after the publication --- */

struct cut_report {
	struct cut_report *next;
	struct engine *e;
	struct maps_cut_search *search;
	struct maps_change *change; /* NULL: retired already */
	struct txn *t;		    /* its reply waits; NULL: it was sent */
	bool reading;		    /* on the worker */
	sd_event_source *step;
	uint64_t revision;
	uint64_t epoch;		  /* of the change */
	uint64_t total;		  /* when the reply was sent */
	struct flow_pairs *pairs; /* among them */
};

static void report_free(struct cut_report *r)
{
	struct cut_report **at = &r->e->cut_reports;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	sd_event_source_disable_unref(r->step);
	maps_cut_search_free(r->search);
	flow_pairs_free(r->pairs);
	free(r);
}

static int count_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct cut_report *r = userdata;
	struct vpc_nat_key tracked;

	(void)established;
	if (maps_flow_tracked(r->e->maps, key, flow, &tracked))
		edge_untrack(r->e, &tracked, 1);
	r->total += flow_pairs_tell(&r->pairs, r->e->maps, key, flow, r->epoch);
	return 0;
}

/* Packets and bytes of the flows that were cut are known. */
static void reply_counted(void *userdata)
{
	struct txn *t = userdata;

	cut_counts_put(t->e, &t->cut_counts, t->reply.cut_flows);
	txn_reply_late(t);
}

static void report_end(struct cut_report *r, int result)
{
	struct engine *e = r->e;
	struct txn *t = r->t;

	if (result == 0 && t)
		result = maps_cut_search_last(e->maps, r->change, on_cut, t);
	if (result < 0) {
		log_warning("flows that were cut could not be counted: %s", strerror(-result));
		if (t) {
			t->reply.cut_flows_pending = true;
			json_array_append_new(t->reply.pending, json_string("cut_flows"));
		}
	} else if (!t) {
		log_info("revision %" PRIu64 " has cut %" PRIu64 " established flows", r->revision, r->total);
	}
	engine_retire(e, TAKE_PTR(r->change));
	report_free(r);
	if (!e->retiring) /* or else its end wakes them */
		queue_wake(&e->queue, WAIT_NUMBERS);
	if (!t)
		return;
	t->counts_wait = (struct flow_counts_wait){.fn = reply_counted, .userdata = t};
	if (!cut_counts_read(e, &t->cut_counts, &t->counts_wait))
		reply_counted(t);
}

static void report_read(struct cut_report *r);

static int on_step(sd_event_source *source, void *userdata)
{
	struct cut_report *r = userdata;
	int result = r->t ? maps_cut_search_step(r->e->maps, r->search, on_cut, r->t)
			  : maps_cut_search_step(r->e->maps, r->search, count_flow, r);

	if (result == MAPS_CUT_SEARCH_STEP)
		return 0;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (result == MAPS_CUT_SEARCH_READ)
		report_read(r);
	else
		report_end(r, result);
	return 0;
}

static int read_run(void *data)
{
	return maps_cut_search_read(((struct cut_report *)data)->search);
}

static void read_done(void *data, int result)
{
	struct cut_report *r = data;

	r->reading = false;
	if (result == 0 && !r->e->closing) {
		result = sd_event_source_set_enabled(r->step, SD_EVENT_ON);
		if (result >= 0)
			return;
	}
	report_end(r, result < 0 ? result : -ECANCELED);
}

static void report_read(struct cut_report *r)
{
	enum worker_queue queue = r->t ? WORKER_FLOWS : WORKER_COUNT;
	int result = worker_submit(r->e->worker, queue, read_run, read_done, NULL, r);

	if (result == 0)
		r->reading = true;
	else
		report_end(r, result);
}

/* Takes search. -ENOMEM: freed. */
static int report_new(struct txn *t, struct maps_cut_search *search, bool wait, struct cut_report **ret)
{
	struct cut_report *r = calloc(1, sizeof(*r));
	int result;

	if (!r) {
		maps_cut_search_free(search);
		return -ENOMEM;
	}
	r->e = t->e;
	r->search = search;
	r->revision = t->reply.revision;
	r->epoch = t->cut_epoch;
	result = sd_event_add_defer(t->e->event, &r->step, on_step, r);
	if (result >= 0)
		result = sd_event_source_set_enabled(r->step, SD_EVENT_OFF);
	if (result >= 0 && !wait)
		result = sd_event_source_set_priority(r->step, SD_EVENT_PRIORITY_IDLE);
	if (result < 0) {
		report_free(r);
		return result;
	}
	r->next = t->e->cut_reports;
	t->e->cut_reports = r;
	*ret = r;
	return 0;
}

/* Counting many flows takes a second of the event loop's idle time: one change's at a time, or who revokes in a row
 * would have it busy with that alone. */
static bool counting_already(const struct engine *e)
{
	for (const struct cut_report *r = e->cut_reports; r; r = r->next)
		if (!r->t)
			return true;
	return false;
}

bool txn_report_cut(struct txn *t)
{
	struct maps_cut_search *search = NULL;
	bool wait = t->maps_change && maps_established(t->e->maps) <= WAIT_FOR_FLOWS;
	int r;

	if (!may_cut(t))
		return false;
	t->reply.cut_flows = json_array();
	if (!t->reply.cut_flows)
		return false;
	t->cut_epoch = cut_epoch(t);
	r = maps_cut_search_new(t->e->maps, t->maps_change, wait, &search);
	if (r == 0 && !search)
		return false;
	if (!wait && counting_already(t->e)) {
		maps_cut_search_free(search);
		t->reply.cut_flows_uncounted = true;
		return false;
	}
	if (r == 0)
		r = report_new(t, search, wait, &t->cut_report);
	t->reply.cut_flows_pending = r < 0 || !wait;
	return r == 0 && wait;
}

void txn_report_begin(struct txn *t, bool wait)
{
	struct cut_report *r = TAKE_PTR(t->cut_report);

	if (wait) {
		r->t = t;
		r->change = TAKE_PTR(t->maps_change);
	}
	report_read(r);
}

void txn_report_close(struct engine *e)
{
	struct cut_report *next;

	for (struct cut_report *r = e->cut_reports; r; r = next) {
		next = r->next;
		if (!r->reading)
			report_end(r, -ECANCELED);
	}
}
