/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of recover() that is about the edge. */
#ifndef DATAPATH_MAPS_RECOVER_EDGE_H
#define DATAPATH_MAPS_RECOVER_EDGE_H

#include "datapath/maps/state.h"

/* Clears half-done work of the edge. It touches mapped memory only. */
void recover_edge_half_done(struct maps *maps);
/* Reads the edge back, after addresses and address spaces were read. What follows from it is written again if it is
 * wrong: hints, the owners of public addresses, the elastic IPs of addresses, what was set by edge.h. -ENOMEM, -errno
 * of bpf(). */
int recover_edge(struct maps *maps);

#endif
