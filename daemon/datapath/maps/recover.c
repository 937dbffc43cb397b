/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/recover.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/acls.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/mirror/walk.h"
#include "datapath/maps/reading.h"
#include "datapath/maps/recover_edge.h"
#include "datapath/maps/retire.h"
#include "datapath/maps/verify/acl_check.h"
#include "datapath/maps/verify/set_classifier_check.h"
#include "datapath/maps/words.h"

/* --- half-done work: only words of mapped maps --- */

static void clear_half_done(struct maps *maps)
{
	uint64_t epoch = maps_epoch(maps);

	for (uint32_t i = 1; i < maps->map[MAP_ROW].n; i++)
		lifetime_undo_after(&row_at(maps, i)->born, &row_at(maps, i)->died, epoch);
	for (uint32_t i = 1; i < maps->map[MAP_ADDR_ROW].n; i++) {
		lifetime_undo_after(&addr_at(maps, i)->born, &addr_at(maps, i)->died, epoch);
		versioned_undo_after(&addr_at(maps, i)->eip, epoch);
	}
	for (uint32_t i = 1; i < maps->map[MAP_ENI].n; i++) {
		struct vpc_eni *eni = eni_at(maps, i);

		versioned_undo_after(&eni->set, epoch);
		/* It was raised for an epoch that was never stored: the epoch that is in force is enough. */
		if (eni->gen_revoke > epoch)
			store64(&eni->gen_revoke, epoch);
		if (eni->gen_any > epoch)
			store64(&eni->gen_any, epoch);
	}
	for (uint32_t i = 1; i < maps->map[MAP_SET].n; i++) {
		struct vpc_set *set = set_at(maps, i);

		if (set->gen_revoke > epoch)
			store64(&set->gen_revoke, epoch);
		if (set->gen_any > epoch)
			store64(&set->gen_any, epoch);
		versioned_undo_after(&set->classifier[0], epoch);
		versioned_undo_after(&set->classifier[1], epoch);
	}
	recover_edge_half_done(maps);
	acls_recover_half_done(maps);
}

/* --- mask groups --- */

static int read_mask_group(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *maps = reading->maps;
	const struct vpc_mask_group_key *k = key;
	uint32_t number = *(const uint32_t *)value;

	if (number == 0 || number >= maps->map[MAP_MASK_GROUP].n || maps->mirror.mask_groups[number].used ||
	    !group_valid(&maps->mirror, k->sg) || k->dir > VPC_EGRESS || k->slot >= VPC_SLOTS || k->plen > 16 ||
	    memcmp(&mask_group_at(maps, number)->key, k, sizeof(*k)) != 0)
		return reading_drop(reading, key);
	return mask_group_link(&maps->mirror, number, k);
}

/* --- rows --- */

static bool row_lives(const struct maps *maps, uint32_t number)
{
	const struct vpc_row *row = row_at(maps, number);

	return visible(row->born, row->died, maps_epoch(maps));
}

static int adopt_row(struct maps *maps, uint32_t number, const struct vpc_rule_key *key, bool hashed)
{
	int r = row_link(&maps->mirror, number, key, NODE_ALIVE);

	if (r < 0)
		return r;
	maps->mirror.rows[number].hashed = hashed;
	maps->mirror.rows[number].rule = row_at(maps, number)->rule;
	return reference_add(&maps->mirror, number, maps->mirror.rows[number].rule) ? 0 : -ENOMEM;
}

/* A row that names a list is one of a group's. */
static bool group_valid_list(const struct maps *maps, const struct vpc_rule_key *k)
{
	return group_is_list(k->addr[0]) && !group_is_list(maps->mirror.mask_groups[k->mask_group].key.sg);
}

static int read_rule(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *maps = reading->maps;
	const struct vpc_rule_key *k = key;
	uint32_t number = *(const uint32_t *)value;
	int r;

	if (number == 0 || number >= maps->map[MAP_ROW].n || !row_lives(maps, number) || k->mask_group == 0 ||
	    k->mask_group >= maps->map[MAP_MASK_GROUP].n || !maps->mirror.mask_groups[k->mask_group].used ||
	    memcmp(&row_at(maps, number)->key, k, sizeof(*k)) != 0)
		return reading_drop(reading, key);
	if (k->kind == VPC_PEER_PREFIX_LIST && !group_valid_list(maps, k))
		return reading_drop(reading, key);
	r = adopt_row(maps, number, k, true);
	return r == -EMLINK ? reading_drop(reading, key) : r;
}

