/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removes whole namespaces with everything in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <vpc/array.h>

#include "datapath/net/host.h"
#include "datapath/net/nft/host.h"
#include "datapath/net/outer.h"
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

/* Which numbers the pins of a folder may have. */
typedef bool (*pin_wanted_fn)(const struct net *n, const struct plan *all, uint32_t ifindex);

static bool has_device(const struct net *n, const struct plan *all, uint32_t ifindex)
{
	struct device_iterator it = {.plan = all};
	struct device_spec before, after;

	(void)n;
	while (device_next(&it, &before, &after))
		if (after.ops && after.ifindex == ifindex)
			return true;
	return false;
}

static bool is_host_end(const struct net *n, const struct plan *all, uint32_t ifindex)
{
	(void)all;
	return net_find_host_end(n, ifindex) != NULL;
}

static bool is_outer(const struct net *n, const struct plan *all, uint32_t ifindex)
{
	(void)all;
	return outer_by_ifindex(n, ifindex) != NULL;
}

/* Removes the pins "<ifindex>-<side>" of tcx links whose link is not meant to be there: it went while vpcd did not run,
 * or was never finished. */
static int prune_pins_in(const struct net *n, const struct plan *all, const char *path, pin_wanted_fn wanted)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	for (const struct dirent *e; (e = readdir(dir));) {
		char *end;
		unsigned long ifindex = strtoul(e->d_name, &end, 10);

		if (end == e->d_name || *end != '-' || wanted(n, all, (uint32_t)ifindex))
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int prune_pins(const struct net *n, const struct plan *all)
{
	_cleanup_free_ char *path = pins_link_dir(n->pin_dir);
	char dir[DEVICE_HOST_DIR_MAX];
	int r;

	if (!path)
		return -ENOMEM;
	r = prune_pins_in(n, all, path, has_device);
	if (r >= 0)
		r = prune_pins_in(n, all, device_host_dir(path, dir), is_host_end);
	return r < 0 ? r : prune_pins_in(n, all, outer_link_dir(path, dir), is_outer);
}

int net_prune(struct net *n, const struct plan *all)
{
	struct pruning p = {.n = n, .all = all, .instance = n->instance};
	int r = netns_each(n->instance, on_namespace, &p);

	if (r >= 0)
		r = netns_sweep_files(n->instance);
	if (r >= 0)
		r = host_remove_strays(n->host.rtnl, n->instance, all);
	if (r >= 0)
		r = outer_remove_strays(n->host.rtnl, n->instance, n);
	if (r >= 0 && n->pin_dir)
		r = prune_pins(n, all);
	return r < 0 ? r : p.result;
}

/* A kernel without nftables has none. */
static int remove_host_table(const char *instance)
{
	_cleanup_close_ int ns_fd = netns_open_here();
	char text[256];

	if (ns_fd < 0)
		return ns_fd;
	return nft_host_check(ns_fd, instance, NULL) == 0 ? nft_host_apply(ns_fd, instance, NULL, text, sizeof(text))
							  : 0;
}

struct visiting {
	const char *instance;
	int (*fn)(const char *netns, const char *vpc_id, void *userdata);
	void *userdata;
};

static int visit(const char *name, const char *alias, int ns_fd, void *userdata)
{
	const struct visiting *v = userdata;
	char prefix[NETNS_ALIAS_MAX];

	(void)ns_fd;
	netns_make_alias(v->instance, "", prefix);
	return v->fn(name, alias + strlen(prefix), v->userdata);
}

int net_each_namespace(const char *instance, int (*fn)(const char *netns, const char *vpc_id, void *userdata),
		       void *userdata)
{
	struct visiting v = {.instance = instance, .fn = fn, .userdata = userdata};

	return netns_each(instance, visit, &v);
}

int net_purge(const char *instance)
{
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	struct pruning p = {.instance = instance};
	int r = netns_each(instance, on_namespace, &p);

	if (r >= 0)
		r = netns_sweep_files(instance);
	if (r >= 0)
		r = netlink_open(NETLINK_ROUTE, &rtnl);
	if (r >= 0)
		r = host_remove_strays(rtnl, instance, NULL);
	if (r >= 0)
		r = outer_remove_strays(rtnl, instance, NULL);
	if (r >= 0)
		r = remove_host_table(instance);
	return r < 0 ? r : p.result;
}
