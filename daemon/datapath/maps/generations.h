/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows are judged again: the generations of sets and ENIs that a change raises just before its epoch is stored.
 * A flow that is judged between the two is judged once more after, which does no harm.
 *
 * gen_revoke says that something was taken away. With keep and drain it waits until the flows have their graces
 * (flows/grace.h); `revoked` in the mirror says whose is pending. gen_any has tombstones judged again and never waits.
 */
#ifndef DATAPATH_MAPS_GENERATIONS_H
#define DATAPATH_MAPS_GENERATIONS_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* Raises the generations of the sets and ENIs that a prepared change affects: gen_revoke only if its flows are cut. */
void generations_raise(struct maps *maps, struct maps_change *c);
/* Raises gen_revoke too, for the change with keep or drain whose graces are pending. Nothing is pending after. */
void generations_commit(struct maps *maps);

#endif
