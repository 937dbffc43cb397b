/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the programs as JSON, and names of rules that are gone. Called on the event loop unless it says otherwise.
 */
#ifndef ENGINE_VERDICTS_H
#define ENGINE_VERDICTS_H

#include "engine/engine_private.h"

/* Keeps the id of a rule that is being deleted, for events that still name its number. */
void verdicts_remember_rule(struct engine *e, const struct object *rule);
/* Ends all listeners and the reading of events. */
void verdicts_close(struct engine *e);

#endif
