/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares two worlds: who may open what to whom in one and not in the other. ENIs that are alike before and after (the
 * same groups, subnet and routes, and addresses that the same CIDRs hold) are looked at once.
 */
#ifndef OBSERVE_EXPLAIN_COMPARE_H
#define OBSERVE_EXPLAIN_COMPARE_H

#include <jansson.h>

#include "observe/explain/world.h"

/* Entries of a report. */
#define COMPARE_ENTRIES_MAX 100

/* The differences as JSON: {"allowed": [Reach, …], "allowed_total", "denied": […], "denied_total", "complete"}.
 * complete is false where it would have taken too long; what is listed is true all the same. NULL: out of memory.
 * `changed` of both worlds' rules is set. */
json_t *compare(struct world *before, struct world *after);

#endif
