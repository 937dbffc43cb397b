/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a hash back at a start, and deleting the keys that lead nowhere. */
#ifndef DATAPATH_MAPS_READING_H
#define DATAPATH_MAPS_READING_H

#include <vpc/array.h>

#include "datapath/maps/state.h"
#include "datapath/maps/undo.h"

struct reading {
	struct maps *maps;
	enum map_id id;
	ARRAY(struct undo_key) drop; /* keys that lead nowhere */
};

/* Frees the noted keys, and not the struct. */
void reading_clear(struct reading *r);
/* Notes a key that is to be deleted. -ENOMEM. */
int reading_drop(struct reading *reading, const void *key);
/* Whether the key was noted. */
bool reading_dropped(const struct reading *reading, const void *key);
/* Calls fn for each element, with the reading, and then deletes the keys that fn noted. If fn doesn't return 0, the
 * walk stops and its result is returned. -errno of bpf(). */
int reading_run(struct reading *reading, int (*fn)(const void *key, const void *value, void *reading));

#endif
