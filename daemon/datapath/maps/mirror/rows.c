/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/maps/mirror/sets.h"

struct vpc_mask_group_key row_mask_group_key(const struct plan_row *r)
{
	return (struct vpc_mask_group_key){
		.sg = r->sg, .dir = r->direction, .slot = r->slot, .plen = r->port_plen, .port = r->port};
}

bool row_is_all(const struct plan_row *r, struct vpc_rule_key *ret)
{
	bool cidr4 = r->peer_kind == VPC_PEER_CIDR4;

	if (group_is_list(r->sg) || r->slot != VPC_SLOT_ANY || r->port_plen || r->peer_plen ||
	    (!cidr4 && r->peer_kind != VPC_PEER_CIDR6))
		return false;
	*ret = (struct vpc_rule_key){
		.mask_group = r->sg, .kind = cidr4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6, .plen = r->direction};
	return true;
}

bool key_is_all(const struct vpc_rule_key *key)
{
	return key->kind == VPC_PEER_ALL4 || key->kind == VPC_PEER_ALL6;
}

bool row_key(const struct mirror *m, const struct plan_row *r, struct vpc_rule_key *ret)
{
	struct vpc_mask_group_key mask_group = row_mask_group_key(r);

	if (row_is_all(r, ret))
		return true;
	*ret = (struct vpc_rule_key){
		.mask_group = mask_group_find(m, &mask_group), .kind = r->peer_kind, .plen = r->peer_plen};
	memcpy(ret->addr, r->peer, sizeof(ret->addr));
	return ret->mask_group != 0;
}

void row_describe(const struct mirror *m, const struct row *row, struct plan_row *ret)
{
	if (key_is_all(&row->key)) {
		ret->sg = row->key.mask_group;
		ret->direction = row->key.plen;
		ret->slot = VPC_SLOT_ANY;
		ret->port_plen = 0;
		ret->port = 0;
		ret->peer_kind = row->key.kind == VPC_PEER_ALL4 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
		ret->peer_plen = 0;
	} else {
		const struct vpc_mask_group_key *mask_group = &m->mask_groups[row->key.mask_group].key;

		ret->sg = mask_group->sg;
		ret->direction = mask_group->dir;
		ret->slot = mask_group->slot;
		ret->port_plen = mask_group->plen;
		ret->port = mask_group->port;
		ret->peer_kind = row->key.kind;
		ret->peer_plen = row->key.plen;
	}
	memcpy(ret->peer, row->key.addr, sizeof(ret->peer));
}

uint32_t row_group(const struct mirror *m, const struct row *row)
{
	return key_is_all(&row->key) ? row->key.mask_group : m->mask_groups[row->key.mask_group].key.sg;
}

unsigned row_direction(const struct mirror *m, const struct row *row)
{
	return key_is_all(&row->key) ? row->key.plen : m->mask_groups[row->key.mask_group].key.dir;
}

/* --- mask groups --- */

uint32_t mask_group_find(const struct mirror *m, const struct vpc_mask_group_key *key)
{
	uint32_t i = *chains_head(&m->mask_groups_by_key, chains_hash(key, sizeof(*key)));

	while (i && memcmp(&m->mask_groups[i].key, key, sizeof(*key)) != 0)
		i = m->mask_groups[i].next;
	return i;
}

int mask_group_link(struct mirror *m, uint32_t number, const struct vpc_mask_group_key *key)
{
	uint32_t *head = chains_head(&m->mask_groups_by_key, chains_hash(key, sizeof(*key)));
	struct group *group = group_get(m, key->sg);
	uint32_t *first;

	if (!group)
		return -ENOMEM;
	first = &group->mask_groups[key->dir];
	m->mask_groups[number] = (struct mask_group){.key = *key, .next = *head, .group_next = *first, .used = true};
	if (*first)
		m->mask_groups[*first].group_prev = number;
	*first = number;
	*head = number;
	group->n_mask_groups[key->dir][key->slot][key->plen]++;
	return 0;
}

