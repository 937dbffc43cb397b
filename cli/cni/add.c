/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ADD: a network interface is created and attached, in one transaction. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/cni/ask.h"
#include "cli/lib/client.h"

/* create, attach, and the published ports, which go with the ENI. Owned; NULL: out of memory. */
static json_t *make_changes(const struct cni_config *c, const struct cni_call *call, const char *netns)
{
	_cleanup_json_ json_t *tags = json_object(), *attachment = NULL;
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

	attachment = json_pack("{s:s, s:s, s:s, s:O*}", "kind", "netns", "netns", netns, "ifname", call->ifname,
			       "default_route", c->default_route);
	if (!tags || !attachment || workload_note(tags, "cni", "netns", call->netns) < 0 ||
	    workload_note(tags, "cni", "pod", c->pod) < 0 ||
	    workload_note(tags, "cni", "pod-namespace", c->pod_space) < 0)
		return NULL;
	wish.tags = tags;
	wish.attachment = attachment;
	return workload_changes(&w, &wish);
}

/* Whether an ENI is attached to the namespace that fd is. */
static bool is_attached_to(const json_t *eni, int fd)
{
	const json_t *inode = json_object_get(json_object_get(eni, "attachment"), "netns_inode");
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)json_integer_value(inode) == st.st_ino;
}

/* The name is taken. If the ENI is this attachment's, and its namespace is gone (a reboot, a runtime that crashed) or
 * is another one (an earlier run of the container left it), the ENI is replaced. */
static int clear_the_way(struct http *h, const struct cni_config *c, const struct cni_call *call, int fd,
			 struct cni_error *reterr)
{
	struct cni_error taken = *reterr;
	_cleanup_json_ json_t *eni = NULL;

	/* A namespace that is gone may have had the same inode number; vpcd notices that it is gone within a moment. */
	for (int tries = 0; tries < 6; tries++) {
		int r;

		if (tries)
			sleep_ms(50);
		json_decref(eni);
		eni = NULL;
		r = cni_eni_find(h, c, call, &eni, reterr);
		if (r < 0)
			return r;
		if (!eni && !tries) {
			*reterr = taken;
			return -EINVAL;
		}
		if (!eni)
			return 0;
		if (!json_is_object(json_object_get(eni, "attachment")) || !is_attached_to(eni, fd))
			return cni_eni_delete(h, c, eni, reterr);
	}
	cni_fail(reterr, CNI_E_EXISTS, "container %.64s has interface %s of network %.64s already; DEL comes first",
		 call->container_id, call->ifname, c->name);
	return cni_detail(reterr, "it is network interface %s", json_member_text(eni, "id") ?: "without an id");
}

/* A namespace that was handed over by a descriptor: its messages tell of it by the path that the runtime knows. */
static void name_path(char *msg, size_t size, const char *handed_over, const char *path)
{
	char *at = strcmp(handed_over, path) != 0 ? strstr(msg, handed_over) : NULL;
	_cleanup_free_ char *rest = at ? strdup(at + strlen(handed_over)) : NULL;

	if (rest)
		snprintf(at, size - (size_t)(at - msg), "%s%s", path, rest);
}

static int make_eni(struct http *h, const struct cni_config *c, const struct cni_call *call, int fd, const char *netns,
		    json_t **ret, struct cni_error *reterr)
{
	_cleanup_json_ json_t *changes = make_changes(c, call, netns), *results = NULL;
	struct vpcd_failure failure;
	int r;

	if (!changes)
		return cni_oom(reterr);
	r = vpcd_transaction(h, c->vpc, changes, &results, &failure);
	if (r < 0)
		name_path(failure.text, sizeof(failure.text), netns, call->netns);
	if (r < 0 && !strcmp(failure.code, "InvalidParameterValue") && strstr(failure.field, "name")) {
		cni_failed(r, &failure, reterr);
		r = clear_the_way(h, c, call, fd, reterr);
		if (r < 0)
			return r;
		r = vpcd_transaction(h, c->vpc, changes, &results, &failure);
	}
	if (r < 0)
		return cni_failed(r, &failure, reterr);
	*ret = json_incref(json_array_get(results, 1));
	return 0;
}

/* A chain in which a plugin before has made an interface of our name, which can't be made again. */
static int check_previous(const struct cni_call *call, const json_t *previous, struct cni_error *reterr)
{
	if (cni_result_find(previous, call) < 0)
		return 0;
	return cni_fail(reterr, CNI_E_INVALID_CONFIG,
			"prevResult: a plugin before has made %s already; vpc-cni makes the interface itself",
			call->ifname);
}

int cni_add(const struct cni_call *call, const struct cni_config *c, json_t **ret_result, struct cni_error *reterr)
{
	_cleanup_json_ json_t *result = NULL, *subnet = NULL, *vpc = NULL, *eni = NULL;
	_cleanup_(http_freep) struct http *h = NULL;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *netns = NULL;
	struct cni_error why;
	int r = cni_result_previous(c, &result, reterr);

	if (r == 0)
		r = check_previous(call, result, reterr);
	if (r == 0)
		r = cni_netns_open(call, &fd, reterr);
	if (r == 0 && http_new(c->socket, &h) < 0)
		r = cni_oom(reterr);
	if (r == 0)
		r = cni_get(h, client_path("subnets", c->subnet, NULL, c->vpc), &subnet, reterr);
	if (r == 0 && !c->dns)
		r = cni_get(h, client_path("vpcs", json_member_text(subnet, "vpc_id") ?: "", NULL, c->vpc), &vpc,
			    reterr);
	if (r == 0)
		r = cni_netns_path(call, fd, c->socket, &netns, reterr);
	if (r == 0)
		r = make_eni(h, c, call, fd, netns, &eni, reterr);
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
