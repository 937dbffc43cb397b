/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deleting devices and namespaces on the worker. Called on the event loop. */
#ifndef ENGINE_REMOVAL_H
#define ENGINE_REMOVAL_H

#include "engine/engine_private.h"

enum removal_state {
	REMOVAL_DONE,	/* nothing is left */
	REMOVAL_WAITS,	/* others were or are deleted before it, which takes long; it goes on */
	REMOVAL_FAILED, /* something is left, and is tried again */
};
/* Called once. removal: borrowed, for net_removal_each. */
typedef void (*removal_fn)(void *userdata, enum removal_state state, const struct net_removal *removal);

/* At the engine's making. -ENOMEM. */
int removals_new(struct engine *e);
/* Deletes on the worker what a change took away. Takes removal, and goes on until nothing of it is left. since_us:
 * CLOCK_MONOTONIC, when the change was asked for. */
void removal_begin(struct engine *e, struct net_removal *removal, uint64_t since_us, removal_fn fn, void *userdata);
/* Whether such a link waits for its deletion or is being deleted. Then WAIT_REMOVAL comes. */
bool removal_under_way(const struct engine *e, const struct net_removal_match *m);
/* A removal failed in part: it is tried again until nothing is left. Takes it. */
void removal_failed(struct engine *e, struct net_removal *removal, int result);
/* After the worker's end. */
void removals_clear(struct engine *e);

#endif
