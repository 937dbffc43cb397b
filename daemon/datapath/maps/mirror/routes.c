/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/maps/mirror/refuse.h"

/* --- routes ------------------------------------------------------------------------------------------------------- */

void route_key_of(uint32_t table, const struct cidr *destination, struct vpc_route_key *ret)
{
	const struct ip *ip = &destination->addr;

	*ret = (struct vpc_route_key){.table = table, .family = ip->family, .plen = destination->plen};
	if (ip->family == 4)
		memcpy(ret->addr, ip->bytes + 12, sizeof(ret->addr[0]));
	else
		memcpy(ret->addr, ip->bytes, sizeof(ret->addr));
}

void route_record_of(const struct route *route, struct route_record *ret)
{
	struct ip *ip = &ret->destination.addr;

	*ret = (struct route_record){.table = route->key.table, .target = route->target};
	ret->destination.plen = route->key.plen;
	ip->family = route->key.family;
	if (ip->family == 4) {
		ip->bytes[10] = ip->bytes[11] = 0xff;
		memcpy(ip->bytes + 12, route->key.addr, sizeof(route->key.addr[0]));
	} else {
		memcpy(ip->bytes, route->key.addr, sizeof(ip->bytes));
	}
}

static uint32_t *route_chain(const struct mirror *m, const struct vpc_route_key *key)
{
	return chains_head(&m->routes_by_key, chains_hash(key, sizeof(*key)));
}

uint32_t route_by_key(const struct mirror *m, const struct vpc_route_key *key)
{
	uint32_t i = *route_chain(m, key);

	while (i && memcmp(&m->routes[i].key, key, sizeof(*key)) != 0)
		i = m->routes[i].next;
	return i;
}

static uint32_t *plen_count(struct route_table *table, const struct vpc_route_key *key)
{
	return key->family == 4 ? &table->n4[key->plen] : &table->n6[key->plen];
}

int route_node_link(struct mirror *m, uint32_t number, const struct vpc_route_key *key, enum node_state state)
{
	struct route_table **table = &m->route_tables[key->table];
	uint32_t *head = route_chain(m, key);

	if (!*table)
		*table = calloc(1, sizeof(**table));
	if (!*table)
		return -ENOMEM;
	++*plen_count(*table, key);
	m->routes[number] = (struct route){.key = *key, .next = *head, .state = (uint8_t)state};
	*head = number;
	return 0;
}

void route_node_unlink(struct mirror *m, uint32_t number)
{
	struct route *route = &m->routes[number];
	uint32_t *at = route_chain(m, &route->key);

	while (*at != number)
		at = &m->routes[*at].next;
	*at = route->next;
	--*plen_count(m->route_tables[route->key.table], &route->key);
	*route = (struct route){};
}

void route_hints_add(struct vpc_route_plens *hints, const struct vpc_route_key *key)
{
	if (key->family == 4)
		hints->plens4 |= 1ull << key->plen;
	else
		hints->plens6[key->plen / 64] |= 1ull << key->plen % 64;
}

void route_hints(const struct mirror *m, uint32_t number, struct vpc_route_plens *ret)
{
	const struct route_table *table = m->route_tables[number];

	*ret = (struct vpc_route_plens){};
	for (unsigned plen = 0; table && plen <= 32; plen++)
		if (table->n4[plen])
			ret->plens4 |= 1ull << plen;
	for (unsigned plen = 0; table && plen <= 128; plen++)
		if (table->n6[plen])
			ret->plens6[plen / 64] |= 1ull << plen % 64;
}

/* --- a change ----------------------------------------------------------------------------------------------------- */

static int route_touch(struct mirror *m, struct mirror_change *c, uint32_t number, uint32_t target)
{
	struct touched_route *touched;

	if (m->routes[number].touched) {
		/* Removed and made again by one plan. */
		for (size_t i = 0; i < c->routes.n; i++)
			if (c->routes.at[i].route == number)
				c->routes.at[i].target = target;
		return 0;
	}
	touched = ARRAY_PUSH(&c->routes);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_route){.route = number,
					  .old_state = m->routes[number].state,
					  .before = m->routes[number].target,
					  .target = target};
	m->routes[number].touched = true;
	return 0;
}

static int route_remove(struct mirror *m, struct mirror_change *c, const struct vpc_route_key *key)
{
	uint32_t number = route_by_key(m, key);

	if (!number || m->routes[number].state != NODE_ALIVE)
		return 0;
	if (route_touch(m, c, number, 0) < 0)
		return -ENOMEM;
	m->routes[number].state = NODE_DYING;
	return 0;
}

static int route_make(struct mirror *m, struct mirror_change *c, const struct vpc_route_key *key, uint32_t target)
{
	uint32_t number = numbers_take(&m->route_numbers);

	if (!number)
		return -ENOSPC;
	if (route_node_link(m, number, key, NODE_NEW) < 0) {
		numbers_give(&m->route_numbers, number);
		return -ENOMEM;
	}
	if (route_touch(m, c, number, target) < 0) {
		route_node_unlink(m, number);
		numbers_give(&m->route_numbers, number);
		return -ENOMEM;
	}
	return 0;
}

