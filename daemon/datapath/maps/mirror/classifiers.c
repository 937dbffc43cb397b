/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/classifiers.h"

static void give_blocks(struct mirror *m, const struct set_classifier *classifier)
{
	if (classifier->at)
		extents_give(&m->blocks, classifier->at, classifier->blocks);
}

void set_classifiers_undo(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = c->classifiers.n; i > 0; i--) {
		const struct touched_classifier *touched = &c->classifiers.at[i - 1];
		struct set_classifier *classifier = &m->sets[touched->set].classifier[touched->dir];

		if (touched->replaced)
			give_blocks(m, classifier);
		m->n_walked += set_classifier_missing(&touched->old);
		m->n_walked -= set_classifier_missing(classifier);
		classifier->at = touched->old.at;
		classifier->blocks = touched->old.blocks;
		classifier->wanted = touched->old.wanted;
		classifier->touched = false;
	}
}

void set_classifiers_retire(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->classifiers.n; i++)
		if (c->classifiers.at[i].replaced)
			give_blocks(m, &c->classifiers.at[i].old);
}

void set_classifiers_release(struct mirror *m, uint32_t set)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct set_classifier *classifier = &m->sets[set].classifier[dir];

		give_blocks(m, classifier);
		m->n_walked -= set_classifier_missing(classifier);
		*classifier = (struct set_classifier){};
	}
}
