/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of recover() that is about the edge, and what the two files share. */
#ifndef DATAPATH_MAPS_RECOVER_EDGE_H
#define DATAPATH_MAPS_RECOVER_EDGE_H

#include "datapath/maps/state.h"

/* Clears a row that was born after the epoch, or undoes a death after it. */
void recover_life(__u64 *born, __u64 *died, uint64_t epoch);
/* Clears a slot that was to be in force after the epoch. */
void recover_versioned(struct vpc_versioned *v, uint64_t epoch);

/* Clears half-done work of the edge. It touches mapped memory only. */
void recover_edge_half_done(struct maps *maps);
/* Reads the edge back, after addresses and address spaces were read. What follows from it is written again if it is
 * wrong: hints, the owners of public addresses, the elastic IPs of addresses, what was set by edge.h. -ENOMEM, -errno
 * of bpf(). */
int recover_edge(struct maps *maps);

#endif
