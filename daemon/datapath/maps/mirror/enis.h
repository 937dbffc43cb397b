/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ENIs, and the address spaces of VPCs. */
#ifndef DATAPATH_MIRROR_ENIS_H
#define DATAPATH_MIRROR_ENIS_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"

/* Flags in an ENI's row that follow its port, not the plan. */
#define ENI_PORT_FLAGS (VPC_ENI_PEER_REDIRECT | VPC_ENI_TAP)
/* And those that follow from network ACLs. */
#define ENI_KEPT_FLAGS (ENI_PORT_FLAGS | VPC_ENI_ACL)

/* The row of an ENI by its record; set, generations and the flags of the port are zero. */
void eni_row_of(const struct eni_record *r, struct vpc_eni *ret);
/* The record of an ENI in the mirror, as far as the maps hold it. */
void eni_record_of(const struct mirror *m, uint32_t number, struct eni_record *ret);
/* Whether two rows agree in all that eni_row_of fills in. */
bool eni_row_equal(const struct vpc_eni *a, const struct vpc_eni *b);
/* What stands where a CIDR was that the VPC has no longer. */
extern const struct vpc_cidr4 space_empty4;
extern const struct vpc_cidr6 space_empty6;
/* The address space of a VPC by its record. CIDRs that stand in `before` keep their places, so that a program which
 * reads while they are written misses none of them: one that stands in the kernel as it should is equal to the result.
 */
void space_of(const struct vpc_record *v, const struct vpc_space *before, struct vpc_space *ret);
/* Whether host access names an address. address: network order; IPv4: as in the flow maps, and the last word counts. */
bool space_host_names(const struct vpc_space *space, bool v4, const __be32 address[4]);
/* Whether something that the host access of `before` names isn't named by that of `after`, or may not be. */
bool space_host_loses(const struct vpc_space *before, const struct vpc_space *after);

/* What a plan does to them. Errors as plan_rows. */
int plan_enis(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
int plan_vpcs(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);

#endif
