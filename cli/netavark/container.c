/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers: an ENI each, attached to the container's namespace, for as long as it runs. */
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/client.h"
#include "cli/lib/workload_netns.h"
#include "cli/netavark/netavark.h"

/* What is asked for a container. Borrowed from netavark's JSON unless it says otherwise. */
struct container {
	const char *id, *name, *ifname, *mac;
	const char *ip, *ip6; /* NULL: vpcd chooses */
	json_t *secondary;    /* owned list of further addresses */
	json_t *ports;	      /* owned list of changes publish.create */
};

static void container_clear(struct container *c)
{
	json_decref(c->secondary);
	json_decref(c->ports);
	*c = (struct container){0};
}

static struct workload workload_of(const struct network *n, const struct container *c)
{
	return (struct workload){
		.engine = "netavark", .network = n->name, .key = "container-id", .id = c->id, .ifname = c->ifname};
}

static int read_ids(const json_t *input, struct container *ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(input, "network_options");

	*ret = (struct container){
		.id = json_member_text(input, "container_id"),
		.name = json_member_text(input, "container_name"),
		.ifname = json_member_text(options, "interface_name"),
		.mac = json_member_text(options, "static_mac"),
		.secondary = json_array(),
		.ports = json_array(),
	};
	if (!ret->secondary || !ret->ports)
		return plugin_fail(reterr, "out of memory");
	if (!ret->id || !*ret->id || strlen(ret->id) > 200 || strchr(ret->id, ':') || !ret->ifname || !*ret->ifname)
		return plugin_fail(reterr, "netavark named no container_id or interface_name");
	if (ret->mac && !*ret->mac)
		ret->mac = NULL;
	return 0;
}

/* The first address of each family is the primary one. */
static int read_addresses(const json_t *options, struct container *c, struct plugin_error *reterr)
{
	json_t *item;
	size_t i;

	json_array_foreach (json_object_get(options, "static_ips"), i, item) {
		const char *text = json_string_value(item), **primary;

		if (!text)
			return plugin_fail(reterr, "static_ips[%zu] is not an address", i);
		primary = strchr(text, ':') ? &c->ip6 : &c->ip;
		if (!*primary)
			*primary = text;
		else if (json_array_append(c->secondary, item) < 0)
			return plugin_fail(reterr, "out of memory");
	}
	return 0;
}

/* One mapping for each protocol that it names. */
static int add_port(const json_t *mapping, const char *protocol, struct container *c, struct plugin_error *reterr)
{
	const char *address = json_member_text(mapping, "host_ip");
	json_int_t port = json_integer_value(json_object_get(mapping, "container_port"));
	json_int_t host = json_integer_value(json_object_get(mapping, "host_port"));
	json_int_t more = json_integer_value(json_object_get(mapping, "range"));

	if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
		return plugin_fail(reterr, "-p: only ports of tcp and udp can be published, not of %.32s; leave it out",
				   protocol);
	/* any address; the host's IPv6 is not translated */
	if (address && (!*address || !strcmp(address, "0.0.0.0") || !strcmp(address, "::")))
		address = NULL;
	more = more > 1 ? more - 1 : 0;
	if (json_array_append_new(c->ports, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s*}", "op",
						      "publish.create", "eni_id", "$0.id", "protocol", protocol,
						      "from_port", port, "to_port", port + more, "host_from_port", host,
						      "host_to_port", host + more, "host_address", address)) < 0)
		return plugin_fail(reterr, "out of memory");
	return 0;
}

