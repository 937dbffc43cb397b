/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows, the classes they are in, and the rules that want them: the mirror. Touches no map. */
#include "datapath/maps/private.h"

struct vpc_class_key row_class_key(const struct plan_row *r)
{
	return (struct vpc_class_key){
		.sg = r->sg, .dir = r->direction, .slot = r->slot, .plen = r->port_plen, .port = r->port};
}

bool row_is_all(const struct plan_row *r, struct vpc_rule_key *ret)
{
	bool cidr4 = r->peer_kind == VPC_PEER_CIDR4;

	if (r->slot != VPC_SLOT_ANY || r->port_plen || r->peer_plen || (!cidr4 && r->peer_kind != VPC_PEER_CIDR6))
		return false;
	*ret = (struct vpc_rule_key){
		.class = r->sg, .kind = cidr4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6, .plen = r->direction};
	return true;
}

bool key_is_all(const struct vpc_rule_key *key)
{
	return key->kind == VPC_PEER_ALL4 || key->kind == VPC_PEER_ALL6;
}

bool row_key(const struct tables *t, const struct plan_row *r, struct vpc_rule_key *ret)
{
	struct vpc_class_key class = row_class_key(r);

	if (row_is_all(r, ret))
		return true;
	*ret = (struct vpc_rule_key){.class = class_find(t, &class), .kind = r->peer_kind, .plen = r->peer_plen};
	memcpy(ret->addr, r->peer, sizeof(ret->addr));
	return ret->class != 0;
}

void row_describe(const struct tables *t, const struct row *row, struct plan_row *ret)
{
	if (key_is_all(&row->key)) {
		ret->sg = row->key.class;
		ret->direction = row->key.plen;
		ret->slot = VPC_SLOT_ANY;
		ret->port_plen = 0;
		ret->port = 0;
		ret->peer_kind = row->key.kind == VPC_PEER_ALL4 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
		ret->peer_plen = 0;
	} else {
		const struct vpc_class_key *class = &t->classes[row->key.class].key;

		ret->sg = class->sg;
		ret->direction = class->dir;
		ret->slot = class->slot;
		ret->port_plen = class->plen;
		ret->port = class->port;
		ret->peer_kind = row->key.kind;
		ret->peer_plen = row->key.plen;
	}
	memcpy(ret->peer, row->key.addr, sizeof(ret->peer));
}

uint32_t row_group(const struct tables *t, const struct row *row)
{
	return key_is_all(&row->key) ? row->key.class : t->classes[row->key.class].key.sg;
}

unsigned row_direction(const struct tables *t, const struct row *row)
{
	return key_is_all(&row->key) ? row->key.plen : t->classes[row->key.class].key.dir;
}

/* --- classes --- */

uint32_t class_find(const struct tables *t, const struct vpc_class_key *key)
{
	uint32_t i = *chains_head(&t->classes_by_key, chains_hash(key, sizeof(*key)));

	while (i && memcmp(&t->classes[i].key, key, sizeof(*key)) != 0)
		i = t->classes[i].next;
	return i;
}

int class_link(struct tables *t, uint32_t number, const struct vpc_class_key *key)
{
	uint32_t *head = chains_head(&t->classes_by_key, chains_hash(key, sizeof(*key)));
	struct group *group = group_get(t, key->sg);
	uint32_t *first;

	if (!group)
		return -ENOMEM;
	first = &group->classes[key->dir];
	t->classes[number] = (struct class){.key = *key, .next = *head, .group_next = *first, .used = true};
	if (*first)
		t->classes[*first].group_prev = number;
	*first = number;
	*head = number;
	group->n_classes[key->dir][key->slot][key->plen]++;
	return 0;
}

void class_unlink(struct tables *t, uint32_t number)
{
	struct class *class = &t->classes[number];
	const struct vpc_class_key *key = &class->key;
	struct group *group = t->groups[key->sg];
	uint32_t *at = chains_head(&t->classes_by_key, chains_hash(key, sizeof(*key)));

	while (*at != number)
		at = &t->classes[*at].next;
	*at = class->next;
	if (class->group_prev)
		t->classes[class->group_prev].group_next = class->group_next;
	else
		group->classes[key->dir] = class->group_next;
	if (class->group_next)
		t->classes[class->group_next].group_prev = class->group_prev;
	if (--group->n_classes[key->dir][key->slot][key->plen] == 0)
		group->probes[key->dir][key->slot][key->plen] = 0;
	*class = (struct class){};
}

uint32_t port_plens(const struct tables *t, uint32_t sg, unsigned dir, unsigned slot)
{
	const struct group *group = t->groups[sg];
	uint32_t bits = 0;

	for (unsigned plen = 0; group && plen <= 16; plen++)
		if (group->n_classes[dir][slot][plen])
			bits |= 1u << plen;
	return bits;
}

void hints_add(struct vpc_class *hints, const struct vpc_rule_key *key)
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
		hints->flags |= VPC_CLASS_SG;
		break;
	default:
		break;
	}
}

