/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a transaction in which everything may fail and nothing is visible. */
#include "datapath/maps/maps.h"
#include "engine/devices/removal.h"
#include "engine/devices/workloads.h"
#include "engine/txn/txn.h"

/* --- namespaces for new VPCs ------------------------------------------------------------------------- */

/* Gives net the namespaces that were made; the numbers are this run's. */
static int hand_over(struct txn *t, struct vpc_error *reterr)
{
	for (size_t i = 0; i < t->plan.n_vpcs; i++) {
		const struct vpc_record *v = &t->plan.vpcs[i].after;
		struct made_netns *made;

		if (!t->plan.vpcs[i].has_after || net_has_vpc(t->e->net, v->number))
			continue;
		made = making_find(&t->making, v->id);
		t->handed_over = true;
		if (!made || net_add_vpc(t->e->net, v, &made->ns) < 0)
			return vpc_error_oom(reterr);
	}
	return 0;
}

void txn_take_back(struct txn *t)
{
	for (size_t i = 0; t->handed_over && i < t->plan.n_vpcs; i++)
		if (t->plan.vpcs[i].has_after && !t->plan.vpcs[i].has_before)
			net_drop_vpc(t->e->net, t->plan.vpcs[i].after.number);
	t->handed_over = false;
}

/* --- waiting ----------------------------------------------------------------------------------------- */

bool txn_must_wait_for_removal(const struct txn *t)
{
	if (!t->e->removing)
		return false;
	for (size_t i = 0; t->opening && i < t->opening->n; i++) {
		const struct net_removal_match its_namespace = {.ns_ino = t->opening->workload[i].ns_ino};

		if (its_namespace.ns_ino && removal_under_way(t->e, &its_namespace))
			return true;
	}
	for (size_t i = 0; i < t->plan.n_ports; i++) {
		const struct plan_port *p = &t->plan.ports[i];
		const struct net_removal_match its_number = {.vpc = p->after.vpc, .ifindex = p->after.eni};

		if (p->has_after && !p->has_before && removal_under_way(t->e, &its_number))
			return true;
	}
	return false;
}

/* --- prepare ----------------------------------------------------------------------------------------- */

/* The workload that an added port goes to: the change that attaches this ENI opened it. */
static const struct workload *workload_of(struct txn *t, const struct port_record *port)
{
	for (size_t i = 0; t->opening && i < t->opening->n; i++)
		if (strcmp(t->results[t->opening->change[i]].id, port->eni_id) == 0)
			return &t->opening->workload[i];
	return NULL;
}

/* Borrowed from t->opening. */
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
		if (!w)
			continue;
		list[n] = *w;
		list[n++].eni = t->plan.ports[i].after.eni;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int txn_prepare(struct txn *t, struct vpc_error *reterr)
{
	_cleanup_free_ struct workload *workloads = NULL;
	size_t n = 0;
	int r = maps_prepare(t->e->maps, &t->plan, &t->maps_change, reterr);

	if (r < 0)
		return r;
	if (!t->plan.n_vpcs && !t->plan.n_subnets && !t->plan.n_ports && !t->plan.n_eips && !t->plan.n_publishes)
		return 0;
	if (collect_workloads(t, &workloads, &n) < 0)
		return vpc_error_oom(reterr);
	r = hand_over(t, reterr);
	return r < 0 ? r : net_prepare(t->e->net, &t->plan, workloads, n, &t->net_change, reterr);
}
