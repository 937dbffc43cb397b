/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing every namespace with the whole state, for people. Touches no struct net: any thread. */
#include "datapath/net/private.h"
#include "datapath/net/state.h"

static const char *const kind_names[] = {
	[DIFFERENCE_BRIDGE] = "bridge", [DIFFERENCE_PORT] = "port",	[DIFFERENCE_OBJECT] = "fact",
	[DIFFERENCE_LINK] = "link",	[DIFFERENCE_SYSCTL] = "sysctl", [DIFFERENCE_RULESET] = "ruleset",
};

struct verifying {
	const struct net_config *config;
	const struct plan *all;
	struct tc_programs programs;
	char *link_dir;
	json_t *report;
	const struct vpc_record *vpc; /* the one under comparison */
	const struct port_record *port;
	int ns_fd; /* its namespace */
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
	const char *what =
		d->kind == DIFFERENCE_OBJECT ? net_object_kind_name(d->net_object->key.kind) : kind_names[d->kind];
	char detail[sizeof(d->detail) + OBJECT_ID_MAX + 4];

	snprintf(detail, sizeof(detail), "%s: %s", v->vpc->id, d->detail);
	return append(v->report, what, d->object, d->problem, detail);
}

static int verify_inside(void *data)
{
	struct verifying *v = data;
	_cleanup_(net_state_clear) struct net_state state = {};
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	int r = netlink_open(NETLINK_ROUTE, &rtnl);
	const struct net_check check = {
		.rtnl = rtnl,
		.instance = v->config->instance,
		.programs = &v->programs,
		.link_dir = v->link_dir,
		.vpc = v->vpc->number,
		.fn = on_difference,
		.userdata = v,
	};

	if (r >= 0)
		r = net_state_read(rtnl, &state);
	if (r >= 0)
		r = net_check_devices(&check, v->all, &state);
	return r < 0 ? r : net_check_namespace(&check, v->ns_fd);
}

static int on_workload_end(const char *problem, const char *detail, void *userdata)
{
	const struct verifying *v = userdata;
	char text[384];

	snprintf(text, sizeof(text), "%s: in %s: %s; set it down and up there, or detach it and attach it again",
		 v->vpc->id, v->port->attachment.path ? v->port->attachment.path : "the workload", detail);
	return append(v->report, "workload", v->port->eni_id, problem, text);
}

/* The workloads' ends. One that is gone, or can't be opened now, is the port's matter. */
static int verify_workloads(struct verifying *v)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < v->all->n_ports; i++) {
		_cleanup_(workload_clear) struct workload w = WORKLOAD_INIT;

		v->port = &v->all->ports[i].after;
		if (!v->all->ports[i].has_after || v->port->vpc != v->vpc->number || port_is_tap(v->port) ||
		    workload_reopen(&v->port->attachment, &w) < 0)
			continue;
		r = workload_end_check(&w, v->port, on_workload_end, v);
	}
	return r;
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
			      "the namespace of that name isn't vpcd's: lo has not the alias that it should");
	v->ns_fd = fd;
	r = netns_run(fd, verify_inside, v);
	return r < 0 ? r : verify_workloads(v);
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

static int probe(void *data)
{
	return tc_tcx_probe(*(const int *)data);
}

static int verify(struct verifying *v)
{
	const struct net_config *config = v->config;
	int r = tc_programs_init(config->prog_from_workload, config->prog_to_workload, config->prog_from_router,
				 &v->programs);

	if (r >= 0 && config->use_tcx && config->pin_dir)
		r = netns_run(-1, probe, &v->programs.fd[TC_FROM_WORKLOAD]);
	else if (r >= 0)
		r = 0;
	if (r > 0) {
		v->link_dir = net_link_dir(config->pin_dir);
		if (!v->link_dir)
			return -ENOMEM;
	}
	for (size_t i = 0; r >= 0 && i < v->all->n_vpcs; i++) {
		if (!v->all->vpcs[i].has_after)
			continue;
		v->vpc = &v->all->vpcs[i].after;
		r = verify_vpc(v);
	}
	return r < 0 ? r : netns_each(config->instance, on_namespace, v);
}

int net_verify(const struct net_config *config, const struct plan *all, json_t *report)
{
	struct verifying v = {.config = config, .all = all, .report = report};
	int r = verify(&v);

	free(v.link_dir);
	return r;
}
