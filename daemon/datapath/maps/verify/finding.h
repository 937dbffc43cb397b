/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checks of the audit share: telling a difference, and looking up a key in the kernel. */
#ifndef DATAPATH_MAPS_FINDING_H
#define DATAPATH_MAPS_FINDING_H

#include <vpc/cleanup.h>

#include "datapath/maps/state.h"
#include "datapath/maps/verify/audit.h"

/* Writes what the difference is to *ret. map: its name, a literal. Returns 1. */
PRINTF_LIKE(3, 4)
int maps_found(struct maps_finding *ret, const char *map, const char *format, ...);
/* Copies the value that the kernel's map has for a key to ret, which has its size; zeroed: it has none. Returns 0 or
 * -errno of bpf(). */
int maps_look_up(const struct maps *maps, enum map_id id, const void *key, void *ret);

#endif
