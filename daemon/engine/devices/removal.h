/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deleting devices and namespaces on the worker. Called on the event loop. */
#ifndef ENGINE_REMOVAL_H
#define ENGINE_REMOVAL_H

#include "datapath/net/net.h"
#include "engine/engine_private.h"

enum removal_state {
	REMOVAL_DONE,	/* nothing is left */
	REMOVAL_WAITS,	/* others are deleted before it, which takes long; the removal goes on */
	REMOVAL_FAILED, /* something is left, and will be tried again */
};
/* Called once. removal: borrowed, for net_removal_each. */
typedef void (*removal_fn)(void *userdata, enum removal_state state, const struct net_removal *removal);

/* At the engine's making. -ENOMEM. */
int removals_new(struct engine *e);
/* Deletes on the worker what a change removed. Takes removal, and goes on until nothing of it is left. since_us:
 * CLOCK_MONOTONIC, when the change was requested. fn: NULL if nobody waits. */
void removal_begin(struct engine *e, struct net_removal *removal, uint64_t since_us, removal_fn fn, void *userdata);
/* Whether such a link is being deleted or waits for it. A job can wait for it by WAIT_REMOVAL. */
bool removal_under_way(const struct engine *e, const struct net_removal_match *m);
/* To be called after the worker has ended. */
void removals_clear(struct engine *e);

#endif
