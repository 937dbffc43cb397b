/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carrying flows over an upgrade to another ABI, which has maps of its own. Without it TCP flows could be picked up in
 * mid-stream; but what answers a UDP packet or an echo request could not be told from what opens a flow.
 *
 * A carried flow has epoch 0: its next packet has its opening packet judged again by the rules in force, so a flow that
 * was cut stays cut; one that was cut by hand isn't judged again. Numbers and incarnations of ENIs and VPCs come from
 * the store and are the same in both versions.
 */
#ifndef DATAPATH_MAPS_FLOWS_CARRY_H
#define DATAPATH_MAPS_FLOWS_CARRY_H

#include "datapath/maps/state.h"

/* Maps of the version before. */
struct carry {
	struct kernel_map from[2]; /* flow, flow_new; fd -1: there is none. Owned */
};
#define CARRY_INIT ((struct carry){.from = {{.fd = -1}, {.fd = -1}}})

/* Opens them, if they are pinned and understood. -errno of bpf(). */
int carry_open(const struct maps *maps, struct carry *ret);
void carry_close(struct carry *c);
/* Copies their flows. now_ns: CLOCK_MONOTONIC. -ENOMEM, -errno of bpf(): not all were copied. */
int carry_flows(struct maps *maps, const struct carry *from, uint64_t now_ns);

#endif
