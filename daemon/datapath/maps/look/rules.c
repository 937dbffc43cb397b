/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/look/rules.h"

#include <string.h>

#include "datapath/maps/epoch.h"

/* Takes a row if it is visible and has the key. Returns its number, or 0. */
static uint32_t rules_take(const struct look *l, uint32_t number, const struct vpc_rule_key *key)
{
	const struct vpc_row *r = number ? look_row(l, MAP_ROW, number) : NULL;

	return r && visible(r->born, r->died, l->epoch) && memcmp(&r->key, key, sizeof(*key)) == 0 ? number : 0;
}

uint32_t rules_probe(const struct look *l, const struct vpc_rule_key *key)
{
	uint32_t number;

	return look_key(l, MAP_RULE, key, &number) ? rules_take(l, number, key) : 0;
}

const struct vpc_mask_group *rules_mask_group(const struct look *l, const struct vpc_mask_group_key *key,
					      uint32_t *ret_number)
{
	const struct vpc_mask_group *c;

	if (!look_key(l, MAP_MASK_GROUP_OF, key, ret_number))
		return NULL;
	c = look_row(l, MAP_MASK_GROUP, *ret_number);
	return c && memcmp(&c->key, key, sizeof(*key)) == 0 ? c : NULL;
}

static bool has_plen6(const struct vpc_mask_group *c, uint32_t plen)
{
	return c->plens6[plen / 64] >> plen % 64 & 1;
}

uint32_t rules_prefixes(const struct look *l, const struct look_rules *q, const struct vpc_mask_group *c,
			uint32_t number)
{
	uint32_t most = q->family == 4 ? 32 : 128, row = 0;

	for (uint32_t plen = 0; !row && plen <= most; plen++) {
		struct vpc_rule_key key = {.mask_group = number, .plen = (uint8_t)plen};

		if (q->family == 4 ? !(c->plens4 >> plen & 1) : !has_plen6(c, plen))
			continue;
		key.kind = q->family == 4 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
		if (q->family == 4)
			key.addr[0] = q->peer[3] & look_mask(plen);
		else
			look_prefix6(q->peer, plen, key.addr);
		row = rules_probe(l, &key);
	}
	return row;
}

static uint32_t peer_groups(const struct look *l, const struct look_rules *q, const struct vpc_mask_group *c,
			    uint32_t number)
{
	const struct vpc_set *peers = q->peer_set ? look_row(l, MAP_SET, q->peer_set) : NULL;
	uint32_t row = 0;

	if (!peers || !(c->flags & VPC_MASK_GROUP_SG))
		return 0;
	for (uint32_t i = 0; !row && i < peers->n && i < VPC_GROUPS_PER_ENI; i++) {
		struct vpc_rule_key key = {.mask_group = number, .kind = VPC_PEER_SG};

		key.addr[0] = peers->sg[i];
		if (c->sg_bloom >> (peers->sg[i] & 63) & 1)
			row = rules_probe(l, &key);
	}
	return row;
}

/* All port prefixes of one slot of a group. */
static uint32_t walk_slot(const struct look *l, const struct look_rules *q, uint32_t group, uint8_t slot)
{
	const struct vpc_sg *sg = look_row(l, MAP_SG, group);
	uint32_t plens = sg->dir[q->direction].port_plens[slot] & VPC_PORT_PLENS_MASK, row = 0;

	for (uint32_t plen = 0; !row && plen <= 16; plen++) {
		struct vpc_mask_group_key key = {.sg = group, .dir = q->direction, .slot = slot, .plen = (uint8_t)plen};
		const struct vpc_mask_group *c;
		uint32_t number;

		key.port = (uint16_t)(q->port & 0xffff0000u >> plen);
		c = plens >> plen & 1 ? rules_mask_group(l, &key, &number) : NULL;
		if (c)
			row = rules_prefixes(l, q, c, number);
		if (c && !row)
			row = peer_groups(l, q, c, number);
	}
	return row;
}

static uint32_t walk_group(const struct look *l, const struct look_rules *q, uint32_t group)
{
	const struct vpc_sg *sg = look_row(l, MAP_SG, group);
	const struct vpc_rule_key key = {
		.mask_group = group, .kind = q->family == 4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6, .plen = q->direction};
	uint32_t row;

	if (!sg || !group)
		return 0;
	row = rules_take(l, q->family == 4 ? sg->dir[q->direction].all4 : sg->dir[q->direction].all6, &key);
	if (!row)
		row = walk_slot(l, q, group, VPC_SLOT_ANY);
	return row ? row : walk_slot(l, q, group, q->slot);
}

static uint32_t walk(const struct look *l, const struct look_rules *q)
{
	const struct vpc_set *set = look_row(l, MAP_SET, q->set);
	uint32_t row = 0;

	for (uint32_t i = 0; set && !row && i < set->n && i < VPC_GROUPS_PER_ENI; i++)
		row = walk_group(l, q, set->sg[i]);
	return row;
}

uint32_t look_rules(const struct look *l, const struct look_rules *q, uint32_t *ret_row)
{
	bool has_classifier;
	uint32_t row = rules_by_classifier(l, q, &has_classifier);
	const struct vpc_row *r;

	if (!has_classifier)
		row = walk(l, q);
	if (!row)
		row = rules_by_lists(l, q);
	r = row ? look_row(l, MAP_ROW, row) : NULL;
	if (ret_row)
		*ret_row = row;
	return r ? r->rule : 0;
}
