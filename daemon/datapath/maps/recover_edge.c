/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/recover_edge.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"
#include "datapath/maps/reading.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write_edge.h"

void recover_edge_half_done(struct maps *maps)
{
	uint64_t epoch = maps_epoch(maps);

	for (uint32_t i = 1; i < maps->map[MAP_ROUTE_ROW].n; i++)
		versioned_undo_after(&route_at(maps, i)->target, epoch);
	for (uint32_t i = 1; i < maps->map[MAP_SUBNET_TABLE].n; i++)
		versioned_undo_after(subnet_table_at(maps, i), epoch);
	for (uint32_t i = 1; i < maps->map[MAP_NAT].n; i++)
		versioned_undo_after(&nat_at(maps, i)->eip, epoch);
	for (uint32_t i = 1; i < maps->map[MAP_EIP].n; i++)
		versioned_undo_after(&eip_at(maps, i)->target, epoch);
	for (uint32_t i = 1; i < maps->map[MAP_PUBLISH_ROW].n; i++)
		lifetime_undo_after(&publish_at(maps, i)->born, &publish_at(maps, i)->died, epoch);
}

static bool is_zero(const void *row, size_t bytes)
{
	const unsigned char *at = row;

	for (size_t i = 0; i < bytes; i++)
		if (at[i])
			return false;
	return true;
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

static bool route_key_valid(const struct maps *maps, const struct vpc_route_key *key)
{
	if (!key->table || key->table >= maps->mirror.size.route_tables || key->pad)
		return false;
	if (key->family == 4)
		return key->plen <= 32 && !key->addr[1] && !key->addr[2] && !key->addr[3];
	return key->family == 6 && key->plen <= 128;
}

static int read_route(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *maps = reading->maps;
	uint32_t number = *(const uint32_t *)value, target;
	int r;

	if (number == 0 || number >= maps->mirror.size.routes || maps->mirror.routes[number].state != NODE_FREE ||
	    !route_key_valid(maps, key) || memcmp(&route_at(maps, number)->key, key, sizeof(struct vpc_route_key)) != 0)
		return reading_drop(reading, key);
	target = versioned_value(&route_at(maps, number)->target, maps_epoch(maps));
	if (!target)
		return reading_drop(reading, key);
	r = route_node_link(&maps->mirror, number, key, NODE_ALIVE);
	if (r >= 0)
		maps->mirror.routes[number].target = target;
	return r;
}

static bool route_used(const void *mirror, uint32_t number)
{
	return ((const struct mirror *)mirror)->routes[number].state != NODE_FREE;
}

static int read_routes(struct maps *maps)
{
	_cleanup_(reading_clear) struct reading routes = {.maps = maps, .id = MAP_ROUTE};
	int r = reading_run(&routes, read_route);

	if (r < 0)
		return r;
	for (uint32_t i = 1; i < maps->map[MAP_ROUTE_ROW].n; i++)
		if ((i >= maps->mirror.size.routes || maps->mirror.routes[i].state == NODE_FREE) &&
		    !is_zero(route_at(maps, i), sizeof(struct vpc_route_row)))
			zero_words(route_at(maps, i), sizeof(struct vpc_route_row));
	for (uint32_t i = 1; i < maps->mirror.size.route_tables; i++) {
		struct vpc_route_plens hints;

		route_hints(&maps->mirror, i, &hints);
		if (memcmp(route_plens_at(maps, i), &hints, sizeof(hints)) != 0)
			*route_plens_at(maps, i) = hints;
	}
	for (uint32_t i = 1; i < maps->mirror.size.subnets; i++) {
		uint32_t table = versioned_value(subnet_table_at(maps, i), maps_epoch(maps));

		if (table < maps->mirror.size.route_tables)
			maps->mirror.associations[i].table = table;
		else
			zero_words(subnet_table_at(maps, i), sizeof(struct vpc_versioned));
	}
	numbers_adopt(&maps->mirror.route_numbers, route_used, &maps->mirror);
	return 0;
}

/* --- gateways ----------------------------------------------------------------------------------------------------- */

static void read_nat(struct maps *maps, uint32_t number)
{
	struct vpc_nat *at = nat_at(maps, number);
	struct nat_node *nat = &maps->mirror.nats[number];
	uint32_t eip = versioned_value(&at->eip, maps_epoch(maps));

	if (!eip || !at->incarnation) {
		if (!is_zero(at, sizeof(*at)))
			zero_words(at, sizeof(*at));
		return;
	}
	nat->state = NODE_ALIVE;
	nat->record = (struct nat_record){.number = number, .vpc = at->vpc, .incarnation = at->incarnation, .eip = eip};
}

static void read_eip(struct maps *maps, uint32_t number)
{
	struct vpc_eip *at = eip_at(maps, number);
	uint32_t target = versioned_value(&at->target, maps_epoch(maps));
	unsigned slot = !versioned_spare(&at->target, maps_epoch(maps));
	struct eip_record record = {.number = number, .address = at->addr4, .pool = at->pool};

	if (!target) {
		if (!is_zero(at, sizeof(*at)))
			zero_words(at, sizeof(*at));
		return;
	}
	record.target = target == VPC_EIP_NOBODY << VPC_TARGET_SHIFT ? 0 : target;
	record.vpc = at->vpc[slot];
	record.private_address = at->private4[slot];
	eip_link(&maps->mirror, number, &record, NODE_ALIVE);
}

/* Makes a versioned value what it should be, at once. */
static void correct(struct maps *maps, struct vpc_versioned *v, uint32_t value)
{
	unsigned spare = versioned_spare(v, maps_epoch(maps));

	store64(&v->slot[spare], value ? maps_epoch(maps) << VPC_VERSIONED_SHIFT | value : 0);
	store64(&v->slot[!spare], 0);
}

static void restore_addr_eips(struct maps *maps)
{
	for (uint32_t i = 1; i < maps->mirror.addr_numbers.size; i++) {
		struct addr *addr = &maps->mirror.addrs[i];

		if (addr->state == NODE_FREE)
			continue;
		addr->eip = eip_by_private(&maps->mirror, &addr->key);
		if (versioned_value(&addr_at(maps, i)->eip, maps_epoch(maps)) != addr->eip)
			correct(maps, &addr_at(maps, i)->eip, addr->eip);
	}
}

/* --- published ports ---------------------------------------------------------------------------------------------- */

static bool publish_lives(const struct maps *maps, uint32_t number)
{
	const struct vpc_publish_row *row = publish_at(maps, number);

	return publish_key_valid(&row->key) && visible(row->born, row->died, maps_epoch(maps));
}

static void adopt_publish(struct maps *maps, uint32_t number)
{
	publish_link(&maps->mirror, number, publish_at(maps, number), NODE_ALIVE);
	maps->mirror.publishes[number].hashed = true;
}

static int read_publish(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *maps = reading->maps;
	uint32_t number = *(const uint32_t *)value;

	if (number == 0 || number >= maps->mirror.size.publishes || maps->mirror.publishes[number].state != NODE_FREE ||
	    !publish_lives(maps, number) ||
	    memcmp(&publish_at(maps, number)->key, key, sizeof(struct vpc_publish_key)) != 0)
		return reading_drop(reading, key);
	adopt_publish(maps, number);
	return 0;
}

static bool publish_used(const void *mirror, uint32_t number)
{
	return ((const struct mirror *)mirror)->publishes[number].state != NODE_FREE;
}

/* A published port that moved gets its key, as an address that moved does (recover.c). */
static int read_publishes(struct maps *maps)
{
	_cleanup_(reading_clear) struct reading reading = {.maps = maps, .id = MAP_PUBLISH};
	int r = reading_run(&reading, read_publish);

	for (uint32_t i = 1; r >= 0 && i < maps->map[MAP_PUBLISH_ROW].n; i++) {
		struct vpc_publish_row *at = publish_at(maps, i);
		bool known = i < maps->mirror.size.publishes;

		if (known && maps->mirror.publishes[i].state != NODE_FREE)
			continue;
		if (known && publish_lives(maps, i) && reading_dropped(&reading, &at->key) &&
		    !publish_find(&maps->mirror, &at->key)) {
			r = bpf_map_update_elem(maps->map[MAP_PUBLISH].fd, &at->key, &i, BPF_ANY);
			if (r >= 0)
				adopt_publish(maps, i);
		} else if (!is_zero(at, sizeof(*at))) {
			store64(&at->died, 0);
			zero_words(at, sizeof(*at));
		}
	}
	store32(&edge_ctl_at(maps, 0)->publish_plens, publish_plens(&maps->mirror));
	numbers_adopt(&maps->mirror.publish_numbers, publish_used, &maps->mirror);
	return r;
}

/* --- prefixes of IPv6 address spaces ------------------------------------------------------------------------------ */

static int read_prefix6(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	uint32_t vpc = *(const uint32_t *)value;

	return edge_has_prefix6(reading->maps, vpc, key) ? 0 : reading_drop(reading, key);
}

static int restore_prefixes6(struct maps *maps)
{
	_cleanup_(reading_clear) struct reading reading = {.maps = maps, .id = MAP_PREFIX6};
	struct vpc_prefix6_key keys[VPC_CIDRS_MAX];
	int r = reading_run(&reading, read_prefix6);

	for (uint32_t vpc = 1; r >= 0 && vpc < maps->mirror.size.vpcs; vpc++) {
		uint32_t plens = 0, owner;
		unsigned n = edge_prefixes6(&maps->mirror.spaces[vpc], keys, &plens);

		for (unsigned i = 0; r >= 0 && i < n; i++)
			if (bpf_map_lookup_elem(maps->map[MAP_PREFIX6].fd, &keys[i], &owner) < 0)
				r = map_store(&maps->map[MAP_PREFIX6], &keys[i], &vpc);
	}
	edge_prefix6_plens(maps);
	return r;
}

int recover_edge(struct maps *maps)
{
	int r = read_routes(maps);

	if (r < 0)
		return r;
	for (uint32_t i = 1; i < maps->mirror.size.nats; i++)
		read_nat(maps, i);
	for (uint32_t i = 1; i < maps->mirror.size.eips; i++)
		read_eip(maps, i);
	restore_addr_eips(maps);
	r = read_publishes(maps);
	if (r >= 0)
		r = restore_prefixes6(maps);
	return r < 0 ? r : edge_restore(maps);
}
