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

struct reach {
	bool allowed; /* else it is denied by now */
	uint8_t family;
	const struct reach_enis *from, *to; /* NULL: outside, as the CIDR says */
	struct cidr from_cidr, to_cidr;
	uint64_t pairs;	      /* of ENIs, or of ENIs with that outside */
	struct region region; /* owned */
};

struct reaches {
	ARRAY(struct reach) list;
	uint64_t total[2]; /* denied, allowed; also those beyond the list */
	uint64_t left_out;
};
/* Notes what `reach` says for a region, unless it is empty. False: out of memory. */
bool reach_note(struct reaches *r, const struct reach *reach, bool allowed, const struct region *region);
void reaches_clear(struct reaches *r);
/* As compare() returns it. */
json_t *reaches_json(const struct reaches *r, const struct world *after, const struct world *before, bool complete);

#endif
