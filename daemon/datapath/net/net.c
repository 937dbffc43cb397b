/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct net: made and freed. */
#include "datapath/net/net.h"

#include <errno.h>
#include <string.h>

#include <vpc/mkdir.h>

#include "datapath/net/host.h"
#include "datapath/net/pins.h"
#include "datapath/net/registry.h"
#include "datapath/net/vpc.h"

static int probe(void *data)
{
	return tc_tcx_probe(*(const int *)data);
}

/* tcx is used where it is configured, the kernel has it, and there is a place for the pins. */
static int choose_attach_mode(struct net *n, bool use_tcx)
{
	int r;

	if (!n->pin_dir)
		return 0;
	r = use_tcx ? netns_run(-1, probe, &n->programs.of[TC_PORT].fd[TC_INGRESS]) : 0;
	if (r < 0)
		return r;
	if (r == 0) {
		n->stale_link_dir = pins_link_dir(n->pin_dir);
		return n->stale_link_dir ? 0 : -ENOMEM;
	}
	n->link_dir = pins_link_dir(n->pin_dir);
	return n->link_dir ? mkdir_parents(n->link_dir, 0700, 0700) : -ENOMEM;
}

int net_new(const struct net_config *config, net_event_fn on_event, void *userdata, struct net **ret,
	    struct vpc_error *reterr)
{
	_cleanup_(net_freep) struct net *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return vpc_error_oom(reterr);
	n->host = NET_HOST_INIT;
	n->instance = strdup(config->instance);
	n->pin_dir = config->pin_dir ? strdup(config->pin_dir) : NULL;
	n->forward = config->forward;
	n->outer_only = config->outer ? strdup(config->outer) : NULL;
	n->pool_uplinks = config->pool_uplinks ? strdup(config->pool_uplinks) : NULL;
	if (!n->instance || (config->pin_dir && !n->pin_dir) || (config->outer && !n->outer_only) ||
	    (config->pool_uplinks && !n->pool_uplinks))
		return vpc_error_oom(reterr);
	n->event = sd_event_ref(config->event);
	n->on_event = on_event;
	n->on_port = config->on_port;
	n->on_up = config->on_up;
	n->userdata = userdata;
	n->on_uplink = config->on_uplink;
	n->on_edge = config->on_edge;
	n->on_overlap = config->on_overlap;
	r = net_programs(config, &n->programs);
	if (r >= 0)
		r = host_open(n);
	if (r >= 0)
		r = choose_attach_mode(n, config->use_tcx);
	if (r < 0) {
		vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "the network cannot be set up: %s",
			      strerror(-r));
		return r;
	}
	*ret = TAKE_PTR(n);
	return 0;
}

void net_free(struct net *n)
{
	struct net_vpc *v, *next;

	if (!n)
		return;
	/* the uplinks that are there stay in use */
	n->on_uplink = NULL;
	n->on_overlap = NULL;
	HASH_ITER (hh, n->vpcs, v, next)
		close_fd(net_take_vpc(n, v));
	host_close(n);
	sd_event_unref(n->event);
	free(n->instance);
	free(n->outer_only);
	free(n->pool_uplinks);
	free(n->pin_dir);
	free(n->link_dir);
	free(n->stale_link_dir);
	free(n);
}

const char *net_attach_mode(const struct net *n)
{
	return n->link_dir ? "tcx" : "clsact";
}
