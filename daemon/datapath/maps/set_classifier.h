/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the classifiers of sets. A change makes them anew as of its epoch, in blocks that no program reads yet; the
 * slot of the set's row that is not in force leads to them. The blocks of the old ones are free after the grace period.
 */
#ifndef DATAPATH_MAPS_SET_CLASSIFIER_H
#define DATAPATH_MAPS_SET_CLASSIFIER_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/state.h"

/* Builds the classifier of a set and direction from the rows that count when the prepared change is published; without
 * one, from those that count now. free(ret->at). -ENOMEM, -E2BIG. */
int set_classifier_build(const struct maps *maps, uint32_t set, unsigned dir, struct classifier_blocks *ret);
/* The sum of n blocks, of which the first is the classifier's block number `first`. Sums of parts are added. */
uint64_t classifier_sum(const struct vpc_classifier_block *at, uint32_t n, uint32_t first);
/* Copies it into free blocks and fills in ret->at, ret->blocks and ret->sum; at is 0 where there is no room. */
void set_classifier_place(struct maps *maps, const struct classifier_blocks *blocks, struct set_classifier *ret);
/* Makes the classifiers of all sets whose rules a prepared change touches. Where one is wanted and can't be made the
 * set's rules are walked instead: only memory for the change's own lists is missed (-ENOMEM). */
int set_classifiers_write(struct maps *maps, struct maps_change *c);

#endif
