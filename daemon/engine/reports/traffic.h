/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of many objects at once: what VPCs received and sent, and the report of all traffic. */
#ifndef ENGINE_TRAFFIC_H
#define ENGINE_TRAFFIC_H

#include "engine/engine.h"
#include "observe/traffic.h"

/* -ENOMEM. */
int traffic_start(struct engine *e);
void traffic_end(struct engine *e);

/* Reads the counters of a VPC's ENIs, and what they come to. What can't be read is left as it was. */
void traffic_refresh_vpc(struct engine *e, uint32_t vpc, struct vpc_eni_stat *ret);
/* A change that deleted the object was published: an ENI's counters are read for the last time, a VPC's sum ends. */
void traffic_object_is_gone(struct engine *e, const struct object *o);

#endif
