/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHECK: is the attachment still what ADD made? STATUS: could ADD make one? Neither changes anything. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <vpc/json.h>

#include "cli/cni/ask.h"
#include "cli/lib/client.h"

/* Whether an "address/prefix" is one of the ENI's. */
static bool eni_has_address(const json_t *eni, const char *address)
{
	json_t *secondary = json_object_get(eni, "secondary_ips"), *item;
	const char *own[] = {json_member_text(eni, "ip"), json_member_text(eni, "ip6")};
	size_t i, n = strcspn(address, "/");

	for (i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i] && strlen(own[i]) == n && !strncmp(own[i], address, n))
			return true;
	json_array_foreach (secondary, i, item)
		if (json_string_length(item) == n && !strncmp(json_string_value(item), address, n))
			return true;
	return false;
}

/* The addresses that prevResult gives our interface; all must be the ENI's, or vpcd drops what is sent from them. */
static int expected_addresses(const json_t *result, int interface, const json_t *eni, json_t **ret,
			      struct cni_error *reterr)
{
	_cleanup_json_ json_t *addresses = json_array();
	json_t *ip;
	size_t i;

	if (!addresses)
		return cni_oom(reterr);
	json_array_foreach (json_object_get(result, "ips"), i, ip) {
		const json_t *index = json_object_get(ip, "interface");
		const char *address = json_member_text(ip, "address");

		if (!address || !json_is_integer(index) || json_integer_value(index) != interface)
			continue;
		if (!eni_has_address(eni, address))
			return cni_fail(reterr, CNI_E_CHECK_FAILED,
					"prevResult has the address %.64s, the network interface doesn't", address);
		if (json_array_append(addresses, json_object_get(ip, "address")) < 0)
			return cni_oom(reterr);
	}
	*ret = TAKE_PTR(addresses);
	return 0;
}

static int check_eni(const struct cni_call *call, const json_t *eni, const json_t *interface, struct cni_error *reterr)
{
	const json_t *attachment = json_object_get(eni, "attachment");
	const char *mac = json_member_text(interface, "mac"), *ifname = json_member_text(attachment, "ifname");
	const char *reason = json_member_text(eni, "detach_reason");

	if (!json_is_object(attachment))
		return cni_fail(reterr, CNI_E_CHECK_FAILED, "the network interface is not attached any more%s%.300s",
				reason ? ": " : "", reason ? reason : "");
	if (!ifname || strcmp(ifname, call->ifname) != 0)
		return cni_fail(reterr, CNI_E_CHECK_FAILED, "the network interface is attached as '%.64s'",
				ifname ?: "");
	if (mac && strcasecmp(mac, json_member_text(eni, "mac") ?: "") != 0)
		return cni_fail(reterr, CNI_E_CHECK_FAILED,
				"prevResult has MAC address %.32s, the network interface %.32s", mac,
				json_member_text(eni, "mac") ?: "none");
	return 0;
}

static int find_eni(struct http *h, const struct cni_call *call, const struct cni_config *c, json_t **ret,
		    struct cni_error *reterr)
{
	int r = cni_eni_find(h, c, call, ret, reterr);

	if (r == 0 && !*ret)
		return cni_fail(reterr, CNI_E_CHECK_FAILED, "vpcd has no network interface of container %.64s, %s",
				call->container_id, call->ifname);
	return r;
}

int cni_check(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr)
{
	_cleanup_json_ json_t *result = NULL, *eni = NULL, *addresses = NULL;
	_cleanup_(http_freep) struct http *h = NULL;
	_cleanup_(workload_netns_clear) struct workload_netns n = WORKLOAD_NETNS_INIT;
	int r, i;

	if (!c->prev)
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "prevResult: is missing; CHECK compares with it");
	r = cni_result_previous(c, &result, reterr);
	if (r < 0)
		return r;
	i = cni_result_find(result, call);
	if (i < 0)
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "prevResult: has no interface %s in a sandbox",
				call->ifname);
	r = cni_netns_open(call, &n, reterr);
	if (r == 0 && http_new(c->socket, &h) < 0)
		r = cni_oom(reterr);
	if (r == 0)
		r = find_eni(h, call, c, &eni, reterr);
	if (r == 0)
		r = check_eni(call, eni, json_array_get(json_object_get(result, "interfaces"), (size_t)i), reterr);
	if (r == 0)
		r = expected_addresses(result, i, eni, &addresses, reterr);
	if (r == 0)
		r = cni_netns_check(n.fd, call->ifname, json_member_text(eni, "mac") ?: "",
				    (int)json_integer_value(json_object_get(eni, "mtu")), addresses, reterr);
	if (r < 0 && reterr->code == CNI_E_CHECK_FAILED)
		cni_detail(reterr, "a new interface puts it right: DEL, then ADD");
	return r;
}

/* A dry run of ADD's first half: subnet, groups, a free address, limits, and a daemon that takes changes. */
int cni_status(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr)
{
	_cleanup_json_ json_t *body = NULL, *reply = NULL;
	_cleanup_(http_freep) struct http *h = NULL;
	struct vpcd_failure failure;
	int r;

	(void)call;
	body = json_pack("{s:b, s:[{s:s, s:s, s:s, s:O*}]}", "dry_run", 1, "changes", "op", "eni.create", "name",
			 "cni:status", "subnet_id", c->subnet, "security_groups", c->groups);
	if (!body || http_new(c->socket, &h) < 0)
		return cni_oom(reterr);
	r = vpcd_call(h, "POST", client_path("transactions", NULL, NULL, c->vpc), body, &reply, &failure);
	if (r < 0) {
		cni_failed(r, &failure, reterr);
		reterr->code = CNI_E_NOT_AVAILABLE;
	}
	return r;
}
