/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of prepare: writes what the mirror holds as NEW and DYING, with epoch + 1, and a log of what stood
 * there, so that undo leaves every table as it was. What a row needs to be found (class, hints) is written before it.
 */
#include <bpf/bpf.h>

#include "datapath/maps/private.h"

/* From here on the new keys go to the kernel in one call. */
#define BATCH_LEAST 64

static int log_word(struct maps_change *c, void *at, uint64_t old, uint8_t bytes)
{
	struct word_log *log = ARRAY_PUSH(&c->words);

	if (!log)
		return -ENOMEM;
	*log = (struct word_log){.at = at, .old = old, .bytes = bytes};
	return 0;
}

int write_word64(struct maps_change *c, __u64 *at, uint64_t value)
{
	uint64_t old = *at;

	if (old == value)
		return 0;
	if (log_word(c, at, old, 8) < 0)
		return -ENOMEM;
	store64(at, value);
	return 0;
}

static int put32(struct maps_change *c, __u32 *at, uint32_t value)
{
	uint32_t old = *at;

	if (old == value)
		return 0;
	if (log_word(c, at, old, 4) < 0)
		return -ENOMEM;
	store32(at, value);
	return 0;
}

static int put_words(struct maps_change *c, void *at, const void *from, size_t bytes)
{
	__u32 *to = at;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < bytes / sizeof(*to); i++) {
		uint32_t word;

		memcpy(&word, (const char *)from + i * sizeof(word), sizeof(word));
		r = put32(c, &to[i], word);
	}
	return r;
}

/* --- hashes --- */

static int log_hash(struct maps_change *c, enum map_id id, const void *key, size_t key_bytes, uint32_t old)
{
	struct hash_log *log = ARRAY_PUSH(&c->hashes);

	if (!log)
		return -ENOMEM;
	*log = (struct hash_log){.old = old, .kernel_map = (uint8_t)id};
	memcpy(&log->key, key, key_bytes);
	return 0;
}

static int put_hash(struct maps *t, struct maps_change *c, enum map_id id, const void *key, uint32_t number,
		    uint32_t old)
{
	/* Logged first: undoing what was not done does no harm. */
	if (log_hash(c, id, key, t->kernel_map[id].key_size, old) < 0)
		return -ENOMEM;
	return bpf_map_update_elem(t->kernel_map[id].fd, key, &number, BPF_ANY);
}

/* Takes `number`'s row over from a dead row of the same key, if the hash still gives that. */
static uint32_t row_takes_over(struct maps *t, uint32_t number)
{
	uint32_t old = row_find_hashed(t, &t->rows[number].key);

	if (old)
		t->rows[old].hashed = false;
	t->rows[number].hashed = true;
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
	for (size_t i = 0; i < c->rows.n && at < n; i++) {
		uint32_t number = c->rows.at[i].row;
		const struct row *row = &t->rows[number];

		if (row->state != NODE_NEW || key_is_all(&row->key))
			continue;
		keys[at] = row->key;
		numbers[at] = number;
		if (log_hash(c, MAP_RULE, &row->key, sizeof(row->key), row_takes_over(t, number)) < 0)
			return -ENOMEM;
		at++;
	}
	while (at > 0) {
		__u32 count = (__u32)at;
		int r = bpf_map_update_batch(t->kernel_map[MAP_RULE].fd, keys, numbers, &count, &opts);

		if (r < 0 || count == at)
			return r;
		/* Not known to happen without an error; what is left is written again. */
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

	for (size_t i = 0; r >= 0 && i < c->mask_groups.n; i++) {
		uint32_t number = c->mask_groups.at[i];
		struct vpc_mask_group *at = mask_group_at(t, number);
		struct vpc_mask_group new;
		__u32 *plens;

		mask_group_hints(t, number, &new);
		plens = &sg_at(t, new.key.sg)->dir[new.key.dir].port_plens[new.key.slot];
		r = put_words(c, at, &new, sizeof(new));
		if (r >= 0)
			r = put_hash(t, c, MAP_MASK_GROUP_OF, &new.key, number, 0);
		if (r >= 0)
			r = put32(c, plens, *plens | 1u << new.key.plen);
	}
	return r;
}

static int write_hints(struct maps *t, struct maps_change *c, const struct row *row)
{
	struct vpc_mask_group *at = mask_group_at(t, row->key.mask_group);
	struct vpc_mask_group hints = *at;
	int r;

	hints_add(&hints, &row->key);
	r = write_word64(c, &at->plens4, hints.plens4);
	for (unsigned i = 0; r >= 0 && i < 3; i++)
		r = write_word64(c, &at->plens6[i], hints.plens6[i]);
	if (r >= 0)
		r = write_word64(c, &at->sg_bloom, hints.sg_bloom);
	if (r >= 0)
		r = put32(c, &at->flags, hints.flags);
	return r;
}

/* Not logged: a free row is all zero, and undo makes it that again. */
static int write_new_row(struct maps *t, struct maps_change *c, uint32_t number)
{
	const struct row *row = &t->rows[number];
	struct vpc_row *at = row_at(t, number);

	zero_words(stat_at(t, number), sizeof(struct vpc_row_stat));
	store32(&at->rule, row->rule);
	at->key = row->key;
	/* born first: a free row has both 0, and this one is not seen while epoch < born. */
	store64(&at->born, c->epoch);
	store64(&at->died, VPC_ALIVE);
	return key_is_all(&row->key) ? 0 : write_hints(t, c, row);
}

static int write_all_row(struct maps *t, struct maps_change *c, uint32_t number)
{
	const struct vpc_rule_key *key = &t->rows[number].key;
	struct vpc_sg_dir *dir = &sg_at(t, key->mask_group)->dir[key->plen];

	return put32(c, key->kind == VPC_PEER_ALL4 ? &dir->all4 : &dir->all6, number);
}

static int write_rows(struct maps *t, struct maps_change *c)
{
	size_t n_hash = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->rows.n; i++) {
		uint32_t number = c->rows.at[i].row;
		const struct row *row = &t->rows[number];

		if (row->state == NODE_DYING) {
			r = write_word64(c, &row_at(t, number)->died, c->epoch);
		} else if (row->state == NODE_NEW) {
			r = write_new_row(t, c, number);
			if (r >= 0 && key_is_all(&row->key))
				r = write_all_row(t, c, number);
			n_hash += !key_is_all(&row->key);
		}
	}
	if (r >= 0 && n_hash >= BATCH_LEAST)
		return write_rule_batch(t, c, n_hash);
	for (size_t i = 0; r >= 0 && n_hash && i < c->rows.n; i++) {
		uint32_t number = c->rows.at[i].row;
		const struct row *row = &t->rows[number];

		if (row->state == NODE_NEW && !key_is_all(&row->key))
			r = put_hash(t, c, MAP_RULE, &row->key, number, row_takes_over(t, number));
	}
	return r;
}

