/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies: what a change made or changed. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_REPLY_H
#define ENGINE_REPLY_H

#include "engine/engine_private.h"

/* What the change made or changed, for the reply: see struct engine_reply. NULL: out of memory. */
json_t *result_to_json(struct engine *e, enum change_op op, const struct change_result *r);

#endif
