/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What route_table.c, route.c and route_list.c share beside model/internal.h. */
#ifndef MODEL_ROUTE_TABLE_H
#define MODEL_ROUTE_TABLE_H

#include "model/internal.h"

extern const char *const route_kind_names[ROUTE_KINDS];

/* The kind of object that such a route leads to; OBJECT_KINDS: none. */
enum object_kind route_target_kind(enum route_kind kind);
/* The route to exactly that destination (to that prefix list, if list is not 0), or NULL. */
struct table_route *table_route_find(const struct vpc_route_table *rt, const struct cidr *destination, uint32_t list);
/* Puts r in its place; the table has no route to its destination. -ENOMEM. */
int table_route_insert(struct vpc_route_table *rt, const struct table_route *r);
/* Whether a table of the VPC can have the destination; else what is wrong with it, for "%s is …". */
bool route_destination_is_good(const struct vpc *v, const struct cidr *destination, const char **ret_wrong);
/* Whether packets to the destination may leave any VPC; else what is wrong, as above. */
bool route_destination_leaves(const struct cidr *destination, const char **ret_wrong);

/* --- route_list.c ------------------------------------------------------------------------------------------------- */

/* Whether the request's destination is a prefix list: by its field, or by a `destination` that is the id or the name of
 * one. *ret NULL: it is not. */
int route_list_resolve(struct model_txn *t, const struct change *c, const struct prefix_list **ret,
		       struct vpc_error *reterr);
/* Whether each entry of the list can be the destination of a route of the table. */
int route_list_check_entries(const struct model *m, const struct vpc_route_table *rt, const struct prefix_list *list,
			     const char *field, struct vpc_error *reterr);
/* Whether the table, and the host, may have so many more routes. A route to a prefix list counts as many as the list
 * declares at most. */
int route_check_limits(const struct model *m, const struct vpc_route_table *rt, size_t more, const char *field,
		       struct vpc_error *reterr);

#endif
