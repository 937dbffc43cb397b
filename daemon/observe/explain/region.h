/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of what rules tell apart: protocol and port as one number, protocol << 16 | port (of ICMP type << 8 | code; of
 * other protocols 0 to 65535). A set is a list of intervals, ascending and apart.
 */
#ifndef OBSERVE_EXPLAIN_REGION_H
#define OBSERVE_EXPLAIN_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/array.h>

#define REGION_LAST 0xffffffu

struct interval {
	uint32_t first, last;
};

struct region {
	ARRAY(struct interval) list;
	bool failed; /* memory ran out: the set is not complete */
};

void region_clear(struct region *r);
/* Appends an interval, in any order. region_sort() is due before anything else is done with the set. */
void region_add(struct region *r, uint32_t first, uint32_t last);
void region_sort(struct region *r);
/* *ret, which is emptied first, becomes what is in both, or in a alone. */
void region_both(const struct region *a, const struct region *b, struct region *ret);
void region_without(const struct region *a, const struct region *b, struct region *ret);
bool region_equal(const struct region *a, const struct region *b);

#endif
