/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NAT gateways and elastic IPs. */
#ifndef DATAPATH_MIRROR_GATEWAYS_H
#define DATAPATH_MIRROR_GATEWAYS_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"

/* Whether two records are the same in every field. */
bool nat_record_equal(const struct nat_record *a, const struct nat_record *b);
bool eip_record_equal(const struct eip_record *a, const struct eip_record *b);
/* Whether it is 1:1 with a private address. */
bool eip_is_eni(const struct eip_record *r);
/* The value that the map `eip` has for its target. */
uint32_t eip_target(const struct eip_record *r);

/* The elastic IP with this address (IPv4, network order) that counts, or will count when the prepared change is
 * published and no other does; 0: none. */
uint32_t eip_by_address(const struct mirror *m, uint32_t address);
/* The elastic IP that a private address has by what is published; 0: none. */
uint32_t eip_by_private(const struct mirror *m, const struct vpc_addr_key *key);
void eip_link(struct mirror *m, uint32_t number, const struct eip_record *r, enum node_state state);
/* The node is free then. */
void eip_unlink(struct mirror *m, uint32_t number);

/* What a plan does to them. Errors as mirror_plan. */
int plan_nats(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
int plan_eips(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
/* After plan_eips and plan_addrs: which elastic IP each address has. */
int plan_addr_eips(struct mirror *m, struct mirror_change *c, struct vpc_error *reterr);
void gateways_undo(struct mirror *m, struct mirror_change *c);
void gateways_publish(struct mirror *m, struct mirror_change *c);

#endif
