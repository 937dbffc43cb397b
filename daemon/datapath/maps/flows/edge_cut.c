/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/edge_cut.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/clock.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/flows/translations.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/routes.h"

/* A flow whose translation is gone was alive by it if it had a packet so recently: a program or vpcd took the entry out
 * after the change. */
#define RECENT_S 3u

struct route_edit {
	struct vpc_route_key key;
	uint32_t before, after; /* targets; 0: none */
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

struct edge_cut {
	ARRAY(struct route_edit) routes;	  /* ascending by key */
	struct vpc_route_plens plens;		  /* of all of these */
	ARRAY(struct touched_association) tables; /* of subnets */
	ARRAY(struct nat_edit) nats;
	ARRAY(struct eip_of) eips_before; /* ascending */
	ARRAY(struct eip_of) eips_after;
	ARRAY(struct lost_publication) publications; /* lost ones, ascending by row */
	ARRAY(struct touched_vpc) vpcs;		     /* those that lose host access */
	uint8_t *enis;				     /* by number, from VPC_ENI_FIRST on: whether it is concerned */
	uint32_t n_enis;
};

struct edge_cut *edge_cut_free(struct edge_cut *x)
{
	if (!x)
		return NULL;
	free(x->routes.at);
	free(x->tables.at);
	free(x->nats.at);
	free(x->eips_before.at);
	free(x->eips_after.at);
	free(x->publications.at);
	free(x->vpcs.at);
	free(x->enis);
	free(x);
	return NULL;
}

/* --- what is taken away ------------------------------------------------------------------------------------------- */

bool edge_cut_possible(const struct maps_change *c)
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

static int note_routes(struct edge_cut *x, const struct maps *maps, const struct mirror_change *c)
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
		struct touched_association *table = ARRAY_PUSH(&x->tables);

		if (!table)
			return -ENOMEM;
		*table = c->associations.at[i];
	}
	SORT(&x->routes, compare_routes);
	return 0;
}

static int note_gateways(struct edge_cut *x, const struct mirror_change *c)
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

static int note_publications(struct edge_cut *x, const struct maps *maps, const struct mirror_change *c)
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

static int note_vpcs(struct edge_cut *x, const struct mirror_change *c)
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

/* The route table of a subnet, before the change or after it. */
static uint32_t table_of(const struct maps *maps, const struct edge_cut *x, uint32_t subnet, bool after)
{
	for (size_t i = 0; i < x->tables.n; i++)
		if (x->tables.at[i].subnet == subnet)
			return after ? x->tables.at[i].table : x->tables.at[i].before;
	return subnet < maps->mirror.size.subnets ? maps->mirror.associations[subnet].table : 0;
}

static void concern(struct edge_cut *x, uint32_t eni)
{
	if (eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis)
		x->enis[eni - VPC_ENI_FIRST] = 1;
}

static void concern_subnets(struct edge_cut *x, const struct maps *maps, const uint8_t *edited, const uint8_t *vpcs)
{
	for (uint32_t i = 0; i < x->n_enis; i++) {
		const struct eni_node *eni = &maps->mirror.enis[VPC_ENI_FIRST + i];
		uint32_t before, after;

		if (eni->state == NODE_FREE)
			continue;
		before = table_of(maps, x, eni->row.subnet, false);
		after = table_of(maps, x, eni->row.subnet, true);
		if (before != after || edited[before] || edited[after] || vpcs[eni->row.vpc])
			x->enis[i] = 1;
	}
}

static int note_enis(struct edge_cut *x, const struct maps *maps, const struct mirror_change *c)
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
	if (x->routes.n || x->tables.n || x->nats.n || x->vpcs.n)
		concern_subnets(x, maps, edited, vpcs);
	for (size_t i = 0; i < c->eips.n; i++)
		if (c->eips.at[i].has_before && eip_is_eni(&c->eips.at[i].before))
			concern(x, c->eips.at[i].before.target & VPC_TARGET_NUMBER);
	for (size_t i = 0; i < x->publications.n; i++)
		concern(x, x->publications.at[i].of.eni);
	return 0;
}

