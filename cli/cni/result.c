/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of ADD, in the form of each version, and the results of plugins before. */
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/cni/cni.h"

/* --- prevResult -------------------------------------------------------------------------------------------------- */

/* Until 0.4.0 an address says its family; from 1.0.0 on it doesn't. */
static int convert_ip(json_t *ip, enum cni_version version)
{
	const char *address = json_member_text(ip, "address");

	if (version >= CNI_1_0_0) {
		json_object_del(ip, "version");
		return 0;
	}
	if (!address)
		return 0;
	return json_object_set_new(ip, "version", json_string(strchr(address, ':') ? "6" : "4"));
}

/* The list of that name, made if it is missing or null; NULL: something else. */
static json_t *list_of(json_t *result, const char *key)
{
	json_t *list = json_object_get(result, key);

	if (json_is_array(list))
		return list;
	if (list && !json_is_null(list))
		return NULL;
	list = json_array();
	return json_object_set_new(result, key, list) < 0 ? NULL : list;
}

static int check_list(json_t *result, const char *key, struct cni_error *reterr)
{
	json_t *list = list_of(result, key), *item;
	size_t i;

	if (!list)
		return cni_fail(reterr, CNI_E_DECODING_FAILURE, "prevResult.%s: must be a list", key);
	json_array_foreach (list, i, item)
		if (!json_is_object(item))
			return cni_fail(reterr, CNI_E_DECODING_FAILURE, "prevResult.%s[%zu]: must be an object", key,
					i);
	return 0;
}

static int check_version(const json_t *result, struct cni_error *reterr)
{
	json_t *value = json_object_get(result, "cniVersion");
	enum cni_version version;

	/* The specification's own examples leave it out: it is the configuration's then. */
	if (!value || (json_is_string(value) && cni_version_parse(json_string_value(value), &version) == 0))
		return 0;
	return cni_fail(reterr, CNI_E_INCOMPATIBLE_VERSION, "prevResult.cniVersion: '%.64s' is not supported",
			json_is_string(value) ? json_string_value(value) : "?");
}

