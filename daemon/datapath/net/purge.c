/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removes whole namespaces with everything in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <vpc/array.h>

#include "datapath/net/pins.h"
#include "datapath/net/vpc.h"

struct pruning {
	struct net *n;		/* NULL: purging */
	const struct plan *all; /* NULL: nothing stays */
	const char *instance;
	int result;
};

static bool is_wanted(const struct plan *all, const char *name)
{
	for (size_t i = 0; all && i < all->n_vpcs; i++) {
		if (all->vpcs[i].has_after && strcmp(all->vpcs[i].after.netns, name) == 0)
			return true;
	}
	return false;
}

static void forget(struct net *n, const char *name)
{
	struct net_vpc *v, *next;

	HASH_ITER (hh, n->vpcs, v, next) {
		if (strcmp(v->name, name) == 0)
			close_fd(net_take_vpc(n, v));
	}
}

struct links {
	const char *instance;
	uint32_t *ifindexes;
	size_t n;
};

static int on_link(const struct link_info *info, void *userdata)
{
	struct links *links = userdata;
	uint32_t *added;

	if (info->ifindex == 1 || !netns_alias_is_ours(info->alias, links->instance))
		return 0;
	added = ARRAY_ADD(links->ifindexes, links->n);
	if (!added)
		return -ENOMEM;
	*added = info->ifindex;
	return 0;
}

/* The links are deleted one by one, so that the workloads' ends are gone when this returns. Those of a namespace that
 * loses its last user go some time later. */
static int delete_links(int ns_fd, const char *instance)
{
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	struct links links = {.instance = instance};
	int r = netns_open_rtnl(ns_fd, &rtnl);

	if (r >= 0)
		r = link_each(rtnl, on_link, &links);
	for (size_t i = 0; r >= 0 && i < links.n; i++) {
		r = link_delete(rtnl, links.ifindexes[i]);
		if (r == -ENODEV)
			r = 0;
	}
	free(links.ifindexes);
	return r;
}

static int on_namespace(const char *name, const char *alias, int ns_fd, void *userdata)
{
	struct pruning *p = userdata;
	int r;

	(void)alias;
	if (is_wanted(p->all, name))
		return 0;
	if (p->n)
		forget(p->n, name);
	r = delete_links(ns_fd, p->instance);
	if (r >= 0)
		r = netns_unlink(name);
	if (r < 0)
		p->result = r;
	return 0;
}

static bool has_device(const struct plan *all, unsigned long ifindex)
{
	struct device_iterator it = {.plan = all};
	struct device_spec before, after;

	while (device_next(&it, &before, &after))
		if (after.ops && after.ifindex == ifindex)
			return true;
	return false;
}

/* Removes the pins "<ifindex>-<side>" of tcx links whose port is not in the plan: it went while vpcd did not run, or
 * was never finished. */
static int prune_pins(const char *pin_dir, const struct plan *all)
{
	_cleanup_free_ char *path = pins_link_dir(pin_dir);
	_cleanup_(closedirp) DIR *dir = path ? opendir(path) : NULL;

	if (!path)
		return -ENOMEM;
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	for (const struct dirent *e; (e = readdir(dir));) {
		char *end;
		unsigned long ifindex = strtoul(e->d_name, &end, 10);

		if (end == e->d_name || *end != '-' || has_device(all, ifindex))
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int net_prune(struct net *n, const struct plan *all)
{
	struct pruning p = {.n = n, .all = all, .instance = n->instance};
	int r = netns_each(n->instance, on_namespace, &p);

	if (r >= 0)
		r = netns_sweep_files(n->instance);
	if (r >= 0 && n->pin_dir)
		r = prune_pins(n->pin_dir, all);
	return r < 0 ? r : p.result;
}

int net_purge(const char *instance)
{
	struct pruning p = {.instance = instance};
	int r = netns_each(instance, on_namespace, &p);

	if (r >= 0)
		r = netns_sweep_files(instance);
	return r < 0 ? r : p.result;
}
