/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares every namespace with the whole state, for people. Touches no struct net: any thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath/net/check.h"
#include "datapath/net/device/host_end.h"
#include "datapath/net/host.h"
#include "datapath/net/host_objects.h"
#include "datapath/net/nft/host.h"
#include "datapath/net/outer.h"
#include "datapath/net/net.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/pins.h"

struct verifying {
	const struct net_config *config;
	const struct plan *all;
	struct tc_program_sets programs;
	struct nl_sock *host_rtnl; /* in vpcd's own namespace */
	char *link_dir;
	json_t *report;
	const struct vpc_record *vpc; /* the one under comparison */
	struct device_spec *devices;  /* its devices */
	size_t n_devices;
	const struct device_spec *device; /* whose far end is under comparison */
	int ns_fd;			  /* the VPC's namespace */
};

static int append(json_t *report, const char *what, const char *object, const char *problem, const char *detail)
{
	json_t *entry =
		json_pack("{s:s, s:s, s:s, s:s}", "what", what, "object", object, "problem", problem, "detail", detail);

	return entry && json_array_append_new(report, entry) >= 0 ? 0 : -ENOMEM;
}

static int on_difference(const struct net_difference *d, void *userdata)
{
	const struct verifying *v = userdata;
	char detail[sizeof(d->detail) + OBJECT_ID_MAX + 4];

	snprintf(detail, sizeof(detail), "%s: %s", v->vpc->id, d->detail);
	return append(v->report, d->what, d->object, d->problem, detail);
}

static int verify_inside(void *data)
{
	struct verifying *v = data;
	_cleanup_(net_state_clear) struct net_state state = {};
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	int r = netlink_open(NETLINK_ROUTE, &rtnl);
	const struct net_check check = {
		.rtnl = rtnl,
		.host_rtnl = v->host_rtnl,
		.instance = v->config->instance,
		.programs = &v->programs,
		.link_dir = v->link_dir,
		.fn = on_difference,
		.userdata = v,
	};

	if (r >= 0)
		r = net_state_read(rtnl, &state);
	if (r >= 0)
		r = net_check_devices(&check, v->devices, v->n_devices, &state);
	return r < 0 ? r : net_check_namespace(&check, v->ns_fd);
}

static int on_far_end(const char *problem, const char *detail, void *userdata)
{
	const struct verifying *v = userdata;
	const char *path = v->device->attachment->path;
	char text[384];

	snprintf(text, sizeof(text), "%s: in %s: %s; set it down and up there, or detach it and attach it again",
		 v->vpc->id, path ? path : "the workload", detail);
	return append(v->report, v->device->ops->far_end->kind, v->device->id, problem, text);
}

/* The far ends. One that is gone, or can't be opened, is reported with its port. */
static int verify_far_ends(struct verifying *v)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < v->n_devices; i++) {
		_cleanup_(workload_clear) struct workload w = WORKLOAD_INIT;
		struct device_check check = {.spec = &v->devices[i], .fn = on_far_end, .userdata = v};

		v->device = &v->devices[i];
		if (!v->device->ops->far_end || workload_reopen(v->device->attachment, &w) < 0)
			continue;
		check.rtnl = w.rtnl;
		r = v->device->ops->far_end->check(&check, NULL);
	}
	return r;
}

static int on_host_object(const struct net_object *o, const char *problem, void *userdata)
{
	const struct verifying *v = userdata;
	char text[NET_OBJECT_TEXT_MAX], detail[NET_OBJECT_TEXT_MAX + 32];

	snprintf(detail, sizeof(detail), "%s, in the host's namespace", net_object_format(o, text));
	return append(v->report, net_object_kind_name(o->key.kind), v->vpc->id, problem, detail);
}

/* What only a thread in vpcd's own namespace sees of host ends. */
static int verify_host_ends(struct verifying *v)
{
	const struct net_check check = {.fn = on_difference, .userdata = v};

	return net_check_host_ends(&check, v->devices, v->n_devices);
}

/* What is on the host end of its uplink. One that is missing is reported with the uplink. */
static int verify_host_objects(struct verifying *v)
{
	char name[IFNAMSIZ];
	struct link_info info;

	host_end_name(v->vpc->id, name);
	if (!vpc_record_has_uplink(v->vpc) || link_get(v->host_rtnl, 0, name, &info) < 0)
		return 0;
	return host_objects_check(v->host_rtnl, v->config->instance, v->all, v->vpc->number, info.ifindex,
				  on_host_object, v);
}

