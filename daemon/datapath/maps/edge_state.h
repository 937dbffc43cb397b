/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The edge, as the files of this folder share it. */
#ifndef DATAPATH_MAPS_EDGE_STATE_H
#define DATAPATH_MAPS_EDGE_STATE_H

#include "datapath/maps/state.h"

MAPPED(subnet_table_at, MAP_SUBNET_TABLE, struct vpc_versioned);
MAPPED(route_plens_at, MAP_ROUTE_PLENS, struct vpc_route_plens);
MAPPED(route_at, MAP_ROUTE_ROW, struct vpc_route_row);
MAPPED(uplink_at, MAP_UPLINK, struct vpc_uplink);
MAPPED(edge_ctl_at, MAP_EDGE_CTL, struct vpc_edge_ctl);
MAPPED(eip_at, MAP_EIP, struct vpc_eip);
MAPPED(nat_at, MAP_NAT, struct vpc_nat);
MAPPED(publish_at, MAP_PUBLISH_ROW, struct vpc_publish_row);
MAPPED(nat_used_at, MAP_NAT_USED, __s64);

/* At a start: reads from the maps what the run before had set by edge.h. Release it with edge_clear. -ENOMEM, -errno of
 * bpf(). */
int edge_adopt(struct maps *maps);
void edge_clear(struct maps *maps);
/* Writes all of that again where the maps differ, and the owner of each public address. -ENOMEM, -errno of bpf(). */
int edge_restore(struct maps *maps);
/* Fills *ret with what the map should have for a public address; kind 0: it is not public. */
void edge_public_value(const struct maps *maps, const struct vpc_public_key *key, struct vpc_public *ret);
bool edge_uplink_equal(const struct vpc_uplink *a, const struct vpc_uplink *b);
bool edge_outer_equal(const struct vpc_outer *a, const struct vpc_outer *b);
/* The outer interface as it was set; NULL: it is none. */
const struct vpc_outer *edge_outer(const struct maps *maps, uint32_t ifindex);
void edge_public_key_of(uint32_t address, struct vpc_public_key *ret);
/* Stores the row of a public address, or deletes its key. -errno of bpf(). */
int edge_public_store(struct maps *maps, const struct vpc_public_key *key);
/* Fills the port ranges of edge_ctl. */
void edge_ports_of(const struct maps *maps, struct vpc_edge_ctl *ret);
/* Returns the larger part of 1024..65535 outside of the host's own range; all of it if nothing is outside. Both
 * inclusive, host byte order. */
void edge_preferred_ports(uint32_t local_first, uint32_t local_last, uint32_t *ret_first, uint32_t *ret_last);

#endif
