/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of recover() that is about the edge, and what the two files share. */
#ifndef DATAPATH_MAPS_RECOVER_EDGE_H
#define DATAPATH_MAPS_RECOVER_EDGE_H

#include "datapath/maps/state.h"

/* Clears a row that was born after the epoch; a death after it is undone. */
void recover_life(__u64 *born, __u64 *died, uint64_t epoch);
/* Clears what was to be in force after the epoch. */
void recover_versioned(struct vpc_versioned *v, uint64_t epoch);

/* Half-done work: only words of mapped maps. */
void recover_edge_half_done(struct maps *maps);
/* Reads the edge back, once addresses and address spaces are read. What follows from it (hints, whose a public address
 * is, which elastic IP an address has, what edge.h was told) is written anew where it is not right. -ENOMEM, -errno of
 * bpf(). */
int recover_edge(struct maps *maps);

#endif
