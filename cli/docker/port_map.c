/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docker run -p: published ports of the endpoint's ENI. */
#include <errno.h>
#include <string.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"

#define PORT_MAP       "com.docker.network.portmap"
#define PROTOCOL_TCP   6
#define PROTOCOL_UDP   17
/* Where Docker wants any port: those that Linux gives away. */
#define ANY_PORT_LOW   32768u
#define ANY_PORT_HIGH  60999u
#define ANY_PORT_TRIES 64u

static int publish_at(struct http *h, const json_t *eni, const json_t *mapping, unsigned host_port, bool *ret_taken,
		      struct plugin_error *reterr)
{
	const char *address = json_member_text(mapping, "HostIP");
	json_int_t protocol = json_integer_value(json_object_get(mapping, "Proto"));
	_cleanup_json_ json_t *changes = NULL, *results = NULL;
	struct vpcd_failure failure;
	int r;

	/* any address; the host's IPv6 is not translated */
	if (address && (!*address || !strcmp(address, "0.0.0.0") || !strcmp(address, "::")))
		address = NULL;
	changes = json_pack("[{s:s, s:s, s:s, s:I, s:I, s:s*}]", "op", "publish.create", "eni_id",
			    json_member_text(eni, "id"), "protocol", protocol == PROTOCOL_UDP ? "udp" : "tcp",
			    "from_port", json_integer_value(json_object_get(mapping, "Port")), "host_from_port",
			    (json_int_t)host_port, "host_address", address);
	if (!changes)
		return plugin_oom(reterr);
	r = vpcd_transaction(h, NULL, changes, &results, &failure);
	*ret_taken = r < 0 && !strcmp(failure.code, "InvalidIPAddress.InUse");
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

static int publish(struct http *h, const json_t *eni, const json_t *mapping, struct plugin_error *reterr)
{
	json_int_t protocol = json_integer_value(json_object_get(mapping, "Proto"));
	json_int_t low = json_integer_value(json_object_get(mapping, "HostPort"));
	json_int_t high = json_integer_value(json_object_get(mapping, "HostPortEnd"));
	unsigned tries = low && high > low ? (unsigned)(high - low) + 1 : low ? 1 : ANY_PORT_TRIES;
	unsigned start = (unsigned)(monotonic_ns() >> 10);
	bool taken = false;
	int r = -EINVAL;

	if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
		return plugin_fail(reterr, "only ports of tcp and udp can be published; leave others out");
	for (unsigned i = 0; i < tries; i++) {
		unsigned port = low ? (unsigned)low + i
				    : ANY_PORT_LOW + (start + i * 7919) % (ANY_PORT_HIGH - ANY_PORT_LOW + 1);

		r = publish_at(h, eni, mapping, port, &taken, reterr);
		if (r == 0 || !taken)
			return r;
	}
	return r;
}

int endpoint_publish(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	json_t *map = json_object_get(json_object_get(body, "Options"), PORT_MAP), *mapping;
	_cleanup_json_ json_t *eni = NULL;
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	struct endpoint w;
	size_t i;
	int r = h ? endpoint_read(body, &w, reterr) : plugin_oom(reterr);

	(void)ret;
	if (r < 0 || json_array_size(map) == 0)
		return r;
	r = endpoint_find(h, &w.workload, &eni, reterr);
	if (r == 0 && !eni)
		r = plugin_fail(reterr,
				"vpcd has no network interface of this endpoint any more; start the container again");
	json_array_foreach (map, i, mapping)
		if (r == 0)
			r = publish(h, eni, mapping, reterr);
	/* Docker starts no container then, and says why; what was published must not stay */
	if (r < 0 && eni)
		endpoint_unpublish(body, ret, &(struct plugin_error){0});
	return r;
}

int endpoint_unpublish(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *eni = NULL, *list = NULL, *changes = json_array(), *results = NULL;
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	struct vpcd_failure failure;
	struct endpoint w;
	json_t *item;
	size_t i;
	int r = h && changes ? endpoint_read(body, &w, reterr) : plugin_oom(reterr);

	(void)ret;
	if (r == 0)
		r = endpoint_find(h, &w.workload, &eni, reterr);
	if (r < 0 || !eni)
		return r;
	r = vpcd_call(h, "GET", client_path("publications", NULL, NULL, NULL), NULL, &list, &failure);
	json_array_foreach (json_object_get(list, "publications"), i, item)
		if (!strcmp(json_member_text(item, "eni_id") ?: "", json_member_text(eni, "id")))
			json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "publish.delete", "publication_id",
								 json_member_text(item, "id")));
	if (r == 0 && json_array_size(changes) > 0)
		r = vpcd_transaction(h, NULL, changes, &results, &failure);
	return r < 0 && failure.status != 404 ? plugin_failed(r, &failure, reterr) : 0;
}
