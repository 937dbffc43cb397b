/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The eBPF maps of the datapath: which there are, and reading a whole hash. */
#ifndef DATAPATH_MAPS_MAP_H
#define DATAPATH_MAPS_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

enum map_id {
#define MAP(symbol, name, entries) MAP_##symbol,
#include "datapath/maps/maps.def"
#undef MAP
	MAP_COUNT
};

extern const char *const map_names[MAP_COUNT];

struct kernel_map {
	const char *name;
	int fd; /* borrowed: owned by the skeleton */
	uint32_t id;
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t n;	/* the most entries that it has; an array has the numbers below n */
	uint64_t bytes; /* about how many it takes in the kernel */
	void *mem;	/* its mapped memory; NULL: it can't be mapped */
	size_t mem_bytes;
};

/* Opens the map that is pinned at path, and reads the kernel's description of it. The caller closes the descriptor.
 * -ENOENT: nothing is pinned there; -errno of bpf(). */
int map_open_pinned(const char *path, struct bpf_map_info *ret_info);

/* Calls fn for every element of a hash, with copies of key and value. If fn doesn't return 0, the walk stops and its
 * result is returned. If the map changes meanwhile, an element may come twice or not at all. -ENOMEM, -errno of
 * bpf(). */
int map_each(const struct kernel_map *map, int (*fn)(const void *key, const void *value, void *userdata),
	     void *userdata);

/* Delete a key from a hash, and store its value. They are for changes that are in force already or are undone, when
 * nobody can be told of a failure. So a call that the kernel refuses is made again, a few times (a bucket that is
 * locked by an interrupted program gives -EBUSY). The audit finds what still fails. Return 0 or -errno; a missing key
 * is no error. */
int map_delete(const struct kernel_map *map, const void *key);
int map_store(const struct kernel_map *map, const void *key, const void *value);

#endif
