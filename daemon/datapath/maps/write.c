/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes what the mirror holds as NEW and DYING, and logs what stood there. What leads a packet to a row (mask group,
 * hints) is written before the row.
 */
#include "datapath/maps/write.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/acl.h"
#include "datapath/maps/eni.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/error.h"
#include "datapath/maps/mirror/acls.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/set_classifier.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write_edge.h"

/* With so many new keys or more, the kernel takes them in one call. */
#define BATCH_LEAST 64

/* --- hashes --- */

/* The hash is about to lead to this row. Returns the dead row of the same key that it leads to now; 0: none. */
static uint32_t row_takes_over(struct maps *maps, uint32_t number)
{
	uint32_t old = row_find_hashed(&maps->mirror, &maps->mirror.rows[number].key);

	if (old)
		maps->mirror.rows[old].hashed = false;
	maps->mirror.rows[number].hashed = true;
	return old;
}

static int write_rule_batch(struct maps *maps, struct maps_change *c, size_t n)
{
	_cleanup_free_ struct vpc_rule_key *keys = calloc(n, sizeof(*keys));
	_cleanup_free_ uint32_t *numbers = calloc(n, sizeof(*numbers));
	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, opts, .elem_flags = BPF_ANY);
	size_t at = 0;

	if (!keys || !numbers)
		return -ENOMEM;
	for (size_t i = 0; i < c->mirror.rows.n && at < n; i++) {
		uint32_t number = c->mirror.rows.at[i].row;
		const struct row *row = &maps->mirror.rows[number];

		if (row->state != NODE_NEW || key_is_all(&row->key))
			continue;
		keys[at] = row->key;
		numbers[at] = number;
		if (undo_log_key(&c->undo, MAP_RULE, &row->key, sizeof(row->key), row_takes_over(maps, number)) < 0)
			return -ENOMEM;
		at++;
	}
	while (at > 0) {
		__u32 count = (__u32)at;
		int r = bpf_map_update_batch(maps->map[MAP_RULE].fd, keys, numbers, &count, &opts);

		if (r < 0 || count == at)
			return r;
		/* The kernel is not known to take a part of the keys without an error. If it does, the rest is written
		 * again. */
		memmove(keys, keys + count, (at - count) * sizeof(*keys));
		memmove(numbers, numbers + count, (at - count) * sizeof(*numbers));
		at -= count;
		if (!count)
			return -EIO;
	}
	return 0;
}

/* --- rows --- */

static int write_mask_groups(struct maps *maps, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.mask_groups.n; i++) {
		uint32_t number = c->mirror.mask_groups.at[i];
		struct vpc_mask_group *at = mask_group_at(maps, number);
		struct vpc_mask_group new;
		__u32 *plens;

		mask_group_hints(&maps->mirror, number, &new);
		r = undo_store_words(&c->undo, at, &new, sizeof(new));
		if (r >= 0)
			r = undo_store_key(&c->undo, maps->map, MAP_MASK_GROUP_OF, &new.key, number, 0);
		if (group_is_list(new.key.sg))
			continue;
		plens = &sg_at(maps, new.key.sg)->dir[new.key.dir].port_plens[new.key.slot];
		if (r >= 0)
			r = undo_store32(&c->undo, plens, *plens | 1u << new.key.plen);
	}
	return r;
}

static int write_hints(struct maps *maps, struct maps_change *c, const struct row *row)
{
	struct vpc_mask_group *at = mask_group_at(maps, row->key.mask_group);
	struct vpc_mask_group hints = *at;
	int r;

	hints_add(&hints, &row->key);
	r = undo_store64(&c->undo, &at->plens4, hints.plens4);
	for (unsigned i = 0; r >= 0 && i < 3; i++)
		r = undo_store64(&c->undo, &at->plens6[i], hints.plens6[i]);
	if (r >= 0)
		r = undo_store64(&c->undo, &at->sg_bloom, hints.sg_bloom);
	if (r >= 0)
		r = undo_store32(&c->undo, &at->flags, hints.flags);
	return r;
}

/* Not logged: a free row is zero, and undo zeroes it again. */
static int write_new_row(struct maps *maps, struct maps_change *c, uint32_t number)
{
	const struct row *row = &maps->mirror.rows[number];
	struct vpc_row *at = row_at(maps, number);

	zero_words(stat_at(maps, number), sizeof(struct vpc_row_stat));
	store32(&at->rule, row->rule);
	at->key = row->key;
	/* born goes first: both are 0 in a free row, and nobody sees this one while epoch < born. */
	store64(&at->born, c->epoch);
	store64(&at->died, VPC_ALIVE);
	return key_is_all(&row->key) ? 0 : write_hints(maps, c, row);
}

