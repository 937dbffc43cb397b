/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path of every change: requests, detaching ENIs and repairs that change the model all come through engine_submit,
 * one transaction at a time.
 *
 *   engine_submit    (txn_submit.c) what the request names is opened on a worker, outside the queue
 *   txn_start        validate → compile → (namespaces on the worker) → prepare
 *                    → commit, on the store's thread: the point of no return
 *   txn_committed    publish: one 64-bit store → reply
 *                    → later: removal, retire, tcx links, on the worker
 */
#include "engine/txn/txn.h"

#include <inttypes.h>

#include <vpc/clock.h>

#include "compiler/compile.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/store_mark.h"
#include "engine/devices/links.h"
#include "engine/devices/removal.h"
#include "engine/devices/taps.h"
#include "engine/devices/workloads.h"
#include "engine/flows/flow_logs.h"
#include "engine/reports/gateways.h"
#include "engine/reports/past.h"
#include "engine/reports/traffic.h"
#include "engine/reports/usage.h"
#include "engine/txn/background.h"
#include "engine/txn/confirm.h"
#include "engine/txn/grace.h"
#include "engine/txn/reply.h"
#include "engine/txn/restore.h"
#include "engine/upkeep/audit_maps.h"
#include "engine/upkeep/repair.h"
#include "engine/upkeep/rule_expiry.h"
#include "model/document_set.h"
#include "model/former.h"
#include "observe/explain/explain.h"
#include "observe/flow_pair.h"
#include "util/log.h"

static void txn_try(struct txn *t);
static void txn_publish(struct txn *t);
static void txn_reply(struct txn *t);

/* --- validate, compile ------------------------------------------------------------------------------- */

int txn_validate(struct txn *t, struct vpc_error *reterr)
{
	struct engine_request *request = t->request;
	struct model_context context = {
		.revision = t->e->revision + 1,
		.seed = t->seed,
		.instance = t->e->instance,
		.now_s = realtime_s(),
	};
	int r;

	if (request->if_revision && request->if_revision != t->e->revision)
		return vpc_error_set(reterr, VPC_E_REVISION_MISMATCH, "if_revision",
				     "the state has revision %" PRIu64 ", not %" PRIu64
				     "; read it again, then ask again",
				     t->e->revision, request->if_revision);
	r = confirm_check(t, reterr);
	if (r < 0)
		return r;
	r = model_begin(t->e->model, &context, &t->mt);
	if (r < 0)
		return vpc_error_oom(reterr);
	if (request->takes_back) {
		r = confirm_take_back(t, reterr);
		if (r < 0)
			return r;
	}
	t->results = calloc(request->n_changes ? request->n_changes : 1, sizeof(*t->results));
	if (!t->results)
		return vpc_error_oom(reterr);
	r = request->restore ? model_restore(t->mt, request->restore, reterr) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < request->n_changes; i++) {
		r = model_apply(t->mt, &request->changes[i], &t->results[i], reterr);
		if (r < 0) {
			reterr->change = (int)i;
			return r;
		}
	}
	return 0;
}

static int txn_compile(struct txn *t, struct vpc_error *reterr)
{
	const struct delta *deltas;
	size_t n;
	int r = model_txn_deltas(t->mt, &deltas, &n);

	if (r < 0)
		return vpc_error_oom(reterr);
	r = compile_delta(t->e->model, t->e->instance, deltas, n, &t->plan, reterr);
	if (r < 0)
		return r;
	if (t->request->restore)
		plan_put_off_ports(&t->plan);
	for (size_t i = 0; i < t->request->n_changes; i++) {
		const struct change *c = &t->request->changes[i];

		/* Several changes may ask for different ways to treat flows. The strictest holds for all. */
		if (!(c->present & FIELD_BIT(FIELD_FLOWS)))
			continue;
		t->plan.flows = c->flows;
		t->plan.drain_s = c->drain_s;
		if (c->flows == FLOWS_CUT)
			break;
	}
	return 0;
}

