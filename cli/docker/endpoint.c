/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints: an ENI each, attached to a link that Docker moves into the container. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"

#define GROUPS "vpc.security-groups"

void endpoint_set(struct endpoint *e, const char *network, const char *id)
{
	snprintf(e->id, sizeof(e->id), "%s", id);
	e->workload = (struct workload){.engine = "docker", .network = network, .key = "endpoint", .id = e->id};
}

int endpoint_read(const json_t *body, struct endpoint *ret, struct plugin_error *reterr)
{
	const char *network = json_member_text(body, "NetworkID"), *id = json_member_text(body, "EndpointID");

	if (!network || !id || strlen(id) < ENDPOINT_ID_CHARS || strchr(id, ':'))
		return plugin_fail(reterr, "the request has no NetworkID or EndpointID");
	endpoint_set(ret, network, id);
	return 0;
}

/* "10.0.1.5/24" → "10.0.1.5"; NULL for "". Owned. */
static char *plain_address(const json_t *interface, const char *key)
{
	const char *text = json_member_text(interface, key);

	return text && *text ? strndup(text, strcspn(text, "/")) : NULL;
}

/* The tags of an endpoint's ENI; reserved: whether it had a reservation before. Owned; NULL: out of memory. */
static json_t *endpoint_tags(const struct workload *w, const char *subnet_id, bool reserved)
{
	_cleanup_json_ json_t *tags = workload_tags(w);
	char since[32];

	snprintf(since, sizeof(since), "%llu", (unsigned long long)realtime_s());
	if (!tags || workload_note(tags, "docker", TAG_SINCE, since) < 0 ||
	    (reserved && workload_note(tags, "docker", TAG_RESERVED, subnet_id) < 0))
		return NULL;
	return TAKE_PTR(tags);
}

/* The reserved ENI becomes the endpoint's. */
static json_t *take_changes(const struct network *n, const struct workload *w, const char *id, const json_t *groups)
{
	_cleanup_json_ json_t *tags = endpoint_tags(w, n->subnet_id, true), *changes = NULL;
	_cleanup_free_ char *name = workload_eni_name(w);

	if (!tags || !name)
		return NULL;
	changes = json_pack("[{s:s, s:s, s:s, s:O}]", "op", "eni.update", "eni_id", id, "name", name, "tags", tags);
	if (changes && groups &&
	    json_array_append_new(changes, json_pack("{s:s, s:s, s:O}", "op", "eni.set", "eni_id", id,
						     "security_groups", groups)) < 0)
		return NULL;
	return TAKE_PTR(changes);
}

static json_t *make_changes(const struct network *n, const struct workload *w, const char *ip, const char *ip6,
			    const char *mac, const json_t *groups)
{
	_cleanup_json_ json_t *tags = endpoint_tags(w, n->subnet_id, false);
	_cleanup_free_ char *name = workload_eni_name(w);

	if (!tags || !name)
		return NULL;
	return json_pack("[{s:s, s:s, s:s, s:O, s:O*, s:s*, s:s*, s:s*}]", "op", "eni.create", "name", name,
			 "subnet_id", n->subnet_id, "tags", tags, "security_groups", groups, "ip", ip, "ip6", ip6,
			 "mac", mac);
}

/* The MAC is the only thing that Docker may have left to vpcd. */
static int describe(const json_t *interface, const json_t *eni, json_t **ret)
{
	const char *mac = json_member_text(interface, "MacAddress");

	if (mac && *mac)
		*ret = json_pack("{s:{}}", "Interface");
	else
		*ret = json_pack("{s:{s:O}}", "Interface", "MacAddress", json_object_get(eni, "mac"));
	return *ret ? 0 : -ENOMEM;
}

int endpoint_create(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	const json_t *interface = json_object_get(body, "Interface");
	const char *asked = json_member_text(json_object_get(body, "Options"), GROUPS);
	const char *mac = json_member_text(interface, "MacAddress");
	_cleanup_free_ char *ip = plain_address(interface, "Address"), *ip6 = plain_address(interface, "AddressIPv6");
	_cleanup_json_ json_t *groups = NULL, *changes = NULL, *results = NULL;
	_cleanup_network_ struct network n = {0};
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	struct vpcd_failure failure;
	struct endpoint e;
	char id[64];
	int r = h ? endpoint_read(body, &e, reterr) : plugin_oom(reterr);

	if (r == 0)
		r = network_load(e.workload.network, &n, reterr);
	if (r == 0)
		r = network_groups(&n, asked, &groups, reterr);
	if (r == 0)
		r = reservation_load(h, reterr);
	if (r < 0)
		return r;
	if (ip && reservation_find(n.subnet_id, ip, id) == 0)
		changes = take_changes(&n, &e.workload, id, groups);
	else
		changes = make_changes(&n, &e.workload, ip, ip6, mac && *mac ? mac : NULL, groups);
	if (!changes)
		return plugin_oom(reterr);
	r = vpcd_transaction(h, NULL, changes, &results, &failure);
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	return describe(interface, json_array_get(results, 0), ret) < 0 ? plugin_oom(reterr) : 0;
}

