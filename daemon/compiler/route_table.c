/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Route tables: a record for each destination. Which of a table's routes counts for it is in route_list.c. */
#include "compiler/internal.h"

uint32_t route_target(const struct table_route *r)
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

int compare_cidrs(const struct cidr *a, const struct cidr *b)
{
	int r;

	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	r = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
	return r ? r : (int)a->plen - (int)b->plen;
}

int compile_route_table(const struct scope *s, const struct object *before, const struct object *after,
			struct plan *plan)
{
	return compile_table(s, before, after, plan);
}
