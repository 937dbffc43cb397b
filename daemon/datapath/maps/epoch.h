/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The epoch, what counts at it, and waiting until no program uses the one before. */
#ifndef DATAPATH_MAPS_EPOCH_H
#define DATAPATH_MAPS_EPOCH_H

#include <stdbool.h>

#include "datapath/maps/state.h"

/* The epoch at which packets are judged. */
uint64_t maps_epoch(const struct maps *maps);
/* Commits a change: every packet that reads the epoch from now on is judged by the new state. */
void epoch_store(struct maps *maps, uint64_t epoch);
/* Blocks until every program that was running has ended, for some milliseconds. Any thread may call it. -errno of the
 * kernel. */
int maps_wait_grace_period(void);

/* Whether a row counts at an epoch. */
static inline bool visible(uint64_t born, uint64_t died, uint64_t epoch)
{
	return born && born <= epoch && epoch < died;
}

/* The value of v at an epoch; 0 if both slots are newer. */
uint32_t versioned_value(const struct vpc_versioned *v, uint64_t epoch);
/* The index of the slot that is not in force at an epoch, and may be overwritten. */
unsigned versioned_spare(const struct vpc_versioned *v, uint64_t epoch);
/* Clears both slots. The slot that is not in force is cleared first: without the other, its value would be in force. */
void versioned_clear(const struct maps *maps, struct vpc_versioned *v);
/* Clears a slot that was to be in force after the epoch. */
void versioned_undo_after(struct vpc_versioned *v, uint64_t epoch);
/* Clears a row that was to be born after the epoch, or undoes a death after it. */
void lifetime_undo_after(__u64 *born, __u64 *died, uint64_t epoch);

#endif
