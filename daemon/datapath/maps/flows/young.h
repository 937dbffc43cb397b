/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections in the slots of flow_young (bpf/lib/flow/young.h). Whatever walks the other maps of flows has all
 * connections moved to them before. So a walk knows of no slots.
 */
#ifndef DATAPATH_MAPS_FLOWS_YOUNG_H
#define DATAPATH_MAPS_FLOWS_YOUNG_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/maps/state.h"

/* Moves the connections that began before `before_ns` (CLOCK_MONOTONIC; UINT64_MAX: all) out of their slots. One that a
 * CPU is putting into a slot may stay. Only the thread that runs sweeps may call it. -errno of bpf(): some are left. */
int young_flush(struct maps *maps, uint64_t before_ns);

/* Reads the connection with the key from its slot, if it is in one. On any thread. */
bool young_find(const struct maps *maps, const struct vpc_flow_key *key, struct vpc_flow *ret);

/* Notes in flow_stored that the maps have a flow with this tag. It must be called before vpcd inserts one. On any
 * thread. */
void young_note_stored(const struct maps *maps, uint64_t tag);

/* At a start. Maps that are adopted may have any flow, and flow_stored may have been lost. So each flow may be stored
 * until rounds say that it isn't. */
void young_adopt(const struct maps *maps);

/* Begins the next round of flow_stored. It may be called when each entry of the maps was noted since the last call. */
void young_next_round(const struct maps *maps);

#endif
