/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the kernel's maps back: what is planned for the edge. */
#include "datapath/maps/verify/verify.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"
#include "datapath/maps/verify/report.h"

#define OBJECT_TEXT_MAX 96

/* Rows that a wanted object leads to, by number. */
struct marks {
	const struct verify *v;
	bool *at;
};

/* The number that a hash has for a key; 0: none, or one that the array of rows doesn't have. */
static uint32_t leads_to(const struct verify *v, enum map_id hash, enum map_id rows, const void *key)
{
	uint32_t number = 0;

	if (bpf_map_lookup_elem(v->maps->map[hash].fd, key, &number) < 0 || number >= v->maps->map[rows].n)
		return 0;
	return number;
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

/* "table 3 10.0.0.0/8" */
static const char *route_text(const struct vpc_route_key *key, char ret[OBJECT_TEXT_MAX])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(key->family == 4 ? AF_INET : AF_INET6, key->addr, addr, sizeof(addr));
	snprintf(ret, OBJECT_TEXT_MAX, "table %u %s/%u", key->table, addr, key->plen);
	return ret;
}

static bool route_is_hinted(const struct verify *v, const struct vpc_route_key *key)
{
	struct vpc_route_plens with;

	if (key->table >= v->maps->map[MAP_ROUTE_PLENS].n)
		return false;
	with = *route_plens_at(v->maps, key->table);
	route_hints_add(&with, key);
	return memcmp(&with, route_plens_at(v->maps, key->table), sizeof(with)) == 0;
}

/* The target that a packet finds; 0: no such route. */
static uint32_t route_seen(const struct verify *v, const struct vpc_route_key *key, uint32_t number)
{
	const struct vpc_route_row *row = route_at(v->maps, number);

	return number && memcmp(&row->key, key, sizeof(*key)) == 0 ? versioned_value(&row->target, v->epoch) : 0;
}

static int verify_route(const struct verify *v, struct marks *marks, const struct route_record *want)
{
	struct vpc_route_key key;
	char name[OBJECT_TEXT_MAX];
	uint32_t number, target;

	route_key_of(want->table, &want->destination, &key);
	number = leads_to(v, MAP_ROUTE, MAP_ROUTE_ROW, &key);
	target = route_seen(v, &key, number);
	marks->at[number] = true;
	if (!target || !route_is_hinted(v, &key))
		return report_difference(v->report, "route", route_text(&key, name), "missing", "target %x",
					 want->target);
	if (target != want->target)
		return report_difference(v->report, "route", route_text(&key, name), "differs",
					 "target %x, expected %x", target, want->target);
	return 0;
}

static int unexpected_route(const void *key, const void *value, void *userdata)
{
	const struct marks *marks = userdata;
	const struct verify *v = marks->v;
	uint32_t number = *(const uint32_t *)value, target;
	char name[OBJECT_TEXT_MAX];

	if (number >= v->maps->map[MAP_ROUTE_ROW].n)
		return report_difference(v->report, "route", route_text(key, name), "differs",
					 "leads to row %u, which does not exist", number);
	target = route_seen(v, key, number);
	if (marks->at[number] || !target)
		return 0;
	return report_difference(v->report, "route", route_text(key, name), "unexpected", "target %x", target);
}

static int verify_routes(const struct verify *v)
{
	_cleanup_free_ bool *at = calloc(v->maps->map[MAP_ROUTE_ROW].n, sizeof(*at));
	struct marks marks = {.v = v, .at = at};
	int r = 0;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < v->all->n_routes; i++)
		r = verify_route(v, &marks, &v->all->routes[i].after);
	at[0] = false;
	return r < 0 ? r : map_each(&v->maps->map[MAP_ROUTE], unexpected_route, &marks);
}

static int verify_associations(const struct verify *v)
{
	uint32_t n = v->maps->map[MAP_SUBNET_TABLE].n;
	_cleanup_free_ uint32_t *wanted = calloc(n, sizeof(*wanted));
	char name[OBJECT_TEXT_MAX];
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < v->all->n_associations; i++)
		if (v->all->associations[i].after.subnet < n)
			wanted[v->all->associations[i].after.subnet] = v->all->associations[i].after.table;
	for (uint32_t i = 1; r >= 0 && i < n; i++) {
		uint32_t table = versioned_value(subnet_table_at(v->maps, i), v->epoch);

		if (table == wanted[i])
			continue;
		snprintf(name, sizeof(name), "subnet %u", i);
		r = report_difference(v->report, "route table of a subnet", name, "differs", "table %u, expected %u",
				      table, wanted[i]);
	}
	return r;
}

