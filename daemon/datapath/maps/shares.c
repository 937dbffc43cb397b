/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/shares.h"

#include <errno.h>
#include <string.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/state.h"
#include "datapath/maps/words.h"

/* Half of `flow` is guaranteed. A sixteenth stays free: tombstones count to nobody. */
#define GUARANTEED_PART 2u
#define FREE_PART	16u
/* A connection in a slot counts to no share. So there are few slots beside entries of `flow`. */
#define YOUNG_PART	128u

/* A quarter of flow_new is guaranteed, and another is the pool. The other half is for the window before: an entry may
 * be used for the last time just before its window ends, and lives through the next. */
#define NEW_PART      4u
/* An eighth of `fragment` is guaranteed to what ENIs send, an eighth to what comes from outside, and an eighth is the
 * pool: three quarters for two windows. The rest keeps the kernel from evicting early. nat_fragment is as large, and is
 * divided by the same numbers. */
#define FRAGMENT_PART 8u

/* One round evicts at most so many flows, and an eighth of what the VPC or ENI holds. */
#define EVICT_MAX  32768u
#define EVICT_PART 8

static void store_params(struct vpc_host_flows *h, uint32_t guaranteed, uint32_t pool, uint32_t new_guaranteed,
			 uint32_t new_pool)
{
	store32(&h->flow_guaranteed, guaranteed);
	store32(&h->flow_pool, pool);
	store32(&h->new_guaranteed, new_guaranteed);
	store32(&h->new_pool, new_pool);
}

/* VPCs that have an ENI. */
static uint32_t count_tenants(struct maps *maps)
{
	uint32_t n = 0;

	memset(maps->tenants, 0, maps->map[MAP_VPC].n * sizeof(*maps->tenants));
	for (uint32_t i = VPC_ENI_FIRST; i <= maps->mirror.eni_max; i++) {
		uint32_t vpc = maps->mirror.enis[i].row.vpc;

		if (maps->mirror.enis[i].state == NODE_FREE || vpc >= maps->map[MAP_VPC].n || maps->tenants[vpc])
			continue;
		maps->tenants[vpc] = true;
		n++;
	}
	return n;
}

static uint32_t part(uint32_t n, uint32_t of)
{
	return n / of ? n / of : 1;
}

/* A new guarantee changes how many flows VPCs hold beyond it. The programs count at the same time, so the difference is
 * added to the count. The next call corrects what is still wrong. */
static void update_pool(struct maps *maps, struct vpc_host_flows *h)
{
	int64_t was = __atomic_load_n(&h->pool_used, __ATOMIC_RELAXED), sum = 0;

	for (uint32_t i = 0; i < maps->map[MAP_VPC].n; i++) {
		int64_t beyond = __atomic_load_n(&vpc_flows_at(maps, i)->total, __ATOMIC_RELAXED) - h->flow_guaranteed;

		sum += beyond > 0 ? beyond : 0;
	}
	if (sum != was)
		__atomic_fetch_add(&h->pool_used, sum - was, __ATOMIC_RELAXED);
}

uint32_t shares_translations(uint32_t size, uint32_t tenants, uint64_t used)
{
	uint32_t equal = tenants ? part(size / 2, tenants) : 0, left = used < size / 2 ? size / 2 - (uint32_t)used : 0;
	uint32_t most = left < size / 4 ? left : size / 4;

	if (tenants <= 1)
		return size - size / FREE_PART;
	return most > equal ? most : equal;
}

/* How many translations a VPC may have: the programs don't know of the other VPCs. */
static void update_translations(struct maps *maps)
{
	uint32_t size =
		maps->map[MAP_NAT_OUT].n < maps->map[MAP_NAT_IN].n ? maps->map[MAP_NAT_OUT].n : maps->map[MAP_NAT_IN].n;
	uint32_t tenants = 0;

	for (uint32_t i = 1; i < maps->mirror.size.vpcs; i++)
		tenants += maps->mirror.spaces[i].flags & VPC_SPACE_ROUTED_OUT ? 1 : 0;
	store32(&edge_ctl_at(maps, 0)->nat_per_vpc, shares_translations(size, tenants, maps_translations(maps)));
}

uint64_t maps_translations(const struct maps *maps)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < maps->map[MAP_NAT_USED].n; i++) {
		int64_t n = __atomic_load_n(nat_used_at(maps, i), __ATOMIC_RELAXED);

		sum += n > 0 ? n : 0;
	}
	return (uint64_t)sum;
}

void shares_update(struct maps *maps)
{
	struct vpc_host_flows *h = host_flows_at(maps, 0);
	uint32_t n = count_tenants(maps), tenants = n ? n : 1;
	uint32_t guaranteed = maps->map[MAP_FLOW].n / GUARANTEED_PART, new_part = maps->map[MAP_FLOW_NEW].n / NEW_PART;
	uint32_t fragment_part = maps->map[MAP_FRAGMENT].n / FRAGMENT_PART;

	store_params(h, part(guaranteed, tenants),
		     maps->map[MAP_FLOW].n - guaranteed - maps->map[MAP_FLOW].n / FREE_PART, part(new_part, tenants),
		     new_part);
	store32(&h->fragment_guaranteed, part(fragment_part, tenants));
	store32(&h->fragment_pool, fragment_part);
	store32(&h->young_slots, maps->map[MAP_FLOW].n / YOUNG_PART);
	update_pool(maps, h);
	update_translations(maps);
}

