/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deleting devices and namespaces on the worker. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_REMOVAL_H
#define ENGINE_REMOVAL_H

#include "engine/engine_private.h"

/* Deletes on the worker what a change took away, together with what others did meanwhile. w is the caller's until
 * w->fn is called, on the event loop, when all of it was tried. */
void removal_begin(struct engine *e, struct removal_wait *w);
/* What still waits goes to the worker at once. */
void removals_flush(struct engine *e);
/* A removal failed in part: it is tried again until nothing is left. Takes it. */
void removal_failed(struct engine *e, struct net_removal *removal, int result);
/* After the worker's end. */
void removals_clear(struct engine *e);

#endif
