/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a publication, on the worker. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_BACKGROUND_H
#define ENGINE_BACKGROUND_H

#include "engine/engine_private.h"

/* Retires a published change after a grace period, on the worker. Takes c, NULL is fine. */
void engine_retire(struct engine *e, struct maps_change *c);
/* Does what was put off until the end of a commit, because it would have met what the transaction has prepared. */
void engine_do_put_off(struct engine *e);
/* Logs, after a publication, when rules are walked that should have a classifier, and when they no longer are. */
void engine_tell_walked(struct engine *e);

#endif
