/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>

#include <vpc/array.h>
#include <vpc/number.h>

#include "datapath/maps/maps.h"
#include "datapath/maps/store_mark.h"
#include "engine/condition.h"
#include "engine/devices/edge.h"
#include "engine/devices/links.h"
#include "engine/devices/removal.h"
#include "engine/devices/workload_end.h"
#include "engine/flows/advice.h"
#include "engine/flows/advice_keep.h"
#include "engine/flows/expire.h"
#include "engine/flows/flow_counts.h"
#include "engine/flows/flow_cut.h"
#include "engine/flows/flow_logs.h"
#include "engine/flows/verdicts.h"
#include "engine/reports/gateways.h"
#include "engine/reports/traffic.h"
#include "engine/reports/usage.h"
#include "engine/txn/background.h"
#include "engine/txn/commit.h"
#include "engine/txn/confirm.h"
#include "engine/txn/grace.h"
#include "engine/txn/txn.h"
#include "engine/upgrade.h"
#include "engine/upkeep/audit.h"
#include "engine/upkeep/audit_maps.h"
#include "engine/upkeep/reconcile.h"
#include "engine/upkeep/repair.h"
#include "engine/upkeep/rule_expiry.h"
#include "util/log.h"
#include "util/worker.h"

/* How long the opening of a namespace or a tap's owner, which a user named, may take. */
#define USER_LIMIT_MS 5000

/* queue_done: what had to wait for the end of a job that commits. */
static void on_job_done(void *userdata)
{
	engine_do_put_off(userdata);
}

/* --- making and ending ------------------------------------------------------------------------------- */

struct loading {
	struct engine *e;
	enum object_kind kind;
	struct vpc_error *reterr;
};

static int load_document(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	struct loading *l = userdata;

	(void)id, (void)revision;
	return model_load(l->e->model, l->kind, document, l->reterr);
}

static int load_model(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_free_ char *next_rule = NULL;
	int r = model_new(&e->limits, &e->model);

	if (r < 0)
		return vpc_error_oom(reterr);
	model_set_instance(e->model, e->instance);
	model_set_pools(e->model, e->pools, e->n_pools);
	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		struct loading loading = {.e = e, .kind = kind, .reterr = reterr};

		r = store_load(e->store, kind_of(kind)->noun, load_document, &loading, reterr);
		if (r < 0)
			return r;
	}
	r = store_get_meta(e->store, "next_rule", &next_rule, reterr);
	if (r < 0)
		return r;
	if (next_rule) {
		uint64_t number;

		if (number_parse(next_rule, UINT32_MAX, &number) < 0)
			return vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
					     "the store's next rule number is damaged: '%s'", next_rule);
		e->rules_reserved = (uint32_t)number;
		model_set_next_rule_number(e->model, e->rules_reserved);
	}
	return 0;
}

/* net_port_fn: packets are redirected to a port while it is eligible. */
static void on_port(uint32_t eni, bool peer_ok, void *userdata)
{
	struct engine *e = userdata;
	bool redirect = peer_ok && e->fast_path;

	maps_eni_set_flags(e->maps, eni, redirect ? VPC_ENI_PEER_REDIRECT : 0, redirect ? 0 : VPC_ENI_PEER_REDIRECT);
}

static void choose_fast_path(struct engine *e, bool wanted)
{
	int r = wanted ? net_fast_path_test(maps_prog_fast_path_probe(e->maps)) : 0;

	e->fast_path = r > 0;
	if (r < 0)
		log_warning("the fast path is off: it could not be tried: %s", strerror(-r));
	else if (wanted && !r)
		log_warning("the fast path is off: bpf_redirect_peer doesn't deliver on this kernel");
}

#define KERNEL_KNOWS "the kernel's maps"

/* A VPC's namespace that runs. */
struct witness {
	char vpc_id[OBJECT_ID_MAX];
	char netns[NAME_MAX + 1];
	bool known; /* to the store */
};

struct witnesses {
	struct witness *at;
	size_t n;
};

static int note_namespace(const char *netns, const char *vpc_id, void *userdata)
{
	struct witnesses *w = userdata;
	struct witness *added = ARRAY_ADD(w->at, w->n);

	if (!added)
		return -ENOMEM;
	snprintf(added->vpc_id, sizeof(added->vpc_id), "%s", vpc_id);
	snprintf(added->netns, sizeof(added->netns), "%s", netns);
	return 0;
}

static int note_known(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	struct witnesses *w = userdata;

	(void)revision, (void)document;
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->at[i].vpc_id, id) == 0)
			w->at[i].known = true;
	return 0;
}

