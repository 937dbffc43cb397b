/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classifiers that stand in the kernel already: at a start, and for maps_verify. They are derived, and the same
 * rows give the same bytes, so what stands there is right exactly if it is what would be made now.
 */
#include "datapath/maps/classifier/classifier.h"
#include "datapath/maps/verify.h"

static void blocks_clear(struct classifier_blocks *b)
{
	free(b->at);
}

static bool stands_at(const struct maps *t, uint32_t at, const struct classifier_blocks *blocks)
{
	uint32_t size = t->kernel_map[MAP_CLASSIFIER].n;

	return at && at < size && size - at >= blocks->n &&
	       memcmp(block_at(t, at), blocks->at, blocks->n * sizeof(*blocks->at)) == 0;
}

/* Keeps the table that is in force if it is right; else none is, and the rules are walked, which is never wrong.
 * Returns 1 if one was taken out of force, 0, -ENOMEM. */
static int keep_map(struct maps *t, uint32_t number, unsigned dir)
{
	struct vpc_versioned *v = &set_at(t, number)->classifier[dir];
	struct set_map *kernel_map = &t->sets[number].kernel_map[dir];
	_cleanup_(blocks_clear) struct classifier_blocks blocks = {};
	uint32_t at = versioned_value(v, maps_epoch(t));

	kernel_map->wanted = kernel_map->bound >= t->compile_from;
	if (kernel_map->wanted && at) {
		int r = classifier_of_set(t, number, dir, &blocks);

		if (r == -ENOMEM)
			return r;
		if (r >= 0 && stands_at(t, at, &blocks) && extents_take_at(&t->blocks, at, (uint32_t)blocks.n)) {
			kernel_map->at = at;
			kernel_map->blocks = (uint32_t)blocks.n;
			return 0;
		}
	}
	/* The one in force last: the other would count without it. */
	store64(&v->slot[versioned_spare(v, maps_epoch(t))], 0);
	store64(&v->slot[0], 0);
	store64(&v->slot[1], 0);
	return at != 0;
}

static int make_map(struct maps *t, uint32_t number, unsigned dir)
{
	struct set_map *kernel_map = &t->sets[number].kernel_map[dir];
	_cleanup_(blocks_clear) struct classifier_blocks blocks = {};
	int r;

	if (!kernel_map->wanted || kernel_map->at)
		return 0;
	r = classifier_of_set(t, number, dir, &blocks);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		classifier_place(t, &blocks, kernel_map);
	if (kernel_map->at)
		store64(&set_at(t, number)->classifier[dir].slot[0],
			maps_epoch(t) << VPC_VERSIONED_SHIFT | kernel_map->at);
	t->n_walked += table_walked(kernel_map);
	return 0;
}

static int each_map(struct maps *t, int (*fn)(struct maps *t, uint32_t number, unsigned dir))
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

int classifier_adopt(struct maps *t)
{
	int r = each_map(t, keep_map);

	/* Blocks that a packet may still be reading aren't written. */
	if (r > 0)
		r = maps_wait_grace_period();
	return r < 0 ? r : each_map(t, make_map);
}

/* --- verify --- */

static int verify_map(struct verify *v, uint32_t number, unsigned dir)
{
	const struct set_map *kernel_map = &v->t->sets[number].kernel_map[dir];
	uint32_t at = versioned_value(&set_at(v->t, number)->classifier[dir], v->epoch);
	_cleanup_(blocks_clear) struct classifier_blocks blocks = {};
	char object[64];
	int r;

	snprintf(object, sizeof(object), "set %u %s", number, dir == VPC_EGRESS ? "egress" : "ingress");
	if (at != kernel_map->at)
		return verify_tell(v, "classifier", object,
				   !at		    ? "missing"
				   : kernel_map->at ? "differs"
						    : "unexpected",
				   "block %u, expected block %u", at, kernel_map->at);
	if (!at)
		return 0;
	r = classifier_of_set(v->t, number, dir, &blocks);
	if (r < 0)
		return r;
	return stands_at(v->t, at, &blocks)
		       ? 0
		       : verify_tell(v, "classifier", object, "differs", "%u blocks at %u are not what the rules say",
				     kernel_map->blocks, at);
}

int verify_classifier(struct verify *v)
{
	int r = 0;

	/* With a change prepared the mirror is ahead of the epoch. */
	for (uint32_t i = 2; r >= 0 && !v->t->prepared && i < v->t->set_numbers.fresh * 2; i++)
		if (v->t->sets[i / 2].users)
			r = verify_map(v, i / 2, i % 2);
	return r;
}
