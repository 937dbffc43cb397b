/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds the classifiers of sets. A change builds them as of its epoch, in blocks that no program reads yet. Their
 * numbers are written to the slot of the set's row that is not in force. The blocks of the old classifiers are free
 * after the grace period.
 */
#ifndef DATAPATH_MAPS_SET_CLASSIFIER_H
#define DATAPATH_MAPS_SET_CLASSIFIER_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/state.h"

/* Builds the classifier of a set and direction from the rows that count when the prepared change is published; if none
 * is prepared, from those that count now. The caller frees ret->at. -ENOMEM, -E2BIG. */
int set_classifier_build(const struct maps *maps, uint32_t set, unsigned dir, struct classifier_blocks *ret);
/* The sum of n blocks, the first of which is block number `first` of the classifier. The sum of all blocks is the sum
 * of the parts' sums. */
uint64_t classifier_sum(const struct vpc_classifier_block *at, uint32_t n, uint32_t first);
/* Copies the blocks into free blocks of the map, and fills ret->at, ret->blocks and ret->sum. at is 0 if there is no
 * room. */
void set_classifier_place(struct maps *maps, const struct classifier_blocks *blocks, struct set_classifier *ret);
/* Builds the classifiers of all sets whose rules a prepared change touches. A set for which one can't be built has its
 * rules walked instead. So it fails only for lack of memory for the change's own lists (-ENOMEM). */
int set_classifiers_write(struct maps *maps, struct maps_change *c);

#endif
