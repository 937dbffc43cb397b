/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keep and drain, across a crash. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_GRACE_H
#define ENGINE_GRACE_H

#include "engine/engine_private.h"

/* What a prepared change promises, as the store notes it in the same transaction. */
#define GRACE_NOTE_MAX 64
/* Writes the note: keep or drain, the epoch, and for drain when it ends (CLOCK_MONOTONIC, ns). */
void grace_format(const struct plan *plan, const struct maps_change *change, char buf[GRACE_NOTE_MAX]);
/* At start, after maps_open and before anything is published: makes up for what a kill prevented, or has the first
 * publication keep the promise. */
int grace_load(struct engine *e, struct vpc_error *reterr);
/* After a publication: the note goes. */
void grace_done(struct engine *e);

#endif
