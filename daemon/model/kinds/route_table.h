/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What route_table.c and route.c share beside model/internal.h. */
#ifndef MODEL_ROUTE_TABLE_H
#define MODEL_ROUTE_TABLE_H

#include "model/internal.h"

extern const char *const route_kind_names[ROUTE_KINDS];

/* The kind of object that such a route leads to; OBJECT_KINDS: none. */
enum object_kind route_target_kind(enum route_kind kind);
/* The order of a table's routes. */
int table_route_compare(const struct cidr *a, const struct cidr *b);
/* Sets number and active by what the model says of the target. vpc: of the table. */
void table_route_settle(const struct model *m, uint32_t vpc, struct table_route *r);
/* The route to exactly that destination, or NULL. */
struct table_route *table_route_find(const struct vpc_route_table *rt, const struct cidr *destination);
/* Puts r in its place; the table has no route to its destination. -ENOMEM. */
int table_route_insert(struct vpc_route_table *rt, const struct table_route *r);
/* Whether a table of the VPC can have the destination; else what is wrong with it, for "%s is …". */
bool route_destination_is_good(const struct vpc *v, const struct cidr *destination, const char **ret_wrong);

#endif
