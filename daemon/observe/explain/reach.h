/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The differences that compare.c finds, gathered and told: those between the same groups with the same ports are one.
 */
#ifndef OBSERVE_EXPLAIN_REACH_H
#define OBSERVE_EXPLAIN_REACH_H

#include <jansson.h>

#include "observe/explain/world.h"

/* ENIs that are alike: how many, and the first few of them. Borrowed from the worlds. */
#define REACH_NAMED 5
struct reach_enis {
	size_t n;
	const struct world_eni *named[REACH_NAMED];
};
void reach_add_eni(struct reach_enis *e, const struct world_eni *eni);
static inline void reach_enis_clear(struct reach_enis *e)
{
	*e = (struct reach_enis){0};
}

/* Several of them, borrowed. */
struct reach_list {
	const struct reach_enis **at; /* owned */
	size_t n;
	size_t cap;
};

/* One difference. It is true of every ENI of `from` with every ENI of `to`, but of none with itself. */
struct reach {
	bool allowed; /* else it is denied by now */
	uint8_t family;
	struct reach_list from, to; /* empty: outside, as the CIDR says */
	struct cidr from_cidr, to_cidr;
	struct region region;
};

struct reaches {
	ARRAY(struct reach) list;
	uint64_t left_out[2]; /* denied, allowed: what the list has no room for */
};
/* Who opens a flow to whom: ENIs that are alike, or NULL and a part of the outside. */
struct reach_ends {
	uint8_t family;
	const struct reach_enis *from, *to;
	struct cidr from_cidr, to_cidr;
};
/* Notes a difference, unless the region is empty. False: out of memory. */
bool reach_note(struct reaches *r, const struct reach_ends *ends, bool allowed, const struct region *region);
/* Joins differences that are the same but for who opens, or who receives. */
void reaches_join(struct reaches *r);
void reaches_clear(struct reaches *r);
/* As compare() returns it. */
json_t *reaches_json(const struct reaches *r, const struct world *after, const struct world *before, bool complete);

#endif
