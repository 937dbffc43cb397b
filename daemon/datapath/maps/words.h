/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of mapped memory, which the programs read while vpcd writes them. */
#ifndef DATAPATH_MAPS_WORDS_H
#define DATAPATH_MAPS_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

/* Stores a word. All earlier stores are seen before it. */
static inline void store64(__u64 *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* Stores four bytes likewise. */
static inline void store32(__u32 *at, uint32_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* Loads a word. All later loads are at least as new. */
static inline uint64_t load64(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* Zeroes a row from its last word to its first. bytes: a multiple of 8. The first words say that the row counts, and
 * are zeroed last; the caller has zeroed `died` before. */
static inline void zero_words(void *at, size_t bytes)
{
	__u64 *word = at;

	for (size_t i = bytes / sizeof(*word); i > 0; i--)
		store64(&word[i - 1], 0);
}

#endif
