/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that still runs is not misled by a number that is used again: a row carries its key, and its `born` is
 * later than the epoch that the program read. */
#include "datapath/maps/retire.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "datapath/maps/acl.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/classifiers.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write.h"
#include "datapath/maps/write_edge.h"

/* The hints of a mask group are computed anew when one of so many of its rows was retired. So the cost is proportional
 * to the change. */
#define STALE_PART 64

static void mask_group_release(struct maps *maps, uint32_t number)
{
	const struct vpc_mask_group_key key = maps->mirror.mask_groups[number].key;

	(void)map_delete(&maps->map[MAP_MASK_GROUP_OF], &key);
	zero_words(mask_group_at(maps, number), sizeof(struct vpc_mask_group));
	mask_group_unlink(&maps->mirror, number);
	numbers_give(&maps->mirror.mask_group_numbers, number);
	if (!group_is_list(key.sg))
		store32(&sg_at(maps, key.sg)->dir[key.dir].port_plens[key.slot],
			port_plens(&maps->mirror, key.sg, key.dir, key.slot));
}

static void mask_group_refresh(struct maps *maps, uint32_t number)
{
	struct vpc_mask_group *at = mask_group_at(maps, number);
	struct vpc_mask_group hints;

	mask_group_hints(&maps->mirror, number, &hints);
	store64(&at->plens4, hints.plens4);
	for (unsigned i = 0; i < 3; i++)
		store64(&at->plens6[i], hints.plens6[i]);
	store64(&at->sg_bloom, hints.sg_bloom);
	store32(&at->flags, hints.flags);
	maps->mirror.mask_groups[number].stale = 0;
}

static void mask_group_after_row(struct maps *maps, uint32_t number)
{
	struct mask_group *mask_group = &maps->mirror.mask_groups[number];

	if (!mask_group->n_rows)
		mask_group_release(maps, number);
	else if (++mask_group->stale >= mask_group->n_rows / STALE_PART)
		mask_group_refresh(maps, number);
}

static void unhash_row(struct maps *maps, uint32_t number)
{
	const struct row *row = &maps->mirror.rows[number];
	struct vpc_sg_dir *dir;
	__u32 *all;

	if (!key_is_all(&row->key)) {
		if (row->hashed)
			(void)map_delete(&maps->map[MAP_RULE], &row->key);
		return;
	}
	dir = &sg_at(maps, row->key.mask_group)->dir[row->key.plen];
	all = row->key.kind == VPC_PEER_ALL4 ? &dir->all4 : &dir->all6;
	if (*all == number)
		store32(all, 0);
}

/* After a row of the group that named a prefix list is gone: what led packets to the list goes with the last one. */
static void list_name_release(struct maps *maps, const struct vpc_list_key *key)
{
	const struct mirror *m = &maps->mirror;
	const struct group *group = m->groups[key->sg];

	if (group->lists[key->dir][key->at].list)
		return;
	store32(&sg_at(maps, key->sg)->dir[key->dir].port_plens[VPC_SLOT_ANY],
		port_plens(m, key->sg, key->dir, VPC_SLOT_ANY));
	(void)map_delete(&maps->map[MAP_LIST_OF], key);
	for (size_t i = 0; i < group->sets.n; i++)
		store32(&set_at(maps, group->sets.at[i])->lists, set_lists(m, &m->sets[group->sets.at[i]]));
}

static void unlink_row(struct maps *maps, uint32_t number)
{
	const struct row *row = &maps->mirror.rows[number];
	struct vpc_list_key key;

	if (row->key.kind != VPC_PEER_PREFIX_LIST) {
		row_unlink(&maps->mirror, number);
		return;
	}
	key = (struct vpc_list_key){.sg = row_group(&maps->mirror, row),
				    .dir = (uint8_t)row_direction(&maps->mirror, row)};
	key.at = (uint8_t)list_place(&maps->mirror, key.sg, key.dir, row->key.addr[0]);
	row_unlink(&maps->mirror, number);
	list_name_release(maps, &key);
}

static void retire_row(struct maps *maps, uint32_t number)
{
	struct vpc_row *at = row_at(maps, number);
	uint32_t mask_group = key_is_all(&maps->mirror.rows[number].key) ? 0 : maps->mirror.rows[number].key.mask_group;

	unhash_row(maps, number);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	unlink_row(maps, number);
	numbers_give(&maps->mirror.row_numbers, number);
	if (mask_group)
		mask_group_after_row(maps, mask_group);
}

static void retire_addr(struct maps *maps, uint32_t number)
{
	struct vpc_addr_row *at = addr_at(maps, number);

	if (maps->mirror.addrs[number].hashed)
		(void)map_delete(&maps->map[MAP_ADDR], &maps->mirror.addrs[number].key);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	addr_unlink(&maps->mirror, number);
	numbers_give(&maps->mirror.addr_numbers, number);
}

void retire_eni(struct maps *maps, uint32_t number)
{
	struct vpc_eni *at = eni_at(maps, number);

	/* The set of before goes first: without the other slot it would be in force again. */
	store64(&at->set.slot[versioned_spare(&at->set, maps_epoch(maps))], 0);
	zero_words(at, sizeof(*at));
	maps->mirror.enis[number] = (struct eni_node){};
}

/* One user of a set is gone; the set goes with its last. */
static void set_release(struct maps *maps, uint32_t number)
{
	if (--maps->mirror.sets[number].users)
		return;
	set_classifiers_release(&maps->mirror, number);
	set_unlink(&maps->mirror, number);
	zero_words(set_at(maps, number), sizeof(struct vpc_set));
	numbers_give(&maps->mirror.set_numbers, number);
}

/* While no change is prepared; frees c. */
static void retire_now(struct maps *maps, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	for (size_t i = 0; i < m->rows.n; i++) {
		if (!m->rows.at[i].removed)
			continue;
		retire_row(maps, m->rows.at[i].row);
		maps->mirror.waiting_rows--;
	}
	set_classifiers_retire(&maps->mirror, &c->mirror);
	write_moved_addrs(maps, c);
	for (size_t i = 0; i < m->addrs.n; i++) {
		if (m->addrs.at[i].added)
			continue;
		retire_addr(maps, m->addrs.at[i].addr);
		maps->mirror.waiting_addrs--;
	}
	for (size_t i = 0; i < m->enis.n; i++) {
		const struct touched_eni *e = &m->enis.at[i];

		if (e->old_set) {
			maps->mirror.waiting_sets--;
			set_release(maps, e->old_set);
		}
		if (!e->has_after)
			retire_eni(maps, e->number);
	}
	retire_edge(maps, c);
	acls_retire(maps, c);
	change_free(c);
	maps->n_changes--;
}

void retire_postponed(struct maps *maps)
{
	while (maps->retire_later) {
		struct maps_change *c = maps->retire_later;

		maps->retire_later = c->next;
		retire_now(maps, c);
	}
}

void maps_retire(struct maps *maps, struct maps_change *c)
{
	if (!c)
		return;
	if (maps->prepared) {
		c->next = maps->retire_later;
		maps->retire_later = c;
		return;
	}
	retire_now(maps, c);
}
