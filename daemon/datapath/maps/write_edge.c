/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/write_edge.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/eni.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write.h"

/* --- prepare ------------------------------------------------------------------------------------------------------ */

static int put_versioned(struct maps_change *c, struct vpc_versioned *v, uint32_t value)
{
	return undo_store64(&c->undo, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | value);
}

static int write_route_hints(struct maps *maps, struct maps_change *c, const struct vpc_route_key *key)
{
	struct vpc_route_plens *at = route_plens_at(maps, key->table), hints = *at;
	int r;

	route_hints_add(&hints, key);
	r = undo_store64(&c->undo, &at->plens4, hints.plens4);
	for (unsigned i = 0; r >= 0 && i < 3; i++)
		r = undo_store64(&c->undo, &at->plens6[i], hints.plens6[i]);
	return r;
}

static int write_routes(struct maps *maps, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.routes.n; i++) {
		const struct touched_route *touched = &c->mirror.routes.at[i];
		const struct route *route = &maps->mirror.routes[touched->route];
		struct vpc_route_row *at = route_at(maps, touched->route);
		bool new = route->state == NODE_NEW;

		if (new)
			r = undo_store_words(&c->undo, &at->key, &route->key, sizeof(at->key));
		if (r >= 0)
			r = put_versioned(c, &at->target, touched->target);
		if (r >= 0 && new)
			r = write_route_hints(maps, c, &route->key);
		if (r >= 0 && new)
			r = undo_store_key(&c->undo, maps->map, MAP_ROUTE, &route->key, touched->route, 0);
	}
	for (size_t i = 0; r >= 0 && i < c->mirror.associations.n; i++) {
		const struct touched_association *a = &c->mirror.associations.at[i];

		r = put_versioned(c, subnet_table_at(maps, a->subnet), a->table);
	}
	return r;
}

static int write_nats(struct maps *maps, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.nats.n; i++) {
		const struct touched_nat *n = &c->mirror.nats.at[i];
		struct vpc_nat *at = nat_at(maps, n->number);

		if (!n->has_before) {
			r = undo_store32(&c->undo, &at->vpc, n->after.vpc);
			if (r >= 0)
				r = undo_store32(&c->undo, &at->incarnation, n->after.incarnation);
		}
		if (r >= 0)
			r = put_versioned(c, &at->eip, n->has_after ? n->after.eip : 0);
	}
	return r;
}

static int public_store(struct maps *maps, uint32_t address)
{
	struct vpc_public_key key;

	edge_public_key_of(address, &key);
	return edge_public_store(maps, &key);
}

static int write_eips(struct maps *maps, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.eips.n; i++) {
		const struct touched_eip *e = &c->mirror.eips.at[i];
		struct vpc_eip *at = eip_at(maps, e->number);
		unsigned spare = versioned_spare(&at->target, c->epoch - 1);

		if (!e->has_before)
			r = undo_store32(&c->undo, &at->addr4, e->after.address);
		if (r >= 0 && e->has_after)
			r = undo_store32(&c->undo, &at->pool, e->after.pool);
		if (r >= 0 && e->has_after)
			r = undo_store32(&c->undo, &at->private4[spare], e->after.private_address);
		if (r >= 0 && e->has_after)
			r = undo_store32(&c->undo, &at->vpc[spare], e->after.vpc);
		if (r >= 0)
			r = put_versioned(c, &at->target, e->has_after ? eip_target(&e->after) : 0);
		if (r >= 0 && !e->has_before)
			r = public_store(maps, e->after.address);
	}
	for (size_t i = 0; r >= 0 && i < c->mirror.addr_eips.n; i++) {
		uint32_t addr = c->mirror.addr_eips.at[i].addr;

		r = put_versioned(c, &addr_at(maps, addr)->eip, maps->mirror.addrs[addr].eip);
	}
	return r;
}

static int write_publish(struct maps *maps, struct maps_change *c, const struct touched_publish *p)
{
	struct publish *publish = &maps->mirror.publishes[p->row];
	struct vpc_publish_row *at = publish_at(maps, p->row);
	__u32 *plens = &edge_ctl_at(maps, 0)->publish_plens;
	struct vpc_publish_row new = publish->row;
	uint32_t old;
	int r;

	if (!p->added)
		return undo_store64(&c->undo, &at->died, c->epoch);
	r = undo_store_words(&c->undo, &at->key, &new.key, sizeof(new) - offsetof(struct vpc_publish_row, key));
	if (r >= 0)
		r = undo_store64(&c->undo, &at->born, c->epoch);
	if (r >= 0)
		r = undo_store64(&c->undo, &at->died, VPC_ALIVE);
	if (r >= 0)
		r = undo_store32(&c->undo, plens, *plens | 1u << new.key.plen);
	if (r < 0 || p->moved)
		return r;
	old = publish_find_hashed(&maps->mirror, &new.key);
	if (old)
		maps->mirror.publishes[old].hashed = false;
	publish->hashed = true;
	return undo_store_key(&c->undo, maps->map, MAP_PUBLISH, &new.key, p->row, old);
}

