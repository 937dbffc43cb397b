/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of rules, groups, sets, ENIs, addresses and VPCs in the kernel's maps, compared with the mirror: for the audit.
 * Each looks at one number of its map. Returns 1: *ret says what the difference is; 0: none; -errno of bpf(). While no
 * change is prepared.
 */
#ifndef DATAPATH_MAPS_ROW_CHECK_H
#define DATAPATH_MAPS_ROW_CHECK_H

#include "datapath/maps/state.h"
#include "datapath/maps/verify/audit.h"

int row_check_row(const struct maps *maps, uint32_t number, struct maps_finding *ret);
/* Whether its key in the kernel's hash leads to it. */
int row_check_row_key(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_group(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_mask_group(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_mask_group_key(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_set(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_eni(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_addr(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_space(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_address_config(const struct maps *maps, uint32_t number, struct maps_finding *ret);
int row_check_address_options(const struct maps *maps, uint32_t number, struct maps_finding *ret);

#endif
