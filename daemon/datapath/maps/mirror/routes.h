/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes, and which route table a subnet has. */
#ifndef DATAPATH_MIRROR_ROUTES_H
#define DATAPATH_MIRROR_ROUTES_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"

/* --- routes ------------------------------------------------------------------------------------------------------- */

/* Writes the key that the map `route` has for a destination. table: the route table's number. */
void route_key_of(uint32_t table, const struct cidr *destination, struct vpc_route_key *ret);
/* The inverse: writes a route of the mirror as a plan has it. */
void route_record_of(const struct route *route, struct route_record *ret);
/* The route with this key, in any state; 0: none. */
uint32_t route_by_key(const struct mirror *m, const struct vpc_route_key *key);
/* -ENOMEM: nothing was done. */
int route_node_link(struct mirror *m, uint32_t number, const struct vpc_route_key *key, enum node_state state);
/* The node is free then, and its number still has to be given back. */
void route_node_unlink(struct mirror *m, uint32_t number);
/* What the hints of a table must be for the routes it has. */
void route_hints(const struct mirror *m, uint32_t table, struct vpc_route_plens *ret);
/* Adds what leads a packet to one key. */
void route_hints_add(struct vpc_route_plens *hints, const struct vpc_route_key *key);

/* --- a change ----------------------------------------------------------------------------------------------------- */

/* What a plan does to routes and associations. ResourceLimitExceeded, InternalError, -EBUSY: as mirror_plan. */
int plan_routes(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
int plan_associations(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
void routes_undo(struct mirror *m, struct mirror_change *c);
void routes_publish(struct mirror *m, struct mirror_change *c);

#endif
