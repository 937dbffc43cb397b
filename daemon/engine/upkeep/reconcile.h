/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the kernel what the model says, at a start, and looks at each VPC from time to time afterwards. Called on the
 * event loop unless it says otherwise. */
#ifndef ENGINE_RECONCILE_H
#define ENGINE_RECONCILE_H

#include "engine/engine_private.h"

/* Makes the kernel what the model says, at a start. Blocks. Fails only where nothing could be judged. */
int reconcile_start(struct engine *e, struct vpc_error *reterr);
/* Starts to look at one VPC after the other from time to time, without a cause. */
int reconcile_watch(struct engine *e);

#endif