int edge_cut_new(const struct maps *maps, const struct maps_change *c, struct edge_cut **ret)
{
	_cleanup_(edge_cut_freep) struct edge_cut *x = NULL;
	int r;

	*ret = NULL;
	if (!edge_cut_possible(c))
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

bool edge_cut_concerns(const struct edge_cut *x, uint32_t eni)
{
	return x && eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis && x->enis[eni - VPC_ENI_FIRST];
}

/* --- a flow ------------------------------------------------------------------------------------------------------- */

/* A flow with the outside, and its translation. */
struct subject {
	const struct vpc_flow_key *key;
	uint32_t eni;
	unsigned local; /* index in key->addr of the ENI's address */
	bool v4;
	bool outside_opened;
	bool peered; /* the other end is an ENI of a peered VPC */
	bool recent; /* it had a packet just now */
	bool translated;
	bool from_host;		/* the host opened it by an internet gateway */
	struct vpc_nat_key out; /* IPv4 */
	struct vpc_nat_entry entry;
};

/* False: no flow with the outside. */
static bool subject_of(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		       uint64_t now_ns, struct subject *ret)
{
	if (!flow->eni[0] == !flow->eni[1] || key->via || flow->opener > 1)
		return false;
	*ret = (struct subject){.key = key,
				.eni = flow->eni[0] ? flow->eni[0] : flow->eni[1],
				.local = flow->eni[0] ? flow->opener : !flow->opener,
				.outside_opened = !flow->eni[0],
				.peered = flow->incarnation[flow->eni[0] ? 1 : 0] != 0,
				.from_host = (flow->flags & VPC_FLOW_FROM_HOST) != 0,
				.recent = flow->last_seen_ns + RECENT_S * NS_PER_S > now_ns};
	if (ret->eni >= maps->mirror.size.enis)
		return false;
	ret->v4 = translation_of_flow(key, flow, &ret->out);
	ret->translated = ret->v4 && bpf_map_lookup_elem(maps->map[MAP_NAT_OUT].fd, &ret->out, &ret->entry) == 0 &&
			  memcmp(&ret->entry.key, &ret->out, sizeof(ret->out)) == 0;
	return true;
}

/* Writes the key of the route to a flow's other end with a prefix of so many bits. */
static void route_key_to(const struct subject *s, uint32_t table, unsigned plen, struct vpc_route_key *ret)
{
	const __be32 *remote = s->key->addr[!s->local];

	*ret = (struct vpc_route_key){.table = table, .family = s->v4 ? 4 : 6, .plen = (uint8_t)plen};
	if (s->v4) {
		ret->addr[0] = remote[3] & htonl(plen ? ~0u << (32 - plen) : 0);
		return;
	}
	for (unsigned word = 0; word < 4; word++) {
		unsigned bits = plen <= 32 * word ? 0 : plen - 32 * word;

		ret->addr[word] = remote[word] & htonl(!bits ? 0 : bits >= 32 ? ~0u : ~0u << (32 - bits));
	}
}

static bool has_plen(const struct vpc_route_plens *plens, bool v4, unsigned plen)
{
	return v4 ? plens->plens4 >> plen & 1 : plens->plens6[plen / 64] >> plen % 64 & 1;
}

/* Where a flow's packets to the outside went before the change, or go after it. */
static uint32_t target_of(const struct maps *maps, const struct edge_cut *x, const struct subject *s, bool after)
{
	const struct mirror *m = &maps->mirror;
	uint32_t table = table_of(maps, x, m->enis[s->eni].row.subnet, after);
	struct vpc_route_plens plens;

	if (!table)
		return 0;
	route_hints(m, table, &plens);
	/* That of a route that the change removed may be gone by now. */
	plens.plens4 |= x->plens.plens4;
	for (unsigned i = 0; i < 3; i++)
		plens.plens6[i] |= x->plens.plens6[i];
	for (unsigned plen = s->v4 ? 33 : 129; plen-- > 0;) {
		struct route_edit wanted = {};
		const struct route_edit *edit;
		uint32_t target, number;

		if (!has_plen(&plens, s->v4, plen))
			continue;
		route_key_to(s, table, plen, &wanted.key);
		edit = FIND(&x->routes, &wanted, compare_routes);
		number = edit ? 0 : route_by_key(m, &wanted.key);
		target = edit ? after ? edit->after : edit->before : number ? m->routes[number].target : 0;
		if (target)
			return target;
	}
	return 0;
}

/* The elastic IP of a flow's private address; 0: none. Network order. */
static uint32_t elastic_of(const struct maps *maps, const struct edge_cut *x, const struct subject *s, bool after)
{
	struct eip_of wanted = {.vpc = s->key->vpc, .private4 = s->out.local};
	struct vpc_addr_key private = {.vpc = wanted.vpc, .addr = {[2] = htonl(0xffff), [3] = wanted.private4}};
	const struct eip_of *before_of = FIND(&x->eips_before, &wanted, compare_eips);
	const struct eip_of *after_of = FIND(&x->eips_after, &wanted, compare_eips);
	uint32_t number;

	if (before_of || after_of)
		return after ? after_of ? after_of->address : 0 : before_of ? before_of->address : 0;
	number = eip_by_private(&maps->mirror, &private);
	return number ? maps->mirror.eips[number].record.address : 0;
}

static const struct nat_record *gateway_as(const struct maps *maps, const struct edge_cut *x, uint32_t number,
					   bool after)
{
	for (size_t i = 0; i < x->nats.n; i++)
		if (x->nats.at[i].number == number)
			return after ? &x->nats.at[i].after : &x->nats.at[i].before;
	return &maps->mirror.nats[number < maps->mirror.size.nats ? number : 0].record;
}

/* Went out by NAT gateway `number`: whether it no longer does, and did until the change. */
static bool nat_is_cut(const struct maps *maps, const struct edge_cut *x, const struct subject *s, uint32_t before,
		       uint32_t after)
{
	const struct nat_record *was = gateway_as(maps, x, before & VPC_TARGET_NUMBER, false);
	const struct nat_record *is = gateway_as(maps, x, before & VPC_TARGET_NUMBER, true);

	if (s->outside_opened || !was->number || (before == after && nat_record_equal(was, is)))
		return false;
	if (s->translated && s->entry.by == was->number && s->entry.incarnation == was->incarnation)
		return true;
	/* A datagram that came later may have another translation already. */
	return s->recent;
}

static bool route_is_cut(const struct maps *maps, const struct edge_cut *x, const struct subject *s)
{
	uint32_t before = target_of(maps, x, s, false), after = target_of(maps, x, s, true);

	switch (before >> VPC_TARGET_SHIFT) {
	case 0:
	case VPC_TARGET_BLACKHOLE:
		return false;
	case VPC_TARGET_NAT:
		return nat_is_cut(maps, x, s, before, after);
	case VPC_TARGET_IGW:
		if (s->v4 && !elastic_of(maps, x, s, false))
			return false;
		return before != after || (s->v4 && elastic_of(maps, x, s, false) != elastic_of(maps, x, s, true));
	default:
		return before != after;
	}
}

static bool publication_lost(const struct edge_cut *x, uint32_t row, uint32_t incarnation)
{
	struct lost_publication wanted = {.row = row};
	const struct lost_publication *lost = FIND(&x->publications, &wanted, compare_publications);

	return lost && lost->incarnation == incarnation;
}

/* Whether a lost publication led to the flow's port. */
static bool publication_led_to(const struct edge_cut *x, const struct subject *s)
{
	uint16_t port = ntohs(s->out.lport);

	for (size_t i = 0; i < x->publications.n; i++) {
		const struct vpc_publish_row *row = &x->publications.at[i].of;

		if (row->eni == s->eni && row->private4 == s->out.local && row->key.proto == s->out.proto &&
		    port >= row->port && (uint32_t)(port - row->port) < 1u << (16 - row->key.plen))
			return true;
	}
	return false;
}

/* Whether a flow with the host itself passes by host access, before the change or after it. */
static bool by_host_access(const struct maps *maps, const struct edge_cut *x, const struct subject *s, bool after)
{
	const struct vpc_space *space = &maps->mirror.spaces[s->key->vpc < maps->mirror.size.vpcs ? s->key->vpc : 0];
	const __be32 *remote = s->key->addr[!s->local];
	struct vpc_public_key key;
	struct vpc_public found;

	for (size_t i = 0; i < x->vpcs.n; i++)
		if (x->vpcs.at[i].number == s->key->vpc)
			space = after ? &x->vpcs.at[i].space : &x->vpcs.at[i].before;
	if (s->peered || s->from_host || !space_host_names(space, s->v4, remote))
		return false;
	memcpy(key.addr, remote, sizeof(key.addr));
	return bpf_map_lookup_elem(maps->map[MAP_PUBLIC].fd, &key, &found) == 0 && found.kind & VPC_PUBLIC_OWN;
}

bool edge_cut_flow(const struct maps *maps, const struct edge_cut *x, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow, uint64_t now_ns)
{
	struct subject s;

	if (!x || flow->state == VPC_FLOW_TOMBSTONE ||
	    (!edge_cut_concerns(x, flow->eni[0]) && !edge_cut_concerns(x, flow->eni[1])) ||
	    !subject_of(maps, key, flow, now_ns, &s))
		return false;
	if (s.translated && (s.entry.flags & VPC_NAT_PUBLISHED))
		return publication_lost(x, s.entry.by, s.entry.incarnation);
	if (by_host_access(maps, x, &s, false))
		return !by_host_access(maps, x, &s, true);
	if (!s.peered && s.v4 && s.outside_opened && !s.translated && s.recent && !elastic_of(maps, x, &s, false))
		return publication_led_to(x, &s);
	return route_is_cut(maps, x, &s);
}
