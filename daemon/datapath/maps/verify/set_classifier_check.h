/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifiers that the kernel has. They are derived from the rows, and the same rows give the same bytes. So a
 * classifier is right if it is byte for byte what would be built.
 */
#ifndef DATAPATH_MAPS_SET_CLASSIFIER_CHECK_H
#define DATAPATH_MAPS_SET_CLASSIFIER_CHECK_H

#include <jansson.h>

#include "datapath/maps/state.h"
#include "datapath/maps/verify/audit.h"

/* At a start: keeps those that are right, and builds all others. -ENOMEM, -errno of the kernel. */
int set_classifiers_adopt(struct maps *maps);
/* As maps_verify. Reports nothing while a change is prepared, because the mirror is ahead of the epoch then. */
int set_classifiers_verify(const struct maps *maps, json_t *report);

/* The state of summing a classifier, a slice at a time. */
struct classifier_summing {
	struct set_classifier of;
	uint32_t blocks; /* that were summed */
	uint64_t sum;
};
/* Compares the classifier of set number / 2 and direction number % 2 with what was written. Sums up at most *blocks
 * more blocks, and sets *blocks to how many there were. Returns 1: *ret says what the difference is; 0: blocks are
 * left; -ENOENT: it is right. No change may be prepared. */
int set_classifier_check(const struct maps *maps, struct classifier_summing *s, uint32_t number, uint32_t *blocks,
			 struct maps_finding *ret);

#endif