/* --- whose flows are evicted --- */

/* As share_room() in bpf/lib/flow/share.h. */
static int64_t room_of(const struct maps *maps, uint32_t vpc)
{
	const struct vpc_host_flows *h = host_flows_at(maps, 0);
	int64_t used = __atomic_load_n(&vpc_flows_at(maps, vpc)->total, __ATOMIC_RELAXED);
	int64_t left = (int64_t)h->flow_pool - __atomic_load_n(&h->pool_used, __ATOMIC_RELAXED);

	if (used < h->flow_guaranteed)
		return h->flow_guaranteed - used + (left > 0 ? left * 7 / 8 : 0);
	return (left * 7 - (used - h->flow_guaranteed)) / 8;
}

static uint32_t part_of(int64_t held)
{
	int64_t n = held / EVICT_PART + 1;

	return n < EVICT_MAX ? (uint32_t)n : EVICT_MAX;
}

/* While three quarters of the pool are taken: the VPC that has most of it. */
static bool vpc_to_evict(const struct maps *maps, struct eviction *ret)
{
	const struct vpc_host_flows *h = host_flows_at(maps, 0);
	int64_t most = 0;

	if (__atomic_load_n(&h->pool_used, __ATOMIC_RELAXED) < (int64_t)h->flow_pool * 3 / 4)
		return false;
	for (uint32_t i = 0; i < maps->map[MAP_VPC].n; i++) {
		int64_t beyond = __atomic_load_n(&vpc_flows_at(maps, i)->total, __ATOMIC_RELAXED) - h->flow_guaranteed;

		if (beyond <= most)
			continue;
		most = beyond;
		*ret = (struct eviction){.vpc = i};
	}
	ret->n = part_of(most);
	return most > 0;
}

/* Of the ENIs that have opened nearly as many flows as they may: the one that has opened most. */
static bool eni_to_evict(const struct maps *maps, struct eviction *ret)
{
	int64_t most = 0;

	for (uint32_t i = VPC_ENI_FIRST; i <= maps->mirror.eni_max; i++) {
		int64_t opened, limit;

		if (maps->mirror.enis[i].state != NODE_ALIVE)
			continue;
		opened = __atomic_load_n(&eni_flows_at(maps, i)->opened, __ATOMIC_RELAXED);
		if (opened <= most)
			continue;
		/* as share_eni_left() there */
		limit = (room_of(maps, maps->mirror.enis[i].row.vpc) - host_flows_at(maps, 0)->flow_guaranteed / 2) * 4;
		if (limit > maps->mirror.enis[i].row.flow_budget)
			limit = maps->mirror.enis[i].row.flow_budget;
		if (opened * 8 < limit * 7)
			continue;
		most = opened;
		*ret = (struct eviction){.vpc = maps->mirror.enis[i].row.vpc, .eni = i};
	}
	ret->n = part_of(most);
	return most > 0;
}

bool shares_to_evict(const struct maps *maps, struct eviction *ret)
{
	return vpc_to_evict(maps, ret) || eni_to_evict(maps, ret);
}

/* --- status --- */

void maps_vpc_flows(const struct maps *maps, uint32_t vpc, struct vpc_flows_count *ret)
{
	const struct vpc_vpc_flows *v;

	*ret = (struct vpc_flows_count){.guaranteed = host_flows_at(maps, 0)->flow_guaranteed};
	if (vpc >= maps->map[MAP_VPC].n)
		return;
	v = vpc_flows_at(maps, vpc);
	ret->half_open = __atomic_load_n(&v->half_open, __ATOMIC_RELAXED);
	ret->established = __atomic_load_n(&v->total, __ATOMIC_RELAXED) - ret->half_open;
	ret->room = room_of(maps, vpc);
}

int shares_status(const struct maps *maps, enum map_id id, json_t *row)
{
	const struct vpc_host_flows *h = host_flows_at(maps, 0);
	int r = 0;

	if (id == MAP_FLOW) {
		r |= json_object_set_new(row, "guaranteed_per_vpc", json_integer(h->flow_guaranteed));
		r |= json_object_set_new(row, "pool", json_integer(h->flow_pool));
		r |= json_object_set_new(row, "pool_used", json_integer(h->pool_used));
		r |= json_object_set_new(row, "ended_early", json_integer((json_int_t)maps->evicted));
	} else if (id == MAP_FLOW_NEW) {
		r |= json_object_set_new(row, "guaranteed_per_vpc", json_integer(h->new_guaranteed));
		r |= json_object_set_new(row, "pool", json_integer(h->new_pool));
	} else if (id == MAP_FRAGMENT || id == MAP_NAT_FRAGMENT) {
		r |= json_object_set_new(row, "guaranteed_per_vpc", json_integer(h->fragment_guaranteed));
		r |= json_object_set_new(row, "pool", json_integer(h->fragment_pool));
	} else if (id == MAP_NAT_OUT) {
		r |= json_object_set_new(row, "most_per_vpc", json_integer(edge_ctl_at(maps, 0)->nat_per_vpc));
	}
	return r ? -ENOMEM : 0;
}
