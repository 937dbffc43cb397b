/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/look/route.h"

#include <string.h>

static bool has_plen(const struct vpc_route_plens *plens, uint8_t family, uint32_t plen)
{
	return (family == 4 ? plens->plens4 >> plen : plens->plens6[plen / 64] >> plen % 64) & 1;
}

struct look_route look_route(const struct look *l, uint32_t eni, uint8_t family, const __be32 *address)
{
	const struct vpc_eni *e = look_eni(l, eni);
	struct look_route ret = {.table = e ? look_value(l, look_row(l, MAP_SUBNET_TABLE, e->subnet)) : 0};
	const struct vpc_route_plens *plens = ret.table ? look_row(l, MAP_ROUTE_PLENS, ret.table) : NULL;

	for (int plen = family == 4 ? 32 : 128; plens && !ret.target && plen >= 0; plen--) {
		struct vpc_route_key key = {.table = ret.table, .family = family, .plen = (uint8_t)plen};
		const struct vpc_route_row *row;
		uint32_t number;

		if (!has_plen(plens, family, (uint32_t)plen))
			continue;
		if (family == 4)
			key.addr[0] = address[3] & look_mask((uint32_t)plen);
		else
			look_prefix6(address, (uint32_t)plen, key.addr);
		if (!look_key(l, MAP_ROUTE, &key, &number))
			continue;
		row = number ? look_row(l, MAP_ROUTE_ROW, number) : NULL;
		if (!row || memcmp(&row->key, &key, sizeof(key)) != 0)
			continue;
		ret.target = look_value(l, &row->target);
		ret.key = key;
	}
	return ret;
}

static bool names(const struct vpc_space *space, uint8_t family, const __be32 *a)
{
	for (unsigned i = 0; family == 4 && i < space->n_host4 && i < VPC_HOST_CIDRS_MAX; i++)
		if ((a[3] & space->host4[i].mask) == space->host4[i].addr)
			return true;
	for (unsigned i = 0; family == 6 && i < space->n_host6 && i < VPC_HOST_CIDRS_MAX; i++) {
		const struct vpc_cidr6 *c = &space->host6[i];
		unsigned same = 0;

		for (unsigned w = 0; w < 4; w++)
			same += (a[w] & c->mask[w]) == c->addr[w];
		if (same == 4)
			return true;
	}
	return false;
}

bool look_host_access(const struct look *l, uint32_t vpc, uint8_t family, const __be32 *address)
{
	const struct vpc_space *space = look_row(l, MAP_VPC, vpc);
	struct vpc_public found;

	return space && (space->flags & VPC_SPACE_ROUTED_OUT) && names(space, family, address) &&
	       look_key(l, MAP_PUBLIC, address, &found) && (found.kind & VPC_PUBLIC_OWN);
}

/* Whether the host has an address that the host access of the VPC names. */
static bool names_hosts(const struct look *l, const struct vpc_space *space, uint8_t family)
{
	__be32 address[4], next[4];
	struct vpc_public found;

	for (int r = look_next_key(l, MAP_PUBLIC, NULL, next); r == 0;
	     r = look_next_key(l, MAP_PUBLIC, address, next)) {
		memcpy(address, next, sizeof(address));
		if (look_is4(address) == (family == 4) && names(space, family, address) &&
		    look_key(l, MAP_PUBLIC, address, &found) && (found.kind & VPC_PUBLIC_OWN))
			return true;
	}
	return false;
}

uint32_t look_host_routes(const struct look *l, uint8_t family, const __be32 *address)
{
	const struct vpc_space *space;

	for (uint32_t number = 1; (space = look_row(l, MAP_VPC, number)); number++)
		if ((family == 4 ? space->n_host4 : space->n_host6) && (space->flags & VPC_SPACE_ROUTED_OUT) &&
		    look_in_space(l, number, family, address) && names_hosts(l, space, family))
			return number;
	return 0;
}

const struct vpc_uplink *look_uplink(const struct look *l, uint32_t vpc)
{
	const struct vpc_uplink *u = look_row(l, MAP_UPLINK, vpc);

	return u && u->ifindex ? u : NULL;
}
