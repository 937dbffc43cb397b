/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a transaction in which everything may fail and nothing is visible. */
#include "engine/txn.h"

#include "observe/log.h"

/* --- namespaces for new VPCs ------------------------------------------------------------------------- */

static int make_run(void *data)
{
	struct txn *t = data;

	for (size_t i = 0; i < t->n_made; i++) {
		int r = netns_make(&t->made[i].record, t->e->instance, &t->made[i].ns, &t->made_error);

		if (r < 0)
			return r;
	}
	return 0;
}

static void make_done(void *data, int result)
{
	struct txn *t = data;

	if (result < 0 && t->made_error.code == VPC_E_OK)
		vpc_error_set(&t->made_error, VPC_E_DATAPATH_UNAVAILABLE, NULL, "cannot make a network namespace: %s",
			      strerror(-result));
	t->made_done = true;
	engine_job_retry(t->e);
}

bool txn_make_namespaces(struct txn *t)
{
	if (t->made_done)
		return false;
	for (size_t i = 0; i < t->plan.n_vpcs; i++) {
		struct made_netns *grown;

		if (!t->plan.vpcs[i].has_after || net_has_vpc(t->e->net, t->plan.vpcs[i].after.number))
			continue;
		grown = realloc(t->made, (t->n_made + 1) * sizeof(*grown));
		if (!grown)
			return false; /* txn_prepare says so */
		t->made = grown;
		t->made[t->n_made++] = (struct made_netns){.record = t->plan.vpcs[i].after, .ns = NETNS_INIT};
	}
	if (!t->n_made)
		return false;
	return worker_submit(t->e->worker, WORKER_KERNEL, make_run, make_done, NULL, t) == 0;
}

struct drop_trip {
	struct engine *e;
	struct made_netns *made;
	size_t n;
	char *instance;
};

static int drop_run(void *data)
{
	struct drop_trip *trip = data;
	int r = 0;

	for (size_t i = 0; i < trip->n; i++) {
		int one = netns_remove(trip->made[i].record.netns, trip->instance, trip->made[i].record.id);

		if (one < 0)
			r = one;
	}
	return r;
}

static void drop_done(void *data, int result)
{
	struct drop_trip *trip = data;

	if (result < 0)
		log_warning("a network namespace could not be removed: %s", strerror(-result));
	free(trip->made);
	free(trip->instance);
	free(trip);
}

void txn_drop_namespaces(struct txn *t)
{
	struct drop_trip *trip;

	for (size_t i = 0; i < t->n_made; i++)
		netns_clear(&t->made[i].ns);
	trip = t->n_made ? calloc(1, sizeof(*trip)) : NULL;
	if (trip) {
		*trip = (struct drop_trip){.e = t->e, .n = t->n_made, .instance = strdup(t->e->instance)};
		trip->made = TAKE_PTR(t->made);
		if (!trip->instance || worker_submit(t->e->worker, WORKER_KERNEL, drop_run, drop_done, NULL, trip) < 0)
			drop_done(trip, trip->instance ? drop_run(trip) : -ENOMEM);
	}
	free(TAKE_PTR(t->made));
	t->n_made = 0;
}

/* Gives net the namespaces that were made; the numbers are this run's. */
static int hand_over(struct txn *t, struct vpc_error *reterr)
{
	for (size_t i = 0; i < t->plan.n_vpcs; i++) {
		const struct vpc_record *v = &t->plan.vpcs[i].after;
		struct made_netns *made = NULL;

		if (!t->plan.vpcs[i].has_after || net_has_vpc(t->e->net, v->number))
			continue;
		for (size_t j = 0; j < t->n_made; j++)
			if (strcmp(t->made[j].record.id, v->id) == 0)
				made = &t->made[j];
		if (!made || net_add_vpc(t->e->net, v, &made->ns) < 0)
			return vpc_error_oom(reterr);
	}
	return 0;
}

/* The opposite, when the transaction is refused after all: txn_drop_namespaces removes them. */
static void take_back(struct txn *t)
{
	for (size_t i = 0; t->n_made && i < t->plan.n_vpcs; i++)
		if (t->plan.vpcs[i].has_after && !t->plan.vpcs[i].has_before)
			net_drop_vpc(t->e->net, t->plan.vpcs[i].after.number);
}

/* --- waiting ----------------------------------------------------------------------------------------- */

bool txn_must_wait_for_removal(const struct txn *t)
{
	if (!t->opening || !t->e->removing)
		return false;
	for (size_t i = 0; i < t->opening->n; i++) {
		if (net_removal_pending(t->e->net, t->opening->workload[i].ns_ino)) {
			t->e->waiting = true;
			return true;
		}
	}
	return false;
}

/* --- prepare ----------------------------------------------------------------------------------------- */

/* The workload that an added port goes to: the change that attaches this ENI opened it. */
static struct workload *workload_of(struct txn *t, const struct port_record *port)
{
	for (size_t i = 0; t->opening && i < t->opening->n; i++)
		if (strcmp(t->results[t->opening->change[i]].id, port->eni_id) == 0)
			return &t->opening->workload[i];
	return NULL;
}

/* In the order of the plan's added ports, borrowed from t->opening. */
static int collect_workloads(struct txn *t, struct workload **ret, size_t *ret_n)
{
	struct workload *list = calloc(t->plan.n_ports ? t->plan.n_ports : 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < t->plan.n_ports; i++) {
		const struct workload *w;

		if (!t->plan.ports[i].has_after || t->plan.ports[i].has_before)
			continue;
		w = workload_of(t, &t->plan.ports[i].after);
		list[n++] = w ? *w : WORKLOAD_INIT;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int txn_prepare(struct txn *t, struct vpc_error *reterr)
{
	_cleanup_free_ struct workload *workloads = NULL;
	size_t n = 0;
	int r = tables_prepare(t->e->tables, &t->plan, &t->tables_change, reterr);

	if (r < 0)
		return r;
	if (!t->plan.n_vpcs && !t->plan.n_subnets && !t->plan.n_ports)
		return 0;
	if (collect_workloads(t, &workloads, &n) < 0)
		return vpc_error_oom(reterr);
	r = hand_over(t, reterr);
	if (r == 0)
		r = net_prepare(t->e->net, &t->plan, workloads, n, &t->net_change, reterr);
	if (r < 0)
		take_back(t);
	return r;
}
