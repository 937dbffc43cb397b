/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/flow_cache_util.h"

#include <bpf/btf.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

size_t cache_value_bytes(struct bpf_map *map)
{
	return (bpf_map__value_size(map) + 7u) & ~7u;
}

size_t cache_field_at(struct lab *l, const char *name)
{
	const struct btf *btf = bpf_object__btf(l->skel->obj);
	const struct btf_type *t =
		btf__type_by_id(btf, (__u32)btf__find_by_name_kind(btf, "flow_cache", BTF_KIND_STRUCT));

	cr_assert(t);
	for (__u32 i = 0; i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), name))
			return btf_member_bit_offset(t, i) / 8;
	cr_assert_fail("no field %s", name);
	return 0;
}

void cache_entry_get(struct lab *l, uint32_t slot, void *ret)
{
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.flow_cache_of_cpu), &slot, ret), 0);
}

void cache_entry_put(struct lab *l, uint32_t slot, const void *entry)
{
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.flow_cache_of_cpu), &slot, entry, BPF_ANY), 0);
}

uint8_t *cache_entry_new(struct lab *l)
{
	uint8_t *entry = calloc((size_t)libbpf_num_possible_cpus(), cache_value_bytes(l->skel->maps.flow_cache_of_cpu));

	cr_assert(entry);
	return entry;
}

void cache_turn_back(struct lab *l, const char *name, uint32_t by)
{
	struct bpf_map *map = l->skel->maps.flow_cache_of_cpu;
	size_t at = cache_field_at(l, name);
	uint8_t *entry = cache_entry_new(l);
	uint32_t word;

	for (uint32_t slot = 0; slot < bpf_map__max_entries(map); slot++) {
		cache_entry_get(l, slot, entry);
		for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
			uint8_t *p = entry + (size_t)cpu * cache_value_bytes(map) + at;

			memcpy(&word, p, 4);
			word -= by;
			memcpy(p, &word, 4);
		}
		cache_entry_put(l, slot, entry);
	}
	free(entry);
}

void cache_forget(struct lab *l)
{
	struct bpf_map *map = l->skel->maps.flow_cache_marks_of_cpu;
	uint8_t *none = calloc((size_t)libbpf_num_possible_cpus(), cache_value_bytes(map));
	uint32_t zero = 0;

	cr_assert(none);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), &zero, none, BPF_ANY), 0);
	free(none);
}

unsigned cache_slots_used(struct lab *l, uint32_t *ret, unsigned max)
{
	struct bpf_map *map = l->skel->maps.flow_cache_marks_of_cpu;
	uint8_t *marks = calloc((size_t)libbpf_num_possible_cpus(), cache_value_bytes(map));
	uint32_t zero = 0;
	unsigned n = 0;

	cr_assert(marks);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &zero, marks), 0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		for (uint32_t i = 0; i < bpf_map__value_size(map); i++)
			if (marks[(size_t)cpu * cache_value_bytes(map) + i] && n < max)
				ret[n++] = i;
	free(marks);
	return n;
}

void cache_lose_flows(struct lab *l)
{
	struct vpc_flow_key key;

	for (int i = 0; i < 2; i++) {
		int fd = bpf_map__fd(i ? l->skel->maps.flow : l->skel->maps.flow_new);

		while (!bpf_map_get_next_key(fd, NULL, &key))
			cr_assert_eq(bpf_map_delete_elem(fd, &key), 0);
	}
}
