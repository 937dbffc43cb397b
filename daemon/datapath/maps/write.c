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

#include "datapath/maps/eni.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/error.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/set_classifier.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write_edge.h"

/* With so many new keys or more, the kernel takes them in one call. */
#define BATCH_LEAST 64

/* --- hashes --- */

int write_hash(struct maps *t, struct maps_change *c, enum map_id id, const void *key, uint32_t number, uint32_t old)
{
	/* It is logged first: to undo what was not done does no harm. */
	if (undo_log_key(&c->undo, id, key, t->map[id].key_size, old) < 0)
		return -ENOMEM;
	return bpf_map_update_elem(t->map[id].fd, key, &number, BPF_ANY);
}

/* The hash is about to lead to this row. Returns the dead row of the same key that it leads to now; 0: none. */
static uint32_t row_takes_over(struct maps *t, uint32_t number)
{
	uint32_t old = row_find_hashed(&t->mirror, &t->mirror.rows[number].key);

	if (old)
		t->mirror.rows[old].hashed = false;
	t->mirror.rows[number].hashed = true;
	return old;
}

static int write_rule_batch(struct maps *t, struct maps_change *c, size_t n)
{
	_cleanup_free_ struct vpc_rule_key *keys = calloc(n, sizeof(*keys));
	_cleanup_free_ uint32_t *numbers = calloc(n, sizeof(*numbers));
	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, opts, .elem_flags = BPF_ANY);
	size_t at = 0;

	if (!keys || !numbers)
		return -ENOMEM;
	for (size_t i = 0; i < c->mirror.rows.n && at < n; i++) {
		uint32_t number = c->mirror.rows.at[i].row;
		const struct row *row = &t->mirror.rows[number];

		if (row->state != NODE_NEW || key_is_all(&row->key))
			continue;
		keys[at] = row->key;
		numbers[at] = number;
		if (undo_log_key(&c->undo, MAP_RULE, &row->key, sizeof(row->key), row_takes_over(t, number)) < 0)
			return -ENOMEM;
		at++;
	}
	while (at > 0) {
		__u32 count = (__u32)at;
		int r = bpf_map_update_batch(t->map[MAP_RULE].fd, keys, numbers, &count, &opts);

		if (r < 0 || count == at)
			return r;
		/* A call that takes only a part without an error is not known to happen; the rest is written again. */
		memmove(keys, keys + count, (at - count) * sizeof(*keys));
		memmove(numbers, numbers + count, (at - count) * sizeof(*numbers));
		at -= count;
		if (!count)
			return -EIO;
	}
	return 0;
}

/* --- rows --- */

static int write_mask_groups(struct maps *t, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.mask_groups.n; i++) {
		uint32_t number = c->mirror.mask_groups.at[i];
		struct vpc_mask_group *at = mask_group_at(t, number);
		struct vpc_mask_group new;
		__u32 *plens;

		mask_group_hints(&t->mirror, number, &new);
		plens = &sg_at(t, new.key.sg)->dir[new.key.dir].port_plens[new.key.slot];
		r = undo_store_words(&c->undo, at, &new, sizeof(new));
		if (r >= 0)
			r = write_hash(t, c, MAP_MASK_GROUP_OF, &new.key, number, 0);
		if (r >= 0)
			r = undo_store32(&c->undo, plens, *plens | 1u << new.key.plen);
	}
	return r;
}

static int write_hints(struct maps *t, struct maps_change *c, const struct row *row)
{
	struct vpc_mask_group *at = mask_group_at(t, row->key.mask_group);
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
static int write_new_row(struct maps *t, struct maps_change *c, uint32_t number)
{
	const struct row *row = &t->mirror.rows[number];
	struct vpc_row *at = row_at(t, number);

	zero_words(stat_at(t, number), sizeof(struct vpc_row_stat));
	store32(&at->rule, row->rule);
	at->key = row->key;
	/* born goes first: both are 0 in a free row, and nobody sees this one while epoch < born. */
	store64(&at->born, c->epoch);
	store64(&at->died, VPC_ALIVE);
	return key_is_all(&row->key) ? 0 : write_hints(t, c, row);
}

static int write_all_row(struct maps *t, struct maps_change *c, uint32_t number)
{
	const struct vpc_rule_key *key = &t->mirror.rows[number].key;
	struct vpc_sg_dir *dir = &sg_at(t, key->mask_group)->dir[key->plen];

	return undo_store32(&c->undo, key->kind == VPC_PEER_ALL4 ? &dir->all4 : &dir->all6, number);
}

static int write_rows(struct maps *t, struct maps_change *c)
{
	size_t n_hash = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.rows.n; i++) {
		uint32_t number = c->mirror.rows.at[i].row;
		const struct row *row = &t->mirror.rows[number];

		if (row->state == NODE_DYING) {
			r = undo_store64(&c->undo, &row_at(t, number)->died, c->epoch);
		} else if (row->state == NODE_NEW) {
			r = write_new_row(t, c, number);
			if (r >= 0 && key_is_all(&row->key))
				r = write_all_row(t, c, number);
			n_hash += !key_is_all(&row->key);
		}
	}
	if (r >= 0 && n_hash >= BATCH_LEAST)
		return write_rule_batch(t, c, n_hash);
	for (size_t i = 0; r >= 0 && n_hash && i < c->mirror.rows.n; i++) {
		uint32_t number = c->mirror.rows.at[i].row;
		const struct row *row = &t->mirror.rows[number];

		if (row->state == NODE_NEW && !key_is_all(&row->key))
			r = write_hash(t, c, MAP_RULE, &row->key, number, row_takes_over(t, number));
	}
	return r;
}

