/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/counters.h"

#include <errno.h>

#include "datapath/maps/shares.h"
#include "datapath/maps/state.h"
#include "datapath/maps/traffic.h"

int maps_eni_counters(struct maps *maps, uint32_t eni, struct eni_counters *ret)
{
	struct eni_counters read = {};
	int r;

	if (eni >= maps->map[MAP_ENI].n)
		return -ENOENT;
	r = maps_traffic_read(maps, eni, 1, &read.traffic);
	if (r >= 0)
		r = maps_drops_read(maps, eni, read.drops);
	if (r < 0)
		return r;
	*ret = read;
	return 0;
}

int maps_rule_counters(struct maps *maps, uint32_t rule, struct rule_counters *ret)
{
	struct rule_counters sum = {};
	bool found = false;

	for (uint32_t i = *chains_head(&maps->mirror.references_by_rule, chains_hash(&rule, sizeof(rule))); i;
	     i = maps->mirror.references[i].next_of_rule) {
		const struct reference *reference = &maps->mirror.references[i];
		const struct vpc_row_stat *stat = stat_at(maps, reference->row);

		if (reference->rule != rule)
			continue;
		found = true;
		sum.packets += stat->packets;
		sum.bytes += stat->bytes;
		if (stat->last_used_ns > sum.last_used_ns)
			sum.last_used_ns = stat->last_used_ns;
	}
	if (!found)
		return -ENOENT;
	*ret = sum;
	return 0;
}

uint32_t maps_rule_counters_id(const struct maps *maps)
{
	return maps->map[MAP_ROW_STAT].id;
}

void maps_rule_used(struct maps *maps, uint32_t rule, uint64_t used_ns)
{
	for (uint32_t i = *chains_head(&maps->mirror.references_by_rule, chains_hash(&rule, sizeof(rule))); i;
	     i = maps->mirror.references[i].next_of_rule) {
		const struct reference *reference = &maps->mirror.references[i];
		struct vpc_row_stat *stat = stat_at(maps, reference->row);
		__u64 last_ns = __atomic_load_n(&stat->last_used_ns, __ATOMIC_RELAXED);

		if (reference->rule != rule)
			continue;
		/* A program may note a later time meanwhile. */
		if (last_ns < used_ns)
			__atomic_compare_exchange_n(&stat->last_used_ns, &last_ns, used_ns, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
		return;
	}
}

static int count_one(const void *key, const void *value, void *userdata)
{
	(void)key;
	(void)value;
	++*(json_int_t *)userdata;
	return 0;
}

static json_int_t count_enis(const struct maps *maps)
{
	json_int_t n = 0;

	for (uint32_t i = 1; i < maps->map[MAP_ENI].n; i++)
		n += maps->mirror.enis[i].state != NODE_FREE;
	return n;
}

static json_int_t count_nats(const struct maps *maps)
{
	json_int_t n = 0;

	for (uint32_t i = 1; i < maps->mirror.size.nats; i++)
		n += maps->mirror.nats[i].state != NODE_FREE;
	return n;
}

static json_int_t count_eips(const struct maps *maps)
{
	json_int_t n = 0;

	for (uint32_t i = 1; i < maps->mirror.size.eips; i++)
		n += maps->mirror.eips[i].state != NODE_FREE;
	return n;
}

/* Used entries of a map, or -1 where nobody knows without reading all of it. */
static json_int_t count_used(const struct maps *maps, enum map_id id)
{
	json_int_t n = 0;

	switch (id) {
	case MAP_RULE:
	case MAP_ROW:
	case MAP_ROW_STAT:
		return maps->mirror.row_numbers.used;
	case MAP_MASK_GROUP:
	case MAP_MASK_GROUP_OF:
		return maps->mirror.mask_group_numbers.used;
	case MAP_CLASSIFIER:
		return maps->mirror.blocks.used;
	case MAP_SET:
		return maps->mirror.set_numbers.used;
	case MAP_ADDR:
	case MAP_ADDR_ROW:
		return maps->mirror.addr_numbers.used;
	case MAP_ENI:
		return count_enis(maps);
	case MAP_ROUTE:
	case MAP_ROUTE_ROW:
		return maps->mirror.route_numbers.used;
	case MAP_PUBLISH:
	case MAP_PUBLISH_ROW:
		return maps->mirror.publish_numbers.used;
	case MAP_NAT:
		return count_nats(maps);
	case MAP_EIP:
		return count_eips(maps);
	case MAP_NAT_OUT:
	case MAP_NAT_IN:
		return (json_int_t)maps_translations(maps);
	case MAP_FLOW:
	case MAP_FLOW_NEW:
	case MAP_FLOW_OVERFLOW:
		return map_each(&maps->map[id], count_one, &n) < 0 ? -1 : n;
	default:
		return -1;
	}
}

uint32_t maps_walked(const struct maps *maps)
{
	return maps->mirror.n_walked;
}

json_t *maps_status(struct maps *maps)
{
	json_t *status = json_object();

	for (int id = 0; status && id < MAP_COUNT; id++) {
		json_int_t used = count_used(maps, (enum map_id)id);
		json_t *row = json_pack("{s:I, s:I}", "size", (json_int_t)maps->map[id].n, "bytes",
					(json_int_t)maps->map[id].bytes);

		if (row && used >= 0)
			json_object_set_new(row, "used", json_integer(used));
		if (row && id == MAP_CLASSIFIER)
			json_object_set_new(row, "walked", json_integer(maps->mirror.n_walked));
		if (row && shares_status(maps, (enum map_id)id, row) < 0)
			row = (json_decref(row), NULL);
		if (!row || json_object_set_new(status, maps->map[id].name, row) < 0) {
			json_decref(status);
			return NULL;
		}
	}
	return status;
}
