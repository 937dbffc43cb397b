/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adopting the maps that an earlier run left. */
#ifndef DATAPATH_MAPS_RECOVER_H
#define DATAPATH_MAPS_RECOVER_H

#include "datapath/maps/state.h"

/* Clears half-done work: rows born after the epoch go, deaths after it are undone. Then reads an empty mirror back. A
 * hash key that does not lead to a living row of that key goes, and so does a row that no key leads to: the reconcile
 * that follows makes again what should be there. -ENOMEM, -errno of bpf(). */
int recover(struct maps *maps);

#endif