/* --- sets, ENIs, addresses --- */

static int write_sets(struct maps *t, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->sets.n; i++) {
		const struct set *set = &t->sets[c->sets.at[i]];
		struct vpc_set new = {.gen_any = c->epoch, .bloom = set_bloom(set->sg, set->n), .n = set->n};

		memcpy(new.sg, set->sg, sizeof(new.sg));
		r = put_words(c, set_at(t, c->sets.at[i]), &new, sizeof(new));
	}
	return r;
}

static int write_slot(struct maps *t, struct maps_change *c, const struct touched_eni *e)
{
	struct vpc_versioned *v = &eni_at(t, e->number)->set;

	return write_word64(c, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | e->new_set);
}

static int write_enis(struct maps *t, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->enis.n; i++) {
		const struct touched_eni *e = &c->enis.at[i];
		struct vpc_eni new = e->after;

		if (!e->has_before) {
			/* Flows of whoever had the number before are judged again. */
			new.gen_revoke = c->epoch;
			new.gen_any = c->epoch;
			r = eni_zero_counters(t, e->number);
			if (r >= 0)
				r = put_words(c, eni_at(t, e->number), &new, sizeof(new));
		}
		if (r >= 0 && (!e->has_before || e->old_set != e->new_set || !e->has_after))
			r = write_slot(t, c, e);
	}
	return r;
}

static int write_addr(struct maps *t, struct maps_change *c, const struct touched_addr *a)
{
	struct vpc_addr_row *at = addr_at(t, a->addr);
	struct addr *addr = &t->addrs[a->addr];
	uint32_t old;
	int r;

	if (!a->added)
		return write_word64(c, &at->died, c->epoch);
	r = put_words(c, &at->key, &addr->key, sizeof(at->key));
	if (r >= 0)
		r = put32(c, &at->eni, addr->eni);
	if (r >= 0)
		r = write_word64(c, &at->born, c->epoch);
	if (r >= 0)
		r = write_word64(c, &at->died, VPC_ALIVE);
	if (r < 0 || a->late)
		return r;
	old = addr_find_hashed(t, &addr->key);
	if (old)
		t->addrs[old].hashed = false;
	addr->hashed = true;
	return put_hash(t, c, MAP_ADDR, &addr->key, a->addr, old);
}

int write_change(struct maps *t, struct maps_change *c, struct vpc_error *reterr)
{
	int r = write_sets(t, c);

	if (r >= 0)
		r = write_mask_groups(t, c);
	if (r >= 0)
		r = write_rows(t, c);
	if (r >= 0)
		r = classifier_write(t, c);
	for (size_t i = 0; r >= 0 && i < c->addrs.n; i++)
		r = write_addr(t, c, &c->addrs.at[i]);
	if (r >= 0)
		r = write_enis(t, c);
	return r < 0 ? bpf_error(reterr, r, "writing the eBPF tables") : 0;
}

static void undo_hash(struct maps *t, const struct hash_log *log)
{
	int fd = t->kernel_map[log->kernel_map].fd;

	if (log->old)
		bpf_map_update_elem(fd, &log->key, &log->old, BPF_ANY);
	else
		bpf_map_delete_elem(fd, &log->key);
	if (log->old && log->kernel_map == MAP_RULE)
		t->rows[log->old].hashed = true;
	if (log->old && log->kernel_map == MAP_ADDR)
		t->addrs[log->old].hashed = true;
}

/* Backwards, hashes first: a row is cleared only when nothing leads to it. A hash that the kernel refuses to restore
 * names a number that is free or whose row has another key: nobody takes it for this one. */
void write_undo(struct maps *t, struct maps_change *c)
{
	for (size_t i = c->hashes.n; i > 0; i--)
		undo_hash(t, &c->hashes.at[i - 1]);
	for (size_t i = 0; i < c->rows.n; i++) {
		struct vpc_row *at = row_at(t, c->rows.at[i].row);

		if (c->rows.at[i].old_state != NODE_NEW)
			continue;
		store64(&at->died, 0);
		zero_words(at, sizeof(*at));
	}
	for (size_t i = c->words.n; i > 0; i--) {
		const struct word_log *log = &c->words.at[i - 1];

		if (log->bytes == 8)
			store64(log->at, log->old);
		else
			store32(log->at, (uint32_t)log->old);
	}
}
