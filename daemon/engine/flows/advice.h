/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watching what rules allow, for `vpcctl sg advise`. Sources: the look at all flows that goes on for their expiry, and
 * the programs' events of opened and judged flows in VPCs that have a flow log or count_flows. On the event loop.
 */
#ifndef ENGINE_ADVICE_H
#define ENGINE_ADVICE_H

#include <stdint.h>

#include "engine/engine_private.h"

struct vpc_event;

/* After expire_start(). -ENOMEM. */
int advice_start(struct engine *e);
void advice_end_all(struct engine *e);
/* The programs tell of the VPC's flows from now on. Fine if they did. */
void advice_watch(struct engine *e, uint32_t vpc);
void advice_event(struct engine *e, const struct vpc_event *event);
/* Compares some rules with the kernel's counters. */
void advice_look_at_some(struct engine *e);

#endif
