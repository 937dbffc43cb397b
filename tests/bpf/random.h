/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that look random and are the same in every run (xorshift64: Marsaglia, "Xorshift RNGs", 2003). */
#ifndef TESTS_BPF_RANDOM_H
#define TESTS_BPF_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 88172645463325252ull;

static inline uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

#endif
