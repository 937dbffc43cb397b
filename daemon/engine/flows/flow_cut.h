/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cutting flows that a caller names: see engine_flows_cut(). */
#ifndef ENGINE_FLOW_CUT_H
#define ENGINE_FLOW_CUT_H

#include "engine/flows/flow_counts.h"
#include "observe/flow_record.h"

/* Flows that a receipt lists at most. */
#define CUT_FLOWS_MAX 100

/* Adds a flow to a receipt, unless it has CUT_FLOWS_MAX already. counts: notes it, to have its packets and bytes set
 * anew by cut_counts_put(); NULL: those that are known do. */
void cut_flows_add(const struct engine *e, json_t *cut_flows, struct cut_counts *counts, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow);

/* At the engine's end, before the worker's: cuts that have not begun are refused. */
void flow_cuts_close(struct engine *e);

#endif
