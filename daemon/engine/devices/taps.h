/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taps: owners, and which ports are taps. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_TAPS_H
#define ENGINE_TAPS_H

#include "compiler/plan.h"
#include "engine/engine_private.h"

/* On the worker: what an owner, a user's name or number, stands for. AttachmentFailed: nobody. */
int tap_find_owner(const char *owner, uid_t *ret, struct vpc_error *reterr);
/* Tells the programs which ports of the plan are taps. */
void taps_flag(struct engine *e, const struct plan *plan);

#endif
