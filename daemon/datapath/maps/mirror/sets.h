/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups, and the sets of groups that ENIs have. */
#ifndef DATAPATH_MIRROR_SETS_H
#define DATAPATH_MIRROR_SETS_H

#include "datapath/maps/mirror/nodes.h"

/* The node of a group, made when first met; sg is below size.groups. NULL: out of memory. */
struct group *group_get(struct mirror *m, uint32_t sg);
void groups_free(struct mirror *m);

/* Group `sg` has one row more, or one less, that refers to group `peer`. -ENOMEM: nothing was done. */
int peer_reference_add(struct mirror *m, uint32_t sg, uint32_t peer);
void peer_reference_drop(struct mirror *m, uint32_t sg, uint32_t peer);

/* groups: n of them, ascending. 0: no set has exactly these. */
uint32_t set_find(const struct mirror *m, const uint32_t *groups, uint32_t n);
/* Makes a free node the set of these groups, without users. -ENOMEM: nothing was done. */
int set_link(struct mirror *m, uint32_t number, const uint32_t *groups, uint32_t n);
void set_unlink(struct mirror *m, uint32_t number);
/* The set that an ENI has by what is published is this one from now on; 0: none. */
void set_of_eni(struct mirror *m, uint32_t eni, uint32_t set);
/* The filter that stands in the kernel's row: a bit for each group. */
uint64_t set_bloom(const uint32_t *groups, uint32_t n);
bool set_has(const struct set *set, uint32_t sg);

#endif
