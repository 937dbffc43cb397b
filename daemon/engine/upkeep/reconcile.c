/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the kernel what the model says, at start. The same operations as a change, on the difference. What is missing
 * is made closed, as always; what is left over goes last.
 *
 * A start fails only where nothing could be judged: without the maps and the programs. What fails of a VPC, a subnet or
 * a port is a condition, and repair.c tries it again.
 */
#include "engine/upkeep/reconcile.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <vpc/clock.h>

#include "compiler/compile.h"
#include "datapath/maps/address_config.h"
#include "datapath/maps/maps.h"
#include "engine/condition.h"
#include "engine/devices/links.h"
#include "engine/devices/taps.h"
#include "engine/devices/workload_end.h"
#include "engine/txn/background.h"
#include "engine/txn/grace.h"
#include "engine/upkeep/repair.h"
#include "util/log.h"

/* --- at start ---------------------------------------------------------------------------------------- */

static int adopt_namespace(struct engine *e, const struct vpc_record *v, struct vpc_error *reterr)
{
	_cleanup_(netns_clear) struct netns ns = NETNS_INIT;
	int r = netns_make(v, e->instance, &ns, reterr);

	if (r >= 0)
		r = net_add_vpc(e->net, v, &ns);
	return r;
}

static void adopt_namespaces(struct engine *e, const struct plan *all)
{
	for (size_t i = 0; i < all->n_vpcs; i++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		const struct vpc_record *v = &all->vpcs[i].after;
		int r = adopt_namespace(e, v, &error);

		if (r < 0) {
			uint64_t at_ns = retry_after(0);

			condition_raise(e->conditions, CONDITION_NETWORK, v->id, at_ns, "%s",
					error.message[0] ? error.message : strerror(-r));
			reconcile_schedule_at(e, v->number, at_ns / 1000);
		}
	}
}

static int adopt_maps(struct engine *e, const struct plan *all, struct vpc_error *reterr)
{
	_cleanup_(plan_clear) struct plan difference = {0};
	struct maps_change *change = NULL;
	int r = maps_diff(e->maps, all, &difference, reterr);

	difference.flows = e->promised_flows;
	difference.drain_s = e->promised_drain_s;
	if (r == 0)
		r = maps_prepare(e->maps, &difference, &change, reterr);
	if (r < 0)
		return r;
	maps_publish(e->maps, change);
	engine_tell_walked(e);
	grace_done(e);
	if (!change)
		return 0;
	r = maps_wait_grace_period();
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "cannot wait for a grace period: %s",
				     strerror(-r));
	maps_retire(e->maps, change);
	return 0;
}

static int take_over(struct engine *e, struct vpc_error *reterr)
{
	int r = maps_take_over(e->maps, monotonic_ns());

	if (r < 0)
		vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "cannot remove another version's programs from the ports: %s", strerror(-r));
	return r;
}

/* --- ports that are lost ----------------------------------------------------------------------------- */

/* Opening what users named may hang: a start waits so long, and goes on. What isn't open by then is pending. */
#define REOPEN_LIMIT_MS 5000

/* The thread's and the start's; the last one frees it. */
struct batch {
	struct reopen **list;
	size_t n;
	unsigned users;
	size_t done; /* written by the thread, each after its result */
	int event_fd;
};

static void batch_unref(struct batch *b)
{
	if (__atomic_sub_fetch(&b->users, 1, __ATOMIC_ACQ_REL))
		return;
	for (size_t i = 0; i < b->n; i++)
		reopen_free(b->list[i]);
	close_fd(b->event_fd);
	free(b->list);
	free(b);
}

static void *batch_main(void *data)
{
	struct batch *b = data;

	for (size_t i = 0; i < b->n; i++) {
		reopen_run(b->list[i]);
		__atomic_store_n(&b->done, i + 1, __ATOMIC_RELEASE);
	}
	(void)eventfd_write(b->event_fd, 1);
	batch_unref(b);
	return NULL;
}

static struct batch *batch_new(struct engine *e, const struct plan *all, const struct net_report *report)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->users = 1;
	b->event_fd = eventfd(0, EFD_CLOEXEC);
	b->list = calloc(report->n_lost, sizeof(struct reopen *));
	for (size_t i = 0; b->list && i < all->n_ports; i++) {
		const struct port_record *p = &all->ports[i].after;

		if (!repair_is_lost(report, p->eni) || b->n == report->n_lost)
			continue;
		b->list[b->n] = reopen_new(e, p);
		if (b->list[b->n])
			b->n++;
	}
	return b;
}