/* --- gateways ----------------------------------------------------------------------------------------------------- */

static int verify_nats(const struct verify *v)
{
	uint32_t n = v->maps->map[MAP_NAT].n;
	_cleanup_free_ const struct nat_record **wanted = calloc(n, sizeof(*wanted));
	char name[OBJECT_TEXT_MAX];
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < v->all->n_nats; i++)
		if (v->all->nats[i].after.number < n)
			wanted[v->all->nats[i].after.number] = &v->all->nats[i].after;
	for (uint32_t i = 1; r >= 0 && i < n; i++) {
		const struct vpc_nat *at = nat_at(v->maps, i);
		uint32_t eip = versioned_value(&at->eip, v->epoch);
		const struct nat_record *want = wanted[i];

		if (want ? eip == want->eip && at->vpc == want->vpc && at->incarnation == want->incarnation : !eip)
			continue;
		snprintf(name, sizeof(name), "NAT gateway %u", i);
		r = report_difference(v->report, "NAT gateway", name,
				      !want  ? "unexpected"
				      : !eip ? "missing"
					     : "differs",
				      "elastic IP %u", eip);
	}
	return r;
}

/* Whether the address row of a private address names the elastic IP. */
static bool addr_has_eip(const struct verify *v, const struct eip_record *want)
{
	struct ip ip = {.family = 4, .bytes = {[10] = 0xff, 0xff}};
	const struct vpc_addr_row *row;
	struct vpc_addr_key key;

	memcpy(ip.bytes + 12, &want->private_address, sizeof(want->private_address));
	addr_key_of(want->vpc, &ip, &key);
	row = addr_at(v->maps, leads_to(v, MAP_ADDR, MAP_ADDR_ROW, &key));
	/* A missing row is reported as a missing address. */
	return memcmp(&row->key, &key, sizeof(key)) != 0 || versioned_value(&row->eip, v->epoch) == want->number;
}

static int verify_eip(const struct verify *v, uint32_t number, const struct eip_record *want)
{
	const struct vpc_eip *at = eip_at(v->maps, number);
	uint32_t target = versioned_value(&at->target, v->epoch);
	unsigned slot = !versioned_spare(&at->target, v->epoch);
	struct vpc_public_key key;
	struct vpc_public seen = {};
	char name[INET_ADDRSTRLEN] = "?";

	if (!want && !target)
		return 0;
	inet_ntop(AF_INET, want ? &want->address : &at->addr4, name, sizeof(name));
	if (!want)
		return report_difference(v->report, "elastic IP", name, "unexpected", "number %u", number);
	if (!target)
		return report_difference(v->report, "elastic IP", name, "missing", "number %u", number);
	edge_public_key_of(want->address, &key);
	(void)bpf_map_lookup_elem(v->maps->map[MAP_PUBLIC].fd, &key, &seen);
	if (!(seen.kind & VPC_PUBLIC_EIP) || seen.number != number)
		return report_difference(v->report, "elastic IP", name, "missing", "its address leads to number %u",
					 seen.number);
	if (target != eip_target(want) || at->addr4 != want->address || at->vpc[slot] != want->vpc ||
	    at->private4[slot] != want->private_address || at->pool != want->pool)
		return report_difference(v->report, "elastic IP", name, "differs", "target %x, expected %x", target,
					 eip_target(want));
	if (eip_is_eni(want) && !addr_has_eip(v, want))
		return report_difference(v->report, "elastic IP", name, "differs",
					 "its private address does not name it");
	return 0;
}

static int verify_eips(const struct verify *v)
{
	uint32_t n = v->maps->map[MAP_EIP].n;
	_cleanup_free_ const struct eip_record **wanted = calloc(n, sizeof(*wanted));
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < v->all->n_eips; i++)
		if (v->all->eips[i].after.number < n)
			wanted[v->all->eips[i].after.number] = &v->all->eips[i].after;
	for (uint32_t i = 1; r >= 0 && i < n; i++)
		r = verify_eip(v, i, wanted[i]);
	return r;
}

