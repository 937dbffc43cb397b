/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies: what a change made or changed. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_REPLY_H
#define ENGINE_REPLY_H

#include "engine/engine_private.h"

/* What each of n changes made or changed, for the reply: see `results` of struct engine_reply. NULL: out of memory. */
json_t *results_to_json(struct engine *e, const struct change *changes, const struct change_result *results, size_t n);

#endif
