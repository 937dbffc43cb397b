/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/undo.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/maps/words.h"

static int log_word(struct undo_log *log, void *at, uint64_t old, uint8_t bytes)
{
	struct undo_word *item = ARRAY_PUSH(&log->words);

	if (!item)
		return -ENOMEM;
	*item = (struct undo_word){.at = at, .old = old, .bytes = bytes};
	return 0;
}

int undo_store64(struct undo_log *log, __u64 *at, uint64_t value)
{
	uint64_t old = *at;

	if (old == value)
		return 0;
	if (log_word(log, at, old, 8) < 0)
		return -ENOMEM;
	store64(at, value);
	return 0;
}

int undo_store32(struct undo_log *log, __u32 *at, uint32_t value)
{
	uint32_t old = *at;

	if (old == value)
		return 0;
	if (log_word(log, at, old, 4) < 0)
		return -ENOMEM;
	store32(at, value);
	return 0;
}

int undo_store_words(struct undo_log *log, void *at, const void *from, size_t bytes)
{
	__u32 *to = at;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < bytes / sizeof(*to); i++) {
		uint32_t word;

		memcpy(&word, (const char *)from + i * sizeof(word), sizeof(word));
		r = undo_store32(log, &to[i], word);
	}
	return r;
}

int undo_log_key(struct undo_log *log, enum map_id id, const void *key, size_t key_bytes, uint32_t old)
{
	struct undo_key *item = ARRAY_PUSH(&log->keys);

	if (!item)
		return -ENOMEM;
	*item = (struct undo_key){.old = old, .map = (uint8_t)id};
	memcpy(&item->key, key, key_bytes);
	return 0;
}

int undo_store_key(struct undo_log *log, const struct kernel_map *maps, enum map_id id, const void *key,
		   uint32_t number, uint32_t old)
{
	/* It is logged first: to undo what was not done does no harm. */
	if (undo_log_key(log, id, key, maps[id].key_size, old) < 0)
		return -ENOMEM;
	return bpf_map_update_elem(maps[id].fd, key, &number, BPF_ANY);
}

void undo_keys(const struct undo_log *log, const struct kernel_map *maps)
{
	for (size_t i = log->keys.n; i > 0; i--) {
		const struct undo_key *item = &log->keys.at[i - 1];

		if (item->old)
			(void)map_store(&maps[item->map], &item->key, &item->old);
		else
			(void)map_delete(&maps[item->map], &item->key);
	}
}

void undo_words(const struct undo_log *log)
{
	for (size_t i = log->words.n; i > 0; i--) {
		const struct undo_word *item = &log->words.at[i - 1];

		if (item->bytes == 8)
			store64(item->at, item->old);
		else
			store32(item->at, (uint32_t)item->old);
	}
}

void undo_log_clear(struct undo_log *log)
{
	free(log->words.at);
	free(log->keys.at);
	*log = (struct undo_log){};
}
