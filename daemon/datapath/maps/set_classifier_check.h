/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classifiers that stand in the kernel already. They are derived from the rows, and the same rows give the same bytes:
 * so one is right exactly if it is what would be built now.
 */
#ifndef DATAPATH_MAPS_SET_CLASSIFIER_CHECK_H
#define DATAPATH_MAPS_SET_CLASSIFIER_CHECK_H

#include <jansson.h>

#include "datapath/maps/audit.h"
#include "datapath/maps/state.h"

/* At a start: those that are right stay, all others are made. -ENOMEM, -errno of the kernel. */
int set_classifiers_adopt(struct maps *maps);
/* As maps_verify. Reports nothing while a change is prepared, since the mirror is ahead of the epoch then. */
int set_classifiers_verify(const struct maps *maps, json_t *report);

/* A classifier that is being summed, a slice at a time. */
struct classifier_summing {
	struct set_classifier of;
	uint32_t blocks; /* that were summed */
	uint64_t sum;
};
/* Compares the classifier of set number / 2 and direction number % 2 with what was written. Sums up to *blocks blocks
 * more; *blocks is then how many it were. 1: *ret says what the difference is; 0: there are more; -ENOENT: it is right.
 * While no change is prepared. */
int set_classifier_check(const struct maps *maps, struct classifier_summing *s, uint32_t number, uint32_t *blocks,
			 struct maps_finding *ret);

#endif