int write_edge(struct maps *maps, struct maps_change *c)
{
	int r = write_routes(maps, c);

	if (r >= 0)
		r = write_nats(maps, c);
	if (r >= 0)
		r = write_eips(maps, c);
	for (size_t i = 0; r >= 0 && i < c->mirror.publishes.n; i++)
		r = write_publish(maps, c, &c->mirror.publishes.at[i]);
	return r;
}

void write_edge_undone(struct maps *maps, struct maps_change *c)
{
	for (size_t i = 0; i < c->mirror.eips.n; i++)
		if (!c->mirror.eips.at[i].has_before)
			(void)public_store(maps, c->mirror.eips.at[i].after.address);
}

/* --- publish ------------------------------------------------------------------------------------------------------ */

/* As addresses that move: see write_moved_addrs. */
void write_moved_publishes(struct maps *maps, struct maps_change *c)
{
	for (size_t i = 0; i < c->mirror.publishes.n; i++) {
		struct touched_publish *p = &c->mirror.publishes.at[i];
		struct publish *publish = &maps->mirror.publishes[p->row];

		if (!p->moved || publish->state == NODE_DEAD)
			continue;
		if (map_store(&maps->map[MAP_PUBLISH], &publish->row.key, &p->row) < 0)
			continue;
		p->moved = false;
		publish->hashed = true;
		maps->mirror.publishes[p->from].hashed = false;
	}
}

unsigned edge_prefixes6(const struct vpc_space *space, struct vpc_prefix6_key ret[VPC_CIDRS_MAX], uint32_t *plens)
{
	unsigned n = 0;

	for (uint32_t i = 0; space->flags & VPC_SPACE_ROUTED_OUT6 && i < space->n6 && i < VPC_CIDRS_MAX; i++) {
		struct vpc_prefix6_key key = {};

		for (unsigned word = 0; word < 4; word++)
			key.plen += (uint32_t)__builtin_popcount(space->cidr6[i].mask[word]);
		if (key.plen < 32 || key.plen > 63)
			continue;
		memcpy(key.addr, space->cidr6[i].addr, sizeof(key.addr));
		*plens |= 1u << (key.plen - 32);
		ret[n++] = key;
	}
	return n;
}

void edge_prefix6_plens(struct maps *maps)
{
	struct vpc_prefix6_key keys[VPC_CIDRS_MAX];
	uint32_t plens = 0;

	for (uint32_t i = 1; i < maps->mirror.size.vpcs; i++)
		(void)edge_prefixes6(&maps->mirror.spaces[i], keys, &plens);
	store32(&edge_ctl_at(maps, 0)->prefix6_plens, plens);
}

static bool space_has_prefix6(const struct vpc_space *space, const struct vpc_prefix6_key *key)
{
	struct vpc_prefix6_key keys[VPC_CIDRS_MAX];
	uint32_t plens = 0;
	unsigned n = edge_prefixes6(space, keys, &plens);

	for (unsigned i = 0; i < n; i++)
		if (memcmp(&keys[i], key, sizeof(*key)) == 0)
			return true;
	return false;
}

bool edge_has_prefix6(const struct maps *maps, uint32_t vpc, const struct vpc_prefix6_key *key)
{
	return vpc && vpc < maps->mirror.size.vpcs && space_has_prefix6(&maps->mirror.spaces[vpc], key);
}

/* The prefixes that a VPC has, before and after. */
static void write_prefixes6(struct maps *maps, const struct touched_vpc *v)
{
	struct vpc_prefix6_key before[VPC_CIDRS_MAX], after[VPC_CIDRS_MAX];
	uint32_t plens = 0, owner;
	unsigned n_before = edge_prefixes6(&v->before, before, &plens);
	unsigned n_after = edge_prefixes6(&v->space, after, &plens);

	for (unsigned i = 0; i < n_after; i++)
		(void)map_store(&maps->map[MAP_PREFIX6], &after[i], &v->number);
	for (unsigned i = 0; i < n_before; i++)
		if (!space_has_prefix6(&v->space, &before[i]) &&
		    bpf_map_lookup_elem(maps->map[MAP_PREFIX6].fd, &before[i], &owner) == 0 && owner == v->number)
			(void)map_delete(&maps->map[MAP_PREFIX6], &before[i]);
}

