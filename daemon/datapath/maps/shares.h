/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the maps of flows are divided among VPCs: what each is guaranteed, kept up with the number of VPCs; and whose
 * idle flows are evicted when shares are nearly full. The programs (bpf/lib/flow/share.h) refuse and count by
 * themselves: no tenant takes what another is guaranteed even while vpcd does nothing.
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
	int64_t guaranteed; /* that it may have in any case */
	int64_t room;	    /* that it may add as things are */
};
void maps_vpc_flows(const struct maps *maps, uint32_t vpc, struct vpc_flows_count *ret);

/* How many translations one VPC may have, of a map for `size` where `used` are and `tenants` VPCs are routed out:
 * nearly all where no other VPC is. Of several each has an equal part of one half in any case. Of the other half one
 * may have what is left of it, at most a quarter of the map: since vpcd tells it once a second, two VPCs that take all
 * they can within one second leave the others their half. */
uint32_t shares_translations(uint32_t size, uint32_t tenants, uint64_t used);
/* About how many translations there are. */
uint64_t maps_translations(const struct maps *maps);

/* Brings the shares up to date: after a start, and once a second. */
void shares_update(struct maps *maps);

/* Whose idle flows are evicted, and how many. */
struct eviction {
	uint32_t vpc;
	uint32_t eni; /* that they count to; 0: any in the VPC */
	uint32_t n;
};
/* False: no share is nearly full. */
bool shares_to_evict(const struct maps *maps, struct eviction *ret);

/* Adds a map's shares to its row of the status. -ENOMEM. */
int shares_status(const struct maps *maps, enum map_id id, json_t *row);

#endif
