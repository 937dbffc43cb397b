/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks: which subnet each is, and what its containers may ask for. Podman keeps them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/paths.h>

#include "cli/lib/client.h"
#include "cli/lib/workload_groups.h"
#include "cli/netavark/netavark.h"

void network_clear(struct network *n)
{
	json_decref(n->groups);
	json_decref(n->allowed);
	*n = (struct network){0};
}

int network_read_names(const json_t *json, struct network *ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(json, "options");

	*ret = (struct network){
		.name = json_member_text(json, "name"),
		.vpc = json_member_text(options, "vpc"),
		.subnet = json_member_text(options, "subnet"),
		.socket = json_member_text(options, "socket") ?: VPCD_SOCKET,
	};
	return ret->name ? 0 : plugin_fail(reterr, "the network has no name");
}

int network_read(const json_t *json, struct network *ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(json, "options");
	char text[OPTIONS_TEXT_MAX] = "out of memory";
	int r = network_read_names(json, ret, reterr);

	if (r < 0)
		return r;
	r = network_options_check(options, "-o", "socket", text);
	if (r == 0)
		r = network_options_groups(options, "-o", "security-groups", &ret->groups, text);
	if (r == 0)
		r = network_options_groups(options, "-o", "allowed-security-groups", &ret->allowed, text);
	return r < 0 ? plugin_fail(reterr, "%s", text) : 0;
}

int network_groups(const struct network *n, const char *asked, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *list = NULL;
	const char *forbidden;

	if (!asked) {
		*ret = json_incref(n->groups);
		return 0;
	}
	if (groups_parse(asked, &list) < 0)
		return plugin_fail(reterr, "security-groups: '%.200s' is not a list of groups like web,db", asked);
	forbidden = groups_forbidden(list, n->groups, n->allowed);
	if (forbidden)
		return plugin_fail(
			reterr,
			"security-groups: network %.100s doesn't let containers ask for group '%.100s'; create it "
			"with -o allowed-security-groups=%.100s (or '*')",
			n->name, forbidden, forbidden);
	*ret = TAKE_PTR(list);
	return 0;
}

/* Whether an ENI with the network's groups could be made in the subnet. */
static int try_groups(struct http *h, const struct network *n, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *body = NULL, *reply = NULL;
	struct vpcd_failure failure;
	int r;

	body = json_pack("{s:b, s:[{s:s, s:s, s:s, s:O*}]}", "dry_run", 1, "changes", "op", "eni.create", "name",
			 "netavark:try", "subnet_id", n->subnet, "security_groups", n->groups);
	r = vpcd_call(h, "POST", body ? client_path("transactions", NULL, NULL, n->vpc) : NULL, body, &reply, &failure);
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

/* Podman checks the addresses that containers ask for by the subnets. */
static int add_subnets(json_t *network, const json_t *subnet)
{
	const char *cidr6 = json_member_text(subnet, "cidr6");
	_cleanup_json_ json_t *subnets = json_pack("[{s:O, s:O}]", "subnet", json_object_get(subnet, "cidr"), "gateway",
						   json_object_get(subnet, "gateway"));

	if (!subnets || (cidr6 && json_array_append_new(subnets, json_pack("{s:s}", "subnet", cidr6)) < 0))
		return -ENOMEM;
	return json_object_set(network, "subnets", subnets) |
	       json_object_set_new(network, "ipv6_enabled", json_boolean(cidr6 != NULL)) |
	       json_object_set_new(network, "dns_enabled", json_false()) |
	       json_object_set_new(network, "ipam_options", json_pack("{s:s}", "driver", "none"));
}

/* One of --subnet, --gateway and --ip-range: vpcd chooses addresses, so they may only repeat what it has. */
static int check_pool(const json_t *pool, const struct network *n, const json_t *subnet, struct plugin_error *reterr)
{
	const char *wanted = json_member_text(pool, "subnet"), *gateway = json_member_text(pool, "gateway");
	bool v6 = wanted && strchr(wanted, ':');
	const char *cidr = json_member_text(subnet, v6 ? "cidr6" : "cidr");
	const char *its = json_member_text(subnet, v6 ? "gateway6" : "gateway");

	if (wanted && (!cidr || strcmp(wanted, cidr) != 0))
		return plugin_fail(reterr, "--subnet %.50s: subnet %.100s has %.50s; leave --subnet out", wanted,
				   n->subnet, cidr ? cidr : "no IPv6");
	if (gateway && (!its || strcmp(gateway, its) != 0))
		return plugin_fail(reterr,
				   "--gateway %.50s: the gateway of subnet %.100s is %.50s; leave --gateway out",
				   gateway, n->subnet, its ? its : "none");
	if (json_is_object(json_object_get(pool, "lease_range")))
		return plugin_fail(reterr,
				   "--ip-range: vpcd gives containers addresses of the whole subnet; leave it out");
	return 0;
}

/* What podman takes from its user for any network, and what would have no effect here. */
static int check_wishes(const json_t *json, const struct network *n, const json_t *subnet, struct plugin_error *reterr)
{
	json_t *pool;
	size_t i;
	int r = 0;

	if (json_is_true(json_object_get(json, "internal")))
		return plugin_fail(reterr, "--internal: whether there is a way out is for the VPC's route tables to "
					   "say (vpcctl route-table); leave it out");
	if (json_array_size(json_object_get(json, "routes")))
		return plugin_fail(reterr, "--route: routes are the VPC's (vpcctl route add); leave it out");
	if (json_is_true(json_object_get(json, "ipv6_enabled")) && !json_member_text(subnet, "cidr6"))
		return plugin_fail(reterr, "--ipv6: subnet %.100s has no IPv6; leave --ipv6 out, or give it a CIDR",
				   n->subnet);
	json_array_foreach (json_object_get(json, "subnets"), i, pool)
		if (r == 0)
			r = check_pool(pool, n, subnet, reterr);
	return r;
}

int netavark_create(const json_t *json, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *made = json_deep_copy(json), *subnet = NULL;
	_cleanup_(network_clear) struct network n = {0};
	_cleanup_(http_freep) struct http *h = NULL;
	struct vpcd_failure failure;
	int r = network_read(json, &n, reterr);

	if (r < 0)
		return r;
	if (!made || http_new(n.socket, &h) < 0)
		return plugin_fail(reterr, "out of memory");
	r = vpcd_call(h, "GET", client_path("subnets", n.subnet, NULL, n.vpc), NULL, &subnet, &failure);
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	r = check_wishes(json, &n, subnet, reterr);
	if (r == 0)
		r = try_groups(h, &n, reterr);
	if (r < 0)
		return r;
	if (add_subnets(made, subnet) != 0)
		return plugin_fail(reterr, "out of memory");
	*ret = TAKE_PTR(made);
	return 0;
}
