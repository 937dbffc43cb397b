/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sets have a classifier, and making it with the change: as of its epoch, in blocks that nobody reads yet,
 * named by the slot that is not in force. What it replaces goes after the grace period.
 */
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/private.h"

/* --- the rules of a set --- */

struct gathered {
	struct classifier_rule *at;
	size_t n;
};

static void gathered_clear(struct gathered *g)
{
	free(g->at);
}

/* Whether it counts when the prepared change is published; without one, now. */
static bool row_stands(const struct row *row)
{
	return row->state == NODE_NEW || row->state == NODE_ALIVE;
}

static void gather_row(const struct maps *t, struct gathered *g, uint32_t number)
{
	const struct row *row = &t->rows[number];
	struct classifier_rule *rule;
	struct plan_row described;

	if (!row_stands(row))
		return;
	row_describe(t, row, &described);
	rule = &g->at[g->n++];
	*rule = (struct classifier_rule){.slot = described.slot,
					 .port_plen = described.port_plen,
					 .port = described.port,
					 .peer_kind = described.peer_kind,
					 .peer_plen = described.peer_plen,
					 .row = number};
	memcpy(rule->peer, described.peer, sizeof(rule->peer));
}

static void gather_group(const struct maps *t, struct gathered *g, uint32_t sg, unsigned dir)
{
	static const uint8_t kinds[] = {VPC_PEER_ALL4, VPC_PEER_ALL6};

	for (uint32_t mask_group = t->groups[sg]->mask_groups[dir]; mask_group;
	     mask_group = t->mask_groups[mask_group].group_next)
		for (uint32_t i = t->mask_groups[mask_group].rows; i; i = t->rows[i].mask_group_next)
			gather_row(t, g, i);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct vpc_rule_key key = {.mask_group = sg, .kind = kinds[i], .plen = (uint8_t)dir};
		uint32_t number = row_find(t, &key);

		if (number)
			gather_row(t, g, number);
	}
}

int classifier_of_set(const struct maps *t, uint32_t set, unsigned dir, struct classifier_blocks *ret)
{
	_cleanup_(gathered_clear) struct gathered g = {};
	const struct set *node = &t->sets[set];
	size_t n = 0;

	for (uint32_t i = 0; i < node->n; i++) {
		n += 2;
		for (uint32_t mask_group = t->groups[node->sg[i]]->mask_groups[dir]; mask_group;
		     mask_group = t->mask_groups[mask_group].group_next)
			n += t->mask_groups[mask_group].n_rows;
	}
	g.at = malloc((n + 1) * sizeof(*g.at));
	if (!g.at)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->n; i++)
		gather_group(t, &g, node->sg[i], dir);
	return classifier_build(g.at, g.n, set, dir, ret);
}

/* --- making --- */

void classifier_place(struct maps *t, const struct classifier_blocks *blocks, struct set_map *ret)
{
	ret->at = extents_take(&t->blocks, (uint32_t)blocks->n);
	ret->blocks = ret->at ? (uint32_t)blocks->n : 0;
	if (ret->at)
		memcpy(block_at(t, ret->at), blocks->at, blocks->n * sizeof(*blocks->at));
}

static bool same_map(const struct maps *t, const struct set_map *kernel_map, const struct classifier_blocks *blocks)
{
	return kernel_map->at && kernel_map->blocks == blocks->n &&
	       memcmp(block_at(t, kernel_map->at), blocks->at, blocks->n * sizeof(*blocks->at)) == 0;
}

/* Makes the table that the set is to have; without memory, none. */
static void make_map(struct maps *t, uint32_t number, unsigned dir)
{
	struct set_map *kernel_map = &t->sets[number].kernel_map[dir];
	struct classifier_blocks blocks = {};

	kernel_map->wanted = kernel_map->bound >= t->compile_from;
	if (kernel_map->wanted && classifier_of_set(t, number, dir, &blocks) >= 0) {
		if (!same_map(t, kernel_map, &blocks))
			classifier_place(t, &blocks, kernel_map);
	} else {
		kernel_map->at = kernel_map->blocks = 0;
	}
	free(blocks.at);
}

static int write_map(struct maps *t, struct maps_change *c, uint32_t number, unsigned dir)
{
	struct set_map *kernel_map = &t->sets[number].kernel_map[dir];
	struct vpc_versioned *v = &set_at(t, number)->classifier[dir];
	struct touched_map *touched;

	if (kernel_map->touched || (kernel_map->bound < t->compile_from && !kernel_map->wanted))
		return 0;
	touched = ARRAY_PUSH(&c->maps);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_map){.set = number, .dir = dir, .old = *kernel_map};
	make_map(t, number, dir);
	kernel_map->touched = true;
	t->n_walked = t->n_walked + table_walked(kernel_map) - table_walked(&touched->old);
	touched->replaced = kernel_map->at != touched->old.at;
	if (!touched->replaced)
		return 0;
	return write_word64(c, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | kernel_map->at);
}

static int write_tables_of_group(struct maps *t, struct maps_change *c, const struct touched_group *g)
{
	const struct group *group = group_get(t, g->sg);
	int r = group ? 0 : -ENOMEM;

	for (unsigned dir = 0; r >= 0 && dir < 2; dir++) {
		if (!g->directions[dir])
			continue;
		bound_update(t, g->sg, dir);
		for (size_t i = 0; r >= 0 && i < group->sets.n; i++)
			r = write_map(t, c, group->sets.at[i], dir);
	}
	return r;
}

int classifier_write(struct maps *t, struct maps_change *c)
{
	int r = 0;

	for (size_t i = 0; i < c->rows.n; i++) {
		const struct row *row = &t->rows[c->rows.at[i].row];

		if (row->state == NODE_NEW && !key_is_all(&row->key))
			bound_raise(t, row->key.mask_group);
	}
	for (size_t i = 0; r >= 0 && i < c->groups.n; i++)
		r = write_tables_of_group(t, c, &c->groups.at[i]);
	for (size_t i = 0; r >= 0 && i < c->sets.n * 2; i++)
		r = write_map(t, c, c->sets.at[i / 2], i % 2);
	return r;
}

/* --- undoing, retiring --- */

static void give_map(struct maps *t, const struct set_map *kernel_map)
{
	if (kernel_map->at)
		extents_give(&t->blocks, kernel_map->at, kernel_map->blocks);
}

/* Bounds stay as they are: they may be too high, never too low. */
void classifier_undo(struct maps *t, struct maps_change *c)
{
	for (size_t i = c->maps.n; i > 0; i--) {
		const struct touched_map *touched = &c->maps.at[i - 1];
		struct set_map *kernel_map = &t->sets[touched->set].kernel_map[touched->dir];

		if (touched->replaced)
			give_map(t, kernel_map);
		t->n_walked = t->n_walked + table_walked(&touched->old) - table_walked(kernel_map);
		kernel_map->at = touched->old.at;
		kernel_map->blocks = touched->old.blocks;
		kernel_map->wanted = touched->old.wanted;
		kernel_map->touched = false;
	}
}

void classifier_retire(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->maps.n; i++)
		if (c->maps.at[i].replaced)
			give_map(t, &c->maps.at[i].old);
}

void classifier_release(struct maps *t, uint32_t set)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct set_map *kernel_map = &t->sets[set].kernel_map[dir];

		give_map(t, kernel_map);
		t->n_walked -= table_walked(kernel_map);
		*kernel_map = (struct set_map){};
	}
}
