/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/edge_change.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/routes.h"

struct route_edit {
	struct vpc_route_key key;
	uint32_t before, after; /* targets; 0: there is no such route */
};

/* An elastic IP of a private address. */
struct eip_of {
	uint32_t vpc, private4;
	uint32_t address; /* network order */
};

struct lost_publication {
	uint32_t row;
	uint32_t incarnation;
	struct vpc_publish_row of;
};

struct nat_edit {
	uint32_t number;
	struct nat_record before, after; /* number 0: there is none */
};

struct edge_change {
	ARRAY(struct route_edit) routes; /* ascending by key */
	struct vpc_route_plens plens;	 /* of all of these */
	ARRAY(struct touched_association) associations;
	ARRAY(struct nat_edit) nats;
	ARRAY(struct eip_of) eips_before; /* ascending */
	ARRAY(struct eip_of) eips_after;
	ARRAY(struct lost_publication) publications; /* lost ones, ascending by row */
	ARRAY(struct touched_vpc) vpcs;		     /* those that lose host access */
	uint8_t *enis; /* by number, from VPC_ENI_FIRST on: whether its flows may be cut */
	uint32_t n_enis;
};

struct edge_change *edge_change_free(struct edge_change *x)
{
	if (!x)
		return NULL;
	free(x->routes.at);
	free(x->associations.at);
	free(x->nats.at);
	free(x->eips_before.at);
	free(x->eips_after.at);
	free(x->publications.at);
	free(x->vpcs.at);
	free(x->enis);
	free(x);
	return NULL;
}

/* --- what is altered ---------------------------------------------------------------------------------------------- */

bool edge_change_may_cut(const struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	if (m->routes.n || m->associations.n)
		return true;
	for (size_t i = 0; i < m->nats.n; i++)
		if (m->nats.at[i].has_before)
			return true;
	for (size_t i = 0; i < m->eips.n; i++)
		if (m->eips.at[i].has_before && eip_is_eni(&m->eips.at[i].before))
			return true;
	for (size_t i = 0; i < m->publishes.n; i++)
		if (!m->publishes.at[i].added)
			return true;
	for (size_t i = 0; i < m->vpcs.n; i++)
		if (space_host_loses(&m->vpcs.at[i].before, &m->vpcs.at[i].space))
			return true;
	return false;
}

static int compare_routes(const void *a, const void *b)
{
	return memcmp(&((const struct route_edit *)a)->key, &((const struct route_edit *)b)->key,
		      sizeof(struct vpc_route_key));
}

static int compare_eips(const void *a, const void *b)
{
	const struct eip_of *x = a, *y = b;

	if (x->vpc != y->vpc)
		return x->vpc < y->vpc ? -1 : 1;
	return x->private4 < y->private4 ? -1 : x->private4 > y->private4;
}

static int compare_publications(const void *a, const void *b)
{
	const struct lost_publication *x = a, *y = b;

	return x->row < y->row ? -1 : x->row > y->row;
}

#define SORT(a, compare)                                                     \
	do {                                                                 \
		if ((a)->n)                                                  \
			qsort((a)->at, (a)->n, sizeof(*(a)->at), (compare)); \
	} while (0)
#define FIND(a, key, compare) ((a)->n ? bsearch((key), (a)->at, (a)->n, sizeof(*(a)->at), (compare)) : NULL)

static int note_routes(struct edge_change *x, const struct maps *maps, const struct mirror_change *c)
{
	for (size_t i = 0; i < c->routes.n; i++) {
		const struct touched_route *touched = &c->routes.at[i];
		struct route_edit *edit;

		if (touched->before == touched->target)
			continue;
		edit = ARRAY_PUSH(&x->routes);
		if (!edit)
			return -ENOMEM;
		*edit = (struct route_edit){.key = maps->mirror.routes[touched->route].key,
					    .before = touched->before,
					    .after = touched->target};
		route_hints_add(&x->plens, &edit->key);
	}
	for (size_t i = 0; i < c->associations.n; i++) {
		struct touched_association *table = ARRAY_PUSH(&x->associations);

		if (!table)
			return -ENOMEM;
		*table = c->associations.at[i];
	}
	SORT(&x->routes, compare_routes);
	return 0;
}

