/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The edge: how packets leave the host, and what the programs are told of its devices. */
#ifndef ENGINE_EDGE_H
#define ENGINE_EDGE_H

#include "datapath/net/net.h"
#include "engine/engine.h"
#include "engine/engine_private.h"

/* Copies what the configuration says. -ENOMEM. */
int edge_begin(struct engine *e, const struct engine_config *config);
void edge_end(struct engine *e);
/* Tests how packets can leave the host, and tells the maps. Blocks for some ms. */
void edge_choose(struct engine *e);
/* net_overlap_fn: the VPC's condition says so. */
void edge_overlap(const char *vpc_id, const struct cidr *cidr, const struct cidr *network, void *userdata);
/* net_uplink_fn and net_edge_fn: pass what net reports to the maps. */
void edge_uplink(uint32_t vpc, const struct net_uplink *uplink, void *userdata);
void edge_outers(const struct net_edge *edge, void *userdata);
/* {"mode": "redirect"|"forward"|"off", "reason": text, "outer": [name, …], "left_out": name or null}. NULL: no memory.
 */
json_t *edge_status(const struct engine *e);

/* Deletes the entries that the host's conntrack has of translations whose flows were cut, by their public tuples. */
void edge_untrack(struct engine *e, const struct vpc_nat_key *tuples, unsigned n);

#endif
