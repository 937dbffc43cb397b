/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiled tables that stand in the kernel already: at a start, and for tables_verify. They are derived, and the same
 * rows give the same bytes, so what stands there is right exactly if it is what would be made now.
 */
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/verify.h"

static void blocks_clear(struct compiled_blocks *b)
{
	free(b->at);
}

static bool stands_at(const struct tables *t, uint32_t at, const struct compiled_blocks *blocks)
{
	uint32_t size = t->table[TABLE_COMPILED].n;

	return at && at < size && size - at >= blocks->n &&
	       memcmp(block_at(t, at), blocks->at, blocks->n * sizeof(*blocks->at)) == 0;
}

/* Keeps the table that is in force if it is right; else none is, and the rules are walked, which is never wrong.
 * Returns 1 if one was taken out of force, 0, -ENOMEM. */
static int keep_table(struct tables *t, uint32_t number, unsigned dir)
{
	struct vpc_versioned *v = &set_at(t, number)->compiled[dir];
	struct set_table *table = &t->sets[number].table[dir];
	_cleanup_(blocks_clear) struct compiled_blocks blocks = {};
	uint32_t at = versioned_value(v, tables_epoch(t));

	table->wanted = table->bound >= t->compile_from;
	if (table->wanted && at) {
		int r = compiled_of_set(t, number, dir, &blocks);

		if (r == -ENOMEM)
			return r;
		if (r >= 0 && stands_at(t, at, &blocks) && extents_take_at(&t->blocks, at, (uint32_t)blocks.n)) {
			table->at = at;
			table->blocks = (uint32_t)blocks.n;
			return 0;
		}
	}
	/* The one in force last: the other would count without it. */
	store64(&v->slot[versioned_spare(v, tables_epoch(t))], 0);
	store64(&v->slot[0], 0);
	store64(&v->slot[1], 0);
	return at != 0;
}

static int make_table(struct tables *t, uint32_t number, unsigned dir)
{
	struct set_table *table = &t->sets[number].table[dir];
	_cleanup_(blocks_clear) struct compiled_blocks blocks = {};
	int r;

	if (!table->wanted || table->at)
		return 0;
	r = compiled_of_set(t, number, dir, &blocks);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		compiled_place(t, &blocks, table);
	if (table->at)
		store64(&set_at(t, number)->compiled[dir].slot[0], tables_epoch(t) << VPC_VERSIONED_SHIFT | table->at);
	t->n_walked += table_walked(table);
	return 0;
}

static int each_table(struct tables *t, int (*fn)(struct tables *t, uint32_t number, unsigned dir))
{
	int sum = 0;

	for (uint32_t i = 2; i < t->set_numbers.fresh * 2; i++) {
		int r = t->sets[i / 2].users ? fn(t, i / 2, i % 2) : 0;

		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}

int compiled_adopt(struct tables *t)
{
	int r = each_table(t, keep_table);

	/* Blocks that a packet may still be reading aren't written. */
	if (r > 0)
		r = tables_wait_grace_period();
	return r < 0 ? r : each_table(t, make_table);
}

/* --- verify --- */

static int verify_table(struct verify *v, uint32_t number, unsigned dir)
{
	const struct set_table *table = &v->t->sets[number].table[dir];
	uint32_t at = versioned_value(&set_at(v->t, number)->compiled[dir], v->epoch);
	_cleanup_(blocks_clear) struct compiled_blocks blocks = {};
	char object[64];
	int r;

	snprintf(object, sizeof(object), "set %u %s", number, dir == VPC_EGRESS ? "egress" : "ingress");
	if (at != table->at)
		return verify_tell(v, "compiled table", object,
				   !at	       ? "missing"
				   : table->at ? "differs"
					       : "unexpected",
				   "block %u, expected block %u", at, table->at);
	if (!at)
		return 0;
	r = compiled_of_set(v->t, number, dir, &blocks);
	if (r < 0)
		return r;
	return stands_at(v->t, at, &blocks)
		       ? 0
		       : verify_tell(v, "compiled table", object, "differs",
				     "%u blocks at %u are not what the rules say", table->blocks, at);
}

int verify_compiled(struct verify *v)
{
	int r = 0;

	/* With a change prepared the mirror is ahead of the epoch. */
	for (uint32_t i = 2; r >= 0 && !v->t->prepared && i < v->t->set_numbers.fresh * 2; i++)
		if (v->t->sets[i / 2].users)
			r = verify_table(v, i / 2, i % 2);
	return r;
}
