/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IPAM driver: a pool is a subnet's CIDR of one family, and vpcd gives the addresses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"

#define GATEWAY	     "com.docker.network.gateway"
#define ADDRESS_TYPE "RequestAddressType"
#define MAC	     "com.docker.network.endpoint.macaddress"

/* "subnet-0123/4": a pool. family: 4 or 6. */
struct pool {
	char subnet_id[64];
	int family;
};

static int parse_pool(const json_t *body, struct pool *ret, struct plugin_error *reterr)
{
	const char *id = json_member_text(body, "PoolID");
	size_t n = id ? strcspn(id, "/") : 0;

	if (!n || n >= sizeof(ret->subnet_id) || (strcmp(id + n, "/4") != 0 && strcmp(id + n, "/6") != 0))
		return plugin_fail(reterr, "PoolID: '%.80s' is not a pool of vpc-docker", id ? id : "");
	memcpy(ret->subnet_id, id, n);
	ret->subnet_id[n] = '\0';
	ret->family = id[n + 1] - '0';
	return 0;
}

int pool_request(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(body, "Options");
	const char *name = json_member_text(options, "subnet"), *wanted = json_member_text(body, "Pool");
	bool v6 = json_is_true(json_object_get(body, "V6"));
	const char *cidr, *gateway, *slash;
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	_cleanup_json_ json_t *subnet = NULL;
	struct vpcd_failure failure;
	int r;

	if (!h)
		return plugin_oom(reterr);
	if (*(json_member_text(body, "SubPool") ?: ""))
		return plugin_fail(reterr,
				   "--ip-range: vpcd gives containers addresses of the whole subnet; leave it out");
	if (!name)
		return plugin_fail(reterr,
				   "--ipam-opt subnet=NAME is missing: the subnet whose addresses containers get");
	r = vpcd_call(h, "GET", client_path("subnets", name, NULL, json_member_text(options, "vpc")), NULL, &subnet,
		      &failure);
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	cidr = json_member_text(subnet, v6 ? "cidr6" : "cidr");
	gateway = json_member_text(subnet, v6 ? "gateway6" : "gateway");
	slash = cidr ? strchr(cidr, '/') : NULL;
	if (!slash || !gateway)
		return plugin_fail(reterr, "subnet %.100s has no IPv%c; leave --ipv6 out, or give it a CIDR", name,
				   v6 ? '6' : '4');
	if (wanted && *wanted && strcmp(wanted, cidr) != 0)
		return plugin_fail(reterr, "--subnet %.50s: subnet %.100s has %.50s; leave --subnet out", wanted, name,
				   cidr);
	*ret = json_pack("{s:s++, s:s, s:{s:s++}}", "PoolID", json_member_text(subnet, "id"), "/", v6 ? "6" : "4",
			 "Pool", cidr, "Data", GATEWAY, gateway, slash, "");
	return *ret ? 0 : plugin_oom(reterr);
}

static int fetch_subnet(struct http *h, const struct pool *p, json_t **ret, struct plugin_error *reterr)
{
	struct vpcd_failure failure;
	int r = vpcd_call(h, "GET", client_path("subnets", p->subnet_id, NULL, NULL), NULL, ret, &failure);

	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

/* Replaces the ENI that is reserved for this MAC, if there is one: Docker asks for IPv4 first. */
static int reserve(struct http *h, const struct pool *p, const char *address, const char *mac, json_t **ret,
		   struct plugin_error *reterr)
{
	_cleanup_json_ json_t *changes = json_array(), *results = NULL, *before = NULL;
	const char *ip = p->family == 4 ? address : NULL, *ip6 = p->family == 6 ? address : NULL;
	struct vpcd_failure failure;
	char id[64];
	int r = 0;

	if (mac && reservation_find(p->subnet_id, mac, id) == 0) {
		r = vpcd_call(h, "GET", client_path("enis", id, NULL, NULL), NULL, &before, &failure);
		if (r < 0 && failure.status != 404)
			return plugin_failed(r, &failure, reterr);
	}
	/* the other family's address of an endpoint that has both */
	if (before && p->family == 6 && (!ip6 || !strcmp(json_member_text(before, "ip6") ?: "", ip6))) {
		*ret = TAKE_PTR(before);
		return 0;
	}
	if (before && !ip)
		ip = json_member_text(before, "ip");
	if (!changes ||
	    (before && json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "eni.delete", "eni_id", id)) < 0) ||
	    json_array_append_new(changes, reservation_create(p->subnet_id, ip, ip6, mac)) < 0)
		return plugin_oom(reterr);
	r = vpcd_transaction(h, NULL, changes, &results, &failure);
	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	*ret = json_incref(json_array_get(results, json_array_size(results) - 1));
	return reservation_put(p->subnet_id, *ret) ? 0 : plugin_oom(reterr);
}

int address_request(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(body, "Options");
	const char *type = json_member_text(options, ADDRESS_TYPE), *mac = json_member_text(options, MAC);
	const char *wanted = json_member_text(body, "Address"), *address, *slash;
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	_cleanup_json_ json_t *subnet = NULL, *eni = NULL;
	struct pool p;
	int r = h ? parse_pool(body, &p, reterr) : plugin_oom(reterr);

	if (r == 0)
		r = fetch_subnet(h, &p, &subnet, reterr);
	if (r == 0)
		r = reservation_load(h, reterr);
	if (r < 0)
		return r;
	wanted = wanted && *wanted ? wanted : NULL;
	slash = strchr(json_member_text(subnet, p.family == 6 ? "cidr6" : "cidr") ?: "/", '/');
	address = json_member_text(subnet, p.family == 6 ? "gateway6" : "gateway");
	if (type && !strcmp(type, GATEWAY)) {
		if (wanted && strcmp(wanted, address) != 0)
			return plugin_fail(reterr,
					   "--gateway %.50s: the subnet's gateway is %.50s; leave --gateway out",
					   wanted, address);
	} else {
		r = reserve(h, &p, wanted, mac && *mac ? mac : NULL, &eni, reterr);
		if (r < 0)
			return r;
		address = json_member_text(eni, p.family == 6 ? "ip6" : "ip");
	}
	*ret = address ? json_pack("{s:s+}", "Address", address, slash) : NULL;
	return *ret ? 0 : plugin_fail(reterr, "vpcd gave no IPv%d address", p.family);
}

/* The ENI is reserved no longer; one that an endpoint has is the endpoint's to delete. */
int address_release(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	const char *address = json_member_text(body, "Address");
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	_cleanup_json_ json_t *eni = NULL;
	struct vpcd_failure failure;
	struct pool p;
	char id[64];
	int r = h ? parse_pool(body, &p, reterr) : plugin_oom(reterr);

	(void)ret;
	if (r == 0)
		r = reservation_load(h, reterr);
	if (r < 0 || !address || reservation_find(p.subnet_id, address, id) < 0)
		return r;
	r = vpcd_call(h, "GET", client_path("enis", id, NULL, NULL), NULL, &eni, &failure);
	if (r == 0 && !workload_tag(eni, "docker", "endpoint"))
		r = workload_delete(h, NULL, eni, &failure);
	if (r < 0 && failure.status != 404)
		return plugin_failed(r, &failure, reterr);
	reservation_drop(p.subnet_id, address);
	if (eni) {
		reservation_drop(p.subnet_id, json_member_text(eni, "ip"));
		reservation_drop(p.subnet_id, json_member_text(eni, "ip6"));
		reservation_drop(p.subnet_id, json_member_text(eni, "mac"));
	}
	return 0;
}