void mask_group_unlink(struct mirror *m, uint32_t number)
{
	struct mask_group *mask_group = &m->mask_groups[number];
	const struct vpc_mask_group_key *key = &mask_group->key;
	struct group *group = m->groups[key->sg];
	uint32_t *at = chains_head(&m->mask_groups_by_key, chains_hash(key, sizeof(*key)));

	while (*at != number)
		at = &m->mask_groups[*at].next;
	*at = mask_group->next;
	if (mask_group->group_prev)
		m->mask_groups[mask_group->group_prev].group_next = mask_group->group_next;
	else
		group->mask_groups[key->dir] = mask_group->group_next;
	if (mask_group->group_next)
		m->mask_groups[mask_group->group_next].group_prev = mask_group->group_prev;
	if (--group->n_mask_groups[key->dir][key->slot][key->plen] == 0)
		group->probes[key->dir][key->slot][key->plen] = 0;
	*mask_group = (struct mask_group){};
}

uint32_t port_plens(const struct mirror *m, uint32_t sg, unsigned dir, unsigned slot)
{
	const struct group *group = m->groups[sg];
	uint32_t bits = 0;

	for (unsigned plen = 0; group && plen <= 16; plen++)
		if (group->n_mask_groups[dir][slot][plen])
			bits |= 1u << plen;
	if (slot == VPC_SLOT_ANY)
		bits |= list_places(m, sg, dir) << VPC_LISTS_SHIFT;
	return bits;
}

void hints_add(struct vpc_mask_group *hints, const struct vpc_rule_key *key)
{
	switch (key->kind) {
	case VPC_PEER_CIDR4:
		hints->plens4 |= 1ull << key->plen;
		break;
	case VPC_PEER_CIDR6:
		hints->plens6[key->plen / 64] |= 1ull << key->plen % 64;
		break;
	case VPC_PEER_SG:
		hints->sg_bloom |= 1ull << (key->addr[0] & 63);
		hints->flags |= VPC_MASK_GROUP_SG;
		break;
	case VPC_PEER_PREFIX_LIST:
		hints->flags |= VPC_MASK_GROUP_LIST;
		break;
	default:
		break;
	}
}

void mask_group_hints(const struct mirror *m, uint32_t number, struct vpc_mask_group *ret)
{
	*ret = (struct vpc_mask_group){.key = m->mask_groups[number].key};
	for (uint32_t i = m->mask_groups[number].rows; i; i = m->rows[i].mask_group_next)
		hints_add(ret, &m->rows[i].key);
}

/* --- rows --- */

uint32_t row_find(const struct mirror *m, const struct vpc_rule_key *key)
{
	uint32_t i = *chains_head(&m->rows_by_key, chains_hash(key, sizeof(*key)));

	while (i && (m->rows[i].state == NODE_DEAD || memcmp(&m->rows[i].key, key, sizeof(*key)) != 0))
		i = m->rows[i].next;
	return i;
}

uint32_t row_find_hashed(const struct mirror *m, const struct vpc_rule_key *key)
{
	uint32_t i = *chains_head(&m->rows_by_key, chains_hash(key, sizeof(*key)));

	while (i && (!m->rows[i].hashed || memcmp(&m->rows[i].key, key, sizeof(*key)) != 0))
		i = m->rows[i].next;
	return i;
}

static void mask_group_add_row(struct mirror *m, uint32_t number)
{
	struct row *row = &m->rows[number];
	struct mask_group *mask_group = &m->mask_groups[row->key.mask_group];

	row->mask_group_next = mask_group->rows;
	if (mask_group->rows)
		m->rows[mask_group->rows].mask_group_prev = number;
	mask_group->rows = number;
	mask_group->n_rows++;
}

static void mask_group_drop_row(struct mirror *m, uint32_t number)
{
	struct row *row = &m->rows[number];
	struct mask_group *mask_group = &m->mask_groups[row->key.mask_group];

	if (row->mask_group_prev)
		m->rows[row->mask_group_prev].mask_group_next = row->mask_group_next;
	else
		mask_group->rows = row->mask_group_next;
	if (row->mask_group_next)
		m->rows[row->mask_group_next].mask_group_prev = row->mask_group_prev;
	mask_group->n_rows--;
}

