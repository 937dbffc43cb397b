/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of ENIs. An ENI's MAC is an address too, in the space of its bridge. */
#ifndef DATAPATH_MIRROR_ADDRS_H
#define DATAPATH_MIRROR_ADDRS_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"

/* vpc: number of a VPC, or ifindex of a bridge. */
void addr_key_of(uint32_t vpc, const struct ip *ip, struct vpc_addr_key *ret);
/* The newest row with this key that is not dead; 0: none. */
uint32_t addr_find(const struct mirror *m, const struct vpc_addr_key *key);
/* The row that the kernel's hash leads to; 0: none. */
uint32_t addr_find_hashed(const struct mirror *m, const struct vpc_addr_key *key);
void addr_link(struct mirror *m, uint32_t number, const struct vpc_addr_key *key, uint32_t eni, enum node_state state);
/* The node is free then, and its number still has to be given back. */
void addr_unlink(struct mirror *m, uint32_t number);

/* What a plan does to them. Errors as plan_rows. */
int plan_addrs(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);

#endif
