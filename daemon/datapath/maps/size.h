/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sizes of the maps: what each takes in the kernel, and limits that fit into the memory for them. */
#ifndef DATAPATH_MAPS_SIZE_H
#define DATAPATH_MAPS_SIZE_H

#include <vpc/limits.h>

#include "datapath/maps/map.h"

struct bpf_map;
struct datapath_bpf;

/* About how many bytes a map with these properties takes. */
uint64_t size_of_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t n);
/* How many entries a map has by the limits; 0: as many as in the object file. */
uint32_t size_by_limits(enum map_id id, const struct vpc_limits *l);
/* The map in the object, borrowed; NULL: it has none of that name. */
struct bpf_map *size_object_map(const struct datapath_bpf *bpf, enum map_id id);
/* Shrinks the limits until all maps together take no more than the budget, or each is as small as it may be. */
void size_fit(const struct datapath_bpf *bpf, uint64_t budget_bytes, struct vpc_limits *limits);

#endif
