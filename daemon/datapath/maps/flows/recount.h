/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the programs' counts of established flows are what `flow` holds. The programs count without a lock: where two
 * CPUs change one flow at the same time, a count may be left one too high or too low, and a share must not be used up
 * by what isn't there. Each walk around `flow` counts its entries. A count that did not change during three walks in a
 * row, and was wrong by the same each time, is corrected. A count that changes meanwhile is left alone.
 *
 * Everything but recount_new and recount_free runs on the worker, and touches only mapped memory of the maps, which are
 * borrowed.
 */
#ifndef DATAPATH_MAPS_FLOWS_RECOUNT_H
#define DATAPATH_MAPS_FLOWS_RECOUNT_H

#include <vpc/cleanup.h>

#include "datapath/maps/state.h"

struct recount;

/* One count. */
struct recount_count {
	int64_t counted; /* entries that this walk has met */
	int64_t before;	 /* what the programs had counted when the walk began */
	int64_t wrong;	 /* by how much that was wrong after the last walk */
	uint32_t times;	 /* how many walks in a row */
};
/* A walk around the map begins. now: what the programs count. */
void recount_count_begin(struct recount_count *c, const int64_t *now);
/* The walk has been around. Corrects *now where that is due. */
void recount_count_end(struct recount_count *c, int64_t *now);

/* -ENOMEM. */
int recount_new(const struct maps *maps, struct recount **ret);
/* Returns NULL. NULL is fine. */
struct recount *recount_free(struct recount *y);
DEFINE_CLEANUP(struct recount *, recount_free);
/* A walk around `flow` begins. */
void recount_begin(struct recount *y);
/* It has met an entry. */
void recount_add(struct recount *y, const struct vpc_flow_key *key, const struct vpc_flow *flow);
/* It has been around. */
void recount_end(struct recount *y);

#endif
