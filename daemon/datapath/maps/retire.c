/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that runs all the same can't be misled by a number that is used again: a row carries its key, and is born
 * after the epoch that this program read.
 */
#include "datapath/maps/retire.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/classifiers.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write.h"
#include "datapath/maps/write_edge.h"

/* Hints are computed anew when one of so many of a mask group's rows was retired: so the cost is in proportion. */
#define STALE_PART 64

static void mask_group_release(struct maps *t, uint32_t number)
{
	const struct vpc_mask_group_key key = t->mirror.mask_groups[number].key;
	__u32 *plens = &sg_at(t, key.sg)->dir[key.dir].port_plens[key.slot];

	(void)map_delete(&t->map[MAP_MASK_GROUP_OF], &key);
	zero_words(mask_group_at(t, number), sizeof(struct vpc_mask_group));
	mask_group_unlink(&t->mirror, number);
	numbers_give(&t->mirror.mask_group_numbers, number);
	store32(plens, port_plens(&t->mirror, key.sg, key.dir, key.slot));
}

static void mask_group_refresh(struct maps *t, uint32_t number)
{
	struct vpc_mask_group *at = mask_group_at(t, number);
	struct vpc_mask_group hints;

	mask_group_hints(&t->mirror, number, &hints);
	store64(&at->plens4, hints.plens4);
	for (unsigned i = 0; i < 3; i++)
		store64(&at->plens6[i], hints.plens6[i]);
	store64(&at->sg_bloom, hints.sg_bloom);
	store32(&at->flags, hints.flags);
	t->mirror.mask_groups[number].stale = 0;
}

static void mask_group_after_row(struct maps *t, uint32_t number)
{
	struct mask_group *mask_group = &t->mirror.mask_groups[number];

	if (!mask_group->n_rows)
		mask_group_release(t, number);
	else if (++mask_group->stale >= mask_group->n_rows / STALE_PART)
		mask_group_refresh(t, number);
}

static void unhash_row(struct maps *t, uint32_t number)
{
	const struct row *row = &t->mirror.rows[number];
	struct vpc_sg_dir *dir;
	__u32 *all;

	if (!key_is_all(&row->key)) {
		if (row->hashed)
			(void)map_delete(&t->map[MAP_RULE], &row->key);
		return;
	}
	dir = &sg_at(t, row->key.mask_group)->dir[row->key.plen];
	all = row->key.kind == VPC_PEER_ALL4 ? &dir->all4 : &dir->all6;
	if (*all == number)
		store32(all, 0);
}

static void retire_row(struct maps *t, uint32_t number)
{
	struct vpc_row *at = row_at(t, number);
	uint32_t mask_group = key_is_all(&t->mirror.rows[number].key) ? 0 : t->mirror.rows[number].key.mask_group;

	unhash_row(t, number);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	row_unlink(&t->mirror, number);
	numbers_give(&t->mirror.row_numbers, number);
	if (mask_group)
		mask_group_after_row(t, mask_group);
}

static void retire_addr(struct maps *t, uint32_t number)
{
	struct vpc_addr_row *at = addr_at(t, number);

	if (t->mirror.addrs[number].hashed)
		(void)map_delete(&t->map[MAP_ADDR], &t->mirror.addrs[number].key);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	addr_unlink(&t->mirror, number);
	numbers_give(&t->mirror.addr_numbers, number);
}

void retire_eni(struct maps *t, uint32_t number)
{
	struct vpc_eni *at = eni_at(t, number);

	/* The set of before goes first: without the other slot it would be in force again. */
	store64(&at->set.slot[versioned_spare(&at->set, maps_epoch(t))], 0);
	zero_words(at, sizeof(*at));
	t->mirror.enis[number] = (struct eni_node){};
}

/* One user of a set is gone; the set goes with its last. */
static void set_release(struct maps *t, uint32_t number)
{
	if (--t->mirror.sets[number].users)
		return;
	set_classifiers_release(&t->mirror, number);
	set_unlink(&t->mirror, number);
	zero_words(set_at(t, number), sizeof(struct vpc_set));
	numbers_give(&t->mirror.set_numbers, number);
}

/* While no change is prepared; frees c. */
static void retire_now(struct maps *t, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	for (size_t i = 0; i < m->rows.n; i++) {
		if (!m->rows.at[i].removed)
			continue;
		retire_row(t, m->rows.at[i].row);
		t->mirror.waiting_rows--;
	}
	set_classifiers_retire(&t->mirror, &c->mirror);
	write_moved_addrs(t, c);
	for (size_t i = 0; i < m->addrs.n; i++) {
		if (m->addrs.at[i].added)
			continue;
		retire_addr(t, m->addrs.at[i].addr);
		t->mirror.waiting_addrs--;
	}
	for (size_t i = 0; i < m->enis.n; i++) {
		const struct touched_eni *e = &m->enis.at[i];

		if (e->old_set) {
			t->mirror.waiting_sets--;
			set_release(t, e->old_set);
		}
		if (!e->has_after)
			retire_eni(t, e->number);
	}
	retire_edge(t, c);
	change_free(c);
	t->n_changes--;
}

void retire_postponed(struct maps *t)
{
	while (t->retire_later) {
		struct maps_change *c = t->retire_later;

		t->retire_later = c->next;
		retire_now(t, c);
	}
}

void maps_retire(struct maps *t, struct maps_change *c)
{
	if (!c)
		return;
	if (t->prepared) {
		c->next = t->retire_later;
		t->retire_later = c;
		return;
	}
	retire_now(t, c);
}