/* Address rows that name an elastic IP that is not theirs. */
static int verify_addr_eips(const struct verify *v)
{
	char name[OBJECT_TEXT_MAX];
	int r = 0;

	for (uint32_t i = 1; r >= 0 && i < v->maps->map[MAP_ADDR_ROW].n; i++) {
		const struct vpc_addr_row *row = addr_at(v->maps, i);
		uint32_t eip = versioned_value(&row->eip, v->epoch);
		const struct vpc_eip *at;
		unsigned slot;

		if (!eip || !visible(row->born, row->died, v->epoch))
			continue;
		at = eip_at(v->maps, eip < v->maps->map[MAP_EIP].n ? eip : 0);
		slot = !versioned_spare(&at->target, v->epoch);
		if (at->vpc[slot] == row->key.vpc && at->private4[slot] == row->key.addr[3])
			continue;
		snprintf(name, sizeof(name), "address row %u", i);
		r = report_difference(v->report, "elastic IP", name, "unexpected", "names number %u", eip);
	}
	return r;
}

/* --- published ports ---------------------------------------------------------------------------------------------- */

/* "tcp 8080/16" */
static const char *publish_text(const struct vpc_publish_key *key, char ret[OBJECT_TEXT_MAX])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(AF_INET6, key->addr, addr, sizeof(addr));
	snprintf(ret, OBJECT_TEXT_MAX, "%s %s %u/%u", addr, key->proto == IPPROTO_TCP ? "tcp" : "udp", key->port,
		 key->plen);
	return ret;
}

static bool publish_seen(const struct verify *v, const struct vpc_publish_key *key, uint32_t number)
{
	const struct vpc_publish_row *row = publish_at(v->maps, number);

	return number && memcmp(&row->key, key, sizeof(*key)) == 0 && visible(row->born, row->died, v->epoch);
}

static int verify_publication(const struct verify *v, struct marks *marks, const struct publish_record *want)
{
	struct vpc_publish_row rows[PORT_PREFIXES_MAX];
	size_t n = publish_rows_of(want, rows);
	char name[OBJECT_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct vpc_publish_key *key = &rows[i].key;
		uint32_t number = leads_to(v, MAP_PUBLISH, MAP_PUBLISH_ROW, key);

		marks->at[number] = true;
		if (!publish_seen(v, key, number) || !(edge_ctl_at(v->maps, 0)->publish_plens & 1u << key->plen))
			r = report_difference(v->report, "published port", publish_text(key, name), "missing",
					      "of publication %u", want->number);
		else if (!publish_row_equal(publish_at(v->maps, number), &rows[i]))
			r = report_difference(v->report, "published port", publish_text(key, name), "differs",
					      "row %u is not what it should be", number);
	}
	return r;
}

static int unexpected_publish(const void *key, const void *value, void *userdata)
{
	const struct marks *marks = userdata;
	const struct verify *v = marks->v;
	uint32_t number = *(const uint32_t *)value;
	char name[OBJECT_TEXT_MAX];

	if (number >= v->maps->map[MAP_PUBLISH_ROW].n)
		return report_difference(v->report, "published port", publish_text(key, name), "differs",
					 "leads to row %u, which does not exist", number);
	if (marks->at[number] || !publish_seen(v, key, number))
		return 0;
	return report_difference(v->report, "published port", publish_text(key, name), "unexpected",
				 "of publication %u", publish_at(v->maps, number)->publication);
}

static int verify_publishes(const struct verify *v)
{
	_cleanup_free_ bool *at = calloc(v->maps->map[MAP_PUBLISH_ROW].n, sizeof(*at));
	struct marks marks = {.v = v, .at = at};
	int r = 0;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < v->all->n_publishes; i++)
		r = verify_publication(v, &marks, &v->all->publishes[i].after);
	at[0] = false;
	return r < 0 ? r : map_each(&v->maps->map[MAP_PUBLISH], unexpected_publish, &marks);
}

int verify_edge(const struct verify *v)
{
	int r = verify_routes(v);

	if (r >= 0)
		r = verify_associations(v);
	if (r >= 0)
		r = verify_nats(v);
	if (r >= 0)
		r = verify_eips(v);
	if (r >= 0)
		r = verify_addr_eips(v);
	if (r >= 0)
		r = verify_publishes(v);
	return r < 0 ? r : verify_edge_host(v);
}
