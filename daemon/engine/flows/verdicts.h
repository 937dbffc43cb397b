/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the programs as JSON. Called on the event loop. */
#ifndef ENGINE_VERDICTS_H
#define ENGINE_VERDICTS_H

#include "engine/engine_private.h"

/* Tells the programs which events listeners and flow logs want. */
void verdicts_update(struct engine *e);
/* Passes on the events that there are. */
void verdicts_read(struct engine *e);
/* Ends all listeners and the reading of events. */
void verdicts_close(struct engine *e);

#endif