void class_hints(const struct tables *t, uint32_t number, struct vpc_class *ret)
{
	*ret = (struct vpc_class){.key = t->classes[number].key};
	for (uint32_t i = t->classes[number].rows; i; i = t->rows[i].class_next)
		hints_add(ret, &t->rows[i].key);
}

/* --- rows --- */

uint32_t row_find(const struct tables *t, const struct vpc_rule_key *key)
{
	uint32_t i = *chains_head(&t->rows_by_key, chains_hash(key, sizeof(*key)));

	while (i && (t->rows[i].state == NODE_DEAD || memcmp(&t->rows[i].key, key, sizeof(*key)) != 0))
		i = t->rows[i].next;
	return i;
}

uint32_t row_find_hashed(const struct tables *t, const struct vpc_rule_key *key)
{
	uint32_t i = *chains_head(&t->rows_by_key, chains_hash(key, sizeof(*key)));

	while (i && (!t->rows[i].hashed || memcmp(&t->rows[i].key, key, sizeof(*key)) != 0))
		i = t->rows[i].next;
	return i;
}

static void class_add_row(struct tables *t, uint32_t number)
{
	struct row *row = &t->rows[number];
	struct class *class = &t->classes[row->key.class];

	row->class_next = class->rows;
	if (class->rows)
		t->rows[class->rows].class_prev = number;
	class->rows = number;
	class->n_rows++;
}

static void class_drop_row(struct tables *t, uint32_t number)
{
	struct row *row = &t->rows[number];
	struct class *class = &t->classes[row->key.class];

	if (row->class_prev)
		t->rows[row->class_prev].class_next = row->class_next;
	else
		class->rows = row->class_next;
	if (row->class_next)
		t->rows[row->class_next].class_prev = row->class_prev;
	class->n_rows--;
}

int row_link(struct tables *t, uint32_t number, const struct vpc_rule_key *key, enum node_state state)
{
	uint32_t *head = chains_head(&t->rows_by_key, chains_hash(key, sizeof(*key)));
	struct row *row = &t->rows[number];

	if (key->kind == VPC_PEER_SG && naming_add(t, t->classes[key->class].key.sg, key->addr[0]) < 0)
		return -ENOMEM;
	*row = (struct row){.key = *key, .next = *head, .state = (uint8_t)state};
	*head = number;
	if (!key_is_all(key))
		class_add_row(t, number);
	return 0;
}

void row_unlink(struct tables *t, uint32_t number)
{
	struct row *row = &t->rows[number];
	uint32_t *at = chains_head(&t->rows_by_key, chains_hash(&row->key, sizeof(row->key)));

	while (*at != number)
		at = &t->rows[*at].next;
	*at = row->next;
	if (row->key.kind == VPC_PEER_SG)
		naming_drop(t, t->classes[row->key.class].key.sg, row->key.addr[0]);
	if (!key_is_all(&row->key))
		class_drop_row(t, number);
	*row = (struct row){};
}

/* --- claims --- */

static uint32_t *claims_of_rule(const struct tables *t, uint32_t rule)
{
	return chains_head(&t->claims_by_rule, chains_hash(&rule, sizeof(rule)));
}

uint32_t claim_find(const struct tables *t, uint32_t row, uint32_t rule)
{
	uint32_t i = t->rows[row].claims;

	while (i && t->claims[i].rule != rule)
		i = t->claims[i].next_of_row;
	return i;
}

void claim_link(struct tables *t, uint32_t claim)
{
	struct claim *c = &t->claims[claim];
	uint32_t *head = claims_of_rule(t, c->rule);

	c->next_of_row = t->rows[c->row].claims;
	t->rows[c->row].claims = claim;
	c->next_of_rule = *head;
	*head = claim;
}

void claim_unlink(struct tables *t, uint32_t claim)
{
	struct claim *c = &t->claims[claim];
	uint32_t *at = &t->rows[c->row].claims;

	while (*at != claim)
		at = &t->claims[*at].next_of_row;
	*at = c->next_of_row;
	at = claims_of_rule(t, c->rule);
	while (*at != claim)
		at = &t->claims[*at].next_of_rule;
	*at = c->next_of_rule;
}

void claim_free(struct tables *t, uint32_t claim)
{
	t->claims[claim] = (struct claim){.next_of_rule = t->free_claim};
	t->free_claim = claim;
}

static int claims_grow(struct tables *t)
{
	uint32_t cap = t->cap_claims ? t->cap_claims * 2 : 64;
	struct claim *grown;

	if (cap < t->cap_claims)
		return -ENOMEM;
	grown = reallocarray(t->claims, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->claims = grown;
	t->cap_claims = cap;
	return 0;
}

uint32_t claim_add(struct tables *t, uint32_t row, uint32_t rule)
{
	uint32_t i = t->free_claim;

	if (i) {
		t->free_claim = t->claims[i].next_of_rule;
	} else {
		/* Number 0 ends a chain. */
		uint32_t n = t->n_claims ? t->n_claims : 1;

		if (n >= t->cap_claims && claims_grow(t) < 0)
			return 0;
		i = n;
		t->n_claims = n + 1;
	}
	t->claims[i] = (struct claim){.rule = rule, .row = row};
	claim_link(t, i);
	return i;
}
