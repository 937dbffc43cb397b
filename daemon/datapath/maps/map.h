/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The eBPF maps of the datapath: which there are, and reading a whole hash. */
#ifndef DATAPATH_MAPS_MAP_H
#define DATAPATH_MAPS_MAP_H

#include <stddef.h>
#include <stdint.h>

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
	uint32_t n;	/* entries that it holds at most; an array has the numbers below n */
	uint64_t bytes; /* that it takes in the kernel, about */
	void *mem;	/* its memory, mapped; NULL for maps that can't be */
	size_t mem_bytes;
};

/* Calls fn for every element of a hash, with copies of key and value; not 0 stops and is returned. The map may change
 * meanwhile: an element may then come twice, or not at all. -ENOMEM, -errno of bpf(). */
int map_each(const struct kernel_map *map, int (*fn)(const void *key, const void *value, void *userdata),
	     void *userdata);

/* Takes a key out of a hash, or stores its value. For changes that are in force already or are undone: nobody could be
 * told of a failure, so a call that the kernel refuses is made again, a few times (a bucket that is locked by an
 * interrupted program gives -EBUSY). What fails all the same is the audit's. Returns 0 or -errno; a key that isn't
 * there is fine. */
int map_delete(const struct kernel_map *map, const void *key);
int map_store(const struct kernel_map *map, const void *key, const void *value);

#endif
