/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Route tables: a record for each route. */
#include "compiler/internal.h"

static uint32_t target_of(const struct table_route *r)
{
	static const uint32_t targets[ROUTE_KINDS] = {
		[ROUTE_IGW] = VPC_TARGET_IGW,	      [ROUTE_EIGW] = VPC_TARGET_EIGW,
		[ROUTE_NAT] = VPC_TARGET_NAT,	      [ROUTE_ENI] = VPC_TARGET_ENI,
		[ROUTE_PEERING] = VPC_TARGET_PEERING, [ROUTE_BLACKHOLE] = VPC_TARGET_BLACKHOLE,
	};

	if (!r->active)
		return VPC_TARGET_BLACKHOLE << VPC_TARGET_SHIFT;
	/* A VPC has one internet gateway, and all its egress-only ones are the same way. */
	return targets[r->kind] << VPC_TARGET_SHIFT |
	       (r->kind == ROUTE_IGW || r->kind == ROUTE_EIGW ? 0 : r->number & VPC_TARGET_NUMBER);
}

static void record_route(const struct object *table, const struct table_route *r, struct route_record *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->table = table->number;
	ret->destination = r->destination;
	ret->target = target_of(r);
}

/* Either may be NULL. */
static int add_route(const struct object *table, const struct table_route *before, const struct table_route *after,
		     struct plan *plan)
{
	struct plan_route c = {.has_before = before != NULL, .has_after = after != NULL};
	struct plan_route *added;

	if (before)
		record_route(table, before, &c.before);
	if (after)
		record_route(table, after, &c.after);
	if (before && after && c.before.target == c.after.target)
		return 0;
	added = ARRAY_ADD(plan->routes, plan->n_routes);
	if (!added)
		return -ENOMEM;
	*added = c;
	return 0;
}

static int compare(const struct cidr *a, const struct cidr *b)
{
	int r;

	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	r = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
	return r ? r : (int)a->plen - (int)b->plen;
}

/* Both versions have their routes in the same order. */
int compile_route_table(const struct scope *s, const struct object *before, const struct object *after,
			struct plan *plan)
{
	const struct vpc_route_table none = {0};
	const struct vpc_route_table *old = before ? route_table_of(before) : &none,
				     *new = after ? route_table_of(after) : &none;
	const struct object *table = after ? after : before;
	size_t i = 0, k = 0;
	int err = 0;

	(void)s;
	while (err == 0 && (i < old->n_routes || k < new->n_routes)) {
		int order = i == old->n_routes	 ? 1
			    : k == new->n_routes ? -1
						 : compare(&old->routes[i].destination, &new->routes[k].destination);

		err = add_route(table, order <= 0 ? &old->routes[i] : NULL, order >= 0 ? &new->routes[k] : NULL, plan);
		i += order <= 0;
		k += order >= 0;
	}
	return err;
}
