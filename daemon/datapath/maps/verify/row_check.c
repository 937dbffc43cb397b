/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/verify/row_check.h"

#include <errno.h>
#include <string.h>

#include "datapath/maps/address_config.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/verify/finding.h"

static bool hints_lead_to(const struct vpc_mask_group *mask_group, const struct vpc_rule_key *key)
{
	struct vpc_mask_group with = *mask_group;

	hints_add(&with, key);
	return memcmp(&with, mask_group, sizeof(with)) == 0;
}

/* Whether a packet is led from the group to the prefix list that its row names. */
static int check_list_name(const struct maps *maps, const struct row *row, struct maps_finding *ret)
{
	const struct mirror *m = &maps->mirror;
	uint32_t sg = row_group(m, row), list = row->key.addr[0], leads_to;
	unsigned dir = row_direction(m, row), place = (unsigned)list_place(m, sg, dir, list);
	const struct vpc_list_key key = {.sg = sg, .dir = (uint8_t)dir, .at = (uint8_t)place};
	int r;

	if (!(sg_at(maps, sg)->dir[dir].port_plens[VPC_SLOT_ANY] & 1u << (VPC_LISTS_SHIFT + place)))
		return maps_found(ret, "sg", "group %u does not lead to prefix list %u", sg, list - VPC_LIST_FIRST);
	r = maps_look_up(maps, MAP_LIST_OF, &key, &leads_to);
	if (r < 0 || leads_to == list)
		return r;
	return maps_found(ret, "list_of", "a key of group %u does not lead to prefix list %u", sg,
			  list - VPC_LIST_FIRST);
}

int row_check_row(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct row *row = &maps->mirror.rows[number];
	const struct vpc_row *at = row_at(maps, number);
	uint32_t leads_to;
	int r;

	if (row->state != NODE_ALIVE)
		return 0;
	if (!visible(at->born, at->died, maps_epoch(maps)) || at->rule != row->rule ||
	    memcmp(&at->key, &row->key, sizeof(at->key)) != 0)
		return maps_found(ret, "row", "row %u of rule %u was changed", number, row->rule);
	if (key_is_all(&row->key)) {
		const struct vpc_sg_dir *dir = &sg_at(maps, row->key.mask_group)->dir[row->key.plen];

		leads_to = row->key.kind == VPC_PEER_ALL6 ? dir->all6 : dir->all4;
		return leads_to == number
			       ? 0
			       : maps_found(ret, "sg", "group %u does not lead to row %u", row->key.mask_group, number);
	}
	if (row->key.kind == VPC_PEER_PREFIX_LIST) {
		r = check_list_name(maps, row, ret);
		if (r)
			return r;
	}
	if (!hints_lead_to(mask_group_at(maps, row->key.mask_group), &row->key))
		return maps_found(ret, "mask_group", "the hints of mask group %u do not lead to row %u",
				  row->key.mask_group, number);
	return 0;
}

int row_check_row_key(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct row *row = &maps->mirror.rows[number];
	uint32_t leads_to;
	int r;

	if (row->state != NODE_ALIVE || !row->hashed)
		return 0;
	r = maps_look_up(maps, MAP_RULE, &row->key, &leads_to);
	if (r < 0 || leads_to == number)
		return r;
	return maps_found(ret, "rule", "the key of row %u leads to row %u", number, leads_to);
}

/* The rows that allow everything, or everything of a family: only its own. */
int row_check_group(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct vpc_sg_dir *dir = &sg_at(maps, number)->dir[i / 2];
		uint32_t row = i % 2 ? dir->all6 : dir->all4;
		const struct vpc_rule_key key = {
			.mask_group = number, .kind = i % 2 ? VPC_PEER_ALL6 : VPC_PEER_ALL4, .plen = (uint8_t)(i / 2)};

		if (row && (row >= maps->map[MAP_ROW].n || maps->mirror.rows[row].state == NODE_FREE ||
			    memcmp(&maps->mirror.rows[row].key, &key, sizeof(key)) != 0))
			return maps_found(ret, "sg", "group %u leads to row %u, which is not its own", number, row);
	}
	return 0;
}