static size_t batch_run(struct batch *b)
{
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};
	pthread_t thread;

	b->users++;
	if (b->event_fd < 0 || pthread_create(&thread, NULL, batch_main, b) != 0) {
		b->users--;
		return 0;
	}
	pthread_detach(thread);
	(void)poll(&p, 1, REOPEN_LIMIT_MS);
	return __atomic_load_n(&b->done, __ATOMIC_ACQUIRE);
}

/* The second ensure, with what could be opened again. */
static void ensure_lost(struct engine *e, const struct plan *all, struct net_report *report)
{
	_cleanup_free_ struct workload *workloads = calloc(all->n_ports + 1, sizeof(*workloads));
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct batch *b = workloads ? batch_new(e, all, report) : NULL;
	size_t done = b ? batch_run(b) : 0, n = 0;
	int r;

	if (!b)
		return; /* the repairs' turn */
	for (size_t i = 0; i < all->n_ports; i++) {
		for (size_t j = 0; j < done; j++) {
			if (b->list[j]->result < 0 || !reopen_matches(b->list[j], &all->ports[i].after))
				continue;
			workloads[n] = b->list[j]->workload; /* borrowed */
			workloads[n++].eni = all->ports[i].after.eni;
			break;
		}
	}
	r = net_ensure(e->net, all, workloads, n, report, &error);
	repair_note(e, all, report, r);
	for (size_t j = 0; j < done; j++)
		(void)reopen_note(e, b->list[j]);
	batch_unref(b);
}

/* Those that are still lost are a repair's. */
static void schedule_lost(struct engine *e, const struct plan *all, const struct net_report *report)
{
	for (size_t i = 0; i < all->n_ports; i++) {
		const struct port_record *p = &all->ports[i].after;

		if (repair_is_lost(report, p->eni))
			reconcile_schedule(e, p->vpc);
	}
}

int reconcile_start(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(plan_clear) struct plan all = {0};
	struct net_report report = NET_REPORT_INIT;
	int ensured, r = compile_all(e->model, e->instance, 0, &all, reterr);

	if (r < 0)
		return r;
	adopt_namespaces(e, &all);
	r = adopt_maps(e, &all, reterr);
	if (r < 0)
		return r;
	maps_address_config_apply(e->maps, &all);
	r = maps_carry(e->maps, monotonic_ns());
	if (r < 0)
		log_warning("flows of the previous version could not be carried over, so connections may be cut: %s",
			    strerror(-r));
	ensured = net_ensure(e->net, &all, NULL, 0, &report, &error);
	r = take_over(e, reterr);
	if (r < 0) {
		net_report_clear(&report);
		return r;
	}
	repair_note(e, &all, &report, ensured);
	if (report.n_lost)
		ensure_lost(e, &all, &report);
	schedule_lost(e, &all, &report);
	net_report_clear(&report);
	taps_flag(e, &all);
	if (net_prune(e->net, &all) < 0)
		log_warning("namespaces of deleted VPCs could not be removed; the next start tries again");
	if (net_report_ports(e->net, 0) < 0)
		log_warning("ports could not be read: packets to them take the slow path");
	engine_attach_links(e);
	workload_ends_start(e);
	return 0;
}

/* --- watching ---------------------------------------------------------------------------------------- */

/* What sends no event (a sysctl, a torn tcx link, the nftables table) is looked for, one VPC at a time. */
#define CHECK_INTERVAL_US 10000000ull

static int on_check(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	const struct object *vpc = model_by_number(e->model, OBJECT_VPC, e->checked_vpc);

	vpc = model_next(e->model, OBJECT_VPC, vpc);
	e->checked_vpc = vpc ? vpc->number : 0;
	/* what has no cause waits for those who want something, and for the helper that makes their rulesets */
	if (vpc && !e->queue.running && !e->makings)
		reconcile_schedule(e, vpc->number);
	sd_event_source_set_time(source, usec + CHECK_INTERVAL_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int reconcile_watch(struct engine *e)
{
	return sd_event_add_time_relative(e->event, &e->check_timer, CLOCK_MONOTONIC, CHECK_INTERVAL_US, 1000000,
					  on_check, e);
}
