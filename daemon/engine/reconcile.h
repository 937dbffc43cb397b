/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At start: the kernel becomes what the model says. Later: a look at each VPC now and then. Called on the event loop
 * unless it says otherwise. */
#ifndef ENGINE_RECONCILE_H
#define ENGINE_RECONCILE_H

#include "engine/engine_private.h"

/* At start: makes the kernel what the model says. Blocks. Fails only where nothing could be judged. */
int reconcile_start(struct engine *e, struct vpc_error *reterr);
/* Looks at the VPCs one after the other, now and then, without cause. */
int reconcile_watch(struct engine *e);

#endif
