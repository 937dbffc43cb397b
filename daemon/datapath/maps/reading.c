/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void reading_clear(struct reading *r)
{
	free(r->drop.at);
}

int reading_drop(struct reading *reading, const void *key)
{
	struct undo_key *item = ARRAY_PUSH(&reading->drop);

	if (!item)
		return -ENOMEM;
	memcpy(&item->key, key, reading->maps->map[reading->id].key_size);
	return 0;
}

bool reading_dropped(const struct reading *reading, const void *key)
{
	for (size_t i = 0; i < reading->drop.n; i++)
		if (memcmp(&reading->drop.at[i].key, key, reading->maps->map[reading->id].key_size) == 0)
			return true;
	return false;
}

/* Deletes only after the walk: deleting between batches would make the walk miss elements. */
int reading_run(struct reading *reading, int (*fn)(const void *key, const void *value, void *reading))
{
	const struct kernel_map *map = &reading->maps->map[reading->id];
	int r = map_each(map, fn, reading);

	for (size_t i = 0; r >= 0 && i < reading->drop.n; i++)
		r = map_delete(map, &reading->drop.at[i].key);
	return r;
}
