/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workload's end of a port, after it came up again. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_WORKLOAD_END_H
#define ENGINE_WORKLOAD_END_H

#include "engine/engine_private.h"

/* net_up_fn: the workload's end of a port came up, again perhaps. */
void workload_end_up(uint32_t vpc, uint32_t eni, void *userdata);
/* At start: finishes the ends of ports that were attached when vpcd was killed. */
void workload_ends_start(struct engine *e);
void workload_ends_clear(struct engine *e);

#endif
