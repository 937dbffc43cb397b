/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges of keys, the steps that they make, and the lists of blocks that steps are stored in: see `classifier` in
 * include/vpc/abi/classifier.h. */
#ifndef DATAPATH_CLASSIFIER_STEPS_H
#define DATAPATH_CLASSIFIER_STEPS_H

#include "datapath/maps/classifier/classifier.h"

typedef unsigned __int128 wide;

/* A range of keys and the row that allows all of it. Ranges are aligned powers of two: of any two, one holds the other
 * or they are apart. */
struct range {
	uint64_t low; /* first key */
	uint64_t high;
	uint32_t mask_group; /* slot and port prefix as one number; ranges of different ones don't meet */
	uint32_t fixed;	     /* 128 - log2 of its size */
	uint32_t row;
	uint32_t pad;
};

struct ranges {
	struct range *at; /* owned */
	size_t n;
};

/* Sorts by mask group, then first key, then size (widest first). -ENOMEM: nothing changed. */
int ranges_sort(struct ranges *r);

struct step {
	wide key;
	uint32_t value;
};

struct steps {
	struct step *at; /* owned */
	size_t n;
	size_t cap;
};

/* Adds a step: keys from `key` on have `value`. Keys come in ascending order; of equal keys the last counts. -ENOMEM.
 */
int steps_add(struct steps *s, wide key, uint32_t value);
/* Makes *s the steps of the sorted ranges of one mask group; `last` is the greatest key there is. -ENOMEM. */
int steps_of_ranges(struct steps *s, const struct range *ranges, size_t n, wide last);

/* Appends zeroed blocks; returns the number of the first in *ret. -ENOMEM, -E2BIG. */
int blocks_add(struct classifier_blocks *b, size_t n, uint32_t *ret);
/* Appends the list of these steps, with keys of so many words; none: an empty list. -ENOMEM, -E2BIG. */
int blocks_add_list(struct classifier_blocks *b, const struct steps *s, uint32_t words,
		    struct vpc_classifier_list *ret);

#endif