int endpoint_find(struct http *h, const struct workload *w, json_t **ret, struct plugin_error *reterr)
{
	struct vpcd_failure failure;
	int r = workload_find(h, NULL, w, ret, &failure);

	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

/* An ENI whose address Docker releases later is reserved again, in the same transaction that deletes it. 1: it changed
 * meanwhile. */
static int delete_once(struct http *h, const json_t *eni, struct plugin_error *reterr)
{
	const char *id = json_member_text(eni, "id"), *subnet_id = workload_tag(eni, "docker", TAG_RESERVED);
	bool attached = json_is_object(json_object_get(eni, "attachment"));
	_cleanup_json_ json_t *changes = json_array(), *results = NULL;
	struct vpcd_failure failure;
	int r;

	if (!changes ||
	    (attached &&
	     json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "eni.detach", "eni_id", id)) < 0) ||
	    json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "eni.delete", "eni_id", id)) < 0 ||
	    (subnet_id && json_array_append_new(changes, reservation_create(subnet_id, json_member_text(eni, "ip"),
									    json_member_text(eni, "ip6"),
									    json_member_text(eni, "mac"))) < 0))
		return plugin_oom(reterr);
	r = vpcd_transaction(h, NULL, changes, &results, &failure);
	if (r < 0 && failure.status == 404)
		return 0;
	if (r < 0 && !strcmp(failure.code, "IncorrectState"))
		return 1;
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	if (subnet_id && !reservation_put(subnet_id, json_array_get(results, json_array_size(results) - 1)))
		return plugin_oom(reterr);
	return 0;
}

int endpoint_delete(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	struct endpoint e;
	int r = h ? endpoint_read(body, &e, reterr) : plugin_oom(reterr);

	(void)ret;
	for (int tries = 0; r == 0 && tries < 4; tries++) {
		_cleanup_json_ json_t *eni = NULL;

		r = endpoint_find(h, &e.workload, &eni, reterr);
		if (r < 0 || !eni)
			return r;
		r = delete_once(h, eni, reterr);
		if (r == 0)
			return 0;
		r = r > 0 ? 0 : r;
	}
	return r < 0 ? r : plugin_fail(reterr, "the network interface changes all the time; try again");
}

/* --- joining ----------------------------------------------------------------------------------------------------- */

static int attach(struct http *h, const json_t *eni, const char *link, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *body = json_pack("{s:s, s:s}", "kind", "link", "ifname", link), *reply = NULL;
	struct vpcd_failure failure;
	int r;

	if (!body)
		return plugin_oom(reterr);
	r = vpcd_call(h, "PUT", client_path("enis", json_member_text(eni, "id"), "attachment", NULL), body, &reply,
		      &failure);
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

static int detach(struct http *h, const json_t *eni, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *reply = NULL;
	struct vpcd_failure failure;
	int r = vpcd_call(h, "DELETE", client_path("enis", json_member_text(eni, "id"), "attachment", NULL), NULL,
			  &reply, &failure);

	return r < 0 && failure.status != 404 ? plugin_failed(r, &failure, reterr) : 0;
}

/* The default route of IPv6 comes by a router advertisement: Docker can't add one before the link has its link-local
 * address, and starts no container then. */
static int describe_join(struct http *h, const struct network *n, const char *link, json_t **ret,
			 struct plugin_error *reterr)
{
	_cleanup_json_ json_t *subnet = NULL;
	struct vpcd_failure failure;
	int r = vpcd_call(h, "GET", client_path("subnets", n->subnet_id, NULL, NULL), NULL, &subnet, &failure);

	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	*ret = json_pack("{s:{s:s, s:s}, s:O, s:[], s:b}", "InterfaceName", "SrcName", link, "DstPrefix", "eth",
			 "Gateway", json_object_get(subnet, "gateway"), "StaticRoutes", "DisableGatewayService", 1);
	return *ret ? 0 : plugin_oom(reterr);
}

int endpoint_join(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *eni = NULL;
	_cleanup_network_ struct network n = {0};
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	char link[IFNAMSIZ];
	struct endpoint e;
	int r = h ? endpoint_read(body, &e, reterr) : plugin_oom(reterr);

	if (r == 0)
		r = network_load(e.workload.network, &n, reterr);
	if (r == 0)
		r = endpoint_find(h, &e.workload, &eni, reterr);
	if (r == 0 && !eni)
		r = plugin_fail(reterr,
				"vpcd has no network interface of this endpoint any more; start the container again");
	if (r < 0)
		return r;
	snprintf(link, sizeof(link), "vpc%s", e.id);
	/* one that Docker lost in a namespace that is gone */
	if (json_is_object(json_object_get(eni, "attachment")) && !if_nametoindex(link))
		r = detach(h, eni, reterr);
	if (r == 0 && !if_nametoindex(link))
		r = attach(h, eni, link, reterr);
	if (r == 0)
		r = describe_join(h, &n, link, ret, reterr);
	if (r == 0)
		container_note(e.workload.network, e.id);
	return r;
}

/* The link stays: Docker moves it back, and the endpoint joins again or is deleted. */
int endpoint_leave(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	struct endpoint e;

	(void)ret;
	return endpoint_read(body, &e, reterr);
}
