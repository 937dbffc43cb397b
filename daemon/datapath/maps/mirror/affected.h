/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose flows a change affects: the sets and ENIs whose generations it raises. The cost is in proportion to what is
 * affected: a group knows the sets that contain it and the groups that refer to it, a set the ENIs that have it.
 */
#ifndef DATAPATH_MIRROR_AFFECTED_H
#define DATAPATH_MIRROR_AFFECTED_H

#include "datapath/maps/mirror/change.h"

/* Fills in affected_sets, affected_enis and revoked of a planned change, and `affected` of these nodes. -ENOMEM. */
int affected_find(struct mirror *m, struct mirror_change *c);
/* Clears `affected` of these nodes again. */
void affected_forget(struct mirror *m, struct mirror_change *c);
/*
 * Calls fn for each ENI that something is taken away from, itself or its set; an ENI may come twice. addresses_only:
 * only for ENIs that lose an address. Not 0 from fn stops, and is returned. A change that only adds calls fn for
 * nobody.
 */
int affected_each_revoked(const struct mirror *m, const struct mirror_change *c, bool addresses_only,
			  int (*fn)(uint32_t eni, void *userdata), void *userdata);

#endif