/* --- the path ---------------------------------------------------------------------------------------- */

void txn_rewind(struct txn *t)
{
	if (t->net_change)
		net_undo(t->e->net, TAKE_PTR(t->net_change));
	if (t->maps_change)
		maps_undo(t->e->maps, TAKE_PTR(t->maps_change));
	txn_take_back(t);
	if (t->mt)
		model_abort(TAKE_PTR(t->mt));
	for (size_t i = 0; t->results && i < t->request->n_changes; i++)
		change_result_clear(&t->results[i]);
	free(TAKE_PTR(t->results));
	plan_clear(&t->plan);
}

static void txn_free(struct txn *t)
{
	if (!t)
		return;
	txn_rewind(t);
	making_end(&t->making);
	opening_free(t->opening);
	former_free(t->former);
	engine_request_free(t->request);
	json_decref(t->reply.results);
	json_decref(t->reply.pending);
	json_decref(t->reply.warnings);
	json_decref(t->reply.cut_flows);
	cut_counts_clear(&t->cut_counts);
	flow_pairs_free(t->cut_pairs);
	json_decref(t->reply.reach);
	vpc_error_clear(&t->reply.error);
	free(t);
}

void txn_end(struct txn *t)
{
	struct engine *e = t->e;
	bool running = e->queue.running == &t->job;

	txn_free(t);
	if (running)
		queue_done(&e->queue);
}

/* Puts the transaction off. Nobody may read N+1 meanwhile, and others may change N. So the transaction starts over,
 * from its validation. */
static void txn_wait(struct txn *t, enum job_wait what)
{
	txn_rewind(t);
	queue_wait(&t->e->queue, &t->job, what);
}

/* Returns 1: the worker makes them, and the transaction waits; 0: they are there; or -errno. */
static int txn_make_namespaces(struct txn *t, struct vpc_error *reterr)
{
	int r;

	if (t->making.error.code != VPC_E_OK) {
		*reterr = t->making.error;
		t->making.error = VPC_ERROR_INIT;
		return -EIO;
	}
	r = making_begin(&t->making, t->e, &t->job, &t->plan);
	return r == -ENOMEM ? vpc_error_oom(reterr) : r;
}

void txn_start(struct job *job)
{
	struct txn *t = (struct txn *)job;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r;

	if (txn_replay(t))
		return; /* the same request may have come twice, and the first one has just been done */
	r = txn_validate(t, &error);
	if (r == 0)
		r = txn_compile(t, &error);
	if (r == 0 && t->request->dry_run) {
		txn_try(t);
		return;
	}
	if (r == 0 && txn_must_wait_for_removal(t)) {
		txn_wait(t, WAIT_REMOVAL);
		return;
	}
	if (r == 0)
		r = txn_make_namespaces(t, &error);
	if (r > 0) {
		txn_wait(t, WAIT_NAMESPACE);
		return;
	}
	if (r == 0)
		r = txn_prepare(t, &error);
	if (r == -EBUSY && (t->e->retiring || t->e->cut_reports) && t->tries++ < 100) {
		txn_wait(t, WAIT_NUMBERS); /* the numbers are not free yet */
		return;
	}
	if (r == 0)
		r = txn_commit(t, &error); /* it goes on in txn_committed */
	if (r < 0)
		txn_refuse(t, &error);
}

void txn_committed(struct txn *t, int result, struct vpc_error *error)
{
	if (result < 0) {
		txn_refuse(t, error);
		return;
	}
	model_resume(t->mt);
	txn_publish(t);
}

void txn_refuse(struct txn *t, struct vpc_error *error)
{
	txn_rewind(t);
	if (error->code == VPC_E_OK)
		vpc_error_set(error, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "numbers that were just given up are not free yet; try again in a moment");
	if (vpc_code_status(error->code) >= 500)
		log_error("%s: %s", vpc_code_string(error->code), error->message);
	t->reply.error = *error;
	*error = VPC_ERROR_INIT;
	t->fn(&t->reply, t->userdata);
	txn_end(t);
}

