/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cutting flows that somebody names, whatever the rules say of them. */
#ifndef DATAPATH_MAPS_FLOWS_BY_HAND_H
#define DATAPATH_MAPS_FLOWS_BY_HAND_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

struct maps;

/*
 * Makes tombstones of n flows: both directions of each are dropped until it was silent for 16 minutes. No change of
 * rules brings it back. A SYN opens a new connection, if the rules allow it. ret_cut[i]: whether flow i was there and
 * not cut already. On the event loop. -errno of bpf(): the rest is not cut.
 */
int maps_cut_by_hand(struct maps *maps, const struct vpc_flow_key *key, uint32_t n, uint64_t now_ns, bool *ret_cut);

#endif
