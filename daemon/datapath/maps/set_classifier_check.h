/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classifiers that stand in the kernel already. They are derived from the rows, and the same rows give the same bytes:
 * so one is right exactly if it is what would be built now.
 */
#ifndef DATAPATH_MAPS_SET_CLASSIFIER_CHECK_H
#define DATAPATH_MAPS_SET_CLASSIFIER_CHECK_H

#include <jansson.h>

#include "datapath/maps/state.h"

/* At a start: those that are right stay, all others are made. -ENOMEM, -errno of the kernel. */
int set_classifiers_adopt(struct maps *t);
/* As maps_verify. Reports nothing while a change is prepared, since the mirror is ahead of the epoch then. */
int set_classifiers_verify(const struct maps *t, json_t *report);

#endif
