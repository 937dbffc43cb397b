/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the kernel what the model says: at start for everything, later for a VPC in which somebody else changed
 * something. The same operations as a change, on the difference. What is missing is made closed, as always; what is
 * left over goes last.
 */
#include "engine/engine_private.h"

#include <sys/random.h>

#include "observe/log.h"

#define REPAIR_DELAY_US	   20000ull
#define REPAIR_RETRY_MAX_S 60u

/* --- attachments whose workload is gone -------------------------------------------------------------- */

static void detached(const struct engine_reply *reply, void *userdata)
{
	(void)userdata;
	if (reply->error.code != VPC_E_OK && reply->error.code != VPC_E_INCORRECT_STATE)
		log_warning("an attachment to a vanished namespace stays: %s", reply->error.message);
}

/* The ENI's attachment becomes none, by a transaction like any other. One that was made to go with its namespace
 * (delete_on_termination) is deleted by the same transaction. */
static void submit_detach(struct engine *e, const char *eni_id, bool delete, const char *reason)
{
	struct engine_request *r = calloc(1, sizeof(*r));
	struct change *c = calloc(2, sizeof(*c));

	if (!r || !c) {
		free(r);
		free(c);
		return;
	}
	c[0] = (struct change){
		.op = CHANGE_ENI_DETACH,
		.present = FIELD_BIT(FIELD_ENI_ID) | FIELD_BIT(FIELD_REASON),
		.eni_id = strdup(eni_id),
		.reason = strdup(reason),
	};
	c[1] = (struct change){.op = CHANGE_ENI_DELETE, .present = FIELD_BIT(FIELD_ENI_ID), .eni_id = strdup(eni_id)};
	*r = (struct engine_request){
		.changes = c, .n_changes = 2, .caller.pid = getpid(), .received_ns = clock_ns(CLOCK_MONOTONIC)};
	if (!c[0].eni_id || !c[0].reason || !c[1].eni_id) {
		engine_request_free(r);
		return;
	}
	if (!delete) {
		change_clear(&c[1]);
		r->n_changes = 1;
	}
	log_notice("%s is %s: %s", eni_id, delete ? "deleted with its namespace" : "detached", reason);
	engine_submit(e, r, detached, NULL);
}

/* NULL: none, or longer than a reason has room for (cut off it might end in the middle of a character). */
static const char *tag_value(const struct object *o, const char *key)
{
	for (size_t i = 0; o && i < o->n_tags; i++) {
		const char *value = o->tags[i].value;

		if (!strcmp(o->tags[i].key, key) && value && *value && strlen(value) <= 80)
			return value;
	}
	return NULL;
}

/* A namespace that was handed over by a descriptor has a path that says nothing to anybody: the container's name or id,
 * and the path that its engine has for it, stand in the tags that vpc-cni gives its ENIs. */
static void gone_reason(const struct object *eni, const struct attachment *a, char *ret, size_t size)
{
	bool handed_over = !strncmp(a->path, "/proc/", 6) && strstr(a->path, "/fd/");
	const char *container = tag_value(eni, "cni/pod") ?: tag_value(eni, "cni/container-id");
	const char *path = handed_over ? tag_value(eni, "cni/netns") : a->path;
	size_t n = 0;

	if (path && strlen(path) > 80)
		path = NULL;
	if (container)
		n = (size_t)snprintf(ret, size, "container %s is gone: ", container);
	if (!container && a->pid > 0)
		snprintf(ret, size, "the network namespace of process %d is gone", a->pid);
	else
		snprintf(ret + n, size - n, "%s network namespace%s%s%s", container ? "its" : "the", path ? " " : "",
			 path ? path : "", container ? " is no more" : " is gone");
}

/* --- ports that are missing -------------------------------------------------------------------------- */

/* A trip to open again what the missing ports are attached to. */
struct reopening {
	struct plan all;
	struct workload *workload; /* a port of `all` each */
	bool *stale;
	uint32_t *lost;
	size_t n_lost;
};

static void reopening_clear(struct reopening *r)
{
	for (size_t i = 0; r->workload && i < r->all.n_ports; i++)
		workload_clear(&r->workload[i]);
	free(r->workload);
	free(r->stale);
	free(r->lost);
	plan_clear(&r->all);
}

static int reopening_init(struct engine *e, uint32_t vpc, struct reopening *r, struct vpc_error *reterr)
{
	int result = compile_all(e->model, e->instance, vpc, &r->all, reterr);

	if (result < 0)
		return result;
	r->workload = calloc(r->all.n_ports ? r->all.n_ports : 1, sizeof(*r->workload));
	r->stale = calloc(r->all.n_ports ? r->all.n_ports : 1, sizeof(*r->stale));
	if (!r->workload || !r->stale)
		return vpc_error_oom(reterr);
	for (size_t i = 0; i < r->all.n_ports; i++)
		r->workload[i] = WORKLOAD_INIT;
	return 0;
}

