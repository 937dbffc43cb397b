/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcx links over the fallback filters, on the worker. Called on the event loop. */
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "engine/engine_private.h"

/* Puts tcx links over the fallback filters where they are missing, on the worker, when the engine has nothing else to
 * do. One that fails becomes a condition of its object and is tried again, after 20 ms, 40 ms … 20 s. */
void engine_attach_links(struct engine *e);
/* For a job that waits for them (WAIT_LINKS): now. Returns false when none is missing: there is nothing to wait for. */
bool engine_attach_hurry(struct engine *e);
/* What had to wait for the end of a commit. */
void links_do_put_off(struct engine *e);
void links_end(struct engine *e);

#endif
