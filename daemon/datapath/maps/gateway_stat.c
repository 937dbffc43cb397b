/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/gateway_stat.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/cleanup.h>
#include <vpc/limits.h>

#include "datapath/maps/state.h"
#include "datapath/maps/traffic.h"
#include "datapath/maps/words.h"

enum {
#define LIMIT(symbol, value, text) DEFAULT_##symbol = (value),
#include <vpc/limits.def>
#undef LIMIT
};
/* The configuration only lowers limits. */
_Static_assert((DEFAULT_vpcs + 1) * VPC_GATEWAY_KINDS <= VPC_GATEWAY_NATS, "rows of VPCs");
_Static_assert(VPC_GATEWAY_NATS + DEFAULT_nat_gateways < VPC_GATEWAY_PEERINGS, "rows of NAT gateways");

static __u64 *owner_at(const struct maps *maps, uint32_t row)
{
	return &((__u64 *)maps->map[MAP_GATEWAY_OWNER].mem)[row];
}

uint32_t maps_gateway_rows(const struct maps *maps)
{
	uint32_t stats = maps->map[MAP_GATEWAY_STAT].n, owners = maps->map[MAP_GATEWAY_OWNER].n;

	return stats < owners ? stats : owners;
}

uint32_t maps_gateways_id(const struct maps *maps)
{
	return maps->map[MAP_GATEWAY_STAT].id;
}

uint64_t maps_gateway_owner(const struct maps *maps, uint32_t row)
{
	return row < maps_gateway_rows(maps) ? load64(owner_at(maps, row)) : 0;
}

static int zero_row(const struct maps *maps, uint32_t row)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct vpc_eni_stat *stats = cpus > 0 ? calloc((size_t)cpus, sizeof(*stats)) : NULL;

	if (cpus < 0)
		return cpus;
	return stats ? bpf_map_update_elem(maps->map[MAP_GATEWAY_STAT].fd, &row, stats, BPF_ANY) : -ENOMEM;
}

int maps_gateway_begin(struct maps *maps, uint32_t row, uint64_t owner)
{
	int r;

	if (row >= maps_gateway_rows(maps))
		return -ERANGE;
	if (maps_gateway_owner(maps, row) == owner)
		return 0;
	/* A kill in between leaves a row that counts for nobody. */
	store64(owner_at(maps, row), 0);
	r = owner ? zero_row(maps, row) : 0;
	if (r >= 0)
		store64(owner_at(maps, row), owner);
	return r;
}

int maps_gateways_read(const struct maps *maps, uint32_t first, uint32_t n, struct vpc_eni_stat *ret)
{
	return traffic_read_stats(&maps->map[MAP_GATEWAY_STAT], first, n, ret);
}

/* --- peerings ----------------------------------------------------------------------------------------------------- */

static struct vpc_peering_key key_of(const struct peering_rows *p, bool asked)
{
	return asked ? (struct vpc_peering_key){p->asked, p->accepted}
		     : (struct vpc_peering_key){p->accepted, p->asked};
}

int maps_peering_begin(struct maps *maps, const struct peering_rows *p)
{
	int r = 0;

	for (uint32_t asked = 0; r >= 0 && asked < 2; asked++) {
		struct vpc_peering_key key = key_of(p, asked);
		uint32_t value = p->row << 1 | asked;

		r = map_store(&maps->map[MAP_PEERING_STAT], &key, &value);
	}
	return r;
}

void maps_peering_end(struct maps *maps, const struct peering_rows *p)
{
	for (uint32_t asked = 0; asked < 2; asked++) {
		struct vpc_peering_key key = key_of(p, asked);

		(void)map_delete(&maps->map[MAP_PEERING_STAT], &key);
	}
}

struct keys {
	struct vpc_peering_key *at;
	size_t n;
};

static int collect_key(const void *key, const void *value, void *userdata)
{
	struct keys *keys = userdata;
	struct vpc_peering_key *added = ARRAY_ADD(keys->at, keys->n);

	(void)value;
	if (!added)
		return -ENOMEM;
	memcpy(added, key, sizeof(*added));
	return 0;
}

static bool is_kept(const struct vpc_peering_key *key, const struct peering_rows *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((key->from == list[i].asked && key->to == list[i].accepted) ||
		    (key->from == list[i].accepted && key->to == list[i].asked))
			return true;
	return false;
}

int maps_peerings_keep(struct maps *maps, const struct peering_rows *list, size_t n)
{
	struct keys keys = {0};
	int r = map_each(&maps->map[MAP_PEERING_STAT], collect_key, &keys);

	for (size_t i = 0; r >= 0 && i < keys.n; i++)
		if (!is_kept(&keys.at[i], list, n))
			(void)map_delete(&maps->map[MAP_PEERING_STAT], &keys.at[i]);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = maps_peering_begin(maps, &list[i]);
	free(keys.at);
	return r < 0 ? r : 0;
}
