/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status, and which VPC an object belongs to. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#include "engine/engine_private.h"

/* Number of the VPC that a VPC, subnet or ENI (by id) belongs to; 0: there is no such object. */
uint32_t engine_vpc_of(const struct engine *e, const char *id);

#endif
