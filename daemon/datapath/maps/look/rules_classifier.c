/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By a set's classifier, as bpf/lib/rules/classifier.h searches it. */
#include <arpa/inet.h>
#include <string.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/look/rules.h"

/* More nodes than the chain of any port has. The bound ends a search in a broken index. */
#define NODES_MAX 64u

struct search {
	const struct look *l;
	const struct look_rules *q;
	const struct vpc_set *set;
	const struct vpc_classifier *header;
	uint32_t table; /* the header's block */
};

static bool set_has(const struct vpc_set *set, uint32_t group)
{
	for (uint32_t i = 0; group && i < VPC_GROUPS_PER_ENI; i++)
		if (set->sg[i] == group)
			return true;
	return false;
}

static bool mask_group_holds(const struct search *s, uint32_t number)
{
	const struct vpc_mask_group *c = look_row(s->l, MAP_MASK_GROUP, number);

	return c && c->key.dir == s->q->direction && (c->key.slot == VPC_SLOT_ANY || c->key.slot == s->q->slot) &&
	       c->key.plen <= 16 && c->key.port == (s->q->port & 0xffff0000u >> c->key.plen & 0xffff) &&
	       set_has(s->set, c->key.sg);
}

static bool prefix_holds(const struct search *s, const struct vpc_rule_key *k)
{
	__be32 prefix[4] = {0};

	if (k->kind == VPC_PEER_CIDR4) {
		prefix[0] = k->plen <= 32 ? s->q->peer[3] & look_mask(k->plen) : 0;
		return k->plen <= 32 && k->addr[0] == prefix[0];
	}
	look_prefix6(s->q->peer, k->plen, prefix);
	return look_equal(k->addr, prefix);
}

/* Whether the row itself allows it. kind: of the list that names it; group: of the peer, with VPC_PEER_SG. */
static uint32_t take(const struct search *s, uint32_t number, uint8_t kind, uint32_t group)
{
	const struct vpc_row *r = number ? look_row(s->l, MAP_ROW, number) : NULL;

	if (!r || !visible(r->born, r->died, s->l->epoch))
		return 0;
	if (r->key.kind == (s->q->family == 4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6))
		return r->key.plen == s->q->direction && set_has(s->set, r->key.mask_group) ? number : 0;
	if (r->key.kind != kind || !mask_group_holds(s, r->key.mask_group))
		return 0;
	if (kind == VPC_PEER_SG)
		return r->key.addr[0] == group ? number : 0;
	return prefix_holds(s, &r->key) ? number : 0;
}

static uint32_t by_address(const struct search *s)
{
	const uint32_t port = (uint32_t)s->q->slot << 16 | s->q->port;
	uint32_t node = look_list(s->l, MAP_CLASSIFIER, s->table, &s->header->ports, &port, 1), row = 0;
	uint32_t key[4];
	bool six = s->q->family == 6;

	for (unsigned w = 0; w < 4; w++)
		key[w] = ntohl(s->q->peer[six ? w : 3]);
	for (unsigned i = 0; node && !row && i < NODES_MAX; i++) {
		const struct vpc_classifier_node *n =
			look_row(s->l, MAP_CLASSIFIER, s->table + s->header->nodes + (node >> 1));

		if (!n)
			return 0;
		n += node & 1;
		row = take(s, look_list(s->l, MAP_CLASSIFIER, s->table, six ? &n->list6 : &n->list4, key, six ? 4 : 1),
			   six ? VPC_PEER_CIDR6 : VPC_PEER_CIDR4, 0);
		node = n->parent;
	}
	return row;
}

static uint32_t by_group(const struct search *s)
{
	const struct vpc_set *peers = s->q->peer_set ? look_row(s->l, MAP_SET, s->q->peer_set) : NULL;
	uint32_t row = 0;

	for (uint32_t i = 0; peers && !row && i < peers->n && i < VPC_GROUPS_PER_ENI; i++) {
		const uint32_t key[2] = {peers->sg[i], (uint32_t)s->q->slot << 16 | s->q->port};

		if (s->header->bloom >> (peers->sg[i] & 63) & 1)
			row = take(s, look_list(s->l, MAP_CLASSIFIER, s->table, &s->header->groups, key, 2),
				   VPC_PEER_SG, peers->sg[i]);
	}
	return row;
}

uint32_t rules_by_classifier(const struct look *l, const struct look_rules *q, bool *ret_has)
{
	struct search s = {.l = l, .q = q, .set = look_row(l, MAP_SET, q->set)};
	uint32_t row;

	*ret_has = false;
	s.table = s.set ? look_value(l, &s.set->classifier[q->direction & 1]) : 0;
	s.header = s.table ? look_row(l, MAP_CLASSIFIER, s.table) : NULL;
	if (!s.header || s.header->set != q->set || s.header->dir != q->direction)
		return 0;
	*ret_has = true;
	row = by_address(&s);
	return row ? row : by_group(&s);
}
