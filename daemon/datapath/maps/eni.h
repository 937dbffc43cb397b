/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's rows of ENIs and VPCs hold besides what is versioned by the epoch. */
#ifndef DATAPATH_MAPS_ENI_H
#define DATAPATH_MAPS_ENI_H

#include "datapath/maps/state.h"

/* Stores the fields of an ENI's row. Its set, its generations and the flags of its port stay as they are. */
void eni_store(struct maps *maps, uint32_t number, const struct vpc_eni *row);
/* Zeroes the counters of a number that is given to another ENI. -ENOMEM, -errno of bpf(). */
int eni_zero_counters(struct maps *maps, uint32_t number);
/* Stores a VPC's address space. For a moment readers see no CIDR at all: that only gives a drop another reason. */
void space_store(struct maps *maps, uint32_t number, const struct vpc_space *space);

#endif
