/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/traffic_path.h"

static const struct vpc_route_table *table_of(const struct model *m, const struct eni *e)
{
	const struct object *subnet = model_by_number(m, OBJECT_SUBNET, e->subnet);
	const struct object *vpc = model_by_number(m, OBJECT_VPC, e->vpc);
	uint32_t number = subnet ? subnet_of(subnet)->route_table : 0;
	const struct object *table;

	if (!number && vpc)
		number = vpc_of(vpc)->main_route_table;
	table = number ? model_by_number(m, OBJECT_ROUTE_TABLE, number) : NULL;
	return table ? route_table_of(table) : NULL;
}

static bool is_inside(const struct model *m, uint32_t number, const struct ip *address)
{
	const struct object *vpc = model_by_number(m, OBJECT_VPC, number);
	const struct cidr *c;

	for (size_t i = 0; vpc && (c = vpc_cidr(vpc_of(vpc), i)); i++)
		if (cidr_contains_ip(c, address))
			return true;
	return false;
}

/* The longest prefix among the entries of a list in force that has the address; -1: none. */
static int longest_in_list(const struct model *m, uint32_t list, const struct ip *address)
{
	const struct object *o = NULL;
	int plen = -1;

	while ((o = model_next_part(m, OBJECT_PREFIX_LIST, list, OBJECT_PREFIX_ENTRY, o)))
		if (!prefix_entry_of(o)->until && prefix_entry_of(o)->cidr.plen > plen &&
		    cidr_contains_ip(&prefix_entry_of(o)->cidr, address))
			plen = prefix_entry_of(o)->cidr.plen;
	return plen;
}

/* The route that packets to the address take: the longest prefix; of equal ones a CIDR's before a list's, and a list's
 * that was added earlier. NULL: there is none. */
static const struct table_route *find_route(const struct model *m, const struct vpc_route_table *t,
					    const struct ip *address)
{
	const struct table_route *r, *best = NULL;
	int longest = -1, plen;

	for (size_t i = 0; (r = table_route_nth(t, i)); i++) {
		if (r->destination.addr.family != address->family)
			continue;
		if (r->list)
			plen = longest_in_list(m, r->list, address);
		else
			plen = cidr_contains_ip(&r->destination, address) ? r->destination.plen : -1;
		if (plen > longest) {
			longest = plen;
			best = r;
		}
	}
	return best;
}

enum traffic_path traffic_path(const struct model *m, const struct eni *e, const struct ip *destination)
{
	static const enum traffic_path paths[ROUTE_KINDS] = {
		[ROUTE_IGW] = TRAFFIC_PATH_IGW,		[ROUTE_EIGW] = TRAFFIC_PATH_IGW,
		[ROUTE_NAT] = TRAFFIC_PATH_INSIDE,	[ROUTE_ENI] = TRAFFIC_PATH_INSIDE,
		[ROUTE_PEERING] = TRAFFIC_PATH_PEERING,
	};
	const struct vpc_route_table *t;
	const struct table_route *r;

	if (is_inside(m, e->vpc, destination))
		return TRAFFIC_PATH_INSIDE;
	t = table_of(m, e);
	r = t ? find_route(m, t, destination) : NULL;
	return r && r->active ? paths[r->kind] : TRAFFIC_PATH_NONE;
}
