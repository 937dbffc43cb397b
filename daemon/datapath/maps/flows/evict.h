/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evicting flows: where a share is nearly full (shares.h says whose), the flows of that VPC or ENI that have been idle
 * longest are deleted. plan and step run on the event loop, read on the worker between them. The program that deletes
 * looks again whether the flow is still idle.
 */
#ifndef DATAPATH_MAPS_FLOWS_EVICT_H
#define DATAPATH_MAPS_FLOWS_EVICT_H

#include "datapath/maps/state.h"

struct evict;

/* -ENOMEM. */
int evict_new(const struct maps *maps, struct evict **ret);
/* Returns NULL. NULL is fine. */
struct evict *evict_free(struct evict *d);
/* Decides whether flows are evicted this time, and whose. now_ns: CLOCK_MONOTONIC. */
void evict_plan(const struct maps *maps, struct evict *d, uint64_t now_ns);
/* Walks `flow` for them, if any are wanted. On an error none are found. -ENOMEM, -errno of the kernel. */
int evict_read(struct evict *d);
/* Deletes some of what was found. 1: there are more; 0: that was all; -errno of bpf(). */
int evict_step(struct maps *maps, struct evict *d, uint64_t now_ns);

#endif
