/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcx links over the fallback filters, on the worker. Called on the event loop. */
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "engine/engine_private.h"

/* Makes missing tcx links over the fallback filters, on the worker, when the engine has nothing else to do. A link that
 * fails is a condition of its object, and is tried again after 20 ms, 40 ms … 20 s. */
void engine_attach_links(struct engine *e);
/* Makes them at once, for a job that waits for them (WAIT_LINKS). Returns false when none is missing. */
bool engine_attach_hurry(struct engine *e);
/* Does what was put off until the end of a commit. */
void links_do_put_off(struct engine *e);
void links_end(struct engine *e);

#endif
