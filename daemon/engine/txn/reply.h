/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies: what a change made or changed. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_REPLY_H
#define ENGINE_REPLY_H

#include "compiler/plan.h"
#include "engine/engine_private.h"

/* What each of n changes made or changed, for the reply: see `results` of struct engine_reply. NULL: out of memory. */
json_t *results_to_json(struct engine *e, const struct change *changes, const struct change_result *results, size_t n);

/* What the changes put in force and does not do what was asked for: see `warnings` of struct engine_reply. The model
 * shows the changes. NULL: nothing, or out of memory. */
json_t *warnings_to_json(struct engine *e, const struct plan *plan, const struct change *changes,
			 const struct change_result *results, size_t n);

#endif
