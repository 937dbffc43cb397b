/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a subnet's route table leads, as bpf/lib/route/routes.h asks it. */
#ifndef DATAPATH_MAPS_LOOK_ROUTE_H
#define DATAPATH_MAPS_LOOK_ROUTE_H

#include "datapath/maps/look/look.h"

struct look_route {
	uint32_t table;		  /* number; 0: the subnet has none */
	uint32_t target;	  /* VPC_TARGET_… << VPC_TARGET_SHIFT | number; 0: no route */
	struct vpc_route_key key; /* of the route that was found */
};

/* The longest route of the table of ENI `eni`'s subnet to an address. */
struct look_route look_route(const struct look *l, uint32_t eni, uint8_t family, const __be32 *address);
/* Whether the address is one of the host's own that the host access of the VPC names. */
bool look_host_access(const struct look *l, uint32_t vpc, uint8_t family, const __be32 *address);
/* The VPC in whose address space an address is, if the host's routes lead there for its host access; 0: none. */
uint32_t look_host_routes(const struct look *l, uint8_t family, const __be32 *address);
/* The row of a VPC's uplink, borrowed; NULL: it has none. */
const struct vpc_uplink *look_uplink(const struct look *l, uint32_t vpc);

#endif
