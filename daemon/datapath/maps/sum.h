/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums of mapped memory for the rolling audit, where a copy would take too much memory. */
#ifndef DATAPATH_MAPS_SUM_H
#define DATAPATH_MAPS_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* bytes: a multiple of 4. seed: what else is summed up, such as the place. */
static inline uint64_t sum64(const void *data, size_t bytes, uint64_t seed)
{
	const char *at = data;
	uint64_t sum = (seed + 1) * 0x9e3779b97f4a7c15ull;
	uint32_t word;

	for (size_t i = 0; i + sizeof(word) <= bytes; i += sizeof(word)) {
		memcpy(&word, at + i, sizeof(word));
		sum = (sum ^ word) * 0xff51afd7ed558ccdull;
		sum ^= sum >> 32;
	}
	return sum;
}

#endif