void txn_cancel(struct job *job)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	vpc_error_set(&error, VPC_E_STORE_UNAVAILABLE, NULL, "vpcd is ending; ask again when it runs");
	txn_refuse((struct txn *)job, &error);
}

static void log_txn(const struct txn *t)
{
	const struct engine_request *request = t->request;

	log_commit(&(struct log_change){
		.revision = t->reply.revision,
		.epoch = t->reply.epoch,
		.enforced_ns = t->reply.enforced_ns,
		.uid = request->caller.uid,
		.pid = request->caller.pid,
		.op = request->n_changes    ? change_op_name(request->changes[0].op)
		      : request->takes_back ? "taken back"
		      : request->confirms   ? "confirm"
		      : request->restore    ? "restore"
					    : "nothing",
		.object = request->n_changes ? t->results[0].id : "",
		.changes = request->n_changes,
	});
}

/* Notes the numbers of deleted rules and ENIs, because flows and events may still name them. */
static void remember_names(struct txn *t)
{
	struct engine *e = t->e;
	const struct delta *deltas;
	size_t n;

	if (model_txn_deltas(t->mt, &deltas, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct object *gone = deltas[i].after ? NULL : deltas[i].before;

		if (gone && gone->kind == OBJECT_RULE)
			rule_names_remember(&e->rule_names, (const struct rule *)gone);
		if (gone && gone->kind == OBJECT_ENI)
			eni_names_remember(&e->eni_names, gone, maps_eni_incarnation(e->maps, gone->number));
	}
}

/* Before the publication: counters of new gateways begin. */
static void begin_gateways(struct txn *t)
{
	const struct delta *deltas;
	size_t n;

	if (model_txn_deltas(t->mt, &deltas, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		gateways_begin(t->e, deltas[i].before, deltas[i].after);
}

/* Keeps what deleted objects counted, and notes whether flow logs are concerned. */
static void remember_traffic(struct txn *t)
{
	const struct delta *deltas;
	size_t n;

	if (model_txn_deltas(t->mt, &deltas, &n) < 0)
		return;
	/* What is in a VPC comes before the VPC. */
	for (size_t i = n; i > 0; i--) {
		const struct object *before = deltas[i - 1].before, *after = deltas[i - 1].after;

		flow_logs_note(t->e, (before ? before : after)->kind);
		usage_object_changed(t->e, before, after);
		gateways_end(t->e, before, after);
		if (before && !after)
			traffic_object_is_gone(t->e, before);
	}
}

/* Does a dry run: the maps refuse what they would refuse, the flows that would be cut are reported, and nothing is
 * changed. */
static void txn_try(struct txn *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r = maps_prepare(t->e->maps, &t->plan, &t->maps_change, &error);

	if (r < 0 && r != -EBUSY) {
		txn_refuse(t, &error);
		return;
	}
	remember_names(t);
	txn_try_cut(t);
	txn_build_results(t);
	if (t->request->explain)
		t->reply.reach = explain_change(t->e->model, t->mt);
	t->reply.dry_run = true;
	t->reply.revision = t->e->revision;
	t->reply.epoch = maps_epoch(t->e->maps);
	txn_rewind(t);
	txn_reply(t);
}

/* What failed after the commit is tried again until it works, and is `pending` until then. */
static void retry_devices(struct txn *t)
{
	const struct plan *p = &t->plan;

	json_array_append_new(t->reply.pending, json_string("devices"));
	for (size_t i = 0; i < p->n_vpcs; i++)
		if (p->vpcs[i].has_after)
			reconcile_schedule(t->e, p->vpcs[i].after.number);
	for (size_t i = 0; i < p->n_subnets; i++)
		reconcile_schedule(t->e, p->subnets[i].has_after ? p->subnets[i].after.vpc : p->subnets[i].before.vpc);
	for (size_t i = 0; i < p->n_ports; i++)
		reconcile_schedule(t->e, p->ports[i].has_after ? p->ports[i].after.vpc : p->ports[i].before.vpc);
}

/* From here on nothing is refused: what fails is tried again in the background. */
static void txn_publish(struct txn *t)
{
	struct engine *e = t->e;
	int failed = 0;
	bool wait;

	t->handed_over = false; /* the namespaces belong to the VPCs now */
	making_end(&t->making);
	begin_gateways(t);
	t->reply.epoch = maps_publish(e->maps, t->maps_change);
	pinned_mark_advance(e->mark, e->revision);
	maps_audit_address_config(e, &t->plan);
	t->reply.enforced_ns = monotonic_ns() - t->request->received_ns;
	if (t->net_change)
		failed = net_publish(e->net, TAKE_PTR(t->net_change), &t->removal);
	t->reply.warnings = warnings_to_json(e, &t->plan, t->request->changes, t->results, t->request->n_changes);
	taps_flag(e, &t->plan);
	t->reply.revision = e->revision;
	grace_done(e);
	confirm_published(t);
	rule_expiry_note(t);
	wait = txn_report_cut(t);
	remember_names(t);
	remember_traffic(t);
	txn_build_results(t);
	if (t->reply.cut_flows_pending)
		json_array_append_new(t->reply.pending, json_string("cut_flows"));
	model_commit(TAKE_PTR(t->mt));
	flow_logs_changed(e);
	log_txn(t);
	past_tell(e);
	if (t->request->restore)
		restore_ports(e);
	engine_tell_walked(e);
	if (failed)
		retry_devices(t);
	if (wait) { /* the other changes need not wait */
		txn_report_begin(t, true);
		queue_done(&e->queue);
		return;
	}
	engine_retire(e, TAKE_PTR(t->maps_change));
	if (t->cut_report)
		txn_report_begin(t, false);
	txn_keep_reply(t);
	txn_reply(t);
}

/* --- out --------------------------------------------------------------------------------------------- */

static void send_reply(struct txn *t)
{
	t->fn(&t->reply, t->userdata);
	txn_free(t);
}

static void add_pending(const char *object, void *userdata)
{
	json_array_append_new(userdata, json_sprintf("devices of %s", object));
}

/* A device that isn't deleted yet is `pending`. */
static void removal_told(void *userdata, enum removal_state state, const struct net_removal *removal)
{
	struct txn *t = userdata;

	if (state != REMOVAL_DONE)
		net_removal_each(removal, false, add_pending, t->reply.pending);
	send_reply(t);
}

/* Replies. The reply of a change that removes devices waits until they are deleted, so that a caller who has read it
 * finds none of them. Other transactions go on meanwhile. If many devices are being deleted at once, or the caller
 * doesn't want to wait (background), the reply says that they are pending. */
static void txn_reply_now(struct txn *t)
{
	struct engine *e = t->e;

	/* tcx links of ports, and of an uplink that a VPC got */
	if (!t->reply.dry_run && (t->plan.n_ports || t->plan.n_vpcs))
		engine_attach_links(e);
	/* a removal may also replace the host's nftables table, after a change that adds a published port */
	if (t->removal && !t->request->background) {
		removal_begin(e, TAKE_PTR(t->removal), t->request->received_ns / NS_PER_US, removal_told, t);
		return;
	}
	if (t->removal) {
		net_removal_each(t->removal, false, add_pending, t->reply.pending);
		removal_begin(e, TAKE_PTR(t->removal), 0, NULL, NULL);
	}
	send_reply(t);
}

static void txn_reply(struct txn *t)
{
	struct engine *e = t->e;

	txn_reply_now(t);
	queue_done(&e->queue);
}

void txn_reply_late(struct txn *t)
{
	txn_keep_reply(t);
	txn_reply_now(t);
}
