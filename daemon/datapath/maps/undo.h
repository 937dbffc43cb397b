/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The undo log: what the words and hashes of the maps had before a change was written. */
#ifndef DATAPATH_MAPS_UNDO_H
#define DATAPATH_MAPS_UNDO_H

#include <vpc/abi/abi.h>
#include <vpc/array.h>

#include "datapath/maps/map.h"

struct undo_word {
	void *at;
	uint64_t old;
	uint8_t bytes; /* 4 or 8 */
};

struct undo_key {
	union {
		struct vpc_rule_key rule;
		struct vpc_mask_group_key mask_group;
		struct vpc_addr_key addr;
		struct vpc_route_key route;
		struct vpc_publish_key publish;
	} key;
	uint32_t old; /* the number that the hash had for it; 0: none */
	uint8_t map;  /* enum map_id */
};

struct undo_log {
	ARRAY(struct undo_word) words;
	ARRAY(struct undo_key) keys;
};

/* These store words of a mapped map, and log what they were. A word that has the value already is not stored. -ENOMEM:
 * the word was not stored. */
int undo_store64(struct undo_log *log, __u64 *at, uint64_t value);
int undo_store32(struct undo_log *log, __u32 *at, uint32_t value);
/* bytes: a multiple of 4. */
int undo_store_words(struct undo_log *log, void *at, const void *from, size_t bytes);
/* Logs that the hash had the number `old` for a key. -ENOMEM. */
int undo_log_key(struct undo_log *log, enum map_id id, const void *key, size_t key_bytes, uint32_t old);
/* Leads a key of a hash of numbers to `number`, and logs that it led to `old` (0: to none). maps: by enum map_id.
 * -ENOMEM, -errno of bpf(). */
int undo_store_key(struct undo_log *log, const struct kernel_map *maps, enum map_id id, const void *key,
		   uint32_t number, uint32_t old);

/* Restores the logged keys of the hashes, the last one first. A key that the kernel refuses stays: it leads to a free
 * number, or to a row with another key, so no reader takes the row for this key's. maps: by enum map_id. */
void undo_keys(const struct undo_log *log, const struct kernel_map *maps);
/* Restores the logged words, the last one first. */
void undo_words(const struct undo_log *log);
void undo_log_clear(struct undo_log *log);

#endif