int row_check_mask_group(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct mask_group *mask_group = &maps->mirror.mask_groups[number];
	const struct vpc_mask_group_key *k = &mask_group->key;

	if (!mask_group->used)
		return 0;
	if (memcmp(&mask_group_at(maps, number)->key, k, sizeof(*k)) != 0)
		return maps_found(ret, "mask_group", "mask group %u was changed", number);
	if (!group_is_list(k->sg) && !(sg_at(maps, k->sg)->dir[k->dir].port_plens[k->slot] & 1u << k->plen))
		return maps_found(ret, "sg", "group %u does not lead to mask group %u", k->sg, number);
	return 0;
}

int row_check_mask_group_key(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct mask_group *mask_group = &maps->mirror.mask_groups[number];
	const struct vpc_mask_group_key *k = &mask_group->key;
	uint32_t leads_to;
	int r;

	if (!mask_group->used)
		return 0;
	r = maps_look_up(maps, MAP_MASK_GROUP_OF, k, &leads_to);
	if (r < 0 || leads_to == number)
		return r;
	return maps_found(ret, "mask_group_of", "the key of mask group %u leads to mask group %u", number, leads_to);
}

int row_check_set(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct set *set = &maps->mirror.sets[number];
	const struct vpc_set *at = set_at(maps, number);

	if (!set->users || (at->n == set->n && memcmp(at->sg, set->sg, set->n * sizeof(set->sg[0])) == 0 &&
			    at->bloom == set_bloom(set->sg, set->n) && at->lists == set_lists(&maps->mirror, set)))
		return 0;
	return maps_found(ret, "set", "set %u was changed", number);
}

int row_check_eni(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct eni_node *eni = &maps->mirror.enis[number];
	const struct vpc_eni *at = eni_at(maps, number);
	uint32_t set = versioned_value(&at->set, maps_epoch(maps));

	if (eni->state == NODE_FREE && set)
		return maps_found(ret, "eni", "row %u is in use, and no interface has it", number);
	if (eni->state != NODE_ALIVE || (eni_row_equal(&eni->row, at) && set == eni->set))
		return 0;
	return maps_found(ret, "eni", "the row of interface number %u was changed", number);
}

int row_check_addr(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	const struct addr *addr = &maps->mirror.addrs[number];
	const struct vpc_addr_row *at = addr_at(maps, number);
	uint32_t leads_to;
	int r;

	if (addr->state != NODE_ALIVE)
		return 0;
	if (!visible(at->born, at->died, maps_epoch(maps)) || at->eni != addr->eni ||
	    memcmp(&at->key, &addr->key, sizeof(at->key)) != 0 ||
	    versioned_value(&at->eip, maps_epoch(maps)) != addr->eip)
		return maps_found(ret, "addr_row", "address row %u of interface number %u was changed", number,
				  addr->eni);
	if (!addr->hashed)
		return 0;
	r = maps_look_up(maps, MAP_ADDR, &addr->key, &leads_to);
	if (r < 0 || leads_to == number)
		return r;
	return maps_found(ret, "addr", "the key of address row %u leads to row %u", number, leads_to);
}

int row_check_space(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	if (memcmp(space_at(maps, number), &maps->mirror.spaces[number], sizeof(maps->mirror.spaces[number])) == 0)
		return 0;
	return maps_found(ret, "vpc", "the CIDRs of VPC number %u were changed", number);
}

int row_check_address_config(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	return address_config_unchanged(maps, number)
		       ? 0
		       : maps_found(ret, "address_config",
				    "the addresses that number %u answers DHCP with were changed", number);
}

int row_check_address_options(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	return address_options_unchanged(maps, number)
		       ? 0
		       : maps_found(ret, "address_config_space", "the DHCP options of VPC number %u were changed",
				    number);
}
