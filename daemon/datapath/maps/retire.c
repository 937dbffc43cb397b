/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After the grace period: what is dead leaves the tables, and its numbers may be used again. A program that was running
 * all the same can't be misled by a number used again: rows carry their key, and are born after the epoch it read.
 */
#include <bpf/bpf.h>

#include "datapath/maps/private.h"

/* Hints are computed anew when this part of a class's rows was retired: the cost stays in proportion. */
#define STALE_PART 64

static void mask_group_release(struct maps *t, uint32_t number)
{
	const struct vpc_mask_group_key key = t->mask_groups[number].key;
	__u32 *plens = &sg_at(t, key.sg)->dir[key.dir].port_plens[key.slot];

	bpf_map_delete_elem(t->kernel_map[MAP_MASK_GROUP_OF].fd, &key);
	zero_words(mask_group_at(t, number), sizeof(struct vpc_mask_group));
	mask_group_unlink(t, number);
	numbers_give(&t->mask_group_numbers, number);
	store32(plens, port_plens(t, key.sg, key.dir, key.slot));
}

static void mask_group_refresh(struct maps *t, uint32_t number)
{
	struct vpc_mask_group *at = mask_group_at(t, number);
	struct vpc_mask_group hints;

	mask_group_hints(t, number, &hints);
	store64(&at->plens4, hints.plens4);
	for (unsigned i = 0; i < 3; i++)
		store64(&at->plens6[i], hints.plens6[i]);
	store64(&at->sg_bloom, hints.sg_bloom);
	store32(&at->flags, hints.flags);
	t->mask_groups[number].stale = 0;
}

static void mask_group_after_row(struct maps *t, uint32_t number)
{
	struct mask_group *mask_group = &t->mask_groups[number];

	if (!mask_group->n_rows)
		mask_group_release(t, number);
	else if (++mask_group->stale >= mask_group->n_rows / STALE_PART)
		mask_group_refresh(t, number);
}

static void unhash_row(struct maps *t, uint32_t number)
{
	const struct row *row = &t->rows[number];
	struct vpc_sg_dir *dir;
	__u32 *all;

	if (!key_is_all(&row->key)) {
		if (row->hashed)
			bpf_map_delete_elem(t->kernel_map[MAP_RULE].fd, &row->key);
		return;
	}
	dir = &sg_at(t, row->key.mask_group)->dir[row->key.plen];
	all = row->key.kind == VPC_PEER_ALL4 ? &dir->all4 : &dir->all6;
	if (*all == number)
		store32(all, 0);
}

void retire_row(struct maps *t, uint32_t number)
{
	struct vpc_row *at = row_at(t, number);
	uint32_t mask_group = key_is_all(&t->rows[number].key) ? 0 : t->rows[number].key.mask_group;

	unhash_row(t, number);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	row_unlink(t, number);
	numbers_give(&t->row_numbers, number);
	if (mask_group)
		mask_group_after_row(t, mask_group);
}

void retire_addr(struct maps *t, uint32_t number)
{
	struct vpc_addr_row *at = addr_at(t, number);

	if (t->addrs[number].hashed)
		bpf_map_delete_elem(t->kernel_map[MAP_ADDR].fd, &t->addrs[number].key);
	store64(&at->died, 0);
	zero_words(at, sizeof(*at));
	addr_unlink(t, number);
	numbers_give(&t->addr_numbers, number);
}

void retire_eni(struct maps *t, uint32_t number)
{
	struct vpc_eni *at = eni_at(t, number);

	/* The old set first: alone it would be in force again. */
	store64(&at->set.slot[versioned_spare(&at->set, maps_epoch(t))], 0);
	zero_words(at, sizeof(*at));
	t->enis[number] = (struct eni_node){};
}

void set_release(struct maps *t, uint32_t number)
{
	if (--t->sets[number].users)
		return;
	classifier_release(t, number);
	set_unlink(t, number);
	zero_words(set_at(t, number), sizeof(struct vpc_set));
	numbers_give(&t->set_numbers, number);
}

/* Addresses that could not be moved to their new row right after the store. */
static void retry_moved(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->addrs.n; i++) {
		struct touched_addr *a = &c->addrs.at[i];
		struct addr *addr = &t->addrs[a->addr];

		if (!a->late || addr->state == NODE_DEAD)
			continue;
		if (bpf_map_update_elem(t->kernel_map[MAP_ADDR].fd, &addr->key, &a->addr, BPF_ANY) < 0)
			continue;
		addr->hashed = true;
		t->addrs[a->from].hashed = false;
	}
}

void retire_now(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->rows.n; i++) {
		uint32_t number = c->rows.at[i].row;

		if (!c->rows.at[i].ended)
			continue;
		retire_row(t, number);
		t->waiting_rows--;
	}
	classifier_retire(t, c);
	retry_moved(t, c);
	for (size_t i = 0; i < c->addrs.n; i++) {
		if (c->addrs.at[i].added)
			continue;
		retire_addr(t, c->addrs.at[i].addr);
		t->waiting_addrs--;
	}
	for (size_t i = 0; i < c->enis.n; i++) {
		const struct touched_eni *e = &c->enis.at[i];

		if (e->old_set) {
			t->waiting_sets--;
			set_release(t, e->old_set);
		}
		if (!e->has_after)
			retire_eni(t, e->number);
	}
	change_free(c);
	t->n_changes--;
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
