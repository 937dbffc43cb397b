/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/verify/edge_check.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"
#include "datapath/maps/verify/finding.h"
#include "datapath/maps/write_edge.h"

/* --- what is planned ---------------------------------------------------------------------------------------------- */

int edge_check_route(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct route *route = &maps->mirror.routes[number];
	const struct vpc_route_row *at = route_at(maps, number);
	struct vpc_route_plens hints;
	uint32_t to;
	int r;

	if (route->state != NODE_ALIVE)
		return 0;
	if (versioned_value(&at->target, maps_epoch(maps)) != route->target ||
	    memcmp(&at->key, &route->key, sizeof(at->key)) != 0)
		return maps_found(ret, "route_row", "route row %u of route table %u was changed", number,
				  route->key.table);
	hints = *route_plens_at(maps, route->key.table);
	route_hints_add(&hints, &route->key);
	if (memcmp(&hints, route_plens_at(maps, route->key.table), sizeof(hints)) != 0)
		return maps_found(ret, "route_plens", "the hints of route table %u do not lead to route row %u",
				  route->key.table, number);
	r = maps_look_up(maps, MAP_ROUTE, &route->key, &to);
	if (r < 0 || to == number)
		return r;
	return maps_found(ret, "route", "the key of route row %u leads to row %u", number, to);
}

int edge_check_association(const struct maps *maps, uint32_t subnet, struct maps_finding *ret)
{
	uint32_t table = versioned_value(subnet_table_at(maps, subnet), maps_epoch(maps));

	if (table == maps->mirror.associations[subnet].table)
		return 0;
	return maps_found(ret, "subnet_table", "subnet number %u has route table %u instead of %u", subnet, table,
			  maps->mirror.associations[subnet].table);
}

int edge_check_nat(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct nat_node *nat = &maps->mirror.nats[number];
	const struct vpc_nat *at = nat_at(maps, number);
	uint32_t eip = versioned_value(&at->eip, maps_epoch(maps));

	if (nat->state == NODE_FREE && eip)
		return maps_found(ret, "nat", "row %u is in use, and no NAT gateway has it", number);
	if (nat->state != NODE_ALIVE ||
	    (eip == nat->record.eip && at->vpc == nat->record.vpc && at->incarnation == nat->record.incarnation))
		return 0;
	return maps_found(ret, "nat", "the row of NAT gateway number %u was changed", number);
}

int edge_check_eip(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct eip_node *eip = &maps->mirror.eips[number];
	const struct vpc_eip *at = eip_at(maps, number);
	uint32_t target = versioned_value(&at->target, maps_epoch(maps));
	unsigned slot = !versioned_spare(&at->target, maps_epoch(maps));
	struct vpc_public seen, right;
	struct vpc_public_key key;
	int r;

	if (eip->state == NODE_FREE && target)
		return maps_found(ret, "eip", "row %u is in use, and no elastic IP has it", number);
	if (eip->state != NODE_ALIVE)
		return 0;
	if (target != eip_target(&eip->record) || at->addr4 != eip->record.address ||
	    at->vpc[slot] != eip->record.vpc || at->private4[slot] != eip->record.private_address ||
	    at->pool != eip->record.pool)
		return maps_found(ret, "eip", "the row of elastic IP number %u was changed", number);
	edge_public_key_of(eip->record.address, &key);
	edge_public_value(maps, &key, &right);
	r = maps_look_up(maps, MAP_PUBLIC, &key, &seen);
	if (r < 0 || memcmp(&seen, &right, sizeof(seen)) == 0)
		return r;
	return maps_found(ret, "public", "the address of elastic IP number %u leads to number %u", number, seen.number);
}

int edge_check_publish(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct publish *publish = &maps->mirror.publishes[number];
	const struct vpc_publish_row *at = publish_at(maps, number);
	uint32_t to;
	int r;

	if (publish->state != NODE_ALIVE)
		return 0;
	if (!visible(at->born, at->died, maps_epoch(maps)) || !publish_row_equal(at, &publish->row))
		return maps_found(ret, "publish_row", "row %u of publication number %u was changed", number,
				  publish->row.publication);
	if (!(edge_ctl_at(maps, 0)->publish_plens & 1u << publish->row.key.plen))
		return maps_found(ret, "edge_ctl", "it does not lead to the published row %u", number);
	if (!publish->hashed)
		return 0;
	r = maps_look_up(maps, MAP_PUBLISH, &publish->row.key, &to);
	if (r < 0 || to == number)
		return r;
	return maps_found(ret, "publish", "the key of published row %u leads to row %u", number, to);
}

/* --- what follows the devices ------------------------------------------------------------------------------------- */

static int check_prefixes6(const struct maps *maps, uint32_t vpc, struct maps_finding *ret)
{
	struct vpc_prefix6_key keys[VPC_CIDRS_MAX];
	uint32_t plens = 0;
	unsigned n = edge_prefixes6(&maps->mirror.spaces[vpc], keys, &plens);

	if (plens & ~edge_ctl_at(maps, 0)->prefix6_plens)
		return maps_found(ret, "edge_ctl", "it does not lead to the IPv6 prefixes of VPC number %u", vpc);
	for (unsigned i = 0; i < n; i++) {
		uint32_t owner;
		int r = maps_look_up(maps, MAP_PREFIX6, &keys[i], &owner);

		if (r < 0)
			return r;
		if (!edge_has_prefix6(maps, owner, &keys[i]))
			return maps_found(ret, "prefix6", "an IPv6 prefix of VPC number %u leads to VPC number %u", vpc,
					  owner);
	}
	return 0;
}