static bool is_lost(const struct reopening *r, uint32_t eni)
{
	for (size_t i = 0; i < r->n_lost; i++)
		if (r->lost[i] == eni)
			return true;
	return false;
}

/* May run on the worker. */
static int reopen_lost(void *data)
{
	struct reopening *r = data;

	/* What can't be opened for want of a descriptor or memory isn't gone: it stays lost, and is looked at again. */
	for (size_t i = 0; i < r->all.n_ports; i++)
		if (is_lost(r, r->all.ports[i].after.eni) &&
		    workload_reopen(&r->all.ports[i].after.attachment, &r->workload[i]) == -ESTALE)
			r->stale[i] = true;
	return 0;
}

/* The second ensure, with what could be opened again. */
static int ensure_again(struct engine *e, struct reopening *r, struct vpc_error *reterr)
{
	free(TAKE_PTR(r->lost));
	r->n_lost = 0;
	return net_ensure(e->net, &r->all, r->workload, r->all.n_ports, &r->lost, &r->n_lost, reterr);
}

static void detach_stale(struct engine *e, const struct reopening *r)
{
	for (size_t i = 0; i < r->all.n_ports; i++) {
		const struct port_record *p = &r->all.ports[i].after;
		const struct object *eni = model_by_number(e->model, OBJECT_ENI, p->eni);
		char reason[256];

		if (!r->stale[i])
			continue;
		gone_reason(eni, &p->attachment, reason, sizeof(reason));
		submit_detach(e, p->eni_id, eni && eni_of(eni)->delete_on_termination, reason);
	}
}

/* A namespace may vanish between the two ensures. Its port is no longer in the registry, so its link event says nothing
 * to anybody: the repair that looks at what it was attached to is asked for here. */
static void schedule_lost_since(struct engine *e, const struct reopening *r)
{
	for (size_t i = 0; i < r->all.n_ports; i++) {
		const struct port_record *p = &r->all.ports[i].after;

		if (!r->stale[i] && is_lost(r, p->eni))
			reconcile_schedule(e, p->vpc);
	}
}

/* --- at start ---------------------------------------------------------------------------------------- */

static int adopt_namespaces(struct engine *e, const struct plan *all, struct vpc_error *reterr)
{
	for (size_t i = 0; i < all->n_vpcs; i++) {
		_cleanup_(netns_clear) struct netns ns = NETNS_INIT;
		int r = netns_make(&all->vpcs[i].after, e->instance, &ns, reterr);

		if (r < 0)
			return r;
		if (net_add_vpc(e->net, &all->vpcs[i].after, &ns) < 0)
			return vpc_error_oom(reterr);
	}
	return 0;
}

static int adopt_tables(struct engine *e, const struct plan *all, struct vpc_error *reterr)
{
	_cleanup_(plan_clear) struct plan difference = {0};
	struct tables_change *change = NULL;
	int r = tables_diff(e->tables, all, &difference, reterr);

	difference.flows = e->owed_flows;
	difference.drain_s = e->owed_drain_s;
	if (r == 0)
		r = tables_prepare(e->tables, &difference, &change, reterr);
	if (r < 0)
		return r;
	tables_publish(e->tables, change);
	engine_tell_walked(e);
	grace_sweep(e, change);
	if (!change)
		return 0;
	r = tables_wait_grace_period();
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "cannot wait for a grace period: %s",
				     strerror(-r));
	tables_retire(e->tables, change);
	return 0;
}

static int take_over(struct engine *e, struct vpc_error *reterr)
{
	int r = tables_take_over(e->tables, clock_ns(CLOCK_MONOTONIC));

	if (r < 0)
		vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "cannot remove another version's programs from the ports: %s", strerror(-r));
	return r;
}

int reconcile_start(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_(reopening_clear) struct reopening r = {0};
	int result = reopening_init(e, 0, &r, reterr);

	if (result == 0)
		result = adopt_namespaces(e, &r.all, reterr);
	if (result == 0)
		result = adopt_tables(e, &r.all, reterr);
	if (result == 0)
		tables_boot_apply(e->tables, &r.all);
	if (result == 0)
		result = net_ensure(e->net, &r.all, r.workload, r.all.n_ports, &r.lost, &r.n_lost, reterr);
	if (result == 0)
		result = take_over(e, reterr);
	if (result < 0)
		return result;
	if (r.n_lost) {
		reopen_lost(&r);
		result = ensure_again(e, &r, reterr);
		if (result < 0)
			return result;
		detach_stale(e, &r);
		schedule_lost_since(e, &r);
	}
	taps_flag(e, &r.all);
	if (net_prune(e->net, &r.all) < 0)
		log_warning("namespaces of VPCs that are no more could not be removed");
	if (net_report_ports(e->net, 0) < 0)
		log_warning("a port could not be read: no packets go straight to it");
	engine_attach_links(e);
	return 0;
}

/* --- repairs ----------------------------------------------------------------------------------------- */

struct repair {
	struct job job;
	struct engine *e;
	uint32_t vpc;
	struct reopening r;
};

