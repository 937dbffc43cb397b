/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries of the flow cache (lib/flow/cache.h), read and written behind the programs' back. */
#ifndef TESTS_BPF_FLOW_CACHE_UTIL_H
#define TESTS_BPF_FLOW_CACHE_UTIL_H

#include "tests/bpf/lab_util.h"

/* Bytes of one CPU's value in a map, as the kernel copies it. */
size_t cache_value_bytes(struct bpf_map *map);
/* Where struct flow_cache has a field, in bytes. */
size_t cache_field_at(struct lab *l, const char *name);
/* Room for an entry's values, one for each CPU; to be freed. */
uint8_t *cache_entry_new(struct lab *l);
void cache_entry_get(struct lab *l, uint32_t slot, void *ret);
void cache_entry_put(struct lab *l, uint32_t slot, const void *entry);
/* Takes `by` away from a 32-bit field of every entry, on each CPU. */
void cache_turn_back(struct lab *l, const char *name, uint32_t by);
/* Empties the caches of all CPUs. */
void cache_forget(struct lab *l);
/* The slots that any CPU uses, at most max of them. Returns how many. */
unsigned cache_slots_used(struct lab *l, uint32_t *ret, unsigned max);
/* Deletes the flows from `flow` and flow_new and tells nobody: only an entry that is still believed lets an answer
 * through. */
void cache_lose_flows(struct lab *l);

#endif