static int refuse_unknown(const struct engine *e, const struct witnesses *w, struct vpc_error *reterr)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->at[i].known)
			continue;
		vpc_error_set(
			reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			"the store in %s does not know %s, whose namespace %s runs, and the pinned maps that would "
			"say how far the store had come are gone: the store was lost, or an older copy was put in "
			"its place. Nothing was changed. Put the right state back, or start vpcd once with "
			"--accept-store to go on with this one, which deletes what it does not know",
			e->state_dir, w->at[i].vpc_id, w->at[i].netns);
		return -ESTALE;
	}
	return 0;
}

/* Without a pinned mark, the networks that run are the last that tell of a store that was lost. Where they can't be
 * listed nothing contradicts the store. */
static int check_networks(const struct engine *e, bool accept, struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct witnesses w = {};
	int r = net_each_namespace(e->instance, note_namespace, &w);

	if (r >= 0 && e->store)
		r = store_load(e->store, kind_of(OBJECT_VPC)->noun, note_known, &w, reterr);
	else if (r < 0)
		log_warning("the namespaces that run can't be listed: %s", strerror(-r));
	if (r >= 0)
		r = refuse_unknown(e, &w, accept ? &error : reterr);
	free(w.at);
	if (r == -ESTALE && accept)
		log_warning("accepted: %s", error.message);
	return (r == -ESTALE && accept) || reterr->code == VPC_E_OK ? 0 : r;
}

/* The store that the kernel enforces, or a newer state of it: anything else would open again what was revoked, or take
 * networks away. Nothing is made or changed before that is known. */
static int open_store(struct engine *e, bool accept, struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store_mark seen = {0};
	int r = pinned_mark_read(e->bpf_dir, seen.id, &seen.revision);

	if (r < 0)
		log_warning("which store the kernel knows can't be read: %s", strerror(-r));
	r = 0;
	if (seen.revision && !accept && !store_exists(e->state_dir))
		return store_missing(e->state_dir, &seen, KERNEL_KNOWS, reterr);
	if (!seen.id[0] && !store_exists(e->state_dir))
		r = check_networks(e, accept, reterr);
	if (r < 0)
		return r;
	r = store_open(e->state_dir, accept, &e->store, reterr);
	if (r >= 0 && !seen.id[0])
		r = check_networks(e, accept, reterr);
	if (r < 0)
		return r;
	r = store_check_mark(e->store, &seen, KERNEL_KNOWS, accept ? &error : reterr);
	if (r == 0 || !accept)
		return r;
	log_warning("accepted: %s", error.message);
	return store_renew_id(e->store, reterr);
}

/* After the kernel is what the store says. */
static int note_store(struct engine *e)
{
	int r = pinned_mark_open(e->bpf_dir, &e->mark);

	if (r < 0)
		return r;
	pinned_mark_set(e->mark, store_id(e->store), e->revision);
	return 0;
}

/* All maps together may take this part of the machine's memory. */
#define MAPS_MEMORY_PERCENT 5

static int open_datapath(struct engine *e, struct vpc_error *reterr)
{
	struct maps_config maps_config = {
		.pin_dir = e->bpf_dir,
		.limits = &e->limits,
		.first_epoch = e->revision + 1,
		.memory_percent = MAPS_MEMORY_PERCENT,
		.classifier_from = MAPS_CLASSIFIER_FROM,
	};
	struct net_config net_config;
	int r = maps_open(&maps_config, &e->maps, reterr);

	if (r < 0)
		return r;
	e->limits = *maps_limits(e->maps);
	edge_choose(e);
	net_config = engine_net_config(e);
	return net_new(&net_config, reconcile_event, e, &e->net, reterr);
}

struct net_config engine_net_config(const struct engine *e)
{
	return (struct net_config){
		.instance = e->instance,
		.pin_dir = e->bpf_dir,
		.prog_from_workload = maps_prog_from_workload(e->maps),
		.prog_to_workload = maps_prog_to_workload(e->maps),
		.prog_from_router = maps_prog_from_router(e->maps),
		.prog_from_uplink = maps_prog_edge(e->maps, "from_uplink"),
		.prog_from_vpc = maps_prog_edge(e->maps, "from_vpc"),
		.prog_to_host = maps_prog_edge(e->maps, "to_host"),
		.prog_from_world = maps_prog_edge(e->maps, "from_world"),
		.forward = e->edge.mode == EDGE_FORWARD,
		.outer = e->edge.outer,
		.pool_uplinks = e->edge.pool_uplinks,
		.use_tcx = e->use_tcx,
		.event = e->event,
		.on_port = on_port,
		.on_up = workload_end_up,
		.on_uplink = edge_uplink,
		.on_edge = edge_outers,
		.on_overlap = edge_overlap,
	};
}