static int note_gateways(struct edge_change *x, const struct mirror_change *c)
{
	for (size_t i = 0; i < c->nats.n; i++) {
		struct nat_edit *edit = c->nats.at[i].has_before ? ARRAY_PUSH(&x->nats) : NULL;

		if (!c->nats.at[i].has_before)
			continue;
		if (!edit)
			return -ENOMEM;
		*edit = (struct nat_edit){.number = c->nats.at[i].number, .before = c->nats.at[i].before};
		if (c->nats.at[i].has_after)
			edit->after = c->nats.at[i].after;
	}
	for (size_t i = 0; i < c->eips.n; i++) {
		const struct touched_eip *e = &c->eips.at[i];

		for (unsigned after = 0; after < 2; after++) {
			const struct eip_record *r = after ? &e->after : &e->before;
			struct eip_of *of;

			if (!(after ? e->has_after : e->has_before) || !eip_is_eni(r))
				continue;
			of = after ? ARRAY_PUSH(&x->eips_after) : ARRAY_PUSH(&x->eips_before);
			if (!of)
				return -ENOMEM;
			*of = (struct eip_of){.vpc = r->vpc, .private4 = r->private_address, .address = r->address};
		}
	}
	SORT(&x->eips_before, compare_eips);
	SORT(&x->eips_after, compare_eips);
	return 0;
}

static int note_publications(struct edge_change *x, const struct maps *maps, const struct mirror_change *c)
{
	for (size_t i = 0; i < c->publishes.n; i++) {
		uint32_t row = c->publishes.at[i].row;
		struct lost_publication *lost;

		if (c->publishes.at[i].added)
			continue;
		lost = ARRAY_PUSH(&x->publications);
		if (!lost)
			return -ENOMEM;
		*lost = (struct lost_publication){.row = row,
						  .incarnation = (uint32_t)publish_at(maps, row)->born,
						  .of = maps->mirror.publishes[row].row};
	}
	SORT(&x->publications, compare_publications);
	return 0;
}

static int note_vpcs(struct edge_change *x, const struct mirror_change *c)
{
	for (size_t i = 0; i < c->vpcs.n; i++) {
		const struct touched_vpc *touched = &c->vpcs.at[i];
		struct touched_vpc *lost;

		if (!space_host_loses(&touched->before, &touched->space))
			continue;
		lost = ARRAY_PUSH(&x->vpcs);
		if (!lost)
			return -ENOMEM;
		*lost = *touched;
	}
	return 0;
}

/* --- whom it concerns --------------------------------------------------------------------------------------------- */

static void concern(struct edge_change *x, uint32_t eni)
{
	if (eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis)
		x->enis[eni - VPC_ENI_FIRST] = 1;
}

static void concern_subnets(struct edge_change *x, const struct maps *maps, const uint8_t *edited, const uint8_t *vpcs)
{
	for (uint32_t i = 0; i < x->n_enis; i++) {
		const struct eni_node *eni = &maps->mirror.enis[VPC_ENI_FIRST + i];
		uint32_t before, after;

		if (eni->state == NODE_FREE)
			continue;
		before = edge_change_table(maps, x, eni->row.subnet, false);
		after = edge_change_table(maps, x, eni->row.subnet, true);
		if (before != after || edited[before] || edited[after] || vpcs[eni->row.vpc])
			x->enis[i] = 1;
	}
}

static int note_enis(struct edge_change *x, const struct maps *maps, const struct mirror_change *c)
{
	_cleanup_free_ uint8_t *edited = calloc(maps->mirror.size.route_tables, 1);
	_cleanup_free_ uint8_t *vpcs = calloc(maps->mirror.size.vpcs, 1);

	x->n_enis = maps->mirror.eni_max - VPC_ENI_FIRST + 1;
	x->enis = calloc(x->n_enis, 1);
	if (!edited || !vpcs || !x->enis)
		return -ENOMEM;
	for (size_t i = 0; i < x->routes.n; i++)
		edited[x->routes.at[i].key.table] = 1;
	for (size_t i = 0; i < x->nats.n; i++)
		vpcs[x->nats.at[i].before.vpc] = 1;
	for (size_t i = 0; i < x->vpcs.n; i++)
		vpcs[x->vpcs.at[i].number] = 1;
	if (x->routes.n || x->associations.n || x->nats.n || x->vpcs.n)
		concern_subnets(x, maps, edited, vpcs);
	for (size_t i = 0; i < c->eips.n; i++)
		if (c->eips.at[i].has_before && eip_is_eni(&c->eips.at[i].before))
			concern(x, c->eips.at[i].before.target & VPC_TARGET_NUMBER);
	for (size_t i = 0; i < x->publications.n; i++)
		concern(x, x->publications.at[i].of.eni);
	return 0;
}

