/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ADD: a network interface is created and attached, in one transaction. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/cni/ask.h"
#include "cli/lib/client.h"

static int make_eni(struct http *h, const struct cni_config *c, const struct cni_call *call,
		    const struct workload_netns *n, json_t **ret, struct cni_error *reterr)
{
	_cleanup_json_ json_t *tags = json_object(), *attachment = NULL, *eni = NULL;
	const struct workload w = cni_workload(c, call);
	struct workload_wish wish = {
		.subnet = c->subnet,
		.groups = c->groups,
		.secondary = c->secondary,
		.ip = c->ip,
		.ip6 = c->ip6,
		.mac = c->mac,
		.ports = c->ports,
	};
	struct vpcd_failure failure;
	int r;

	attachment = json_pack("{s:s, s:s, s:s, s:O*}", "kind", "netns", "netns", n->vpcds_path, "ifname", call->ifname,
			       "default_route", c->default_route);
	if (!tags || !attachment || workload_note(tags, "cni", "netns", call->netns) < 0 ||
	    workload_note(tags, "cni", "pod", c->pod) < 0 ||
	    workload_note(tags, "cni", "pod-namespace", c->pod_space) < 0)
		return cni_oom(reterr);
	wish.tags = tags;
	wish.attachment = attachment;
	r = workload_attach(h, c->vpc, &w, &wish, n, &eni, &failure);
	if (r == -EEXIST) {
		cni_fail(reterr, CNI_E_EXISTS,
			 "container %.64s has interface %s of network %.64s already; DEL comes first",
			 call->container_id, call->ifname, c->name);
		return cni_detail(reterr, "it is network interface %s", json_member_text(eni, "id") ?: "without an id");
	}
	if (r < 0)
		return cni_failed(r, &failure, reterr);
	*ret = TAKE_PTR(eni);
	return 0;
}

/* A chain in which a plugin before has made an interface of our name, which can't be made again. */
static int check_previous(const struct cni_call *call, const json_t *previous, struct cni_error *reterr)
{
	if (cni_result_find(previous, call) < 0)
		return 0;
	return cni_fail(reterr, CNI_E_INVALID_CONFIG,
			"prevResult: a plugin before has made %s already; vpc-cni makes the interface itself: put it "
			"first in the list of plugins",
			call->ifname);
}

int cni_add(const struct cni_call *call, const struct cni_config *c, json_t **ret_result, struct cni_error *reterr)
{
	_cleanup_json_ json_t *result = NULL, *subnet = NULL, *vpc = NULL, *eni = NULL;
	_cleanup_(http_freep) struct http *h = NULL;
	_cleanup_(workload_netns_clear) struct workload_netns n = WORKLOAD_NETNS_INIT;
	struct cni_error why;
	int r = cni_result_previous(c, &result, reterr);

	if (r == 0)
		r = check_previous(call, result, reterr);
	if (r == 0)
		r = cni_netns_open(call, &n, reterr);
	if (r == 0 && http_new(c->socket, &h) < 0)
		r = cni_oom(reterr);
	if (r == 0)
		r = cni_get(h, client_path("subnets", c->subnet, NULL, c->vpc), &subnet, reterr);
	if (r == 0 && !c->dns)
		r = cni_get(h, client_path("vpcs", json_member_text(subnet, "vpc_id") ?: "", NULL, c->vpc), &vpc,
			    reterr);
	if (r == 0)
		r = cni_netns_share(&n, c->socket, reterr);
	if (r == 0)
		r = make_eni(h, c, call, &n, &eni, reterr);
	if (r < 0)
		return r;
	r = cni_result_add(c, call, eni, subnet, vpc, result, reterr);
	if (r < 0) {
		cni_eni_delete(h, c, eni, &why); /* what went wrong first is what is told */
		return r;
	}
	*ret_result = TAKE_PTR(result);
	return 0;
}
