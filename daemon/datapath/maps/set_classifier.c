/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/set_classifier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/classifiers.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/mirror/walk.h"
#include "datapath/maps/sum.h"

/* --- the rules of a set --- */

struct gathered {
	struct classifier_rule *at;
	size_t n;
};

static void gathered_clear(struct gathered *g)
{
	free(g->at);
}

/* Whether a row counts once the prepared change is published; without one, now. */
static bool row_counts(const struct row *row)
{
	return row->state == NODE_NEW || row->state == NODE_ALIVE;
}

static void gather_row(const struct mirror *m, struct gathered *g, uint32_t number)
{
	const struct row *row = &m->rows[number];
	struct classifier_rule *rule;
	struct plan_row described;

	/* Rules that name prefix lists are looked for by themselves (bpf/lib/rules/lists.h). */
	if (!row_counts(row) || row->key.kind == VPC_PEER_PREFIX_LIST)
		return;
	row_describe(m, row, &described);
	rule = &g->at[g->n++];
	*rule = (struct classifier_rule){.slot = described.slot,
					 .port_plen = described.port_plen,
					 .port = described.port,
					 .peer_kind = described.peer_kind,
					 .peer_plen = described.peer_plen,
					 .row = number};
	memcpy(rule->peer, described.peer, sizeof(rule->peer));
}

static void gather_group(const struct mirror *m, struct gathered *g, uint32_t sg, unsigned dir)
{
	static const uint8_t kinds[] = {VPC_PEER_ALL4, VPC_PEER_ALL6};

	for (uint32_t mask_group = m->groups[sg]->mask_groups[dir]; mask_group;
	     mask_group = m->mask_groups[mask_group].group_next)
		for (uint32_t i = m->mask_groups[mask_group].rows; i; i = m->rows[i].mask_group_next)
			gather_row(m, g, i);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct vpc_rule_key key = {.mask_group = sg, .kind = kinds[i], .plen = (uint8_t)dir};
		uint32_t number = row_find(m, &key);

		if (number)
			gather_row(m, g, number);
	}
}

int set_classifier_build(const struct maps *maps, uint32_t set, unsigned dir, struct classifier_blocks *ret)
{
	_cleanup_(gathered_clear) struct gathered g = {};
	const struct mirror *m = &maps->mirror;
	const struct set *node = &m->sets[set];
	size_t n = 0;

	for (uint32_t i = 0; i < node->n; i++) {
		n += 2;
		for (uint32_t mask_group = m->groups[node->sg[i]]->mask_groups[dir]; mask_group;
		     mask_group = m->mask_groups[mask_group].group_next)
			n += m->mask_groups[mask_group].n_rows;
	}
	g.at = malloc((n + 1) * sizeof(*g.at));
	if (!g.at)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->n; i++)
		gather_group(m, &g, node->sg[i], dir);
	return classifier_build(g.at, g.n, set, dir, ret);
}

/* --- making --- */

uint64_t classifier_sum(const struct vpc_classifier_block *at, uint32_t n, uint32_t first)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += sum64(&at[i], sizeof(at[i]), first + i);
	return sum;
}

void set_classifier_place(struct maps *maps, const struct classifier_blocks *blocks, struct set_classifier *ret)
{
	ret->at = extents_take(&maps->mirror.blocks, (uint32_t)blocks->n);
	ret->blocks = ret->at ? (uint32_t)blocks->n : 0;
	if (!ret->at)
		return;
	memcpy(block_at(maps, ret->at), blocks->at, blocks->n * sizeof(*blocks->at));
	ret->sum = classifier_sum(blocks->at, ret->blocks, 0);
}

static bool holds(const struct maps *maps, const struct set_classifier *classifier,
		  const struct classifier_blocks *blocks)
{
	return classifier->at && classifier->blocks == blocks->n &&
	       memcmp(block_at(maps, classifier->at), blocks->at, blocks->n * sizeof(*blocks->at)) == 0;
}

/* Makes the classifier that the set is to have; without memory, none. One that is right already stays. */
static void make(struct maps *maps, uint32_t number, unsigned dir)
{
	struct set_classifier *classifier = &maps->mirror.sets[number].classifier[dir];
	struct classifier_blocks blocks = {};

	classifier->wanted = classifier->max_probes >= maps->classifier_from;
	if (classifier->wanted && set_classifier_build(maps, number, dir, &blocks) >= 0) {
		if (!holds(maps, classifier, &blocks))
			set_classifier_place(maps, &blocks, classifier);
	} else {
		classifier->at = classifier->blocks = 0;
	}
	free(blocks.at);
}

static int write_classifier(struct maps *maps, struct maps_change *c, uint32_t number, unsigned dir)
{
	struct set_classifier *classifier = &maps->mirror.sets[number].classifier[dir];
	struct vpc_versioned *v = &set_at(maps, number)->classifier[dir];
	struct touched_classifier *touched;

	if (classifier->touched || (classifier->max_probes < maps->classifier_from && !classifier->wanted))
		return 0;
	touched = ARRAY_PUSH(&c->mirror.classifiers);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_classifier){.set = number, .dir = dir, .old = *classifier};
	make(maps, number, dir);
	classifier->touched = true;
	maps->mirror.n_walked += set_classifier_missing(classifier);
	maps->mirror.n_walked -= set_classifier_missing(&touched->old);
	touched->replaced = classifier->at != touched->old.at;
	if (!touched->replaced)
		return 0;
	return undo_store64(&c->undo, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | classifier->at);
}

static int write_classifiers_of_group(struct maps *maps, struct maps_change *c, const struct touched_group *g)
{
	const struct group *group = group_get(&maps->mirror, g->sg);
	int r = group ? 0 : -ENOMEM;

	for (unsigned dir = 0; r >= 0 && dir < 2; dir++) {
		if (!g->directions[dir])
			continue;
		walk_update_group(&maps->mirror, g->sg, dir);
		for (size_t i = 0; r >= 0 && i < group->sets.n; i++)
			r = write_classifier(maps, c, group->sets.at[i], dir);
	}
	return r;
}

int set_classifiers_write(struct maps *maps, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;
	int r = 0;

	for (size_t i = 0; i < m->rows.n; i++) {
		const struct row *row = &maps->mirror.rows[m->rows.at[i].row];

		if (row->state == NODE_NEW && !key_is_all(&row->key))
			walk_note_hints(&maps->mirror, row->key.mask_group, mask_group_at(maps, row->key.mask_group));
	}
	for (size_t i = 0; r >= 0 && i < m->groups.n; i++)
		r = write_classifiers_of_group(maps, c, &m->groups.at[i]);
	for (size_t i = 0; r >= 0 && i < m->sets.n * 2; i++)
		r = write_classifier(maps, c, m->sets.at[i / 2], i % 2);
	return r;
}
