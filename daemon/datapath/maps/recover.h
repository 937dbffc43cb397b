/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adopting the maps that an earlier run left. */
#ifndef DATAPATH_MAPS_RECOVER_H
#define DATAPATH_MAPS_RECOVER_H

#include "datapath/maps/state.h"

/* Clears half-done work (deletes rows born after the epoch, undoes deaths after it), and reads the mirror, which is
 * empty, back. Deletes hash keys that don't lead to a living row of that key, and rows to which no key leads; the
 * reconcile that follows makes again what is missing. -ENOMEM, -errno of bpf(). */
int recover(struct maps *maps);

#endif