/* The first row of a group that names the prefix list: what leads packets to it. */
static int write_list_name(struct maps *maps, struct maps_change *c, const struct row *row)
{
	const struct mirror *m = &maps->mirror;
	uint32_t sg = row_group(m, row);
	unsigned dir = row_direction(m, row);
	unsigned place = (unsigned)list_place(m, sg, dir, row->key.addr[0]);
	const struct vpc_list_key key = {.sg = sg, .dir = (uint8_t)dir, .at = (uint8_t)place};
	__u32 *plens = &sg_at(maps, sg)->dir[dir].port_plens[VPC_SLOT_ANY];
	int r;

	if (*plens & 1u << (VPC_LISTS_SHIFT + place))
		return 0;
	r = undo_store_key(&c->undo, maps->map, MAP_LIST_OF, &key, row->key.addr[0], 0);
	if (r >= 0)
		r = undo_store32(&c->undo, plens, *plens | 1u << (VPC_LISTS_SHIFT + place));
	for (size_t i = 0; r >= 0 && i < m->groups[sg]->sets.n; i++) {
		__u32 *lists = &set_at(maps, m->groups[sg]->sets.at[i])->lists;

		r = undo_store32(&c->undo, lists, *lists | 1u << dir);
	}
	return r;
}

static int write_all_row(struct maps *maps, struct maps_change *c, uint32_t number)
{
	const struct vpc_rule_key *key = &maps->mirror.rows[number].key;
	struct vpc_sg_dir *dir = &sg_at(maps, key->mask_group)->dir[key->plen];

	return undo_store32(&c->undo, key->kind == VPC_PEER_ALL4 ? &dir->all4 : &dir->all6, number);
}

static int write_rows(struct maps *maps, struct maps_change *c)
{
	size_t n_hash = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.rows.n; i++) {
		uint32_t number = c->mirror.rows.at[i].row;
		const struct row *row = &maps->mirror.rows[number];

		if (row->state == NODE_DYING) {
			r = undo_store64(&c->undo, &row_at(maps, number)->died, c->epoch);
		} else if (row->state == NODE_NEW) {
			r = write_new_row(maps, c, number);
			if (r >= 0 && key_is_all(&row->key))
				r = write_all_row(maps, c, number);
			if (r >= 0 && row->key.kind == VPC_PEER_PREFIX_LIST)
				r = write_list_name(maps, c, row);
			n_hash += !key_is_all(&row->key);
		}
	}
	if (r >= 0 && n_hash >= BATCH_LEAST)
		return write_rule_batch(maps, c, n_hash);
	for (size_t i = 0; r >= 0 && n_hash && i < c->mirror.rows.n; i++) {
		uint32_t number = c->mirror.rows.at[i].row;
		const struct row *row = &maps->mirror.rows[number];

		if (row->state == NODE_NEW && !key_is_all(&row->key))
			r = undo_store_key(&c->undo, maps->map, MAP_RULE, &row->key, number,
					   row_takes_over(maps, number));
	}
	return r;
}

/* --- sets, ENIs, addresses --- */

static int write_sets(struct maps *maps, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.sets.n; i++) {
		const struct set *set = &maps->mirror.sets[c->mirror.sets.at[i]];
		struct vpc_set new = {.gen_any = c->epoch,
				      .bloom = set_bloom(set->sg, set->n),
				      .n = set->n,
				      .lists = set_lists(&maps->mirror, set)};

		memcpy(new.sg, set->sg, sizeof(new.sg));
		r = undo_store_words(&c->undo, set_at(maps, c->mirror.sets.at[i]), &new, sizeof(new));
	}
	return r;
}

static int write_slot(struct maps *maps, struct maps_change *c, const struct touched_eni *e)
{
	struct vpc_versioned *v = &eni_at(maps, e->number)->set;

	return undo_store64(&c->undo, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | e->new_set);
}

static int write_enis(struct maps *maps, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.enis.n; i++) {
		const struct touched_eni *e = &c->mirror.enis.at[i];
		struct vpc_eni new = e->after;

		if (!e->has_before) {
			/* Flows of the ENI that had the number before are judged again. */
			new.gen_revoke = c->epoch;
			new.gen_any = c->epoch;
			new.flags |= acl_eni_flag(&maps->mirror, new.subnet);
			r = eni_zero_counters(maps, e->number);
			if (r >= 0)
				r = undo_store_words(&c->undo, eni_at(maps, e->number), &new, sizeof(new));
		}
		if (r >= 0 && (!e->has_before || e->old_set != e->new_set || !e->has_after))
			r = write_slot(maps, c, e);
	}
	return r;
}

