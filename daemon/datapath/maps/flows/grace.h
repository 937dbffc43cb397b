/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Graces: which flows a change with keep or drain spares, and when that ends.
 *
 * A grace is only for flows that the rules of before the change allowed. So it is given before the epoch is stored,
 * when the rows of both are in the maps and both can be judged by (grace_give). Flows that are opened meanwhile get
 * theirs after the store (grace_finish): nothing was taken away since they were judged, but by this change. Only then
 * gen_revoke is raised, which has the flows judged again. A kill is made up for exactly: before the store the whole
 * change is done again by the reconcile, after it maps_resume_sweep does the rest.
 *
 * A grace counts for one side of a flow: the side that the change took the permission from (the opener's egress or the
 * responder's ingress). What is taken from the other side later cuts the flow. A grace ends by time, or by a change
 * with cut (grace_end), or when the ENI loses the address (grace_end_addresses). For that vpcd has a list of the flows
 * with a grace. Nobody else ends one, and a flow that has one never moves to another map: a copy on its way could carry
 * along a grace that was just ended.
 */
#ifndef DATAPATH_MAPS_FLOWS_GRACE_H
#define DATAPATH_MAPS_FLOWS_GRACE_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* The end of a grace as a flow has it, in units of VPC_GRACE_SHIFT. until_ns: CLOCK_MONOTONIC; with keep it does not
 * count. */
uint32_t grace_until(enum flows_mode flows, uint64_t until_ns);
/* After the generations of a change with keep or drain were raised, and before its epoch is stored: gives graces to the
 * flows that it no longer allows. -ENOMEM, -errno of bpf(): not all have theirs; it stays pending. */
int grace_give(struct maps *maps, const struct maps_change *c);
/* After the epoch is stored: gives graces to the flows that were opened meanwhile, then generations_commit. Does
 * nothing if nothing is pending. -ENOMEM, -errno of bpf(): it stays pending. */
int grace_finish(struct maps *maps);
/* Before the epoch of a change with cut is stored: of the flows that it affects, ends the graces of sides that are
 * allowed again, so that this change cuts them too; and all graces of an ENI that loses a group. -ENOMEM, -errno of
 * bpf(): not all ended. */
int grace_end(struct maps *maps, struct maps_change *c);
/* Before the epoch of any change is stored: ends the graces of flows whose ENI loses the address. -ENOMEM, -errno of
 * bpf(): not all ended. */
int grace_end_addresses(struct maps *maps, struct maps_change *c);
/* After a start: reads which flows have a grace. -ENOMEM, -errno of bpf(): it is not known, and each cut reads all
 * flows. */
int grace_find(struct maps *maps);

#endif
