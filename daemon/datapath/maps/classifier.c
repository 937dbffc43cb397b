/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sets have a compiled table, and making it with the change: as of its epoch, in blocks that nobody reads yet,
 * named by the slot that is not in force. What it replaces goes after the grace period.
 */
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/private.h"

/* --- the rules of a set --- */

struct gathered {
	struct compiled_rule *at;
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

static void gather_row(const struct tables *t, struct gathered *g, uint32_t number)
{
	const struct row *row = &t->rows[number];
	struct compiled_rule *rule;
	struct plan_row described;

	if (!row_stands(row))
		return;
	row_describe(t, row, &described);
	rule = &g->at[g->n++];
	*rule = (struct compiled_rule){.slot = described.slot,
				       .port_plen = described.port_plen,
				       .port = described.port,
				       .peer_kind = described.peer_kind,
				       .peer_plen = described.peer_plen,
				       .row = number};
	memcpy(rule->peer, described.peer, sizeof(rule->peer));
}

static void gather_group(const struct tables *t, struct gathered *g, uint32_t sg, unsigned dir)
{
	static const uint8_t kinds[] = {VPC_PEER_ALL4, VPC_PEER_ALL6};

	for (uint32_t class = t->groups[sg]->classes[dir]; class; class = t->classes[class].group_next)
		for (uint32_t i = t->classes[class].rows; i; i = t->rows[i].class_next)
			gather_row(t, g, i);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct vpc_rule_key key = {.class = sg, .kind = kinds[i], .plen = (uint8_t)dir};
		uint32_t number = row_find(t, &key);

		if (number)
			gather_row(t, g, number);
	}
}

int compiled_of_set(const struct tables *t, uint32_t set, unsigned dir, struct compiled_blocks *ret)
{
	_cleanup_(gathered_clear) struct gathered g = {};
	const struct set *node = &t->sets[set];
	size_t n = 0;

	for (uint32_t i = 0; i < node->n; i++) {
		n += 2;
		for (uint32_t class = t->groups[node->sg[i]]->classes[dir]; class; class = t->classes[class].group_next)
			n += t->classes[class].n_rows;
	}
	g.at = malloc((n + 1) * sizeof(*g.at));
	if (!g.at)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->n; i++)
		gather_group(t, &g, node->sg[i], dir);
	return compiled_build(g.at, g.n, set, dir, ret);
}

/* --- making --- */

void compiled_place(struct tables *t, const struct compiled_blocks *blocks, struct set_table *ret)
{
	ret->at = extents_take(&t->blocks, (uint32_t)blocks->n);
	ret->blocks = ret->at ? (uint32_t)blocks->n : 0;
	if (ret->at)
		memcpy(block_at(t, ret->at), blocks->at, blocks->n * sizeof(*blocks->at));
}

static bool same_table(const struct tables *t, const struct set_table *table, const struct compiled_blocks *blocks)
{
	return table->at && table->blocks == blocks->n &&
	       memcmp(block_at(t, table->at), blocks->at, blocks->n * sizeof(*blocks->at)) == 0;
}

/* Makes the table that the set is to have; without memory, none. */
static void make_table(struct tables *t, uint32_t number, unsigned dir)
{
	struct set_table *table = &t->sets[number].table[dir];
	struct compiled_blocks blocks = {};

	table->wanted = table->bound >= t->compile_from;
	if (table->wanted && compiled_of_set(t, number, dir, &blocks) >= 0) {
		if (!same_table(t, table, &blocks))
			compiled_place(t, &blocks, table);
	} else {
		table->at = table->blocks = 0;
	}
	free(blocks.at);
}

static int write_table(struct tables *t, struct tables_change *c, uint32_t number, unsigned dir)
{
	struct set_table *table = &t->sets[number].table[dir];
	struct vpc_versioned *v = &set_at(t, number)->compiled[dir];
	struct touched_table *touched;

	if (table->touched || (table->bound < t->compile_from && !table->wanted))
		return 0;
	touched = ARRAY_PUSH(&c->tables);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_table){.set = number, .dir = dir, .old = *table};
	make_table(t, number, dir);
	table->touched = true;
	t->n_walked = t->n_walked + table_walked(table) - table_walked(&touched->old);
	touched->replaced = table->at != touched->old.at;
	if (!touched->replaced)
		return 0;
	return write_word64(c, &v->slot[versioned_spare(v, c->epoch - 1)], c->epoch << VPC_VERSIONED_SHIFT | table->at);
}

static int write_tables_of_group(struct tables *t, struct tables_change *c, const struct touched_group *g)
{
	const struct group *group = group_get(t, g->sg);
	int r = group ? 0 : -ENOMEM;

	for (unsigned dir = 0; r >= 0 && dir < 2; dir++) {
		if (!g->directions[dir])
			continue;
		bound_update(t, g->sg, dir);
		for (size_t i = 0; r >= 0 && i < group->sets.n; i++)
			r = write_table(t, c, group->sets.at[i], dir);
	}
	return r;
}

int compiled_write(struct tables *t, struct tables_change *c)
{
	int r = 0;

	for (size_t i = 0; i < c->rows.n; i++) {
		const struct row *row = &t->rows[c->rows.at[i].row];

		if (row->state == NODE_NEW && !key_is_all(&row->key))
			bound_raise(t, row->key.class);
	}
	for (size_t i = 0; r >= 0 && i < c->groups.n; i++)
		r = write_tables_of_group(t, c, &c->groups.at[i]);
	for (size_t i = 0; r >= 0 && i < c->sets.n * 2; i++)
		r = write_table(t, c, c->sets.at[i / 2], i % 2);
	return r;
}

/* --- undoing, retiring --- */

static void give_table(struct tables *t, const struct set_table *table)
{
	if (table->at)
		extents_give(&t->blocks, table->at, table->blocks);
}

/* Bounds stay as they are: they may be too high, never too low. */
void compiled_undo(struct tables *t, struct tables_change *c)
{
	for (size_t i = c->tables.n; i > 0; i--) {
		const struct touched_table *touched = &c->tables.at[i - 1];
		struct set_table *table = &t->sets[touched->set].table[touched->dir];

		if (touched->replaced)
			give_table(t, table);
		t->n_walked = t->n_walked + table_walked(&touched->old) - table_walked(table);
		table->at = touched->old.at;
		table->blocks = touched->old.blocks;
		table->wanted = touched->old.wanted;
		table->touched = false;
	}
}

void compiled_retire(struct tables *t, struct tables_change *c)
{
	for (size_t i = 0; i < c->tables.n; i++)
		if (c->tables.at[i].replaced)
			give_table(t, &c->tables.at[i].old);
}

void compiled_release(struct tables *t, uint32_t set)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct set_table *table = &t->sets[set].table[dir];

		give_table(t, table);
		t->n_walked -= table_walked(table);
		*table = (struct set_table){};
	}
}