static int write_addr(struct maps *maps, struct maps_change *c, const struct touched_addr *a)
{
	struct vpc_addr_row *at = addr_at(maps, a->addr);
	struct addr *addr = &maps->mirror.addrs[a->addr];
	uint32_t old;
	int r;

	if (!a->added)
		return undo_store64(&c->undo, &at->died, c->epoch);
	r = undo_store_words(&c->undo, &at->key, &addr->key, sizeof(at->key));
	if (r >= 0)
		r = undo_store32(&c->undo, &at->eni, addr->eni);
	if (r >= 0)
		r = undo_store64(&c->undo, &at->born, c->epoch);
	if (r >= 0)
		r = undo_store64(&c->undo, &at->died, VPC_ALIVE);
	if (r < 0 || a->moved)
		return r;
	old = addr_find_hashed(&maps->mirror, &addr->key);
	if (old)
		maps->mirror.addrs[old].hashed = false;
	addr->hashed = true;
	return undo_store_key(&c->undo, maps->map, MAP_ADDR, &addr->key, a->addr, old);
}

int write_change(struct maps *maps, struct maps_change *c, struct vpc_error *reterr)
{
	int r = write_acls(maps, c, reterr);

	if (r < 0) /* it says why */
		return r;
	r = write_sets(maps, c);
	if (r >= 0)
		r = write_mask_groups(maps, c);
	if (r >= 0)
		r = write_rows(maps, c);
	if (r >= 0)
		r = set_classifiers_write(maps, c);
	for (size_t i = 0; r >= 0 && i < c->mirror.addrs.n; i++)
		r = write_addr(maps, c, &c->mirror.addrs.at[i]);
	if (r >= 0)
		r = write_enis(maps, c);
	if (r >= 0)
		r = write_edge(maps, c);
	return r < 0 ? bpf_error(reterr, r, "writing the eBPF maps") : 0;
}

/* The hashes lead to the rows again that they led to before. */
static void undo_hashed(struct maps *maps, const struct undo_log *log)
{
	for (size_t i = 0; i < log->keys.n; i++) {
		const struct undo_key *item = &log->keys.at[i];

		if (item->old && item->map == MAP_RULE)
			maps->mirror.rows[item->old].hashed = true;
		if (item->old && item->map == MAP_ADDR)
			maps->mirror.addrs[item->old].hashed = true;
		if (item->old && item->map == MAP_PUBLISH)
			maps->mirror.publishes[item->old].hashed = true;
	}
}

void write_undo(struct maps *maps, struct maps_change *c)
{
	/* Keys first: a row is cleared only when nothing leads to it. */
	undo_keys(&c->undo, maps->map);
	undo_hashed(maps, &c->undo);
	for (size_t i = 0; i < c->mirror.rows.n; i++) {
		struct vpc_row *at = row_at(maps, c->mirror.rows.at[i].row);

		if (c->mirror.rows.at[i].old_state != NODE_NEW)
			continue;
		store64(&at->died, 0);
		zero_words(at, sizeof(*at));
	}
	undo_words(&c->undo);
}

/* An address that moves: until the epoch is stored its key leads to the old row, which counts until then. Between the
 * store and this the address is nobody's. The kernel needs no memory for a key that is there; if it refuses all the
 * same, this is done again when the old row is retired. */
void write_moved_addrs(struct maps *maps, struct maps_change *c)
{
	for (size_t i = 0; i < c->mirror.addrs.n; i++) {
		struct touched_addr *a = &c->mirror.addrs.at[i];
		struct addr *addr = &maps->mirror.addrs[a->addr];

		if (!a->moved || addr->state == NODE_DEAD)
			continue;
		if (map_store(&maps->map[MAP_ADDR], &addr->key, &a->addr) < 0)
			continue;
		a->moved = false;
		addr->hashed = true;
		maps->mirror.addrs[a->from].hashed = false;
	}
}

void write_published(struct maps *maps, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	write_moved_addrs(maps, c);
	write_moved_publishes(maps, c);
	acls_lower(maps, c);
	for (size_t i = 0; i < m->rows.n; i++) {
		const struct row *row = &maps->mirror.rows[m->rows.at[i].row];

		/* The row stays, and the rule that it was counted for is gone. */
		if (row->state == NODE_ALIVE && row->rule != m->rows.at[i].old_rule)
			store32(&row_at(maps, m->rows.at[i].row)->rule, row->rule);
	}
	for (size_t i = 0; i < m->enis.n; i++)
		if (m->enis.at[i].has_before && m->enis.at[i].has_after)
			eni_store(maps, m->enis.at[i].number, &m->enis.at[i].after);
}

void write_spaces(struct maps *maps, struct maps_change *c)
{
	for (size_t i = 0; i < c->mirror.vpcs.n; i++)
		space_store(maps, c->mirror.vpcs.at[i].number, &c->mirror.vpcs.at[i].space);
}
