/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing flows: see engine_flows_list(). */
#ifndef ENGINE_FLOW_LIST_H
#define ENGINE_FLOW_LIST_H

#include "engine/engine_private.h"
#include "observe/flow_record.h"

/* Where the names of flows come from. Borrowed until the loop goes on. */
struct flow_context engine_flow_context(const struct engine *e);
/* Completes a filter that has the ENI's number: with the incarnation that the number has now. */
void engine_flow_filter(const struct engine *e, struct flow_filter *filter);

#endif