int engine_new(const struct engine_config *config, struct engine **ret, struct vpc_error *reterr)
{
	_cleanup_(engine_freep) struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return vpc_error_oom(reterr);
	queue_init(&e->queue);
	e->queue.on_done = on_job_done;
	e->queue.userdata = e;
	e->event = sd_event_ref(config->event);
	e->limits = config->limits;
	e->n_pools = config->n_pools;
	if (e->n_pools)
		memcpy(e->pools, config->pools, e->n_pools * sizeof(*e->pools));
	e->use_tcx = config->use_tcx;
	e->instance = strdup(config->instance);
	e->state_dir = strdup(config->state_dir);
	e->bpf_dir = strdup(config->bpf_dir);
	e->conditions = conditions_new();
	if (!e->instance || !e->state_dir || !e->bpf_dir || !e->conditions)
		return vpc_error_oom(reterr);
	if (edge_begin(e, config) < 0)
		return vpc_error_oom(reterr);
	if (removals_new(e) < 0)
		return vpc_error_oom(reterr);
	r = worker_new(e->event, USER_LIMIT_MS, &e->worker);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "cannot start a thread: %s", strerror(-r));
	r = open_store(e, config->accept_store, reterr);
	if (r < 0)
		return r;
	if (config->history_depth)
		store_keep_history(e->store, config->history_depth, config->history_bytes);
	e->revision = store_revision(e->store);
	/* The maps say what memory allows before the model holds itself to it. */
	r = open_datapath(e, reterr);
	if (r < 0)
		return r;
	choose_fast_path(e, config->use_fast_path);
	r = load_model(e, reterr);
	if (r == 0)
		r = confirm_load(e, reterr);
	if (r == 0 && rule_expiry_load(e) < 0)
		r = vpc_error_oom(reterr);
	if (r == 0 && traffic_start(e) < 0)
		r = vpc_error_oom(reterr);
	if (r == 0)
		r = upgrade_model(e, reterr);
	if (r == 0)
		r = grace_load(e, reterr);
	if (r < 0)
		return r;
	gateways_start(e);
	r = usage_start(e, reterr);
	if (r == 0)
		r = reconcile_start(e, reterr); /* may delete ENIs: metering keeps what they had counted */
	if (r < 0)
		return r;
	r = note_store(e);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "cannot pin the store's mark: %s",
				     strerror(-r));
	r = expire_start(e);
	if (r >= 0)
		r = advice_start(e);
	if (r >= 0)
		r = flow_logs_start(e);
	if (r >= 0)
		r = advice_keep_start(e);
	if (r >= 0)
		r = commit_watch(e);
	if (r >= 0)
		r = reconcile_watch(e);
	if (r >= 0)
		r = audit_start(e);
	if (r >= 0)
		r = maps_audit_start(e);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "cannot start a timer: %s", strerror(-r));
	*ret = TAKE_PTR(e);
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	e->closing = e->queue.closing = true;
	txn_report_close(e);
	flow_cuts_close(e);
	flow_counts_close(e);
	worker_free(e->worker);
	e->worker = NULL;
	queue_cancel(&e->queue);
	usage_end(e);
	commit_end(e);
	advice_keep_end(e);
	flow_logs_end(e);
	verdicts_close(e);
	expire_end(e);
	advice_end_all(e);
	maps_audit_end(e);
	usage_free(e);
	traffic_end(e);
	confirm_end(e);
	rule_expiry_end(e);
	links_end(e);
	sd_event_source_unref(e->repair_timer);
	sd_event_source_unref(e->check_timer);
	sd_event_source_unref(e->audit_timer);
	removals_clear(e);
	net_free(e->net);
	maps_close(e->maps);
	model_free(e->model);
	store_close(e->store);
	pinned_mark_close(e->mark);
	free(e->retire); /* a start retires what is dead */
	free(e->due);
	port_retries_clear(e);
	workload_ends_clear(e);
	conditions_free(e->conditions);
	edge_end(e);
	eni_names_clear(&e->eni_names);
	free(e->instance);
	free(e->state_dir);
	free(e->bpf_dir);
	sd_event_unref(e->event);
	free(e);
}

const struct model *engine_model(const struct engine *e)
{
	return e->model;
}

uint64_t engine_revision(const struct engine *e)
{
	return e->revision;
}
