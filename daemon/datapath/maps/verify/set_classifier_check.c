/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/verify/set_classifier_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/classifiers.h"
#include "datapath/maps/set_classifier.h"
#include "datapath/maps/verify/report.h"
#include "datapath/maps/words.h"

static void blocks_clear(struct classifier_blocks *b)
{
	free(b->at);
}

static bool stands_at(const struct maps *maps, uint32_t at, const struct classifier_blocks *blocks)
{
	uint32_t size = maps->map[MAP_CLASSIFIER].n;

	return at && at < size && size - at >= blocks->n &&
	       memcmp(block_at(maps, at), blocks->at, blocks->n * sizeof(*blocks->at)) == 0;
}

/* Keeps the classifier that is in force if it is right. If not, none is in force, and the rules are walked, which is
 * never wrong. Returns 1 if one was taken out of force, 0, -ENOMEM. */
static int keep_if_right(struct maps *maps, uint32_t number, unsigned dir)
{
	struct vpc_versioned *v = &set_at(maps, number)->classifier[dir];
	struct set_classifier *classifier = &maps->mirror.sets[number].classifier[dir];
	_cleanup_(blocks_clear) struct classifier_blocks blocks = {};
	uint32_t at = versioned_value(v, maps_epoch(maps));

	classifier->wanted = classifier->max_probes >= maps->classifier_from;
	if (classifier->wanted && at) {
		int r = set_classifier_build(maps, number, dir, &blocks);

		if (r == -ENOMEM)
			return r;
		if (r >= 0 && stands_at(maps, at, &blocks) &&
		    extents_take_at(&maps->mirror.blocks, at, (uint32_t)blocks.n)) {
			classifier->at = at;
			classifier->blocks = (uint32_t)blocks.n;
			classifier->sum = classifier_sum(blocks.at, classifier->blocks, 0);
			return 0;
		}
	}
	versioned_clear(maps, v);
	return at != 0;
}

static int make_missing(struct maps *maps, uint32_t number, unsigned dir)
{
	struct set_classifier *classifier = &maps->mirror.sets[number].classifier[dir];
	_cleanup_(blocks_clear) struct classifier_blocks blocks = {};
	int r;

	if (!classifier->wanted || classifier->at)
		return 0;
	r = set_classifier_build(maps, number, dir, &blocks);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		set_classifier_place(maps, &blocks, classifier);
	if (classifier->at)
		store64(&set_at(maps, number)->classifier[dir].slot[0],
			maps_epoch(maps) << VPC_VERSIONED_SHIFT | classifier->at);
	maps->mirror.n_walked += set_classifier_missing(classifier);
	return 0;
}

static int for_each(struct maps *maps, int (*fn)(struct maps *maps, uint32_t number, unsigned dir))
{
	int sum = 0;

	for (uint32_t i = 2; i < maps->mirror.set_numbers.fresh * 2; i++) {
		int r = maps->mirror.sets[i / 2].users ? fn(maps, i / 2, i % 2) : 0;

		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}

int set_classifiers_adopt(struct maps *maps)
{
	int r = for_each(maps, keep_if_right);

	/* No block is written that a packet may still be reading. */
	if (r > 0)
		r = maps_wait_grace_period();
	return r < 0 ? r : for_each(maps, make_missing);
}

/* --- the rolling audit --- */

int set_classifier_check(const struct maps *maps, struct classifier_summing *s, uint32_t number, uint32_t *blocks,
			 struct maps_finding *ret)
{
	const struct set *set = &maps->mirror.sets[number / 2];
	const struct set_classifier *classifier = &set->classifier[number % 2];
	uint32_t at, left, n;

	n = *blocks;
	*blocks = 0;
	if (!set->users)
		return -ENOENT;
	at = versioned_value(&set_at(maps, number / 2)->classifier[number % 2], maps_epoch(maps));
	ret->map = at == classifier->at ? "classifier" : "set";
	snprintf(ret->detail, sizeof(ret->detail),
		 "the classifier of set %u at block %u was changed; it was put at block %u", number / 2, at,
		 classifier->at);
	if (at != classifier->at)
		return 1;
	if (!at)
		return -ENOENT;
	/* another one since the last slice */
	if (s->of.at != at || s->of.blocks != classifier->blocks || s->of.sum != classifier->sum)
		*s = (struct classifier_summing){.of = *classifier};
	left = classifier->blocks - s->blocks;
	n = n < left ? n : left;
	s->sum += classifier_sum(block_at(maps, at + s->blocks), n, s->blocks);
	s->blocks += n;
	*blocks = n;
	if (n < left)
		return 0;
	s->of.at = 0;
	return s->sum == classifier->sum ? -ENOENT : 1;
}

/* --- verify --- */

static int verify_one(const struct maps *maps, json_t *report, uint32_t number, unsigned dir)
{
	const struct set_classifier *classifier = &maps->mirror.sets[number].classifier[dir];
	uint32_t at = versioned_value(&set_at(maps, number)->classifier[dir], maps_epoch(maps));
	_cleanup_(blocks_clear) struct classifier_blocks blocks = {};
	char object[64];
	int r;

	snprintf(object, sizeof(object), "set %u %s", number, dir == VPC_EGRESS ? "egress" : "ingress");
	if (at != classifier->at)
		return report_difference(report, "classifier", object,
					 !at		  ? "missing"
					 : classifier->at ? "differs"
							  : "unexpected",
					 "block %u, expected block %u", at, classifier->at);
	if (!at)
		return 0;
	r = set_classifier_build(maps, number, dir, &blocks);
	if (r < 0)
		return r;
	return stands_at(maps, at, &blocks)
		       ? 0
		       : report_difference(report, "classifier", object, "differs",
					   "%u blocks at %u are not what the rules say", classifier->blocks, at);
}

int set_classifiers_verify(const struct maps *maps, json_t *report)
{
	int r = 0;

	/* With a change prepared the mirror is ahead of the epoch. */
	for (uint32_t i = 2; r >= 0 && !maps->prepared && i < maps->mirror.set_numbers.fresh * 2; i++)
		if (maps->mirror.sets[i / 2].users)
			r = verify_one(maps, report, i / 2, i % 2);
	return r;
}
