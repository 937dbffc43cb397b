/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each VPC received and sent since it was made: the sum over its ENIs, those that are gone included. It never goes
 * backwards. The kernel counts per ENI number, and a number's counters begin anew when it is given to another ENI.
 * Pure.
 */
#ifndef OBSERVE_TRAFFIC_H
#define OBSERVE_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/cleanup.h>

struct traffic;

/* The numbers of ENIs and of VPCs are below these. -ENOMEM. */
int traffic_new(uint32_t enis_end, uint32_t vpcs_end, struct traffic **ret);
/* Returns NULL. NULL is fine. */
struct traffic *traffic_free(struct traffic *t);
DEFINE_CLEANUP(struct traffic *, traffic_free);

/* Adds to a VPC what its ENI of this number has counted since the last call. incarnation: the ENI's; another one than
 * at the last call is another ENI, whose counters began at 0. A counter that is less than it was at the last call was
 * read before that one and adds nothing. Returns whether there was something to add. */
bool traffic_note(struct traffic *t, uint32_t vpc, uint32_t eni, uint32_t incarnation, const struct vpc_eni_stat *now);

/* A VPC's sum. */
struct vpc_eni_stat traffic_of_vpc(const struct traffic *t, uint32_t vpc);
/* Sets a VPC's sum; for one that is new or gone: all zero. */
void traffic_set_vpc(struct traffic *t, uint32_t vpc, const struct vpc_eni_stat *sum);

#endif
