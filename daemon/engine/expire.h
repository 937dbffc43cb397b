/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows that have ended. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_EXPIRE_H
#define ENGINE_EXPIRE_H

#include "engine/engine_private.h"

/* Begins to look for flows that have ended, for as long as the engine lives. */
int expire_start(struct engine *e);
/* After the worker's end. Fine without expire_start. */
void expire_end(struct engine *e);

#endif
