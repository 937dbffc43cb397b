/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of rules is kept over a restart: written every 5 minutes and at an orderly stop. On the event loop. */
#ifndef ENGINE_ADVICE_KEEP_H
#define ENGINE_ADVICE_KEEP_H

#include "engine/engine_private.h"

/* Takes up what the last run of vpcd knew, if there is a file that goes with the kernel's counters. */
void advice_keep_load(struct engine *e);
/* When it is known which VPCs are watched: forgets what is of others, compares the rest with the kernel's counters, and
 * begins to write. -ENOMEM, -errno. */
int advice_keep_start(struct engine *e);
/* Writes for the last time. After the worker's end, before VPCs are no longer watched. */
void advice_keep_end(struct engine *e);

#endif
