/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks for changes that send no event: sysctls, a tcx link that was detached by force, a lost mount under /run/netns.
 * Runs on a worker thread, for some VPCs at a time. It only reports; net_ensure mends. What rtnetlink and nftables
 * report is left to net/events.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include <vpc/clock.h>

#include "datapath/net/netns/sysctl.h"
#include "datapath/net/host_table.h"
#include "datapath/net/outer.h"
#include "datapath/net/registry.h"

struct audit_port {
	uint32_t ifindex;
	enum tc_role role;
	uint32_t host_ifindex; /* of an uplink; else 0 */
};

struct audit_vpc {
	uint32_t number;
	int ns_fd;
	char name[80];
	struct audit_port *ports; /* those that have their tcx links */
	size_t n_ports;
	/* of its device with a host end, whatever its tcx links */
	const struct device_ops *host_end; /* NULL: it has none */
	char id[OBJECT_ID_MAX];
	bool differs;
};

struct audit_outer {
	uint32_t ifindex;
	bool differs;
};

struct net_audit {
	struct host_table *table;		   /* borrowed from the registry */
	struct audit_outer outers[NET_OUTERS_MAX]; /* those that have their tcx links */
	size_t n_outers;
	struct tc_program_sets programs; /* ids only */
	struct audit_vpc *vpcs;
	size_t n;
	uint64_t cost_ns;
};

static int take_ports(struct audit_vpc *a, const struct net_vpc *v)
{
	a->ports = calloc(HASH_COUNT(v->devices) + 1, sizeof(*a->ports));
	if (!a->ports)
		return -ENOMEM;
	for (const struct device *d = v->devices; d; d = d->hh.next)
		if (d->ops->tcx && d->tcx && d->up && !d->attaching)
			a->ports[a->n_ports++] = (struct audit_port){d->ifindex, d->ops->role, d->host_ifindex};
	return 0;
}

static void note_host_end(struct audit_vpc *a, const struct net_vpc *v)
{
	for (const struct device *d = v->devices; d; d = d->hh.next) {
		if (!d->ops->check_silent || !d->up)
			continue;
		a->host_end = d->ops;
		snprintf(a->id, sizeof(a->id), "%s", d->id);
	}
}

/* The VPC that follows number in the order of numbers, or NULL. */
static const struct net_vpc *next_vpc(const struct net *n, uint32_t number)
{
	const struct net_vpc *next = NULL;

	for (const struct net_vpc *v = n->vpcs; v; v = v->hh.next)
		if (v->number > number && (!next || v->number < next->number))
			next = v;
	return next;
}

int net_audit_begin(const struct net *n, uint32_t *after, size_t most, struct net_audit **ret)
{
	struct net_audit *a = calloc(1, sizeof(*a));
	const struct net_vpc *v;
	int r = 0;

	if (a)
		a->vpcs = calloc(most, sizeof(*a->vpcs));
	if (!a || !a->vpcs) {
		free(a);
		return -ENOMEM;
	}
	a->programs = n->programs;
	a->table = n->host.table;
	for (size_t i = 0; i < n->host.n_outers; i++)
		if (n->host.outers[i].tcx && !n->host.outers[i].attaching)
			a->outers[a->n_outers++].ifindex = n->host.outers[i].info.ifindex;
	while (r >= 0 && a->n < most && (v = next_vpc(n, *after))) {
		struct audit_vpc *one = &a->vpcs[a->n++];

		*after = v->number;
		*one = (struct audit_vpc){.number = v->number};
		one->ns_fd = fcntl(v->ns.ns_fd, F_DUPFD_CLOEXEC, FD_HIGH);
		snprintf(one->name, sizeof(one->name), "%s", v->name);
		note_host_end(one, v);
		r = one->ns_fd < 0 ? -errno : n->link_dir ? take_ports(one, v) : 0;
	}
	if (a->n < most)
		*after = 0;
	if (r < 0) {
		net_audit_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

static bool mount_differs(const struct audit_vpc *a)
{
	char path[NETNS_PATH_MAX];
	struct stat wanted, found;

	if (netns_path(a->name, path) < 0 || fstat(a->ns_fd, &wanted) < 0)
		return false;
	return stat(path, &found) < 0 || found.st_dev != wanted.st_dev || found.st_ino != wanted.st_ino;
}

/* On a thread inside the VPC's namespace. */
static void look_at(const struct net_audit *a, struct audit_vpc *v)
{
	v->differs = mount_differs(v) || sysctl_silent_differs();
	for (size_t i = 0; !v->differs && i < v->n_ports; i++)
		v->differs = !tc_tcx_runs(v->ports[i].ifindex, &a->programs.of[v->ports[i].role]);
}

static int run_inside(void *data)
{
	struct net_audit *a = data;

	for (size_t i = 0; i < a->n; i++)
		if (i == 0 || setns(a->vpcs[i].ns_fd, CLONE_NEWNET) == 0)
			look_at(a, &a->vpcs[i]);
	a->cost_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	return 0;
}

static int on_silent(const char *problem, const char *detail, void *userdata)
{
	bool *differs = userdata;

	(void)problem, (void)detail;
	*differs = true;
	return 1;
}

/* In vpcd's own namespace. */
static void look_at_host_end(const struct net_audit *a, struct audit_vpc *v)
{
	const struct device_spec spec = {.ops = v->host_end, .id = v->id};
	const struct device_check check = {.spec = &spec, .fn = on_silent, .userdata = &v->differs};

	if (v->host_end)
		(void)v->host_end->check_silent(&check);
	for (size_t i = 0; !v->differs && i < v->n_ports; i++)
		v->differs = v->ports[i].host_ifindex &&
			     !tc_tcx_runs(v->ports[i].host_ifindex, &a->programs.of[TC_HOST_END]);
}

int net_audit_run(struct net_audit *a)
{
	uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = a->n ? netns_run(a->vpcs[0].ns_fd, run_inside, a) : 0;

	for (size_t i = 0; i < a->n; i++)
		look_at_host_end(a, &a->vpcs[i]);
	for (size_t i = 0; i < a->n_outers; i++)
		a->outers[i].differs = !tc_tcx_runs(a->outers[i].ifindex, &a->programs.of[TC_OUTER]);
	/* made again at once: nobody else needs to know */
	(void)host_table_mend(a->table);
	a->cost_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	return r;
}

uint64_t net_audit_cost_ns(const struct net_audit *a)
{
	return a->cost_ns;
}

void net_audit_each(const struct net_audit *a, void (*fn)(uint32_t vpc, void *userdata), void *userdata)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->vpcs[i].differs)
			fn(a->vpcs[i].number, userdata);
}

void net_audit_mend_outers(struct net *n, const struct net_audit *a)
{
	char dir[DEVICE_HOST_DIR_MAX];

	for (size_t i = 0; i < a->n_outers; i++) {
		const struct outer *o = outer_by_ifindex(n, a->outers[i].ifindex);

		if (!a->outers[i].differs || !o || o->attaching)
			continue;
		/* a link that was detached by force keeps its pin */
		tc_tcx_unpin(outer_link_dir(n->link_dir, dir), o->info.ifindex);
		outer_attached(n, o->info.ifindex, 0);
	}
}

void net_audit_free(struct net_audit *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		close_fd(a->vpcs[i].ns_fd);
		free(a->vpcs[i].ports);
	}
	free(a->vpcs);
	free(a);
}
