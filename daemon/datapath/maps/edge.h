/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs know of the host's devices at the edge: uplinks, outer interfaces, the host's own addresses, and
 * the ports that translations may use. It is in no plan and has no epoch: it describes the devices as they are, and
 * counts at once. The engine passes on what net finds, at a start and whenever it changes. What was set is kept:
 * maps_reread writes it to the maps again, and maps_verify and the audit compare it. What was not set since maps_open
 * stays as the run before left it.
 *
 * All functions here are for the engine's thread. They may be called at any time, also while a change is prepared.
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

/* Stores the uplink of a VPC, by the VPC's number, and leads its host end's ifindex to the VPC. uplink NULL, or with
 * ifindex 0: the VPC has no uplink any more, which must be stored before the device is deleted. Pads are ignored.
 * ifindex is cleared first and stored last, so that no packet meets half of a change. -ERANGE: no such VPC number.
 * -errno of bpf(): nothing leads to the uplink. */
int maps_uplink_set(struct maps *maps, uint32_t vpc, const struct vpc_uplink *uplink);
/* Copies the stored uplink to *ret. Returns false if the VPC has none. */
bool maps_uplink(const struct maps *maps, uint32_t vpc, struct vpc_uplink *ret);
/* Stores only the MTU (bytes) and the flags, as one word each, so that packets go on. -ENOENT: the VPC has no
 * uplink. */
int maps_uplink_adjust(struct maps *maps, uint32_t vpc, uint32_t mtu, uint32_t flags);

/* --- outer interfaces --------------------------------------------------------------------------------------------- */

struct maps_outer {
	uint32_t ifindex;
	struct vpc_outer row;
};
#define MAPS_OUTERS_MAX 64
/* Stores all outer interfaces there are, and removes others from the map. An interface that stays the same is not
 * touched. -E2BIG: more than MAPS_OUTERS_MAX, and nothing was done. -errno of bpf(): some may be missing; call
 * again. */
int maps_outers_set(struct maps *maps, const struct maps_outer *outers, size_t n);

/* Stores all addresses of the host at which there are translations or published ports (VPC_PUBLIC_HOST), IPv4 and IPv6,
 * in any order, and removes others. -E2BIG: more than MAPS_HOST_ADDRESSES_MAX, and nothing was done. -errno of bpf():
 * some may be missing; call again. */
#define MAPS_HOST_ADDRESSES_MAX 1024
int maps_host_addresses_set(struct maps *maps, const struct ip *addresses, size_t n);
/* Does the same with all addresses that the host has on any of its interfaces (VPC_PUBLIC_OWN). Nobody else may send
 * from them, and host access is about them. */
int maps_own_addresses_set(struct maps *maps, const struct ip *addresses, size_t n);

/* --- the rest of edge_ctl ----------------------------------------------------------------------------------------- */

/* Sets the ports that the host gives to its own sockets (net.ipv4.ip_local_port_range, both inclusive, host byte
 * order). Translations prefer the larger part of 1024..65535 outside of them. The default is 32768..60999. */
void maps_local_ports_set(struct maps *maps, uint16_t first, uint16_t last);
/* Sets whether the host's own forwarding sends packets that leave VPCs (VPC_EDGE_FORWARD). */
void maps_edge_forward_set(struct maps *maps, bool forward);

#endif