/* --- sets, ENIs, addresses --- */

static int write_sets(struct maps *t, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.sets.n; i++) {
		const struct set *set = &t->mirror.sets[c->mirror.sets.at[i]];
		struct vpc_set new = {.gen_any = c->epoch, .bloom = set_bloom(set->sg, set->n), .n = set->n};

		memcpy(new.sg, set->sg, sizeof(new.sg));
		r = undo_store_words(&c->undo, set_at(t, c->mirror.sets.at[i]), &new, sizeof(new));
	}
	return r;
}

static int write_slot(struct maps *t, struct maps_change *c, const struct touched_eni *e)
{
	struct vpc_versioned *v = &eni_at(t, e->number)->set;

	return undo_store64(&c->undo, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | e->new_set);
}

static int write_enis(struct maps *t, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.enis.n; i++) {
		const struct touched_eni *e = &c->mirror.enis.at[i];
		struct vpc_eni new = e->after;

		if (!e->has_before) {
			/* Flows of the ENI that had the number before are judged again. */
			new.gen_revoke = c->epoch;
			new.gen_any = c->epoch;
			r = eni_zero_counters(t, e->number);
			if (r >= 0)
				r = undo_store_words(&c->undo, eni_at(t, e->number), &new, sizeof(new));
		}
		if (r >= 0 && (!e->has_before || e->old_set != e->new_set || !e->has_after))
			r = write_slot(t, c, e);
	}
	return r;
}

static int write_addr(struct maps *t, struct maps_change *c, const struct touched_addr *a)
{
	struct vpc_addr_row *at = addr_at(t, a->addr);
	struct addr *addr = &t->mirror.addrs[a->addr];
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
	old = addr_find_hashed(&t->mirror, &addr->key);
	if (old)
		t->mirror.addrs[old].hashed = false;
	addr->hashed = true;
	return write_hash(t, c, MAP_ADDR, &addr->key, a->addr, old);
}

int write_change(struct maps *t, struct maps_change *c, struct vpc_error *reterr)
{
	int r = write_sets(t, c);

	if (r >= 0)
		r = write_mask_groups(t, c);
	if (r >= 0)
		r = write_rows(t, c);
	if (r >= 0)
		r = set_classifiers_write(t, c);
	for (size_t i = 0; r >= 0 && i < c->mirror.addrs.n; i++)
		r = write_addr(t, c, &c->mirror.addrs.at[i]);
	if (r >= 0)
		r = write_enis(t, c);
	if (r >= 0)
		r = write_edge(t, c);
	return r < 0 ? bpf_error(reterr, r, "writing the eBPF maps") : 0;
}

/* The hashes lead to the rows again that they led to before. */
static void undo_hashed(struct maps *t, const struct undo_log *log)
{
	for (size_t i = 0; i < log->keys.n; i++) {
		const struct undo_key *item = &log->keys.at[i];

		if (item->old && item->map == MAP_RULE)
			t->mirror.rows[item->old].hashed = true;
		if (item->old && item->map == MAP_ADDR)
			t->mirror.addrs[item->old].hashed = true;
		if (item->old && item->map == MAP_PUBLISH)
			t->mirror.publishes[item->old].hashed = true;
	}
}

void write_undo(struct maps *t, struct maps_change *c)
{
	/* Keys first: a row is cleared only when nothing leads to it. */
	undo_keys(&c->undo, t->map);
	undo_hashed(t, &c->undo);
	for (size_t i = 0; i < c->mirror.rows.n; i++) {
		struct vpc_row *at = row_at(t, c->mirror.rows.at[i].row);

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
void write_moved_addrs(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->mirror.addrs.n; i++) {
		struct touched_addr *a = &c->mirror.addrs.at[i];
		struct addr *addr = &t->mirror.addrs[a->addr];

		if (!a->moved || addr->state == NODE_DEAD)
			continue;
		if (map_store(&t->map[MAP_ADDR], &addr->key, &a->addr) < 0)
			continue;
		a->moved = false;
		addr->hashed = true;
		t->mirror.addrs[a->from].hashed = false;
	}
}

void write_published(struct maps *t, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	write_moved_addrs(t, c);
	write_moved_publishes(t, c);
	for (size_t i = 0; i < m->rows.n; i++) {
		const struct row *row = &t->mirror.rows[m->rows.at[i].row];

		/* The row stays, and the rule that it was counted for is gone. */
		if (row->state == NODE_ALIVE && row->rule != m->rows.at[i].old_rule)
			store32(&row_at(t, m->rows.at[i].row)->rule, row->rule);
	}
	for (size_t i = 0; i < m->enis.n; i++)
		if (m->enis.at[i].has_before && m->enis.at[i].has_after)
			eni_store(t, m->enis.at[i].number, &m->enis.at[i].after);
	for (size_t i = 0; i < m->vpcs.n; i++)
		space_store(t, m->vpcs.at[i].number, &m->vpcs.at[i].space);
}
