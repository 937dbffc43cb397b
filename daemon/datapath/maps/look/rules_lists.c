/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By the rules that name prefix lists, as bpf/lib/rules/lists.h searches them. */
#include "datapath/maps/look/rules.h"

/* The row of the group that names the list for the packet's protocol and port, or 0. */
static uint32_t naming_row(const struct look *l, const struct look_rules *q, uint32_t group, uint8_t slot,
			   uint32_t list)
{
	const struct vpc_sg *sg = look_row(l, MAP_SG, group);
	uint32_t plens = sg->dir[q->direction].port_plens[slot] & VPC_PORT_PLENS_MASK, row = 0;

	for (uint32_t plen = 0; !row && plen <= 16; plen++) {
		struct vpc_mask_group_key key = {.sg = group, .dir = q->direction, .slot = slot, .plen = (uint8_t)plen};
		struct vpc_rule_key rule = {.kind = VPC_PEER_PREFIX_LIST};
		const struct vpc_mask_group *c;

		key.port = (uint16_t)(q->port & 0xffff0000u >> plen);
		c = plens >> plen & 1 ? rules_mask_group(l, &key, &rule.mask_group) : NULL;
		rule.addr[0] = list;
		if (c && (c->flags & VPC_MASK_GROUP_LIST))
			row = rules_probe(l, &rule);
	}
	return row;
}

/* Whether an entry of the list has the peer's address. */
static bool list_has(const struct look *l, const struct look_rules *q, uint32_t list)
{
	const struct vpc_mask_group_key key = {.sg = list, .dir = VPC_INGRESS, .slot = VPC_SLOT_ANY};
	uint32_t number;
	const struct vpc_mask_group *c = rules_mask_group(l, &key, &number);

	return c && rules_prefixes(l, q, c, number);
}

static uint32_t of_group(const struct look *l, const struct look_rules *q, uint32_t group)
{
	const struct vpc_sg *sg = look_row(l, MAP_SG, group);
	uint32_t bits, row = 0;

	if (!sg || !group)
		return 0;
	bits = sg->dir[q->direction].port_plens[VPC_SLOT_ANY] >> VPC_LISTS_SHIFT;
	for (uint8_t at = 0; !row && at < VPC_LISTS_PER_GROUP; at++) {
		const struct vpc_list_key key = {.sg = group, .dir = q->direction, .at = at};
		uint32_t list;

		if (!(bits >> at & 1) || !look_key(l, MAP_LIST_OF, &key, &list))
			continue;
		row = naming_row(l, q, group, VPC_SLOT_ANY, list);
		if (!row)
			row = naming_row(l, q, group, q->slot, list);
		if (row && !list_has(l, q, list))
			row = 0;
	}
	return row;
}

uint32_t rules_by_lists(const struct look *l, const struct look_rules *q)
{
	const struct vpc_set *set = look_row(l, MAP_SET, q->set);
	uint32_t row = 0;

	if (!set || !(set->lists & 1u << q->direction))
		return 0;
	for (uint32_t i = 0; !row && i < set->n && i < VPC_GROUPS_PER_ENI; i++)
		row = of_group(l, q, set->sg[i]);
	return row;
}