int cni_result_previous(const struct cni_config *c, json_t **ret, struct cni_error *reterr)
{
	static const char *const lists[] = {"interfaces", "ips", "routes"};
	_cleanup_json_ json_t *result = c->prev ? json_deep_copy(c->prev) : json_object();
	json_t *ip;
	size_t i;
	int r;

	if (!result)
		return cni_oom(reterr);
	/* It stands first, as people read it. */
	if (!c->prev && json_object_set_new(result, "cniVersion", json_string(cni_versions[c->version])) < 0)
		return cni_oom(reterr);
	r = check_version(result, reterr);
	for (i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
		r = check_list(result, lists[i], reterr);
	if (r < 0)
		return r;
	json_array_foreach (json_object_get(result, "ips"), i, ip)
		if (convert_ip(ip, c->version) < 0)
			return cni_oom(reterr);
	if (json_object_set_new(result, "cniVersion", json_string(cni_versions[c->version])) < 0)
		return cni_oom(reterr);
	*ret = TAKE_PTR(result);
	return 0;
}

int cni_result_find(const json_t *result, const struct cni_call *call)
{
	json_t *interfaces = json_object_get(result, "interfaces"), *item;
	size_t i;

	json_array_foreach (interfaces, i, item) {
		const char *name = json_member_text(item, "name");
		const char *sandbox = json_member_text(item, "sandbox");

		if (name && sandbox && *sandbox && !strcmp(name, call->ifname))
			return (int)i;
	}
	return -1;
}

/* --- what vpcd made ---------------------------------------------------------------------------------------------- */

/* "10.0.1.0/24" → "/24" */
static const char *prefix_of(const char *cidr)
{
	const char *slash = cidr ? strchr(cidr, '/') : NULL;

	return slash ? slash : "/32";
}

/* gateway may be NULL. */
static int append_ip(const struct cni_config *c, json_t *ips, size_t interface, const char *address, const char *prefix,
		     const char *gateway)
{
	json_t *ip = json_pack("{s:s+, s:I}", "address", address, prefix, "interface", (json_int_t)interface);

	if (!ip || (gateway && json_object_set_new(ip, "gateway", json_string(gateway)) < 0) ||
	    convert_ip(ip, c->version) < 0) {
		json_decref(ip);
		return -ENOMEM;
	}
	return json_array_append_new(ips, ip) < 0 ? -ENOMEM : 0;
}

static int append_ips(const struct cni_config *c, json_t *ips, size_t interface, const json_t *eni,
		      const json_t *subnet)
{
	const char *ip = json_member_text(eni, "ip"), *ip6 = json_member_text(eni, "ip6");
	json_t *secondary = json_object_get(eni, "secondary_ips"), *item;
	size_t i;

	if (ip && append_ip(c, ips, interface, ip, prefix_of(json_member_text(subnet, "cidr")),
			    json_member_text(subnet, "gateway")) < 0)
		return -ENOMEM;
	if (ip6 && append_ip(c, ips, interface, ip6, "/64", json_member_text(subnet, "gateway6")) < 0)
		return -ENOMEM;
	json_array_foreach (secondary, i, item) {
		const char *address = json_string_value(item);

		if (address && append_ip(c, ips, interface, address, strchr(address, ':') ? "/64" : "/32", NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int append_route(json_t *routes, const char *destination, const char *gateway)
{
	return json_array_append_new(routes, json_pack("{s:s, s:s}", "dst", destination, "gw", gateway)) < 0 ? -ENOMEM
													     : 0;
}

/* The container's end alone: the port is in the VPC's namespace and nothing that another plugin could work on. */
static int append_interface(const struct cni_config *c, const struct cni_call *call, json_t *interfaces,
			    const json_t *eni)
{
	json_t *interface = json_pack("{s:s, s:s, s:s}", "name", call->ifname, "mac", json_member_text(eni, "mac"),
				      "sandbox", call->netns);

	if (!interface ||
	    (c->version >= CNI_1_1_0 && json_object_set(interface, "mtu", json_object_get(eni, "mtu")) < 0)) {
		json_decref(interface);
		return -ENOMEM;
	}
	return json_array_append_new(interfaces, interface) < 0 ? -ENOMEM : 0;
}

/* What the VPC's workloads are told by DHCP. Owned; NULL: out of memory. */
static json_t *dns_of(const json_t *vpc)
{
	const json_t *options = json_object_get(vpc, "dhcp_options");
	json_t *servers = json_object_get(options, "dns_servers");
	const char *domain = json_member_text(options, "domain_name");
	_cleanup_json_ json_t *dns = json_object();

	if (!dns || (json_array_size(servers) && json_object_set(dns, "nameservers", servers) < 0) ||
	    (domain && (json_object_set_new(dns, "domain", json_string(domain)) < 0 ||
			json_object_set_new(dns, "search", json_pack("[s]", domain)) < 0)))
		return NULL;
	return TAKE_PTR(dns);
}

int cni_result_add(const struct cni_config *c, const struct cni_call *call, const json_t *eni, const json_t *subnet,
		   const json_t *vpc, json_t *result, struct cni_error *reterr)
{
	json_t *interfaces = list_of(result, "interfaces"), *ips = list_of(result, "ips");
	json_t *routes = list_of(result, "routes");
	const char *gateway = json_member_text(subnet, "gateway"), *gateway6 = json_member_text(subnet, "gateway6");
	size_t n = json_array_size(interfaces);
	bool no_default = json_is_false(c->default_route);

	if (!json_member_text(eni, "mac") || !json_member_text(eni, "ip") ||
	    !json_is_integer(json_object_get(eni, "mtu")) || !gateway)
		return cni_fail(reterr, CNI_E_REFUSED, "what vpcd answered is not a network interface");
	if (append_interface(c, call, interfaces, eni) < 0 || append_ips(c, ips, n, eni, subnet) < 0 ||
	    (!no_default && append_route(routes, "0.0.0.0/0", gateway) < 0))
		return cni_oom(reterr);
	if (!no_default && json_member_text(eni, "ip6") && gateway6 && append_route(routes, "::/0", gateway6) < 0)
		return cni_oom(reterr);
	/* The administrator's, else the VPC's, if a plugin before didn't say anything. */
	if (json_object_size(json_object_get(result, "dns")) == 0 &&
	    json_object_set_new(result, "dns", c->dns ? json_incref(c->dns) : dns_of(vpc)) < 0)
		return cni_oom(reterr);
	return 0;
}