int row_link(struct mirror *m, uint32_t number, const struct vpc_rule_key *key, enum node_state state)
{
	uint32_t *head = chains_head(&m->rows_by_key, chains_hash(key, sizeof(*key)));
	struct row *row = &m->rows[number];

	if (key->kind == VPC_PEER_SG && peer_reference_add(m, m->mask_groups[key->mask_group].key.sg, key->addr[0]) < 0)
		return -ENOMEM;
	if (key->kind == VPC_PEER_PREFIX_LIST) {
		const struct vpc_mask_group_key *mask_group = &m->mask_groups[key->mask_group].key;
		int r = list_name_add(m, mask_group->sg, mask_group->dir, key->addr[0]);

		if (r < 0)
			return r;
	}
	*row = (struct row){.key = *key, .next = *head, .state = (uint8_t)state};
	*head = number;
	if (!key_is_all(key))
		mask_group_add_row(m, number);
	return 0;
}

void row_unlink(struct mirror *m, uint32_t number)
{
	struct row *row = &m->rows[number];
	uint32_t *at = chains_head(&m->rows_by_key, chains_hash(&row->key, sizeof(row->key)));

	while (*at != number)
		at = &m->rows[*at].next;
	*at = row->next;
	if (row->key.kind == VPC_PEER_SG)
		peer_reference_drop(m, m->mask_groups[row->key.mask_group].key.sg, row->key.addr[0]);
	if (row->key.kind == VPC_PEER_PREFIX_LIST)
		list_name_drop(m, row_group(m, row), row_direction(m, row), row->key.addr[0]);
	if (!key_is_all(&row->key))
		mask_group_drop_row(m, number);
	*row = (struct row){};
}

/* --- references --- */

static uint32_t *references_of_rule(const struct mirror *m, uint32_t rule)
{
	return chains_head(&m->references_by_rule, chains_hash(&rule, sizeof(rule)));
}

uint32_t reference_find(const struct mirror *m, uint32_t row, uint32_t rule)
{
	uint32_t i = m->rows[row].references;

	while (i && m->references[i].rule != rule)
		i = m->references[i].next_of_row;
	return i;
}

void reference_link(struct mirror *m, uint32_t reference)
{
	struct reference *c = &m->references[reference];
	uint32_t *head = references_of_rule(m, c->rule);

	c->next_of_row = m->rows[c->row].references;
	m->rows[c->row].references = reference;
	c->next_of_rule = *head;
	*head = reference;
}

void reference_unlink(struct mirror *m, uint32_t reference)
{
	struct reference *c = &m->references[reference];
	uint32_t *at = &m->rows[c->row].references;

	while (*at != reference)
		at = &m->references[*at].next_of_row;
	*at = c->next_of_row;
	at = references_of_rule(m, c->rule);
	while (*at != reference)
		at = &m->references[*at].next_of_rule;
	*at = c->next_of_rule;
}

void reference_free(struct mirror *m, uint32_t reference)
{
	m->references[reference] = (struct reference){.next_of_rule = m->free_reference};
	m->free_reference = reference;
}

uint32_t reference_add(struct mirror *m, uint32_t row, uint32_t rule)
{
	uint32_t i = m->free_reference;

	if (i) {
		m->free_reference = m->references[i].next_of_rule;
	} else {
		/* Number 0 ends a chain. */
		uint32_t n = m->n_references ? m->n_references : 1;
		struct reference *grown = array_grow(m->references, &m->cap_references, n + 1, sizeof(*grown));

		if (!grown)
			return 0;
		m->references = grown;
		i = n;
		m->n_references = n + 1;
	}
	m->references[i] = (struct reference){.rule = rule, .row = row};
	reference_link(m, i);
	return i;
}