int edge_check_uplink(const struct maps *maps, uint32_t vpc, struct maps_finding *ret)
{
	const struct vpc_uplink *told = &maps->edge.uplinks[vpc];
	uint32_t to;
	int r;

	if (!edge_uplink_equal(told, uplink_at(maps, vpc)))
		return maps_found(ret, "uplink", "the row of VPC number %u was changed", vpc);
	if (told->host_ifindex) {
		r = maps_look_up(maps, MAP_UPLINK_OF, &told->host_ifindex, &to);
		if (r < 0)
			return r;
		if (to != vpc)
			return maps_found(ret, "uplink_of", "the uplink of VPC number %u leads to VPC number %u", vpc,
					  to);
	}
	return check_prefixes6(maps, vpc, ret);
}

static int check_ctl(const struct maps *maps, struct maps_finding *ret)
{
	const struct vpc_edge_ctl *at = edge_ctl_at(maps, 0);
	struct vpc_edge_ctl right = *at;

	edge_ports_of(maps, &right);
	right.flags = maps->edge.forward ? VPC_EDGE_FORWARD : 0;
	if (memcmp(at, &right, sizeof(right)) == 0)
		return 0;
	return maps_found(ret, "edge_ctl", "ports or flags were changed");
}

static int check_addresses(const struct maps *maps, const struct edge_addresses *list, uint32_t kind,
			   struct maps_finding *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n && !list->lost; i++) {
		struct vpc_public seen;

		r = maps_look_up(maps, MAP_PUBLIC, &list->at[i], &seen);
		if (r == 0 && !(seen.kind & kind))
			r = maps_found(ret, "public", "an address of the host is not there any more");
	}
	return r;
}

int edge_check_host(const struct maps *maps, struct maps_finding *ret)
{
	int r = check_ctl(maps, ret);

	for (size_t i = 0; r == 0 && i < maps->edge.n_outers && !maps->edge.outers_lost; i++) {
		struct vpc_outer seen;

		r = maps_look_up(maps, MAP_OUTER, &maps->edge.outers[i].ifindex, &seen);
		if (r == 0 && !edge_outer_equal(&seen, &maps->edge.outers[i].row))
			r = maps_found(ret, "outer", "the row of outer interface %u was changed",
				       maps->edge.outers[i].ifindex);
	}
	r = r ? r : check_addresses(maps, &maps->edge.hosts, VPC_PUBLIC_HOST, ret);
	return r ? r : check_addresses(maps, &maps->edge.own, VPC_PUBLIC_OWN, ret);
}

/* --- keys that nobody made ---------------------------------------------------------------------------------------- */

static bool route_is_its_own(const struct maps *maps, const void *key, uint32_t number)
{
	return number && number < maps->mirror.size.routes && maps->mirror.routes[number].state != NODE_FREE &&
	       memcmp(&maps->mirror.routes[number].key, key, sizeof(struct vpc_route_key)) == 0;
}

static bool publish_is_its_own(const struct maps *maps, const void *key, uint32_t number)
{
	return number && number < maps->mirror.size.publishes && maps->mirror.publishes[number].state != NODE_FREE &&
	       memcmp(&maps->mirror.publishes[number].row.key, key, sizeof(struct vpc_publish_key)) == 0;
}

static bool uplink_is_told(const struct maps *maps, const void *key, uint32_t vpc)
{
	uint32_t ifindex;

	memcpy(&ifindex, key, sizeof(ifindex));
	return vpc && vpc < maps->map[MAP_UPLINK].n && maps->edge.uplinks[vpc].host_ifindex == ifindex;
}

static bool outer_is_told(const struct maps *maps, const void *key)
{
	uint32_t ifindex;

	memcpy(&ifindex, key, sizeof(ifindex));
	return maps->edge.outers_lost || edge_outer(maps, ifindex);
}

static bool public_is_right(const struct maps *maps, const void *key, const void *value)
{
	struct vpc_public right;

	edge_public_value(maps, key, &right);
	return maps->edge.hosts.lost || maps->edge.own.lost || memcmp(&right, value, sizeof(right)) == 0;
}

int edge_check_key(const struct maps *maps, enum map_id id, const void *key, const void *value,
		   struct maps_finding *ret)
{
	uint32_t number;
	bool right;

	memcpy(&number, value, sizeof(number));
	switch (id) {
	case MAP_ROUTE:
		right = route_is_its_own(maps, key, number);
		break;
	case MAP_PUBLISH:
		right = publish_is_its_own(maps, key, number);
		break;
	case MAP_UPLINK_OF:
		right = uplink_is_told(maps, key, number);
		break;
	case MAP_OUTER:
		right = outer_is_told(maps, key);
		break;
	case MAP_PUBLIC:
		right = public_is_right(maps, key, value);
		break;
	default:
		right = edge_has_prefix6(maps, number, key);
		break;
	}
	return right ? 0 : maps_found(ret, maps->map[id].name, "a key that nobody made leads to %u", number);
}
