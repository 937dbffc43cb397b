/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adopting what an earlier run left: half-done work is cleared in the arrays (scrub), then the mirror is read back.
 * A hash key that does not lead to a living row of that key goes, and so does a row that no key leads to: the reconcile
 * that follows makes again what should be there.
 */
#include <bpf/bpf.h>

#include "datapath/maps/private.h"

/* --- scrub: only words, no bpf() but for nothing --- */

static void scrub_life(__u64 *born, __u64 *died, uint64_t epoch)
{
	if (*born > epoch)
		store64(died, 0); /* the rest goes when it is read back */
	else if (*died > epoch && *died != VPC_ALIVE)
		store64(died, VPC_ALIVE);
}

int recover_scrub(struct maps *t)
{
	uint64_t epoch = maps_epoch(t);

	for (uint32_t i = 1; i < t->kernel_map[MAP_ROW].n; i++)
		scrub_life(&row_at(t, i)->born, &row_at(t, i)->died, epoch);
	for (uint32_t i = 1; i < t->kernel_map[MAP_ADDR_ROW].n; i++)
		scrub_life(&addr_at(t, i)->born, &addr_at(t, i)->died, epoch);
	for (uint32_t i = 1; i < t->kernel_map[MAP_ENI].n; i++) {
		struct vpc_eni *eni = eni_at(t, i);

		for (unsigned s = 0; s < 2; s++)
			if (eni->set.slot[s] >> VPC_VERSIONED_SHIFT > epoch)
				store64(&eni->set.slot[s], 0);
		/* Raised for a store that never came: as of now is enough. */
		if (eni->gen_revoke > epoch)
			store64(&eni->gen_revoke, epoch);
		if (eni->gen_any > epoch)
			store64(&eni->gen_any, epoch);
	}
	for (uint32_t i = 1; i < t->kernel_map[MAP_SET].n; i++) {
		struct vpc_set *set = set_at(t, i);

		if (set->gen_revoke > epoch)
			store64(&set->gen_revoke, epoch);
		if (set->gen_any > epoch)
			store64(&set->gen_any, epoch);
		for (unsigned s = 0; s < 4; s++)
			if (set->classifier[s / 2].slot[s % 2] >> VPC_VERSIONED_SHIFT > epoch)
				store64(&set->classifier[s / 2].slot[s % 2], 0);
	}
	return 0;
}

/* --- classes --- */

struct reading {
	struct maps *t;
	enum map_id id;
	ARRAY(struct hash_log) drop; /* keys that lead nowhere */
};

static void reading_clear(struct reading *r)
{
	free(r->drop.at);
}

static int reading_drop(struct reading *reading, const void *key)
{
	struct hash_log *item = ARRAY_PUSH(&reading->drop);

	if (!item)
		return -ENOMEM;
	memcpy(&item->key, key, reading->t->kernel_map[reading->id].key_size);
	return 0;
}