void write_edge_published(struct maps *maps, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	for (size_t i = 0; i < m->nats.n; i++) {
		const struct touched_nat *n = &m->nats.at[i];

		if (n->has_before && n->has_after) {
			store32(&nat_at(maps, n->number)->vpc, n->after.vpc);
			store32(&nat_at(maps, n->number)->incarnation, n->after.incarnation);
		}
	}
	for (size_t i = 0; i < m->eips.n; i++) {
		const struct touched_eip *e = &m->eips.at[i];

		if (!e->has_after) {
			(void)public_store(maps, e->before.address);
			continue;
		}
		store32(&eip_at(maps, e->number)->addr4, e->after.address);
		if (e->has_before && e->before.address != e->after.address)
			(void)public_store(maps, e->before.address);
		(void)public_store(maps, e->after.address);
	}
	for (size_t i = 0; i < m->vpcs.n; i++) {
		space_store_hosts(maps, m->vpcs.at[i].number, &m->vpcs.at[i].space);
		write_prefixes6(maps, &m->vpcs.at[i]);
	}
	if (m->vpcs.n)
		edge_prefix6_plens(maps);
}

/* --- retire ------------------------------------------------------------------------------------------------------- */

static void retire_route(struct maps *maps, uint32_t number)
{
	const struct vpc_route_key key = maps->mirror.routes[number].key;
	struct vpc_route_row *at = route_at(maps, number);
	struct vpc_route_plens *plens = route_plens_at(maps, key.table), hints;

	(void)map_delete(&maps->map[MAP_ROUTE], &key);
	versioned_clear(maps, &at->target);
	zero_words(at, sizeof(*at));
	route_node_unlink(&maps->mirror, number);
	numbers_give(&maps->mirror.route_numbers, number);
	route_hints(&maps->mirror, key.table, &hints);
	store64(&plens->plens4, hints.plens4);
	for (unsigned i = 0; i < 3; i++)
		store64(&plens->plens6[i], hints.plens6[i]);
}

static void retire_publish(struct maps *maps, uint32_t number)
{
	struct vpc_publish_row *at = publish_at(maps, number);

	if (maps->mirror.publishes[number].hashed)
		(void)map_delete(&maps->map[MAP_PUBLISH], &maps->mirror.publishes[number].row.key);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	publish_unlink(&maps->mirror, number);
	numbers_give(&maps->mirror.publish_numbers, number);
}

static void retire_gateways(struct maps *maps, const struct mirror_change *m)
{
	for (size_t i = 0; i < m->nats.n; i++) {
		struct vpc_nat *at = nat_at(maps, m->nats.at[i].number);

		if (m->nats.at[i].has_after)
			continue;
		versioned_clear(maps, &at->eip);
		zero_words(at, sizeof(*at));
		maps->mirror.nats[m->nats.at[i].number] = (struct nat_node){};
	}
	for (size_t i = 0; i < m->eips.n; i++) {
		const struct touched_eip *e = &m->eips.at[i];
		struct vpc_eip *at = eip_at(maps, e->number);

		if (e->has_after)
			continue;
		eip_unlink(&maps->mirror, e->number);
		versioned_clear(maps, &at->target);
		zero_words(at, sizeof(*at));
	}
}

void retire_edge(struct maps *maps, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	for (size_t i = 0; i < m->routes.n; i++) {
		if (m->routes.at[i].target)
			continue;
		retire_route(maps, m->routes.at[i].route);
		maps->mirror.waiting_routes--;
	}
	for (size_t i = 0; i < m->associations.n; i++) {
		uint32_t subnet = m->associations.at[i].subnet;

		/* A later change may have given it a table again. */
		if (!maps->mirror.associations[subnet].table)
			versioned_clear(maps, subnet_table_at(maps, subnet));
	}
	retire_gateways(maps, m);
	write_moved_publishes(maps, c);
	for (size_t i = 0; i < m->publishes.n; i++) {
		if (m->publishes.at[i].added)
			continue;
		retire_publish(maps, m->publishes.at[i].row);
		maps->mirror.waiting_publishes--;
	}
	if (m->publishes.n)
		store32(&edge_ctl_at(maps, 0)->publish_plens, publish_plens(&maps->mirror));
}
