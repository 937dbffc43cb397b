/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's side of prepare, undo and publish. */
#ifndef DATAPATH_MAPS_WRITE_H
#define DATAPATH_MAPS_WRITE_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* Writes what is NEW and DYING in the mirror, with c->epoch, which is not in force yet. c->undo has what was there
 * before. On an error call write_undo. DatapathUnavailable. */
int write_change(struct maps *maps, struct maps_change *c, struct vpc_error *reterr);
/* Leaves every map as it was before write_change. The mirror is undone after it. */
void write_undo(struct maps *maps, struct maps_change *c);
/* Writes the address spaces of VPCs, before the epoch is stored. So no packet to a new CIDR is sent to the world once
 * packets are judged at the new epoch. Can't fail. */
void write_spaces(struct maps *maps, struct maps_change *c);
/* Writes what the epoch doesn't version, after the epoch was stored and before the mirror is published. Can't fail. */
void write_published(struct maps *maps, struct maps_change *c);
/* Leads the hash keys of addresses that moved to their new rows. A key that the kernel refuses stays marked `moved`. */
void write_moved_addrs(struct maps *maps, struct maps_change *c);

#endif
