/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's side of prepare, undo, publish and retire for the edge: routes, gateways, elastic IPs, published ports.
 */
#ifndef DATAPATH_MAPS_WRITE_EDGE_H
#define DATAPATH_MAPS_WRITE_EDGE_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* As write_change, for its part. -ENOMEM, -errno of bpf(). */
int write_edge(struct maps *maps, struct maps_change *c);
/* After the mirror was undone: public addresses are whose they were. */
void write_edge_undone(struct maps *maps, struct maps_change *c);
/* After the epoch was stored, and before the mirror is published: leads the keys of ports that moved to their new rows;
 * what the kernel refuses is left `moved`. */
void write_moved_publishes(struct maps *maps, struct maps_change *c);
/* After the mirror was published: what is not versioned. Can't fail; what the kernel refuses is the audit's. */
void write_edge_published(struct maps *maps, struct maps_change *c);
/* The change is retired: what is dead leaves the maps. */
void retire_edge(struct maps *maps, struct maps_change *c);
/* The keys of prefix6 that a VPC's address space stands for; *plens gets their lengths, as edge_ctl has them. Returns
 * how many. */
unsigned edge_prefixes6(const struct vpc_space *space, struct vpc_prefix6_key ret[VPC_CIDRS_MAX], uint32_t *plens);
/* Whether the key is one of those of a VPC, by its number. */
bool edge_has_prefix6(const struct maps *maps, uint32_t vpc, const struct vpc_prefix6_key *key);
/* Computes anew which lengths of prefix6 there are. */
void edge_prefix6_plens(struct maps *maps);

#endif
