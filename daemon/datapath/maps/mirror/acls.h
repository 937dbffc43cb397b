/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs: which have a table, which subnets use them, and the ENIs of a subnet. */
#ifndef DATAPATH_MIRROR_ACLS_H
#define DATAPATH_MIRROR_ACLS_H

#include "datapath/maps/mirror/change.h"

/* Puts an ENI into the list of a subnet's ENIs; 0: into none. subnet: less than size.subnets. */
void subnet_of_eni(struct mirror *m, uint32_t eni, uint32_t subnet);
/* VPC_ENI_ACL, or 0: what the row of an ENI in the subnet has. */
uint32_t acl_eni_flag(const struct mirror *m, uint32_t subnet);
/* Calls fn for each subnet whose ACL the change replaces or changes. A subnet may come twice. */
void acl_each_subnet(const struct mirror *m, const struct mirror_change *c, void (*fn)(uint32_t subnet, void *userdata),
		     void *userdata);

/* What a plan does to ACLs and to which subnets use them. The tables are made by write_acls. ResourceLimitExceeded,
 * InternalError: as mirror_plan. */
int plan_acls(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
/* Gives back the blocks of the prepared change's tables; the old ones count again. */
void acls_undo(struct mirror *m, struct mirror_change *c);
void acls_publish(struct mirror *m, struct mirror_change *c);

#endif