static int read_all_rows(struct maps *maps)
{
	for (uint32_t sg = 1; sg < maps->map[MAP_SG].n; sg++) {
		for (unsigned i = 0; i < 4; i++) {
			struct vpc_sg_dir *dir = &sg_at(maps, sg)->dir[i / 2];
			__u32 *all = i % 2 ? &dir->all6 : &dir->all4;
			struct vpc_rule_key key = {.mask_group = sg,
						   .kind = i % 2 ? VPC_PEER_ALL6 : VPC_PEER_ALL4,
						   .plen = (uint8_t)(i / 2)};
			int r;

			if (!*all)
				continue;
			if (*all >= maps->map[MAP_ROW].n || !row_lives(maps, *all) ||
			    maps->mirror.rows[*all].state != NODE_FREE ||
			    memcmp(&row_at(maps, *all)->key, &key, sizeof(key)) != 0) {
				store32(all, 0);
				continue;
			}
			r = adopt_row(maps, *all, &key, false);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Rows that nothing leads to are cleared, and the reconcile makes them again. To give a living one its key back would
 * be quicker, but would trust a row that no packet was judged by: somebody may have changed it by hand. */
static void clear_unreachable_rows(struct maps *maps)
{
	for (uint32_t i = 1; i < maps->map[MAP_ROW].n; i++) {
		struct vpc_row *at = row_at(maps, i);

		if (maps->mirror.rows[i].state != NODE_FREE ||
		    !(at->born || at->died || at->rule || at->key.mask_group))
			continue;
		store64(&at->died, 0);
		zero_words(at, sizeof(*at));
	}
}

/* Computes the hints anew from the rows that are there. A mask group whose key in mask_group_of was lost is not `used`:
 * its rows go, and the reconcile makes them again. */
static void restore_hints(struct maps *maps)
{
	for (uint32_t i = 1; i < maps->map[MAP_MASK_GROUP].n; i++) {
		struct vpc_mask_group *at = mask_group_at(maps, i);
		struct vpc_mask_group hints;

		if (maps->mirror.mask_groups[i].used && !maps->mirror.mask_groups[i].n_rows) {
			(void)map_delete(&maps->map[MAP_MASK_GROUP_OF], &maps->mirror.mask_groups[i].key);
			mask_group_unlink(&maps->mirror, i);
		}
		if (maps->mirror.mask_groups[i].used)
			mask_group_hints(&maps->mirror, i, &hints);
		else
			hints = (struct vpc_mask_group){};
		if (memcmp(at, &hints, sizeof(hints)) != 0)
			*at = hints;
	}
	for (uint32_t sg = 1; sg < maps->map[MAP_SG].n; sg++) {
		for (unsigned i = 0; i < 2 * VPC_SLOTS; i++) {
			__u32 *at = &sg_at(maps, sg)->dir[i / VPC_SLOTS].port_plens[i % VPC_SLOTS];
			uint32_t plens = port_plens(&maps->mirror, sg, i / VPC_SLOTS, i % VPC_SLOTS);

			if (*at != plens)
				store32(at, plens);
		}
	}
}

/* --- prefix lists that groups name --- */

/* Before the rows are read: a list keeps its place, by which packets find it. */
static int read_list_name(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct mirror *m = &reading->maps->mirror;
	const struct vpc_list_key *k = key;
	uint32_t list = *(const uint32_t *)value;
	struct group *group;

	if (!group_valid(m, k->sg) || group_is_list(k->sg) || k->dir > VPC_EGRESS || k->at >= VPC_LISTS_PER_GROUP ||
	    k->pad || !group_is_list(list) || list_place(m, k->sg, k->dir, list) >= 0)
		return reading_drop(reading, key);
	group = group_get(m, k->sg);
	if (!group)
		return -ENOMEM;
	group->lists[k->dir][k->at].list = list;
	m->n_list_names++;
	return 0;
}

/* After the rows are read: what no row names goes, and what no key leads to gets one. */
static int restore_list_names(struct maps *maps)
{
	struct mirror *m = &maps->mirror;
	int r = 0;

	for (uint32_t i = 1; r >= 0 && i < m->size.groups * 2 * VPC_LISTS_PER_GROUP; i++) {
		const struct vpc_list_key key = {.sg = i / (2 * VPC_LISTS_PER_GROUP),
						 .dir = (uint8_t)(i / VPC_LISTS_PER_GROUP % 2),
						 .at = (uint8_t)(i % VPC_LISTS_PER_GROUP)};
		struct named_list *at = m->groups[key.sg] ? &m->groups[key.sg]->lists[key.dir][key.at] : NULL;

		if (!at || !at->list)
			continue;
		if (at->n_rows) {
			r = bpf_map_update_elem(maps->map[MAP_LIST_OF].fd, &key, &at->list, BPF_ANY);
			continue;
		}
		r = map_delete(&maps->map[MAP_LIST_OF], &key);
		at->list = 0;
		m->n_list_names--;
	}
	return r;
}

/* --- ENIs, sets, addresses --- */

static bool set_valid(const struct maps *maps, uint32_t number)
{
	const struct vpc_set *set = set_at(maps, number);

	if (number == 0 || number >= maps->map[MAP_SET].n || set->n == 0 || set->n > VPC_GROUPS_PER_ENI)
		return false;
	for (uint32_t i = 0; i < set->n; i++)
		if (set->sg[i] == 0 || set->sg[i] >= maps->map[MAP_SG].n || (i && set->sg[i] <= set->sg[i - 1]))
			return false;
	return true;
}

static int read_eni(struct maps *maps, uint32_t number)
{
	struct vpc_eni *at = eni_at(maps, number);
	uint32_t set = versioned_value(&at->set, maps_epoch(maps));
	struct eni_node *eni = &maps->mirror.enis[number];
	int r;

	if (!at->incarnation || !set_valid(maps, set)) {
		if (at->incarnation || at->set.slot[0] || at->set.slot[1] || at->vpc)
			retire_eni(maps, number);
		return 0;
	}
	if (!maps->mirror.sets[set].users) {
		/* vpcd never gives two numbers to one combination; set_find would not find the second. */
		r = set_link(&maps->mirror, set, set_at(maps, set)->sg, set_at(maps, set)->n);
		if (r < 0)
			return r;
	}
	maps->mirror.sets[set].users++;
	set_of_eni(&maps->mirror, number, set);
	eni->state = NODE_ALIVE;
	if (number > maps->mirror.eni_max)
		maps->mirror.eni_max = number;
	eni->row = *at;
	eni->row.set = (struct vpc_versioned){};
	eni->row.gen_revoke = eni->row.gen_any = 0;
	eni->row.flags &= VPC_ENI_SOURCE_DEST_CHECK | VPC_ENI_DETACHED;
	if (at->subnet < maps->mirror.size.subnets)
		subnet_of_eni(&maps->mirror, number, at->subnet);
	return 0;
}

static void restore_sets(struct maps *maps)
{
	for (uint32_t i = 1; i < maps->map[MAP_SET].n; i++) {
		struct vpc_set *at = set_at(maps, i);
		uint64_t bloom = set_bloom(maps->mirror.sets[i].sg, maps->mirror.sets[i].n);

		if (!maps->mirror.sets[i].users && (at->n || at->gen_revoke || at->gen_any))
			zero_words(at, sizeof(*at));
		else if (maps->mirror.sets[i].users && at->bloom != bloom)
			store64(&at->bloom, bloom);
		if (maps->mirror.sets[i].users && at->lists != set_lists(&maps->mirror, &maps->mirror.sets[i]))
			store32(&at->lists, set_lists(&maps->mirror, &maps->mirror.sets[i]));
	}
}

static bool addr_lives(const struct maps *maps, uint32_t number)
{
	const struct vpc_addr_row *row = addr_at(maps, number);

	return visible(row->born, row->died, maps_epoch(maps));
}

static int read_addr(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *maps = reading->maps;
	uint32_t number = *(const uint32_t *)value;

	if (number == 0 || number > maps->mirror.size.addrs || !addr_lives(maps, number) ||
	    memcmp(&addr_at(maps, number)->key, key, sizeof(struct vpc_addr_key)) != 0)
		return reading_drop(reading, key);
	addr_link(&maps->mirror, number, key, addr_at(maps, number)->eni, NODE_ALIVE);
	maps->mirror.addrs[number].hashed = true;
	return 0;
}

/* A living row whose key leads to a dead row: vpcd died after it had moved the row and before it moved the key. The key
 * is moved here. All other rows that no key leads to are cleared. */
static int finish_moved_addrs(struct maps *maps, const struct reading *reading)
{
	for (uint32_t i = 1; i < maps->map[MAP_ADDR_ROW].n; i++) {
		struct vpc_addr_row *at = addr_at(maps, i);

		if (maps->mirror.addrs[i].state != NODE_FREE)
			continue;
		if (i <= maps->mirror.size.addrs && addr_lives(maps, i) && reading_dropped(reading, &at->key) &&
		    !addr_find(&maps->mirror, &at->key)) {
			int r = bpf_map_update_elem(maps->map[MAP_ADDR].fd, &at->key, &i, BPF_ANY);

			if (r < 0)
				return r;
			addr_link(&maps->mirror, i, &at->key, at->eni, NODE_ALIVE);
			maps->mirror.addrs[i].hashed = true;
		} else if (at->born || at->died || at->eni || at->key.vpc) {
			store64(&at->died, 0);
			zero_words(at, sizeof(*at));
		}
	}
	return 0;
}

/* --- numbers --- */

static bool row_used(const void *mirror, uint32_t number)
{
	return ((const struct mirror *)mirror)->rows[number].state != NODE_FREE;
}

static bool mask_group_used(const void *mirror, uint32_t number)
{
	return ((const struct mirror *)mirror)->mask_groups[number].used;
}

static bool set_used(const void *mirror, uint32_t number)
{
	return ((const struct mirror *)mirror)->sets[number].users != 0;
}

static bool addr_used(const void *mirror, uint32_t number)
{
	return ((const struct mirror *)mirror)->addrs[number].state != NODE_FREE;
}

static int read_back(struct maps *maps)
{
	_cleanup_(reading_clear) struct reading mask_groups = {.maps = maps, .id = MAP_MASK_GROUP_OF};
	_cleanup_(reading_clear) struct reading rules = {.maps = maps, .id = MAP_RULE};
	_cleanup_(reading_clear) struct reading addrs = {.maps = maps, .id = MAP_ADDR};
	_cleanup_(reading_clear) struct reading list_names = {.maps = maps, .id = MAP_LIST_OF};
	int r = reading_run(&mask_groups, read_mask_group);

	if (r >= 0)
		r = reading_run(&list_names, read_list_name);

	if (r >= 0)
		r = reading_run(&rules, read_rule);
	if (r >= 0)
		r = read_all_rows(maps);
	if (r >= 0)
		clear_unreachable_rows(maps);
	if (r >= 0)
		r = reading_run(&addrs, read_addr);
	if (r >= 0)
		r = finish_moved_addrs(maps, &addrs);
	for (uint32_t i = 1; r >= 0 && i < maps->map[MAP_ENI].n; i++)
		r = read_eni(maps, i);
	if (r < 0)
		return r;
	r = restore_list_names(maps);
	if (r < 0)
		return r;
	restore_hints(maps);
	restore_sets(maps);
	for (uint32_t i = 1; i < maps->map[MAP_VPC].n; i++)
		maps->mirror.spaces[i] = *space_at(maps, i);
	r = recover_edge(maps);
	if (r < 0)
		return r;
	acls_recover(maps);
	numbers_adopt(&maps->mirror.row_numbers, row_used, &maps->mirror);
	numbers_adopt(&maps->mirror.mask_group_numbers, mask_group_used, &maps->mirror);
	numbers_adopt(&maps->mirror.set_numbers, set_used, &maps->mirror);
	numbers_adopt(&maps->mirror.addr_numbers, addr_used, &maps->mirror);
	walk_update_all(&maps->mirror);
	return set_classifiers_adopt(maps);
}

int recover(struct maps *maps)
{
	clear_half_done(maps);
	return read_back(maps);
}
