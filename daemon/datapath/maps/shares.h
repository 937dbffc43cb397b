/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the flow maps are divided among VPCs: what is guaranteed to each, which follows the number of VPCs, and whose
 * idle flows are evicted when shares are nearly full. The programs (bpf/lib/flow/share.h) count and refuse by
 * themselves. So nobody takes what is guaranteed to another, even while vpcd does nothing.
 */
#ifndef DATAPATH_MAPS_SHARES_H
#define DATAPATH_MAPS_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "datapath/maps/map.h"

struct maps;

/* What a VPC has of the map of established flows, in entries. */
struct vpc_flows_count {
	int64_t established, half_open;
	int64_t guaranteed; /* entries that it may always have */
	int64_t room;	    /* entries that it may add now */
};
void maps_vpc_flows(const struct maps *maps, uint32_t vpc, struct vpc_flows_count *ret);

/* How many translations one VPC may have, in a map for `size` that has `used`, when `tenants` VPCs are routed out. One
 * VPC alone may have nearly all. Of several, each may always have an equal part of one half. Of the other half, one may
 * have what is left of it, at most a quarter of the map. vpcd updates this once a second: two VPCs that take all they
 * can within one second leave the others their half. */
uint32_t shares_translations(uint32_t size, uint32_t tenants, uint64_t used);
/* About how many translations there are. */
uint64_t maps_translations(const struct maps *maps);

/* Updates the shares, after a start and once a second. */
void shares_update(struct maps *maps);

/* Whose idle flows are evicted, and how many. */
struct eviction {
	uint32_t vpc;
	uint32_t eni; /* the ENI to which they count; 0: any ENI of the VPC */
	uint32_t n;
};
/* False: no share is nearly full. */
bool shares_to_evict(const struct maps *maps, struct eviction *ret);

/* Adds a map's shares to its row of the status. -ENOMEM. */
int shares_status(const struct maps *maps, enum map_id id, json_t *row);

#endif