static int read_ports(const json_t *input, struct container *c, struct plugin_error *reterr)
{
	json_t *mapping;
	size_t i;

	json_array_foreach (json_object_get(input, "port_mappings"), i, mapping) {
		_cleanup_free_ char *protocols = strdup(json_member_text(mapping, "protocol") ?: "");
		char *state = NULL, *one;
		int r = 0;

		if (!protocols)
			return plugin_fail(reterr, "out of memory");
		if (!*protocols)
			r = add_port(mapping, "tcp", c, reterr);
		for (one = strtok_r(protocols, ",", &state); one && r == 0; one = strtok_r(NULL, ",", &state))
			r = add_port(mapping, one, c, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_netns(const char *path, const char *socket, struct workload_netns *ret, struct plugin_error *reterr)
{
	int r = workload_netns_open(path, ret);

	if (r == -ENOENT)
		return plugin_fail(reterr, "%.300s: there is no such namespace", path);
	if (r == -ENOTTY)
		return plugin_fail(reterr, "%.300s is not a network namespace", path);
	if (r == -EEXIST)
		return plugin_fail(reterr, "%.300s is the namespace that the plugin itself runs in", path);
	if (r == 0)
		r = workload_netns_share(ret, socket);
	return r < 0 ? plugin_fail(reterr, "%.300s: %s", path, strerror(-r)) : 0;
}

static int attach(struct http *h, const struct network *n, const struct container *c, const json_t *groups,
		  const struct workload_netns *netns, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *tags = json_object(), *attachment = NULL, *eni = NULL;
	const struct workload w = workload_of(n, c);
	struct workload_wish wish = {
		.subnet = n->subnet,
		.groups = groups,
		.secondary = c->secondary,
		.ip = c->ip,
		.ip6 = c->ip6,
		.mac = c->mac,
		.ports = c->ports,
	};
	struct vpcd_failure failure;
	int r;

	attachment = json_pack("{s:s, s:s, s:s}", "kind", "netns", "netns", netns->vpcds_path, "ifname", c->ifname);
	if (!tags || !attachment || workload_note(tags, "netavark", "container-name", c->name) < 0 ||
	    workload_note(tags, "netavark", "netns", netns->path) < 0)
		return plugin_fail(reterr, "out of memory");
	wish.tags = tags;
	wish.attachment = attachment;
	r = workload_attach(h, n->vpc, &w, &wish, netns, &eni, &failure);
	if (r == -EEXIST)
		return plugin_fail(reterr,
				   "container %.64s has interface %s of network %.64s already; disconnect it first",
				   c->id, c->ifname, n->name);
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	*ret = TAKE_PTR(eni);
	return 0;
}

/* "10.0.1.0/24" → "/24" */
static const char *prefix_of(const json_t *subnet, const char *key)
{
	const char *cidr = json_member_text(subnet, key);

	return (cidr ? strchr(cidr, '/') : NULL) ?: "";
}

static int add_net(json_t *list, const json_t *address, const char *prefix, const json_t *gateway)
{
	if (!json_is_string(address))
		return 0;
	return json_array_append_new(list, json_pack("{s:s+, s:O*}", "ipnet", json_string_value(address), prefix,
						     "gateway", json_is_string(gateway) ? gateway : NULL));
}

/* vpc: for the DNS servers and the domain of its DHCP options. */
static json_t *status_block(const struct container *c, const json_t *eni, const json_t *subnet, const json_t *vpc)
{
	json_t *options = json_object_get(vpc, "dhcp_options"), *servers = json_object_get(options, "dns_servers");
	const char *domain = json_member_text(options, "domain_name");
	_cleanup_json_ json_t *nets = json_array(), *domains = domain ? json_pack("[s]", domain) : json_array();
	json_t *item;
	size_t i;

	if (!nets || !domains ||
	    add_net(nets, json_object_get(eni, "ip"), prefix_of(subnet, "cidr"), json_object_get(subnet, "gateway")) <
		    0 ||
	    add_net(nets, json_object_get(eni, "ip6"), prefix_of(subnet, "cidr6"),
		    json_object_get(subnet, "gateway6")) < 0)
		return NULL;
	json_array_foreach (json_object_get(eni, "secondary_ips"), i, item)
		if (add_net(nets, item, strchr(json_string_value(item) ?: "", ':') ? "/64" : "/32", NULL) < 0)
			return NULL;
	return json_pack("{s:O, s:o, s:{s:{s:O, s:O}}}", "dns_search_domains", domains, "dns_server_ips",
			 json_is_array(servers) ? json_incref(servers) : json_array(), "interfaces", c->ifname,
			 "mac_address", json_object_get(eni, "mac"), "subnets", nets);
}

int netavark_setup(const json_t *input, const char *path, json_t **ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(input, "network_options");
	const char *asked = json_member_text(json_object_get(options, "options"), "security-groups");
	_cleanup_(workload_netns_clear) struct workload_netns netns = WORKLOAD_NETNS_INIT;
	_cleanup_(container_clear) struct container c = {0};
	_cleanup_(network_clear) struct network n = {0};
	_cleanup_json_ json_t *groups = NULL, *subnet = NULL, *vpc = NULL, *eni = NULL;
	_cleanup_(http_freep) struct http *h = NULL;
	struct vpcd_failure failure;
	int r = network_read(json_object_get(input, "network"), &n, reterr);

	if (r == 0)
		r = read_ids(input, &c, reterr);
	if (r == 0)
		r = read_addresses(options, &c, reterr);
	if (r == 0)
		r = read_ports(input, &c, reterr);
	if (r == 0)
		r = network_groups(&n, asked, &groups, reterr);
	if (r == 0)
		r = open_netns(path, n.socket, &netns, reterr);
	if (r < 0)
		return r;
	if (http_new(n.socket, &h) < 0)
		return plugin_fail(reterr, "out of memory");
	r = vpcd_call(h, "GET", client_path("subnets", n.subnet, NULL, n.vpc), NULL, &subnet, &failure);
	if (r == 0)
		r = vpcd_call(h, "GET", client_path("vpcs", json_member_text(subnet, "vpc_id"), NULL, NULL), NULL, &vpc,
			      &failure);
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	r = attach(h, &n, &c, groups, &netns, &eni, reterr);
	if (r < 0)
		return r;
	*ret = status_block(&c, eni, subnet, vpc);
	return *ret ? 0 : plugin_fail(reterr, "out of memory");
}

/* Its options may have been changed since, or its groups be gone: only what finds the ENI is looked at. */
int netavark_teardown(const json_t *input, struct plugin_error *reterr)
{
	const json_t *network = json_object_get(input, "network");
	_cleanup_(container_clear) struct container c = {0};
	_cleanup_(network_clear) struct network n = {0};
	_cleanup_(http_freep) struct http *h = NULL;
	_cleanup_json_ json_t *eni = NULL;
	struct vpcd_failure failure;
	struct workload w;
	int r = network_read_names(network, &n, reterr);

	if (r == 0)
		r = read_ids(input, &c, reterr);
	if (r < 0)
		return r;
	if (http_new(n.socket, &h) < 0)
		return plugin_fail(reterr, "out of memory");
	w = workload_of(&n, &c);
	r = workload_find(h, n.vpc, &w, &eni, &failure);
	if (r == 0 && eni)
		r = workload_delete(h, n.vpc, eni, &failure);
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}