int edge_change_new(const struct maps *maps, const struct maps_change *c, struct edge_change **ret)
{
	_cleanup_(edge_change_freep) struct edge_change *x = NULL;
	int r;

	*ret = NULL;
	if (!edge_change_may_cut(c))
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	r = note_routes(x, maps, &c->mirror);
	if (r == 0)
		r = note_gateways(x, &c->mirror);
	if (r == 0)
		r = note_publications(x, maps, &c->mirror);
	if (r == 0)
		r = note_vpcs(x, &c->mirror);
	if (r == 0)
		r = note_enis(x, maps, &c->mirror);
	if (r == 0)
		*ret = TAKE_PTR(x);
	return r;
}

bool edge_change_concerns(const struct edge_change *x, uint32_t eni)
{
	return x && eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis && x->enis[eni - VPC_ENI_FIRST];
}

/* --- before and after --------------------------------------------------------------------------------------------- */

uint32_t edge_change_table(const struct maps *maps, const struct edge_change *x, uint32_t subnet, bool after)
{
	for (size_t i = 0; i < x->associations.n; i++)
		if (x->associations.at[i].subnet == subnet)
			return after ? x->associations.at[i].table : x->associations.at[i].before;
	return subnet < maps->mirror.size.subnets ? maps->mirror.associations[subnet].table : 0;
}

void edge_change_plens(const struct maps *maps, const struct edge_change *x, uint32_t table,
		       struct vpc_route_plens *ret)
{
	route_hints(&maps->mirror, table, ret);
	/* The mirror may have lost a route that the change removed. */
	ret->plens4 |= x->plens.plens4;
	for (unsigned i = 0; i < ARRAY_SIZE(ret->plens6); i++)
		ret->plens6[i] |= x->plens.plens6[i];
}

uint32_t edge_change_route(const struct maps *maps, const struct edge_change *x, const struct vpc_route_key *key,
			   bool after)
{
	struct route_edit wanted = {.key = *key};
	const struct route_edit *edit = FIND(&x->routes, &wanted, compare_routes);
	uint32_t number;

	if (edit)
		return after ? edit->after : edit->before;
	number = route_by_key(&maps->mirror, key);
	return number ? maps->mirror.routes[number].target : 0;
}

const struct nat_record *edge_change_nat(const struct maps *maps, const struct edge_change *x, uint32_t number,
					 bool after)
{
	for (size_t i = 0; i < x->nats.n; i++)
		if (x->nats.at[i].number == number)
			return after ? &x->nats.at[i].after : &x->nats.at[i].before;
	return &maps->mirror.nats[number < maps->mirror.size.nats ? number : 0].record;
}

uint32_t edge_change_eip(const struct maps *maps, const struct edge_change *x, uint32_t vpc, uint32_t private4,
			 bool after)
{
	struct eip_of wanted = {.vpc = vpc, .private4 = private4};
	struct vpc_addr_key private = {.vpc = vpc, .addr = {[2] = htonl(0xffff), [3] = private4}};
	const struct eip_of *was = FIND(&x->eips_before, &wanted, compare_eips);
	const struct eip_of *is = FIND(&x->eips_after, &wanted, compare_eips);
	const struct eip_of *found = after ? is : was;
	uint32_t number;

	if (was || is)
		return found ? found->address : 0;
	number = eip_by_private(&maps->mirror, &private);
	return number ? maps->mirror.eips[number].record.address : 0;
}

const struct vpc_space *edge_change_space(const struct maps *maps, const struct edge_change *x, uint32_t vpc,
					  bool after)
{
	for (size_t i = 0; i < x->vpcs.n; i++)
		if (x->vpcs.at[i].number == vpc)
			return after ? &x->vpcs.at[i].space : &x->vpcs.at[i].before;
	return &maps->mirror.spaces[vpc < maps->mirror.size.vpcs ? vpc : 0];
}

bool edge_change_deletes_publication(const struct edge_change *x, uint32_t row, uint32_t incarnation)
{
	struct lost_publication wanted = {.row = row};
	const struct lost_publication *lost = FIND(&x->publications, &wanted, compare_publications);

	return lost && lost->incarnation == incarnation;
}

bool edge_change_unpublishes(const struct edge_change *x, uint32_t eni, uint32_t private4, uint8_t proto,
			     uint16_t lport)
{
	uint16_t port = ntohs(lport);

	for (size_t i = 0; i < x->publications.n; i++) {
		const struct vpc_publish_row *row = &x->publications.at[i].of;

		if (row->eni == eni && row->private4 == private4 && row->key.proto == proto && port >= row->port &&
		    (uint32_t)(port - row->port) < 1u << (16 - row->key.plen))
			return true;
	}
	return false;
}
