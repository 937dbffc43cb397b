/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flow that a packet belongs to, and whether its judgement still stands (bpf/lib/flow/, bpf/lib/core/stamp.h). */
#ifndef DATAPATH_MAPS_LOOK_FLOW_H
#define DATAPATH_MAPS_LOOK_FLOW_H

#include "datapath/maps/look/look.h"

/* Makes the key of a packet's flow. via: as in struct vpc_flow_key. Returns the index of the packet's source in it. */
unsigned look_flow_key(const struct look_packet *p, uint32_t vpc, uint32_t via, struct vpc_flow_key *ret);
/* The flow of a key, copied. False: there is none, or it has expired. On any thread, with a look of `maps` and
 * `now_ns`. */
bool look_flow(const struct look *l, const struct vpc_flow_key *key, struct vpc_flow *ret);
/* Whether a side of the flow (bit i: side i) has a grace that lasts. */
unsigned look_graces(const struct look *l, const struct vpc_flow *f);

/* The newest changes that concern an ENI with this set: `revoke` may take from what was allowed, `any` may also add. */
struct look_stamp {
	uint64_t revoke, any;
};
/* Raises the stamp by the ENI's and its set's. */
void look_stamp(const struct look *l, const struct vpc_eni *e, uint32_t set, struct look_stamp *stamp);

/* Which side may have no more established flows: 0 the opener, 1 the responder; -1: there is room. eni 0: the side is
 * not local. */
int look_flow_share(const struct look *l, uint32_t vpc, uint32_t opener, uint32_t responder);

#endif
