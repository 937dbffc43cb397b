/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deleting flows that are idle past their timeout, or of an ENI that is gone. To walk a hash of a million buckets takes
 * milliseconds even where it is empty: that is the worker's part (read). What it found is judged and deleted by the
 * event loop, which alone knows the ENIs, a little at a time (step). The walk also recounts established flows and finds
 * flows to evict. Translations that are over go the same way (translations.h).
 */
#ifndef DATAPATH_MAPS_FLOWS_EXPIRY_H
#define DATAPATH_MAPS_FLOWS_EXPIRY_H

#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/cleanup.h>

struct maps;
struct maps_expiry;

/* budget: entries that one read looks at, about. Borrows the maps. -ENOMEM. */
int maps_expiry_new(const struct maps *maps, uint32_t budget, struct maps_expiry **ret);
/* Returns NULL. NULL is fine. */
struct maps_expiry *maps_expiry_free(struct maps_expiry *x);
DEFINE_CLEANUP(struct maps_expiry *, maps_expiry_free);
/* fn is called by steps for each flow that lives and isn't cut; fn NULL: nobody is. */
void maps_expiry_watch(struct maps_expiry *x,
		       void (*fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, void *userdata),
		       void *userdata);
/* How often all flows were looked at: each that was there when it was n has been told when it is n + 2. */
uint64_t maps_expiry_rounds(const struct maps_expiry *x);
/* Before a read: brings the shares of the VPCs up to date, and decides whether flows are evicted. now_ns:
 * CLOCK_MONOTONIC, also below. */
void maps_expiry_plan(struct maps *maps, struct maps_expiry *x, uint64_t now_ns);
/* Reads on where it stopped last time. Takes milliseconds. On any thread, while the maps are used, but not while a step
 * runs. -errno of the kernel. */
int maps_expiry_read(struct maps_expiry *x);
/* Deletes some of what was read, and adds to *deleted how many flows and translations. Takes some 100 µs at most. 1:
 * there is more of what was read; 0: that was all; -errno of the kernel: the rest of what was read is left to the next
 * time around. */
int maps_expiry_step(struct maps *maps, struct maps_expiry *x, uint64_t now_ns, unsigned *deleted);
/* Public tuples (keys of nat_in) of translations that the last step deleted, because their flow was cut or what made
 * them is gone, and of which the host's conntrack may have entries. Valid until the next step. */
const struct vpc_nat_key *maps_expiry_tracked(const struct maps_expiry *x, unsigned *ret_n);

#endif
