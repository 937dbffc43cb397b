/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the flows that somebody wants, out of all, a piece at a time and on any thread. Memory is that of a piece.
 *
 * Flows come, go and move from map to map meanwhile. A flow that stays in its map from the beginning to the end is met
 * once. One that moves may be met twice, or not at all.
 */
#ifndef DATAPATH_MAPS_FLOWS_WALK_H
#define DATAPATH_MAPS_FLOWS_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/cleanup.h>

#include "datapath/maps/flows/flows.h"

struct maps;
struct flow_walk;

/* A piece has about so many of the wanted flows at most: fewer than FLOW_WALK_PIECE and one batch. */
#define FLOW_WALK_PIECE 64u
#define FLOW_WALK_MOST	(FLOW_WALK_PIECE + FLOWS_READ_BATCH)
/* Flows that are looked at for a piece at most, about: some milliseconds. */
#define FLOW_WALK_LOOKS 16384u

/* Whether a flow is wanted. It runs on the thread that reads. now_ns: CLOCK_MONOTONIC, when the piece began. */
typedef bool (*flow_wanted_fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, uint64_t now_ns,
			       const void *userdata);

/* Borrows the maps and userdata. thorough: to miss no flow that moves meanwhile, some are met twice. -ENOMEM. */
int flow_walk_new(struct maps *maps, bool thorough, flow_wanted_fn wanted, const void *userdata,
		  struct flow_walk **ret);
/* Returns NULL. NULL is fine. */
struct flow_walk *flow_walk_free(struct flow_walk *w);
DEFINE_CLEANUP(struct flow_walk *, flow_walk_free);

/* Reads the next piece in place of the one before, which may have no flows. 1: there is more; 0: that was the last;
 * -errno of the kernel. */
int flow_walk_read(struct flow_walk *w);

struct flow_walk_piece {
	const struct vpc_flow_key *key;
	const struct vpc_flow *flow;
	uint32_t n;
	uint64_t now_ns; /* CLOCK_MONOTONIC: when it was begun to be read */
};
/* What the last read has found. Borrowed until the next one. */
struct flow_walk_piece flow_walk_piece(const struct flow_walk *w);

#endif
