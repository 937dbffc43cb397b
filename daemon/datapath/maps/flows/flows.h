/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading flows. */
#ifndef DATAPATH_MAPS_FLOWS_H
#define DATAPATH_MAPS_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

/* Entries that one system call of a walk copies: a kernel that doesn't preempt itself runs nothing else on that CPU
 * meanwhile. No bucket of a map that is not overfull holds more. */
#define FLOWS_READ_BATCH 128u

struct maps;

/* What is done with each flow; *key and *flow are copies that are valid until it returns. Not 0 stops. */
typedef int (*maps_flow_fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established,
			    void *userdata);

/* Calls fn for every flow of an ENI; eni 0: for every flow. What fn stops with is returned. Blocks. -ENOMEM, -errno of
 * bpf(). */
int maps_each_flow(struct maps *maps, uint32_t eni, maps_flow_fn fn, void *userdata);

#endif
