/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deleting translations that are over: idle past their timeout, of a NAT gateway, a publication or an ENI that is gone,
 * of a flow that was cut; and entries whose other entry is missing. The programs don't follow a translation that is
 * over, so this only gives back its room. flows/expiry.h drives it: reading is the worker's part, deleting the event
 * loop's. A walk around nat_out also recounts nat_used.
 */
#ifndef DATAPATH_MAPS_FLOWS_TRANSLATIONS_H
#define DATAPATH_MAPS_FLOWS_TRANSLATIONS_H

#include <vpc/cleanup.h>

#include "datapath/maps/state.h"

struct translations;

/* budget: entries that one read looks at, about. Borrows the maps. -ENOMEM. */
int translations_new(const struct maps *maps, uint32_t budget, struct translations **ret);
/* Returns NULL. NULL is fine. */
struct translations *translations_free(struct translations *x);
DEFINE_CLEANUP(struct translations *, translations_free);

/* On the worker. A read begins; then the flows that were met, of which tombstones with the outside count; then the
 * entries of nat_out and nat_in, on from where it stopped. -errno of the kernel. */
void translations_begin(struct translations *x, uint64_t now_ns);
void translations_flow(struct translations *x, const struct vpc_flow_key *key, const struct vpc_flow *flow);
int translations_read(struct translations *x);

/* On the event loop: deletes some of what was read, and adds to *deleted how many translations. Takes some 100 µs at
 * most. 1: there is more; 0: that was all; -errno of the kernel. */
int translations_step(struct maps *maps, struct translations *x, uint64_t now_ns, unsigned *deleted);

/* Public tuples, as keys of nat_in, of translations that the last step deleted because their flow was cut or what made
 * them is gone, and of which the host's conntrack may have entries. Valid until the next step. */
const struct vpc_nat_key *translations_tracked(const struct translations *x, unsigned *ret_n);
/* The same of a flow that is there. False: the host's conntrack has no entry of it. */
bool translation_tracked(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
			 struct vpc_nat_key *ret);

/* The translation of a flow with the outside, as a key of nat_out. False: it can't have one. */
bool translation_of_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, struct vpc_nat_key *ret);

/* The entry of nat_out with this key. On any thread; false: there is none. */
bool translation_find(const struct maps *maps, const struct vpc_nat_key *out, struct vpc_nat_entry *ret);

#endif
