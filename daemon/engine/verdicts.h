/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the programs as JSON, and names of rules that are gone. Called on the event loop unless it says otherwise.
 */
#ifndef ENGINE_VERDICTS_H
#define ENGINE_VERDICTS_H

#include "engine/engine_private.h"

void verdicts_remember_rule(struct engine *e, const struct object *rule);
void verdicts_close(struct engine *e);

#endif