/* After the walk: deleting while reading in batches would make it miss elements. */
static int read_hash(struct reading *reading, int (*fn)(const void *key, const void *value, void *userdata))
{
	const struct kernel_map *kernel_map = &reading->t->kernel_map[reading->id];
	int r = table_each(kernel_map, fn, reading);

	for (size_t i = 0; r >= 0 && i < reading->drop.n; i++) {
		r = bpf_map_delete_elem(kernel_map->fd, &reading->drop.at[i].key);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

static int read_mask_group(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *t = reading->t;
	const struct vpc_mask_group_key *k = key;
	uint32_t number = *(const uint32_t *)value;

	if (number == 0 || number >= t->kernel_map[MAP_MASK_GROUP].n || t->mask_groups[number].used || k->sg == 0 ||
	    k->sg >= t->kernel_map[MAP_SG].n || k->dir > VPC_EGRESS || k->slot >= VPC_SLOTS || k->plen > 16 ||
	    memcmp(&mask_group_at(t, number)->key, k, sizeof(*k)) != 0)
		return reading_drop(reading, key);
	return mask_group_link(t, number, k);
}

/* --- rows --- */

static bool row_lives(const struct maps *t, uint32_t number)
{
	const struct vpc_row *row = row_at(t, number);

	return visible(row->born, row->died, maps_epoch(t));
}

static int adopt_row(struct maps *t, uint32_t number, const struct vpc_rule_key *key, bool hashed)
{
	int r = row_link(t, number, key, NODE_ALIVE);

	if (r < 0)
		return r;
	t->rows[number].hashed = hashed;
	t->rows[number].rule = row_at(t, number)->rule;
	return reference_add(t, number, t->rows[number].rule) ? 0 : -ENOMEM;
}

static int read_rule(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *t = reading->t;
	const struct vpc_rule_key *k = key;
	uint32_t number = *(const uint32_t *)value;

	if (number == 0 || number >= t->kernel_map[MAP_ROW].n || !row_lives(t, number) || k->mask_group == 0 ||
	    k->mask_group >= t->kernel_map[MAP_MASK_GROUP].n || !t->mask_groups[k->mask_group].used ||
	    memcmp(&row_at(t, number)->key, k, sizeof(*k)) != 0)
		return reading_drop(reading, key);
	return adopt_row(t, number, k, true);
}

static int read_all_rows(struct maps *t)
{
	for (uint32_t sg = 1; sg < t->kernel_map[MAP_SG].n; sg++) {
		for (unsigned i = 0; i < 4; i++) {
			struct vpc_sg_dir *dir = &sg_at(t, sg)->dir[i / 2];
			__u32 *all = i % 2 ? &dir->all6 : &dir->all4;
			struct vpc_rule_key key = {.mask_group = sg,
						   .kind = i % 2 ? VPC_PEER_ALL6 : VPC_PEER_ALL4,
						   .plen = (uint8_t)(i / 2)};
			int r;

			if (!*all)
				continue;
			if (*all >= t->kernel_map[MAP_ROW].n || !row_lives(t, *all) ||
			    t->rows[*all].state != NODE_FREE || memcmp(&row_at(t, *all)->key, &key, sizeof(key)) != 0) {
				store32(all, 0);
				continue;
			}
			r = adopt_row(t, *all, &key, false);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Rows that nothing leads to are cleared; the reconcile makes them again. Giving a living one its key back would be
 * quicker, but trust a row that no packet was judged by: it may have been changed by hand. */
static void settle_rows(struct maps *t)
{
	for (uint32_t i = 1; i < t->kernel_map[MAP_ROW].n; i++) {
		struct vpc_row *at = row_at(t, i);

		if (t->rows[i].state != NODE_FREE || !(at->born || at->died || at->rule || at->key.mask_group))
			continue;
		store64(&at->died, 0);
		zero_words(at, sizeof(*at));
	}
}

/* A class whose key in mask_group_of was lost is no longer `used`: its rows go, and come again by the reconcile. Hints
 * are computed anew from what is there. */
static void settle_mask_groups(struct maps *t)
{
	for (uint32_t i = 1; i < t->kernel_map[MAP_MASK_GROUP].n; i++) {
		struct vpc_mask_group *at = mask_group_at(t, i);
		struct vpc_mask_group hints;

		if (t->mask_groups[i].used && !t->mask_groups[i].n_rows) {
			bpf_map_delete_elem(t->kernel_map[MAP_MASK_GROUP_OF].fd, &t->mask_groups[i].key);
			mask_group_unlink(t, i);
		}
		if (t->mask_groups[i].used)
			mask_group_hints(t, i, &hints);
		else
			hints = (struct vpc_mask_group){};
		if (memcmp(at, &hints, sizeof(hints)) != 0)
			*at = hints;
	}
	for (uint32_t sg = 1; sg < t->kernel_map[MAP_SG].n; sg++) {
		for (unsigned i = 0; i < 2 * VPC_SLOTS; i++) {
			__u32 *at = &sg_at(t, sg)->dir[i / VPC_SLOTS].port_plens[i % VPC_SLOTS];
			uint32_t plens = port_plens(t, sg, i / VPC_SLOTS, i % VPC_SLOTS);

			if (*at != plens)
				store32(at, plens);
		}
	}
}

/* --- ENIs, sets, addresses --- */

static bool set_valid(const struct maps *t, uint32_t number)
{
	const struct vpc_set *set = set_at(t, number);

	if (number == 0 || number >= t->kernel_map[MAP_SET].n || set->n == 0 || set->n > VPC_GROUPS_PER_ENI)
		return false;
	for (uint32_t i = 0; i < set->n; i++)
		if (set->sg[i] == 0 || set->sg[i] >= t->kernel_map[MAP_SG].n || (i && set->sg[i] <= set->sg[i - 1]))
			return false;
	return true;
}

static int read_eni(struct maps *t, uint32_t number)
{
	struct vpc_eni *at = eni_at(t, number);
	uint32_t set = versioned_value(&at->set, maps_epoch(t));
	struct eni_node *eni = &t->enis[number];
	int r;

	if (!at->incarnation || !set_valid(t, set)) {
		if (at->incarnation || at->set.slot[0] || at->set.slot[1] || at->vpc)
			retire_eni(t, number);
		return 0;
	}
	if (!t->sets[set].users) {
		/* Two numbers for one combination can't come from vpcd; the second would only be found by its number.
		 */
		r = set_link(t, set, set_at(t, set)->sg, set_at(t, set)->n);
		if (r < 0)
			return r;
	}
	t->sets[set].users++;
	eni->set = set;
	eni->state = NODE_ALIVE;
	if (number > t->eni_max)
		t->eni_max = number;
	eni->row = *at;
	eni->row.set = (struct vpc_versioned){};
	eni->row.gen_revoke = eni->row.gen_any = 0;
	eni->row.flags &= VPC_ENI_SOURCE_DEST_CHECK | VPC_ENI_UNPLUGGED;
	return 0;
}

static void settle_sets(struct maps *t)
{
	for (uint32_t i = 1; i < t->kernel_map[MAP_SET].n; i++) {
		struct vpc_set *at = set_at(t, i);
		uint64_t bloom = set_bloom(t->sets[i].sg, t->sets[i].n);

		if (!t->sets[i].users && (at->n || at->gen_revoke || at->gen_any))
			zero_words(at, sizeof(*at));
		else if (t->sets[i].users && at->bloom != bloom)
			store64(&at->bloom, bloom);
	}
}

static bool addr_lives(const struct maps *t, uint32_t number)
{
	const struct vpc_addr_row *row = addr_at(t, number);

	return visible(row->born, row->died, maps_epoch(t));
}

static int read_addr(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct maps *t = reading->t;
	uint32_t number = *(const uint32_t *)value;

	if (number == 0 || number > addr_rows(t) || !addr_lives(t, number) ||
	    memcmp(&addr_at(t, number)->key, key, sizeof(struct vpc_addr_key)) != 0)
		return reading_drop(reading, key);
	addr_link(t, number, key, addr_at(t, number)->eni, NODE_ALIVE);
	t->addrs[number].hashed = true;
	return 0;
}

static bool was_dropped(const struct reading *reading, const struct vpc_addr_key *key)
{
	for (size_t i = 0; i < reading->drop.n; i++)
		if (memcmp(&reading->drop.at[i].key.addr, key, sizeof(*key)) == 0)
			return true;
	return false;
}

/* A living row whose key led to a dead row had moved when vpcd died, and its key not yet. The rest is cleared. */
static int settle_addrs(struct maps *t, const struct reading *reading)
{
	for (uint32_t i = 1; i < t->kernel_map[MAP_ADDR_ROW].n; i++) {
		struct vpc_addr_row *at = addr_at(t, i);

		if (t->addrs[i].state != NODE_FREE)
			continue;
		if (i <= addr_rows(t) && addr_lives(t, i) && was_dropped(reading, &at->key) &&
		    !addr_find(t, &at->key)) {
			int r = bpf_map_update_elem(t->kernel_map[MAP_ADDR].fd, &at->key, &i, BPF_ANY);

			if (r < 0)
				return r;
			addr_link(t, i, &at->key, at->eni, NODE_ALIVE);
			t->addrs[i].hashed = true;
		} else if (at->born || at->died || at->eni || at->key.vpc) {
			store64(&at->died, 0);
			zero_words(at, sizeof(*at));
		}
	}
	return 0;
}

/* --- numbers --- */

static bool row_used(const struct maps *t, uint32_t number)
{
	return t->rows[number].state != NODE_FREE;
}

static bool mask_group_used(const struct maps *t, uint32_t number)
{
	return t->mask_groups[number].used;
}

static bool set_used(const struct maps *t, uint32_t number)
{
	return t->sets[number].users != 0;
}

static bool addr_used(const struct maps *t, uint32_t number)
{
	return t->addrs[number].state != NODE_FREE;
}

int recover_read(struct maps *t)
{
	_cleanup_(reading_clear) struct reading mask_groups = {.t = t, .id = MAP_MASK_GROUP_OF};
	_cleanup_(reading_clear) struct reading rules = {.t = t, .id = MAP_RULE};
	_cleanup_(reading_clear) struct reading addrs = {.t = t, .id = MAP_ADDR};
	int r = read_hash(&mask_groups, read_mask_group);

	if (r >= 0)
		r = read_hash(&rules, read_rule);
	if (r >= 0)
		r = read_all_rows(t);
	if (r >= 0)
		settle_rows(t);
	if (r >= 0)
		r = read_hash(&addrs, read_addr);
	if (r >= 0)
		r = settle_addrs(t, &addrs);
	for (uint32_t i = 1; r >= 0 && i < t->kernel_map[MAP_ENI].n; i++)
		r = read_eni(t, i);
	if (r < 0)
		return r;
	settle_mask_groups(t);
	settle_sets(t);
	for (uint32_t i = 1; i < t->kernel_map[MAP_VPC].n; i++)
		t->spaces[i] = *space_at(t, i);
	numbers_adopt(&t->row_numbers, row_used, t);
	numbers_adopt(&t->mask_group_numbers, mask_group_used, t);
	numbers_adopt(&t->set_numbers, set_used, t);
	numbers_adopt(&t->addr_numbers, addr_used, t);
	bound_all(t);
	return classifier_adopt(t);
}

int maps_reread(struct maps *t, struct vpc_error *reterr)
{
	int r;

	if (t->n_changes || t->grace.pending)
		return -EBUSY;
	mirror_free(t);
	r = mirror_init(t);
	if (r >= 0)
		r = recover_scrub(t);
	if (r >= 0)
		r = recover_read(t);
	if (r < 0)
		return bpf_error(reterr, r, "reading the maps back");
	return t->dir ? pin_all(t, reterr) : 0;
}
