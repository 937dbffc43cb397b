/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/explain/allowed.h"

#include <netinet/in.h>

#include <vpc/abi/abi.h>

void allowed_clear(struct allowed *a)
{
	region_clear(&a->egress);
	region_clear(&a->ingress);
	region_clear(&a->acl);
	region_clear(&a->both);
	region_clear(&a->rest);
}

static bool list_holds(struct allowed *a, uint32_t list, const struct cidr *c)
{
	const struct world_rules *l = world_find(&a->w->lists, list);

	for (size_t i = 0; l && i < l->list.n; i++) {
		++*a->work;
		if (cidr_contains(&l->list.at[i].cidr, c))
			return true;
	}
	return false;
}

static bool has_group(const struct world_eni *e, uint32_t group)
{
	for (size_t i = 0; e && i < e->n_groups; i++)
		if (e->groups[i] == group)
			return true;
	return false;
}

static bool peer_matches(struct allowed *a, const struct world_rule *r, const struct allowed_end *peer)
{
	if (r->peer == PEER_SG)
		return has_group(peer->eni, r->number);
	return r->peer == PEER_CIDR ? cidr_contains(&r->cidr, &peer->cidr) : list_holds(a, r->number, &peer->cidr);
}

/* What the groups of `me` allow with the peer. Outside has no groups, and allows everything. */
static void by_groups(struct allowed *a, const struct allowed_end *me, const struct allowed_end *peer,
		      uint8_t direction, struct region *ret)
{
	ret->list.n = 0;
	if (!me->eni)
		region_add(ret, 0, REGION_LAST);
	for (size_t i = 0; me->eni && i < me->eni->n_groups; i++) {
		const struct world_rules *g = world_find(&a->w->groups, me->eni->groups[i]);

		for (size_t k = 0; g && k < g->list.n; k++) {
			const struct world_rule *r = &g->list.at[k];

			++*a->work;
			if (r->direction == direction && peer_matches(a, r, peer))
				region_add(ret, r->first, r->last);
		}
	}
	region_sort(ret);
}

/* What the ACL of the subnet of `me` allows: the first rule that names a packet decides. */
static void by_acl(struct allowed *a, const struct allowed_end *me, const struct allowed_end *peer, uint8_t direction,
		   struct region *ret)
{
	const struct world_rules *acl = me->eni ? world_find(&a->w->acls, me->eni->acl) : NULL;
	struct region decided = {0}, own = {0}, rest = {0};

	ret->list.n = 0;
	if (!acl)
		region_add(ret, 0, REGION_LAST);
	for (size_t i = 0; acl && i < acl->list.n; i++) {
		const struct world_rule *r = &acl->list.at[i];

		++*a->work;
		if (r->direction != direction || !cidr_contains(&r->cidr, &peer->cidr))
			continue;
		own.list.n = 0;
		region_add(&own, r->first, r->last);
		region_without(&own, &decided, &rest);
		for (size_t k = 0; r->allow && k < rest.list.n; k++)
			region_add(ret, rest.list.at[k].first, rest.list.at[k].last);
		region_add(&decided, r->first, r->last);
		region_sort(&decided);
	}
	region_sort(ret);
	ret->failed = ret->failed || decided.failed || own.failed || rest.failed;
	region_clear(&decided);
	region_clear(&own);
	region_clear(&rest);
}

/* The longest route to what the CIDR holds; NULL: none. */
static const struct table_route *route_to(struct allowed *a, const struct world_eni *e, const struct cidr *c)
{
	const struct world_table *t = world_table(a->w, e->table);
	const struct table_route *best = NULL;
	int best_plen = -1;

	for (size_t i = 0; t && i < t->n; i++) {
		++*a->work;
		if (t->routes[i].destination.plen >= best_plen && cidr_contains(&t->routes[i].destination, c)) {
			best = &t->routes[i];
			best_plen = best->destination.plen;
		}
	}
	for (size_t i = 0; t && i < t->n_lists; i++) {
		const struct world_rules *l = world_find(&a->w->lists, t->lists[i].list);

		for (size_t k = 0; l && k < l->list.n; k++) {
			++*a->work;
			if (l->list.at[k].cidr.plen > best_plen && cidr_contains(&l->list.at[k].cidr, c)) {
				best = &t->lists[i];
				best_plen = l->list.at[k].cidr.plen;
			}
		}
	}
	return best && best->active ? best : NULL;
}

