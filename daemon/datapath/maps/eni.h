/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fields of the kernel's rows of ENIs and VPCs that the epoch doesn't version. */
#ifndef DATAPATH_MAPS_ENI_H
#define DATAPATH_MAPS_ENI_H

#include "datapath/maps/state.h"

/* Stores the fields of an ENI's row, except its set, its generations and the flags of its port. */
void eni_store(struct maps *maps, uint32_t number, const struct vpc_eni *row);
/* Zeroes the counters of a number that is given to another ENI. -ENOMEM, -errno of bpf(). */
int eni_zero_counters(struct maps *maps, uint32_t number);
/* Stores a VPC's address space. Readers may see no CIDR for a moment, which only changes the reason of a drop. */
void space_store(struct maps *maps, uint32_t number, const struct vpc_space *space);
/* Stores its host access. space_store() only takes away what is no longer in force. */
void space_store_hosts(struct maps *maps, uint32_t number, const struct vpc_space *space);

#endif
