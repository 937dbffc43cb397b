/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keep and drain after a crash. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_GRACE_H
#define ENGINE_GRACE_H

#include "compiler/plan.h"
#include "engine/engine_private.h"

/* The note in the store about what a change promises. It is stored in the change's own transaction. */
#define GRACE_NOTE_MAX 64
/* Writes the note: keep or drain, the epoch, and for drain when it ends (CLOCK_MONOTONIC, ns). */
void grace_format(const struct plan *plan, const struct maps_change *change, char buf[GRACE_NOTE_MAX]);
/* To be called at a start, after maps_open and before anything is published. Does what a kill prevented, or has the
 * first publication keep the promise. */
int grace_load(struct engine *e, struct vpc_error *reterr);
/* Deletes the note after a publication. */
void grace_done(struct engine *e);

#endif