static bool is_peered(const struct world *w, const struct world_eni *e, const struct world_eni *other)
{
	const struct world_vpc *v = world_vpc(w, e->vpc);

	for (size_t i = 0; v && i < v->n_peers; i++)
		if (v->peers[i] == other->vpc)
			return true;
	return false;
}

/* Whether routes of both lead from one VPC to the other. */
static bool routed_between(struct allowed *a, const struct allowed_end *from, const struct allowed_end *to)
{
	const struct table_route *there, *back;

	if (from->eni->vpc == to->eni->vpc)
		return true;
	if (!is_peered(a->w, from->eni, to->eni))
		return false;
	there = route_to(a, from->eni, &to->cidr);
	back = route_to(a, to->eni, &from->cidr);
	return there && there->kind == ROUTE_PEERING && there->number == to->eni->vpc && back &&
	       back->kind == ROUTE_PEERING && back->number == from->eni->vpc;
}

/* What leaves to the world by the route to it. */
static void outward(struct allowed *a, const struct allowed_end *from, const struct allowed_end *to, struct region *ret)
{
	const struct table_route *r = route_to(a, from->eni, &to->cidr);
	bool six = to->cidr.addr.family == 6;

	ret->list.n = 0;
	if (!r)
		return;
	if (r->kind == ROUTE_IGW && (six || from->eni->has_eip))
		region_add(ret, 0, REGION_LAST);
	else if ((r->kind == ROUTE_EIGW && six) || r->kind == ROUTE_ENI)
		region_add(ret, 0, REGION_LAST);
	else if (r->kind == ROUTE_NAT && !six) {
		region_add(ret, (uint32_t)IPPROTO_ICMP << 16 | 8 << 8, (uint32_t)IPPROTO_ICMP << 16 | 8 << 8 | 0xff);
		region_add(ret, (uint32_t)IPPROTO_TCP << 16, (uint32_t)IPPROTO_TCP << 16 | 0xffff);
		region_add(ret, (uint32_t)IPPROTO_UDP << 16, (uint32_t)IPPROTO_UDP << 16 | 0xffff);
	}
}

/* What the world may open: by an elastic IP or as IPv6, where the answers' route leads to the internet gateway, and by
 * published ports. */
static void inward(struct allowed *a, const struct allowed_end *from, const struct allowed_end *to, struct region *ret)
{
	const struct table_route *r = route_to(a, to->eni, &from->cidr);
	bool six = from->cidr.addr.family == 6;

	ret->list.n = 0;
	if (r && r->kind == ROUTE_IGW && (six || to->eni->has_eip))
		region_add(ret, 0, REGION_LAST);
	for (size_t i = 0; !six && i < to->eni->published.list.n; i++)
		region_add(ret, to->eni->published.list.at[i].first, to->eni->published.list.at[i].last);
	region_sort(ret);
}

/* What routes and gateways let through. False: everything. */
static bool by_route(struct allowed *a, const struct allowed_end *from, const struct allowed_end *to,
		     struct region *ret)
{
	ret->list.n = 0;
	if (!to->eni)
		outward(a, from, to, ret);
	else if (!from->eni)
		inward(a, from, to, ret);
	else if (routed_between(a, from, to))
		return false;
	return true;
}

static void narrow(struct allowed *a, struct region *ret, const struct region *by)
{
	struct region was = *ret;

	region_both(&was, by, &a->rest);
	*ret = a->rest;
	a->rest = was;
}

void allowed_between(struct allowed *a, const struct allowed_end *from, const struct allowed_end *to,
		     struct region *ret)
{
	bool same_subnet = from->eni && to->eni && from->eni->subnet == to->eni->subnet;

	ret->list.n = 0;
	if (by_route(a, from, to, &a->acl)) {
		if (!a->acl.list.n)
			return;
		for (size_t i = 0; i < a->acl.list.n; i++)
			region_add(ret, a->acl.list.at[i].first, a->acl.list.at[i].last);
	} else {
		region_add(ret, 0, REGION_LAST);
	}
	by_groups(a, from, to, VPC_EGRESS, &a->egress);
	narrow(a, ret, &a->egress);
	if (!ret->list.n)
		return;
	by_groups(a, to, from, VPC_INGRESS, &a->ingress);
	narrow(a, ret, &a->ingress);
	if (!ret->list.n || same_subnet)
		return;
	by_acl(a, from, to, VPC_EGRESS, &a->acl);
	narrow(a, ret, &a->acl);
	by_acl(a, to, from, VPC_INGRESS, &a->acl);
	narrow(a, ret, &a->acl);
}