/* What is wrong with a VPC is shown under its id until a repair of it works. */
static void note_condition(struct engine *e, uint32_t vpc, int result, const struct vpc_error *error)
{
	const struct object *o = model_by_number(e->model, OBJECT_VPC, vpc);

	if (!o)
		return;
	if (result < 0)
		condition_raise(e->conditions, CONDITION_NETWORK, o->id, 0, "%s", error->message);
	else
		condition_clear(e->conditions, CONDITION_NETWORK, o->id);
}

static void repair_end(struct repair *p, int result, const struct vpc_error *error)
{
	struct engine *e = p->e;
	uint32_t vpc = p->vpc;

	if (result >= 0)
		engine_attach_links(e);
	taps_flag(e, &p->r.all);
	tables_boot_apply(e->tables, &p->r.all);
	(void)net_report_ports(e->net, vpc);
	reopening_clear(&p->r);
	free(p);
	e->repair_failures = result < 0 ? e->repair_failures + 1 : 0;
	note_condition(e, vpc, result, error);
	if (result < 0)
		reconcile_schedule(e, vpc);
	engine_job_done(e);
}

static int reopen_lost_trip(void *data)
{
	return reopen_lost(&((struct repair *)data)->r);
}

static void repair_reopened(void *data, int result)
{
	struct repair *p = data;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	(void)result;
	result = ensure_again(p->e, &p->r, &error);
	if (result == 0) {
		detach_stale(p->e, &p->r);
		schedule_lost_since(p->e, &p->r);
	}
	repair_end(p, result, &error);
}

static void repair_start(struct job *job)
{
	struct repair *p = (struct repair *)job;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r;

	if (!model_by_number(p->e->model, OBJECT_VPC, p->vpc)) {
		repair_end(p, 0, &error);
		return;
	}
	r = reopening_init(p->e, p->vpc, &p->r, &error);
	if (r == 0)
		r = net_ensure(p->e->net, &p->r.all, p->r.workload, p->r.all.n_ports, &p->r.lost, &p->r.n_lost, &error);
	/* On the queue of our own jobs: it has no limit after which the repair would be freed under the thread. */
	if (r == 0 && p->r.n_lost) {
		r = worker_submit(p->e->worker, WORKER_KERNEL, reopen_lost_trip, repair_reopened, NULL, p);
		if (r == 0)
			return;
	}
	repair_end(p, r, &error);
}

static int on_repair(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	uint32_t *dirty = TAKE_PTR(e->dirty);
	size_t n = e->n_dirty;

	(void)source, (void)usec;
	e->n_dirty = 0;
	for (size_t i = 0; i < n; i++) {
		struct repair *p = calloc(1, sizeof(*p));

		if (!p) {
			reconcile_schedule(e, dirty[i]);
			continue;
		}
		*p = (struct repair){.job.start = repair_start, .e = e, .vpc = dirty[i]};
		engine_run_job(e, &p->job);
	}
	free(dirty);
	return 0;
}

void reconcile_schedule(struct engine *e, uint32_t vpc)
{
	uint64_t delay_us = REPAIR_DELAY_US;
	uint32_t *grown;

	for (size_t i = 0; i < e->n_dirty; i++)
		if (e->dirty[i] == vpc)
			return;
	grown = realloc(e->dirty, (e->n_dirty + 1) * sizeof(*grown));
	if (!grown)
		return;
	e->dirty = grown;
	e->dirty[e->n_dirty++] = vpc;
	if (e->repair_failures) {
		unsigned s = e->repair_failures < 6 ? 1u << (e->repair_failures - 1) : REPAIR_RETRY_MAX_S;

		delay_us = s * 1000000ull;
	}
	if (e->repair_timer)
		e->repair_timer = sd_event_source_disable_unref(e->repair_timer);
	if (sd_event_add_time_relative(e->event, &e->repair_timer, CLOCK_MONOTONIC, delay_us, 1000, on_repair, e) < 0)
		log_error("cannot schedule a repair");
}

/* What sends no event (a sysctl, a torn tcx link, the nftables table) is looked for, one VPC at a time. */
#define CHECK_INTERVAL_US 10000000ull

static int on_check(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	const struct object *vpc = model_by_number(e->model, OBJECT_VPC, e->checked_vpc);

	vpc = model_next(e->model, OBJECT_VPC, vpc);
	e->checked_vpc = vpc ? vpc->number : 0;
	if (vpc && !e->running)
		reconcile_schedule(e, vpc->number);
	sd_event_source_set_time(source, usec + CHECK_INTERVAL_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int reconcile_watch(struct engine *e)
{
	return sd_event_add_time_relative(e->event, &e->check_timer, CLOCK_MONOTONIC, CHECK_INTERVAL_US, 1000000,
					  on_check, e);
}

void reconcile_event(uint32_t vpc, uint32_t port, void *userdata)
{
	struct engine *e = userdata;

	if (e->closing)
		return;
	log_debug("somebody else changed VPC number %u (port %u)", vpc, port);
	reconcile_schedule(e, vpc);
}
