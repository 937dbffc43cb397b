/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FNV-1a of 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/). Each step is a bijection of the sum so far, so one
 * wrong byte can't go unnoticed; it is against faults, not against an attacker. */
#include "store/sqlite/internal.h"

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME  0x100000001b3u

uint64_t store_checksum_begin(void)
{
	return FNV_OFFSET;
}

uint64_t store_checksum_string(uint64_t sum, const char *s)
{
	do
		sum = (sum ^ (uint8_t)*s) * FNV_PRIME;
	while (*s++);
	return sum;
}

uint64_t store_checksum_number(uint64_t sum, uint64_t n)
{
	for (int i = 0; i < 8; i++, n >>= 8)
		sum = (sum ^ (n & 0xff)) * FNV_PRIME;
	return sum;
}