/* The nftables table in vpcd's own namespace. */
static int verify_host_table(struct verifying *v)
{
	_cleanup_close_ int ns_fd = netns_open_here();
	_cleanup_free_ char *text = NULL;
	int r = host_table_text(v->config->instance, v->config->forward, v->all, &text);

	if (r < 0 || ns_fd < 0)
		return r < 0 ? r : ns_fd;
	r = nft_host_check(ns_fd, v->config->instance, text);
	if (r < 0 && !text)
		return 0; /* a kernel without nftables has no table either */
	if (r == 0)
		return append(v->report, "ruleset", "nftables", text ? "differs" : "unexpected",
			      "the table in the host's namespace is not the one that vpcd made");
	return r < 0 ? r : 0;
}

static int verify_vpc(struct verifying *v)
{
	char path[NETNS_PATH_MAX], alias[NETNS_ALIAS_MAX], wanted[NETNS_ALIAS_MAX];
	_cleanup_close_ int fd = -1;
	int r = netns_path(v->vpc->netns, path);

	if (r < 0)
		return r;
	fd = netns_open(path);
	if (fd < 0)
		return append(v->report, "namespace", v->vpc->id, "missing", path);
	r = netns_alias(fd, alias);
	if (r < 0)
		return r;
	if (strcmp(alias, netns_make_alias(v->config->instance, v->vpc->id, wanted)) != 0)
		return append(v->report, "namespace", v->vpc->id, "differs",
			      "the namespace of that name isn't vpcd's: its lo does not have our alias");
	r = device_list(v->all, v->vpc->number, &v->devices, &v->n_devices);
	if (r < 0)
		return r;
	v->ns_fd = fd;
	r = netns_run(fd, verify_inside, v);
	if (r >= 0)
		r = verify_host_ends(v);
	if (r >= 0)
		r = verify_far_ends(v);
	if (r >= 0)
		r = verify_host_objects(v);
	free(v->devices);
	v->devices = NULL;
	return r;
}

/* A namespace of ours that no VPC of the state has. */
static int on_namespace(const char *name, const char *alias, int ns_fd, void *userdata)
{
	const struct verifying *v = userdata;

	(void)ns_fd;
	for (size_t i = 0; i < v->all->n_vpcs; i++) {
		if (v->all->vpcs[i].has_after && strcmp(v->all->vpcs[i].after.netns, name) == 0)
			return 0;
	}
	return append(v->report, "namespace", name, "unexpected", alias);
}

/* The host end of an uplink that no VPC of the state has. */
static int on_stray(const struct link_info *info, void *userdata)
{
	const struct verifying *v = userdata;

	return append(v->report, "uplink", info->name, "unexpected", info->alias);
}

static int on_outer(const char *name, const char *problem, const char *detail, void *userdata)
{
	const struct verifying *v = userdata;

	return append(v->report, "outer interface", name, problem, detail);
}

static bool has_uplinks(const struct plan *all)
{
	for (size_t i = 0; i < all->n_vpcs; i++)
		if (all->vpcs[i].has_after && vpc_record_has_uplink(&all->vpcs[i].after))
			return true;
	return false;
}

static int probe(void *data)
{
	return tc_tcx_probe(*(const int *)data);
}

static int verify(struct verifying *v)
{
	const struct net_config *config = v->config;
	int r = net_programs(config, &v->programs);

	if (r >= 0)
		r = netlink_open(NETLINK_ROUTE, &v->host_rtnl);
	if (r >= 0 && config->use_tcx && config->pin_dir)
		r = netns_run(-1, probe, &v->programs.of[TC_PORT].fd[TC_INGRESS]);
	else if (r >= 0)
		r = 0;
	if (r > 0) {
		v->link_dir = pins_link_dir(config->pin_dir);
		if (!v->link_dir)
			return -ENOMEM;
	}
	for (size_t i = 0; r >= 0 && i < v->all->n_vpcs; i++) {
		if (!v->all->vpcs[i].has_after)
			continue;
		v->vpc = &v->all->vpcs[i].after;
		r = verify_vpc(v);
	}
	if (r >= 0 && has_uplinks(v->all) && v->programs.of[TC_OUTER].id[TC_INGRESS])
		r = outer_check(v->host_rtnl, config, &v->programs.of[TC_OUTER], v->link_dir, on_outer, v);
	if (r >= 0)
		r = verify_host_table(v);
	if (r >= 0)
		r = host_each_stray(v->host_rtnl, config->instance, v->all, on_stray, v);
	return r < 0 ? r : netns_each(config->instance, on_namespace, v);
}

int net_verify(const struct net_config *config, const struct plan *all, json_t *report)
{
	struct verifying v = {.config = config, .all = all, .report = report};
	int r = verify(&v);

	nl_socket_free(v.host_rtnl);
	free(v.link_dir);
	return r;
}
