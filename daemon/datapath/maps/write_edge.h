/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's side of prepare, undo, publish and retire for the edge: routes, gateways, elastic IPs, published ports.
 */
#ifndef DATAPATH_MAPS_WRITE_EDGE_H
#define DATAPATH_MAPS_WRITE_EDGE_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* Does for the edge what write_change does. -ENOMEM, -errno of bpf(). */
int write_edge(struct maps *maps, struct maps_change *c);
/* Restores the rows of public addresses, after the mirror was undone. */
void write_edge_undone(struct maps *maps, struct maps_change *c);
/* Leads the keys of ports that moved to their new rows, after the epoch was stored and before the mirror is published.
 * A key that the kernel refuses stays marked `moved`. */
void write_moved_publishes(struct maps *maps, struct maps_change *c);
/* Writes what the epoch doesn't version, after the mirror was published. Can't fail; the audit finds what the kernel
 * refuses. */
void write_edge_published(struct maps *maps, struct maps_change *c);
/* Deletes what is dead from the maps, when the change is retired. */
void retire_edge(struct maps *maps, struct maps_change *c);
/* Writes the keys that a VPC's address space has in prefix6 to ret, and their lengths to *plens, as in edge_ctl.
 * Returns how many there are. */
unsigned edge_prefixes6(const struct vpc_space *space, struct vpc_prefix6_key ret[VPC_CIDRS_MAX], uint32_t *plens);
/* Whether the VPC has this key of prefix6. */
bool edge_has_prefix6(const struct maps *maps, uint32_t vpc, const struct vpc_prefix6_key *key);
/* Computes the lengths of prefix6 that are in use. */
void edge_prefix6_plens(struct maps *maps);

#endif
