/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port ranges as aligned prefixes, so that a packet finds every range it is in by at most 17 exact probes. */
#include "util/port_range.h"

#include <assert.h>

size_t port_range_split(uint16_t lo, uint16_t hi, struct port_prefix ret[PORT_PREFIXES_MAX])
{
	uint32_t start = lo, end = (uint32_t)hi + 1; /* half open, so that 65535 needs no special case */
	size_t n = 0;

	assert(lo <= hi);
	/* Greedy: the largest block that is aligned at start and does not go beyond the end. That is the least number.
	 */
	while (start < end) {
		uint8_t bits = 16; /* log2 of the block's size */

		while ((start & ((1u << bits) - 1)) || start + (1u << bits) > end)
			bits--;
		assert(n < PORT_PREFIXES_MAX);
		ret[n++] = (struct port_prefix){.port = (uint16_t)start, .plen = (uint8_t)(16 - bits)};
		start += 1u << bits;
	}
	return n;
}
