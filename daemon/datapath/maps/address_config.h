/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ports answer DHCP, DHCPv6 and router solicitations with. No packet is judged by it, so it is not versioned
 * by the epoch: it is written after a plan was published, and at a start for the whole state.
 */
#ifndef DATAPATH_MAPS_ADDRESS_CONFIG_H
#define DATAPATH_MAPS_ADDRESS_CONFIG_H

#include <jansson.h>

#include "compiler/plan.h"

struct maps;

/* Writes it for the ENIs and VPCs of a plan. What is right already stays as it is. Returns how many rows of the plan
 * somebody else had changed. */
size_t maps_address_config_apply(struct maps *maps, const struct plan *plan);
/* Compares it with the whole state, and appends differences to report, as maps_verify. -ENOMEM. */
int maps_address_config_verify(struct maps *maps, const struct plan *all, json_t *report);

/* Whether a row is as it was written last: what an ENI's number answers, and the options of a VPC's number. The number
 * is in its map. */
bool address_config_unchanged(const struct maps *maps, uint32_t number);
bool address_options_unchanged(const struct maps *maps, uint32_t number);

#endif
