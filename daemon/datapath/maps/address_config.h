/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ports answer to DHCP, DHCPv6 and router solicitations. No packet is judged by it, so the epoch doesn't
 * version it. It is written after a plan was published, and at a start for the whole state.
 */
#ifndef DATAPATH_MAPS_ADDRESS_CONFIG_H
#define DATAPATH_MAPS_ADDRESS_CONFIG_H

#include <jansson.h>

#include "compiler/plan.h"

struct maps;

/* Writes the rows of a plan's ENIs and VPCs. A row that is right is not touched. Returns how many of the plan's rows
 * somebody else had changed. */
size_t maps_address_config_apply(struct maps *maps, const struct plan *plan);
/* Compares the rows with the whole state, and appends the differences to report, as maps_verify does. -ENOMEM. */
int maps_address_config_verify(struct maps *maps, const struct plan *all, json_t *report);

/* Whether a row is as it was last written: that of an ENI's number, and the options of a VPC's number. The number must
 * be within the map. */
bool address_config_unchanged(const struct maps *maps, uint32_t number);
bool address_options_unchanged(const struct maps *maps, uint32_t number);

#endif
