/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the word that a misspelt one may stand for. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* The nearest candidate so far. Begin zeroed, with `word` set. */
struct nearest {
	const char *word;  /* borrowed */
	const char *found; /* borrowed; NULL: nothing is near enough */
	size_t distance;
};

/* Takes candidate if it is nearer than what was found before. A letter that is wrong, missing, too many or swapped with
 * the next is one step; a third of the word's letters may be wrong. Letters' case doesn't count. */
void nearest_try(struct nearest *n, const char *candidate);

#endif
