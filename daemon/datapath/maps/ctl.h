/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map `ctl` has one row, which every packet reads. vpcd goes by its own copy and never by the row. So somebody who
 * changes the row misleads the programs until the next comparison, but never vpcd.
 */
#ifndef DATAPATH_MAPS_CTL_H
#define DATAPATH_MAPS_CTL_H

#include "datapath/maps/state.h"

/* How long TCP flows may be picked up mid-stream after an upgrade. */
#define PICKUP_NS 30000000000ull

/* Sets a field of the copy and of the row. All earlier stores are seen before it. */
#define CTL_SET(maps, field, value)                                                               \
	do {                                                                                      \
		__atomic_store_n(&(maps)->ctl.field, (value), __ATOMIC_RELEASE);                  \
		__atomic_store_n(&ctl_at((maps), 0)->field, (maps)->ctl.field, __ATOMIC_SEQ_CST); \
	} while (0)

/* Copies the row at a start. */
void ctl_adopt(struct maps *maps);

#endif
