/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's maps of the edge, compared with the mirror and with what was set by edge.h: for the audit, and for the
 * part of maps_verify that no plan describes. Each function returns 1: *ret says what the difference is; 0: none;
 * -errno of bpf(). No change may be prepared.
 */
#ifndef DATAPATH_MAPS_EDGE_CHECK_H
#define DATAPATH_MAPS_EDGE_CHECK_H

#include "datapath/maps/state.h"
#include "datapath/maps/verify/audit.h"

/* By the number in its map. */
int edge_check_route(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int edge_check_association(const struct maps *maps, uint32_t subnet, struct maps_finding *ret);
int edge_check_nat(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int edge_check_eip(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int edge_check_publish(const struct maps *maps, uint32_t number, struct maps_finding *ret);
/* The VPC's uplink, and the prefixes of its IPv6 address space. */
int edge_check_uplink(const struct maps *maps, uint32_t vpc, struct maps_finding *ret);
/* edge_ctl, outer interfaces, addresses of the host. */
int edge_check_host(const struct maps *maps, struct maps_finding *ret);
/* Whether an element of one of the hashes should be there. */
int edge_check_key(const struct maps *maps, enum map_id id, const void *key, const void *value,
		   struct maps_finding *ret);

#endif
