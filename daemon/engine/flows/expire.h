/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deletes flows that have ended. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_EXPIRE_H
#define ENGINE_EXPIRE_H

#include "engine/engine_private.h"

/* Starts to look for flows that have ended, as long as the engine runs. */
int expire_start(struct engine *e);
/* To be called after the worker has ended, also without expire_start. */
void expire_end(struct engine *e);

#endif
