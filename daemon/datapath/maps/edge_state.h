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

/* At a start: takes what the run before told (edge.h) from the maps. -ENOMEM, -errno of bpf(). Release with edge_clear.
 */
int edge_adopt(struct maps *maps);
void edge_clear(struct maps *maps);
/* Writes all of that anew where the maps say something else, and whose each public address is. -ENOMEM, -errno of
 * bpf(). */
int edge_restore(struct maps *maps);
/* Whose a public address is, as the map says it; kind 0: nobody's. */
void edge_public_value(const struct maps *maps, const struct vpc_public_key *key, struct vpc_public *ret);
bool edge_uplink_equal(const struct vpc_uplink *a, const struct vpc_uplink *b);
bool edge_outer_equal(const struct vpc_outer *a, const struct vpc_outer *b);
/* What was told of an outer interface; NULL: it is none. */
const struct vpc_outer *edge_outer(const struct maps *maps, uint32_t ifindex);
void edge_public_key_of(uint32_t address, struct vpc_public_key *ret);
/* Whether it is an address of the host, as told. */
bool edge_is_host(const struct maps *maps, const struct vpc_public_key *key);
/* Stores whose a public address is, or takes its key out. -errno of bpf(). */
int edge_public_store(struct maps *maps, const struct vpc_public_key *key);
/* Fills in the ports of edge_ctl. */
void edge_ports_of(const struct maps *maps, struct vpc_edge_ctl *ret);
/* The larger part of 1024..65535 beside the host's own; all of it where nothing is beside. */
void edge_preferred_ports(uint32_t local_first, uint32_t local_last, uint32_t *ret_first, uint32_t *ret_last);

#endif
