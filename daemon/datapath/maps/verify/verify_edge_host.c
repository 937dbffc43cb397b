/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the kernel's maps back: what edge.h was told, whose the public addresses are, and the prefixes of IPv6 spaces.
 */
#include "datapath/maps/verify/verify.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath/maps/verify/edge_check.h"
#include "datapath/maps/verify/report.h"

/* What a check says becomes a line of the report. */
static int report_finding(const struct verify *v, const char *object, const struct maps_finding *finding)
{
	return report_difference(v->report, finding->map, object, "differs", "%s", finding->detail);
}

static int verify_public(const void *key, const void *value, void *userdata)
{
	const struct verify *v = userdata;
	struct maps_finding finding;
	char name[INET6_ADDRSTRLEN] = "?";
	int r = edge_check_key(v->maps, MAP_PUBLIC, key, value, &finding);

	inet_ntop(AF_INET6, key, name, sizeof(name));
	return r > 0 ? report_finding(v, name, &finding) : r;
}

static int verify_number_key(const struct verify *v, enum map_id id, const void *key, const void *value)
{
	struct maps_finding finding;
	int r = edge_check_key(v->maps, id, key, value, &finding);

	return r > 0 ? report_finding(v, "a key", &finding) : r;
}

static int verify_uplink_of(const void *key, const void *value, void *userdata)
{
	return verify_number_key(userdata, MAP_UPLINK_OF, key, value);
}

static int verify_outer(const void *key, const void *value, void *userdata)
{
	return verify_number_key(userdata, MAP_OUTER, key, value);
}

static int verify_prefix6(const void *key, const void *value, void *userdata)
{
	return verify_number_key(userdata, MAP_PREFIX6, key, value);
}

int verify_edge_host(const struct verify *v)
{
	static const struct {
		enum map_id id;
		int (*fn)(const void *key, const void *value, void *userdata);
	} hashes[] = {
		{MAP_PUBLIC, verify_public},
		{MAP_UPLINK_OF, verify_uplink_of},
		{MAP_OUTER, verify_outer},
		{MAP_PREFIX6, verify_prefix6},
	};
	struct verify copy = *v;
	struct maps_finding finding;
	char name[32];
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < v->maps->map[MAP_VPC].n; i++) {
		snprintf(name, sizeof(name), i ? "VPC %u" : "host", i);
		r = i ? edge_check_uplink(v->maps, i, &finding) : edge_check_host(v->maps, &finding);
		if (r > 0)
			r = report_finding(v, name, &finding);
	}
	for (size_t i = 0; r >= 0 && i < sizeof(hashes) / sizeof(hashes[0]); i++)
		r = map_each(&v->maps->map[hashes[i].id], hashes[i].fn, &copy);
	return r;
}