static int route_set(struct mirror *m, struct mirror_change *c, const struct vpc_route_key *key, uint32_t target)
{
	uint32_t number = route_by_key(m, key);
	struct route *route = &m->routes[number];

	if (!number)
		return route_make(m, c, key, target);
	if (route->state == NODE_DEAD)
		return -EBUSY;
	if (!route->touched && route->target == target)
		return 0;
	if (route->state == NODE_DYING)
		route->state = NODE_ALIVE;
	return route_touch(m, c, number, target);
}

static int route_valid(const struct mirror *m, const struct route_record *r, bool target, struct vpc_error *reterr)
{
	if (r->table == 0 || r->table >= m->size.route_tables)
		return refuse_number(reterr, "route_plens", m->size.route_tables, r->table);
	if ((r->destination.addr.family != 4 && r->destination.addr.family != 6) ||
	    r->destination.plen > (r->destination.addr.family == 4 ? 32 : 128) ||
	    (target && !(r->target >> VPC_TARGET_SHIFT)) || r->target > VPC_VERSIONED_VALUE_MASK)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned route is not valid");
	return 0;
}

/* Removals come first, so that what is removed and made again stays. */
static int plan_route(struct mirror *m, struct mirror_change *c, const struct plan_route *p, bool removals,
		      struct vpc_error *reterr)
{
	const struct route_record *record = removals ? &p->before : &p->after;
	struct vpc_route_key key;
	int r;

	if (removals ? !p->has_before || p->has_after : !p->has_after)
		return 0;
	r = route_valid(m, record, !removals, reterr);
	if (r < 0)
		return r;
	route_key_of(record->table, &record->destination, &key);
	r = removals ? route_remove(m, c, &key) : route_set(m, c, &key, record->target);
	return r == -ENOMEM ? vpc_error_oom(reterr) : r;
}

int plan_routes(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0, made = 0;
	bool busy = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_routes; i++)
		r = plan_route(m, c, &plan->routes[i], true, reterr);
	for (size_t i = 0; r >= 0 && i < plan->n_routes; i++) {
		r = plan_route(m, c, &plan->routes[i], false, reterr);
		missing += r == -ENOSPC; /* goes on, to tell how many */
		busy |= r == -EBUSY;
		if (r == -ENOSPC || r == -EBUSY)
			r = 0;
	}
	if (r < 0)
		return r;
	if (missing <= m->waiting_routes)
		return missing || busy ? -EBUSY : 0;
	for (size_t i = 0; i < c->routes.n; i++)
		made += m->routes[c->routes.at[i].route].state == NODE_NEW;
	return refuse_full(reterr, "route", m->size.routes - 1, m->route_numbers.used - m->waiting_routes - made,
			   made + missing);
}

int plan_associations(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	for (size_t i = 0; i < plan->n_associations; i++) {
		const struct plan_association *p = &plan->associations[i];
		const struct association_record *record = p->has_after ? &p->after : &p->before;
		uint32_t table = p->has_after ? record->table : 0;
		struct touched_association *touched;
		struct association *association;

		if (record->subnet == 0 || record->subnet >= m->size.subnets)
			return refuse_number(reterr, "subnet_table", m->size.subnets, record->subnet);
		if (table >= m->size.route_tables)
			return refuse_number(reterr, "route_plens", m->size.route_tables, table);
		association = &m->associations[record->subnet];
		if (association->touched)
			return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL,
					     "the route table of subnet %u is in the plan twice", record->subnet);
		if (association->table == table)
			continue;
		touched = ARRAY_PUSH(&c->associations);
		if (!touched)
			return vpc_error_oom(reterr);
		*touched = (struct touched_association){
			.subnet = record->subnet, .before = association->table, .table = table};
		association->touched = true;
	}
	return 0;
}

void routes_undo(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = c->routes.n; i > 0; i--) {
		const struct touched_route *touched = &c->routes.at[i - 1];
		struct route *route = &m->routes[touched->route];

		route->touched = false;
		if (touched->old_state == NODE_NEW) {
			route_node_unlink(m, touched->route);
			numbers_give(&m->route_numbers, touched->route);
		} else {
			route->state = touched->old_state;
		}
	}
	for (size_t i = 0; i < c->associations.n; i++)
		m->associations[c->associations.at[i].subnet].touched = false;
}

void routes_publish(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->routes.n; i++) {
		const struct touched_route *touched = &c->routes.at[i];
		struct route *route = &m->routes[touched->route];

		route->touched = false;
		route->target = touched->target;
		route->state = touched->target ? NODE_ALIVE : NODE_DEAD;
		m->waiting_routes += !touched->target;
	}
	for (size_t i = 0; i < c->associations.n; i++) {
		struct association *association = &m->associations[c->associations.at[i].subnet];

		association->touched = false;
		association->table = c->associations.at[i].table;
	}
}
