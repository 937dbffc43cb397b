/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the programs as JSON. Called on the event loop. */
#ifndef ENGINE_VERDICTS_H
#define ENGINE_VERDICTS_H

#include "engine/engine_private.h"

/* Ends all listeners and the reading of events. */
void verdicts_close(struct engine *e);

#endif
