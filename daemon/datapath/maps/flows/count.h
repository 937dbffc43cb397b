/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counting packets by flow, for flow logs, by the program of bpf/observe.bpf.c. It is the filter of a packet socket in
 * each VPC that has a flow log, and counts what comes into the VPC by its ports and its uplink, whether it is let
 * through or not.
 */
#ifndef DATAPATH_MAPS_FLOWS_COUNT_H
#define DATAPATH_MAPS_FLOWS_COUNT_H

#include <stdint.h>

#include <vpc/abi/flow_count.h>
#include <vpc/cleanup.h>

struct flow_count;

/* Loads the program. entries: how many flows it may count between two readings. -ENOMEM, -errno of bpf(). */
int flow_count_open(uint32_t entries, struct flow_count **ret);
/* Descriptor of the program, borrowed: for SO_ATTACH_BPF. Sockets keep it. */
int flow_count_prog(const struct flow_count *c);
/* Returns NULL. NULL is fine. */
struct flow_count *flow_count_close(struct flow_count *c);
DEFINE_CLEANUP(struct flow_count *, flow_count_close);

typedef int (*flow_count_fn)(const struct vpc_flow_count_key *key, const struct vpc_flow_count *count, void *userdata);
/* Calls fn for everything that was counted since the last call, and begins anew. *ret_lost: packets that weren't
 * counted because there was no room. Blocks for a grace period; on any thread, one at a time. What fn stops with, other
 * than 0, is returned, and the rest is lost. -ENOMEM, -errno of bpf(). */
int flow_count_read(struct flow_count *c, flow_count_fn fn, void *userdata, uint64_t *ret_lost);

#endif
