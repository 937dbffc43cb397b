/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which established flows a change cuts. A flow of which a packet came first is a tombstone already. Its tombstone has
 * the change's epoch, so it counts as one that the change cut.
 */
#ifndef DATAPATH_MAPS_FLOWS_CUT_H
#define DATAPATH_MAPS_FLOWS_CUT_H

#include <vpc/cleanup.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/flows/flows.h"

struct maps;

/* Before the generations of a change are raised: notes whether an ENI that it takes something away from has established
 * flows. (A packet that finds out that its flow is cut takes it off the count.) Looks only at ENIs that the change
 * affects, and at none when it only adds. */
void cut_note_affected(struct maps *maps, struct maps_change *c);

/* About how many established flows there are. */
uint64_t maps_established(const struct maps *maps);

/* Calls fn for each established flow that a prepared change would cut, or that a published one (not yet retired) has
 * cut; c NULL: for none. Reads no flow where none can be cut. now_ns: CLOCK_MONOTONIC. What fn stops with is returned.
 * Blocks. -ENOMEM, -errno of bpf(). */
int maps_cut_flows(struct maps *maps, const struct maps_change *c, uint64_t now_ns, maps_flow_fn fn, void *userdata);

/* The same for a published change without keeping the event loop: read on another thread, step until it wants more
 * read, and so on to the end. */
struct maps_cut_search;
/* *ret NULL: no established flow can be cut. before: the change is not retired until the end, so that what an earlier
 * change cut is not told again. -ENOMEM. */
int maps_cut_search_new(struct maps *maps, const struct maps_change *c, bool before, struct maps_cut_search **ret);
/* Returns NULL. NULL is fine. */
struct maps_cut_search *maps_cut_search_free(struct maps_cut_search *x);
DEFINE_CLEANUP(struct maps_cut_search *, maps_cut_search_free);
/* On any thread, but not while a step runs. -errno of the kernel. */
int maps_cut_search_read(struct maps_cut_search *x);
#define MAPS_CUT_SEARCH_END  0 /* that was all */
#define MAPS_CUT_SEARCH_STEP 1 /* step again */
#define MAPS_CUT_SEARCH_READ 2 /* read again */
/* Takes some 100 µs. MAPS_CUT_SEARCH_…, or -errno of the kernel. fn returns 0. */
int maps_cut_search_step(struct maps *maps, struct maps_cut_search *x, maps_flow_fn fn, void *userdata);
/* At the end, if the change is not retired: flows whose grace it ended. */
int maps_cut_search_last(struct maps *maps, const struct maps_change *c, maps_flow_fn fn, void *userdata);

/* The public tuple (a key of nat_in) by which the host's conntrack may have an entry of a flow. False: it has none. */
bool maps_flow_tracked(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		       struct vpc_nat_key *ret);

#endif
