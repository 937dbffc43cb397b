/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a map costs, from kernel/bpf/hashtab.c, arraymap.c: an element of a hash is a struct htab_elem of 48 bytes, the
 * key and the value, each rounded up to 8; a bucket 16 bytes, as many as elements rounded up to a power of two. Of an
 * array: the value rounded up to 8; per CPU: that on every possible CPU, and a pointer.
 */
#include "datapath/maps/size.h"

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <vpc/abi/abi.h>

#include "datapath/maps/skeleton.h"

#define HASH_ELEMENT_BYTES 48u
#define HASH_BUCKET_BYTES  16u

uint32_t size_by_limits(enum map_id id, const struct vpc_limits *l)
{
	switch (id) {
#define MAP(symbol, name, entries) \
	case MAP_##symbol:         \
		return (entries);
#include "datapath/maps/maps.def"
#undef MAP
	case MAP_COUNT:
		break;
	}
	return 0;
}

static uint64_t round8(uint64_t n)
{
	return (n + 7) & ~7ull;
}

static uint64_t power_of_two(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

uint64_t size_of_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t n)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t n_cpus = cpus > 0 ? (uint64_t)cpus : 1;

	/* Elements that are allocated as they come count too: the map may become full. */
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		return n * (HASH_ELEMENT_BYTES + round8(key_size) + round8(value_size)) +
		       power_of_two(n) * HASH_BUCKET_BYTES;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return n * (round8(value_size) * n_cpus + sizeof(void *));
	case BPF_MAP_TYPE_RINGBUF:
		return n;
	default:
		return n * round8(value_size);
	}
}

struct bpf_map *size_object_map(const struct datapath_bpf *bpf, enum map_id id)
{
	return bpf_object__find_map_by_name(bpf->obj, map_names[id]);
}

static uint64_t sum_bytes(const struct datapath_bpf *bpf, const struct vpc_limits *l)
{
	uint64_t sum = 0;

	for (int id = 0; id < MAP_COUNT; id++) {
		const struct bpf_map *map = size_object_map(bpf, id);
		uint32_t n = size_by_limits(id, l);

		if (map)
			sum += size_of_map(bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
					   n ? n : bpf_map__max_entries(map));
	}
	return sum;
}

static uint32_t scaled(uint32_t limit, uint32_t thousandths, uint32_t least)
{
	uint64_t n = (uint64_t)limit * thousandths / 1000;

	if (n < least)
		n = least;
	return n < limit ? (uint32_t)n : limit;
}

/* Both parts in thousandths. `large` is for maps whose size follows traffic and rules, `small` for those whose size
 * follows the number of workloads. */
static void scale(struct vpc_limits *l, uint32_t large, uint32_t small)
{
	l->rows = scaled(l->rows, large, 1024);
	l->port_mask_groups = scaled(l->port_mask_groups, large, 1024);
	l->flows_established = scaled(l->flows_established, large, 1024);
	l->flows_other = scaled(l->flows_other, large, 1024);
	l->routes = scaled(l->routes, large, 1024);
	l->translations = scaled(l->translations, large, 1024);
	l->publish_rows = scaled(l->publish_rows, small, 256);
	l->network_acls = scaled(l->network_acls, small, 64);
	l->network_acl_rules = scaled(l->network_acl_rules, small, 512);
	l->route_tables = scaled(l->route_tables, small, 64);
	l->eips = scaled(l->eips, small, 64);
	l->nat_gateways = scaled(l->nat_gateways, small, 16);
	l->subnets = scaled(l->subnets, small, 64);
	l->fragments = scaled(l->fragments, small, 256);
	l->enis = scaled(l->enis, small, 64);
	l->addresses = scaled(l->addresses, small, 256);
	l->groups = scaled(l->groups, small, 256);
	l->sets = scaled(l->sets, small, 64);
	l->prefix_list_names = scaled(l->prefix_list_names, small, 256);
	l->vpcs = scaled(l->vpcs, small, 16);
	if (l->rules > l->rows)
		l->rules = l->rows;
}

void size_fit(const struct datapath_bpf *bpf, uint64_t budget_bytes, struct vpc_limits *limits)
{
	const struct vpc_limits asked = *limits;
	uint32_t large = 1000, small = 1000;

	/* Maps that follow the number of workloads shrink only until they fit into half of the budget. */
	for (; small > 1; small -= small / 16 + 1) {
		*limits = asked;
		scale(limits, 0, small);
		if (sum_bytes(bpf, limits) <= budget_bytes / 2)
			break;
	}
	for (; large > 0; large -= large / 64 + 1) {
		*limits = asked;
		scale(limits, large, small);
		if (sum_bytes(bpf, limits) <= budget_bytes)
			return;
	}
	*limits = asked;
	scale(limits, 0, small);
}
