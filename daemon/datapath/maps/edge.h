/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs know of the host's devices at the edge: uplinks, outer interfaces, the host's own addresses, and
 * the ports that translations may take. No plan says this and no epoch: it follows the devices, and counts at once. The
 * engine tells it from what net finds: at a start, and whenever it changes. What is told once is kept: after
 * maps_reread it stands in the maps again, and maps_verify and the audit compare it. What was not told since maps_open
 * stands as the run before left it.
 *
 * Everything here is for the engine's thread, at any time, also while a change is prepared.
 */
#ifndef DATAPATH_MAPS_EDGE_H
#define DATAPATH_MAPS_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

#include "compiler/plan.h"

struct maps;

/* --- uplinks ------------------------------------------------------------------------------------------------------ */

/* Stores the uplink of a VPC, by its number, and leads its host end's ifindex to the VPC. uplink NULL, or with ifindex
 * 0: it has none any more; to be called before the device is deleted. pads are ignored. The order of a change is so
 * that no packet meets half of it: ifindex is cleared first and stored last. -ERANGE: no such VPC number; -errno of
 * bpf(): nothing leads to the uplink. */
int maps_uplink_set(struct maps *maps, uint32_t vpc, const struct vpc_uplink *uplink);
/* What was stored; false: it has none. */
bool maps_uplink(const struct maps *maps, uint32_t vpc, struct vpc_uplink *ret);
/* Stores only the MTU and the flags, as one word each: packets go on. -ENOENT: it has no uplink. */
int maps_uplink_adjust(struct maps *maps, uint32_t vpc, uint32_t mtu, uint32_t flags);

/* --- outer interfaces --------------------------------------------------------------------------------------------- */

struct maps_outer {
	uint32_t ifindex;
	struct vpc_outer row;
};
#define MAPS_OUTERS_MAX 64
/* Stores all outer interfaces there are; others leave the map. An interface that stays as it is is not touched.
 * -E2BIG: more than MAPS_OUTERS_MAX, nothing was done; -errno of bpf(): some may be missing, call again. */
int maps_outers_set(struct maps *maps, const struct maps_outer *outers, size_t n);

/* Stores all addresses of the host behind which there are translations or published ports (VPC_PUBLIC_HOST), IPv4 and
 * IPv6, in any order; others stop being the host's. -E2BIG: more than MAPS_HOST_ADDRESSES_MAX, nothing was done; -errno
 * of bpf(): some may be missing, call again. */
#define MAPS_HOST_ADDRESSES_MAX 256
int maps_host_addresses_set(struct maps *maps, const struct ip *addresses, size_t n);

/* --- the rest of edge_ctl ----------------------------------------------------------------------------------------- */

/* The ports that the host gives to its own sockets (net.ipv4.ip_local_port_range, both inclusive, host byte order).
 * Translations prefer the larger part of 1024..65535 beside them. Until this is called: 32768..60999. */
void maps_local_ports_set(struct maps *maps, uint16_t first, uint16_t last);
/* Whether the programs leave the way out to the host's own forwarding (VPC_EDGE_FORWARD). */
void maps_edge_forward_set(struct maps *maps, bool forward);

#endif
