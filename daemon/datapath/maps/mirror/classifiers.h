/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sets have a classifier, and which blocks of `classifier` it takes. */
#ifndef DATAPATH_MIRROR_CLASSIFIERS_H
#define DATAPATH_MIRROR_CLASSIFIERS_H

#include "datapath/maps/mirror/change.h"

/* Whether a set's rules are walked in this direction for want of room for its classifier. */
static inline bool set_classifier_missing(const struct set_classifier *classifier)
{
	return classifier->wanted && !classifier->at;
}

/* Gives back the blocks of the prepared change's classifiers; the old ones count again. max_probes stays as it is: it
 * may be too high, never too low. */
void set_classifiers_undo(struct mirror *m, struct mirror_change *c);
/* Gives back the blocks of those that the change replaced. */
void set_classifiers_retire(struct mirror *m, struct mirror_change *c);
/* Gives back the blocks of a set that goes. */
void set_classifiers_release(struct mirror *m, uint32_t set);

#endif
