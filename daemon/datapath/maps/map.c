/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

const char *const map_names[MAP_COUNT] = {
#define MAP(symbol, name, entries) [MAP_##symbol] = #name,
#include "datapath/maps/maps.def"
#undef MAP
};

int map_open_pinned(const char *path, struct bpf_map_info *ret_info)
{
	__u32 info_bytes = sizeof(*ret_info);
	_cleanup_close_ int fd = bpf_obj_get(path);

	*ret_info = (struct bpf_map_info){};
	if (fd < 0)
		return -errno;
	return bpf_obj_get_info_by_fd(fd, ret_info, &info_bytes) < 0 ? -errno : TAKE_FD(fd);
}

#define BATCH_FIRST 4096u

struct batch {
	void *keys;
	void *values;
	uint32_t n;
};

static void batch_clear(struct batch *b)
{
	free(b->keys);
	free(b->values);
	*b = (struct batch){};
}

static int batch_grow(struct batch *b, const struct kernel_map *map, uint32_t n)
{
	batch_clear(b);
	b->keys = calloc(n, map->key_size);
	b->values = calloc(n, map->value_size);
	b->n = n;
	return b->keys && b->values ? 0 : -ENOMEM;
}

/* cursor and next are the kernel's: for a hash the number of a bucket, 4 bytes. There is room for a key. */
int map_each(const struct kernel_map *map, int (*fn)(const void *key, const void *value, void *userdata),
	     void *userdata)
{
	_cleanup_(batch_clear) struct batch batch = {};
	unsigned char cursor[64] = {}, next[64] = {};
	bool first = true;
	int r = batch_grow(&batch, map, BATCH_FIRST);

	while (r >= 0) {
		__u32 n = batch.n;
		int end =
			bpf_map_lookup_batch(map->fd, first ? NULL : cursor, next, batch.keys, batch.values, &n, NULL);

		if (end == -ENOSPC) { /* one bucket holds more than a batch */
			r = batch_grow(&batch, map, batch.n * 2);
			continue;
		}
		if (end < 0 && end != -ENOENT)
			return end;
		for (uint32_t i = 0; i < n; i++) {
			r = fn((char *)batch.keys + (size_t)i * map->key_size,
			       (char *)batch.values + (size_t)i * map->value_size, userdata);
			if (r)
				return r;
		}
		if (end == -ENOENT)
			return 0;
		memcpy(cursor, next, sizeof(cursor));
		first = false;
	}
	return r;
}

#define TRIES 4

int map_delete(const struct kernel_map *map, const void *key)
{
	int r = -EBUSY;

	for (int i = 0; i < TRIES && r < 0; i++) {
		r = bpf_map_delete_elem(map->fd, key);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int map_store(const struct kernel_map *map, const void *key, const void *value)
{
	int r = -EBUSY;

	for (int i = 0; i < TRIES && r < 0; i++)
		r = bpf_map_update_elem(map->fd, key, value, BPF_ANY);
	return r;
}
