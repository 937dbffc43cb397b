/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of mapped memory, which the programs read while vpcd writes them. */
#ifndef DATAPATH_MAPS_WORDS_H
#define DATAPATH_MAPS_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

/* Stores so that all stores before it are seen first. */
static inline void store64(__u64 *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* The same for four bytes. */
static inline void store32(__u32 *at, uint32_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* Loads so that all later loads are at least as new. */
static inline uint64_t load64(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* Zeroes a row of `bytes`, a multiple of 8, from its last word to its first. What makes a row count stands in its first
 * words and goes last, so the caller zeroes `died` before. */
static inline void zero_words(void *at, size_t bytes)
{
	__u64 *word = at;

	for (size_t i = bytes / sizeof(*word); i > 0; i--)
		store64(&word[i - 1], 0);
}

#endif
