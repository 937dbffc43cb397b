/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows are judged again: the generations of sets and ENIs, which a change raises just before its epoch is
 * stored. A flow that is judged between the two is judged once more afterwards, which does no harm.
 *
 * gen_revoke says that something was revoked. With keep and drain it isn't raised until the flows have their graces
 * (flows/grace.h); `revoked` in the mirror says for which sets and ENIs it is pending. gen_any has tombstones judged
 * again, and is never delayed.
 */
#ifndef DATAPATH_MAPS_GENERATIONS_H
#define DATAPATH_MAPS_GENERATIONS_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* Raises the generations of the sets and ENIs that a prepared change affects. Raises gen_revoke only if the change cuts
 * flows. */
void generations_raise(struct maps *maps, struct maps_change *c);
/* Raises the pending gen_revoke of a change with keep or drain. Nothing is pending afterwards. */
void generations_commit(struct maps *maps);

#endif
