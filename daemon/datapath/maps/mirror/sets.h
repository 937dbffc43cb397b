/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups, and the sets of groups that ENIs have. */
#ifndef DATAPATH_MIRROR_SETS_H
#define DATAPATH_MIRROR_SETS_H

#include "datapath/maps/mirror/nodes.h"

/* Whether the number is a prefix list's. */
static inline bool group_is_list(uint32_t sg)
{
	return sg >= VPC_LIST_FIRST;
}
/* Whether the number is that of a group, or of a prefix list, that there may be. */
bool group_valid(const struct mirror *m, uint32_t sg);
/* The node of a group, made when first met; group_valid(). NULL: out of memory. */
struct group *group_get(struct mirror *m, uint32_t sg);
void groups_free(struct mirror *m);

/* Group `sg` has one row more, or one less, that refers to group `peer`. -ENOMEM: nothing was done. */
int peer_reference_add(struct mirror *m, uint32_t sg, uint32_t peer);
void peer_reference_drop(struct mirror *m, uint32_t sg, uint32_t peer);

/* The place of a prefix list among those that the group names in a direction; -ENOENT: it isn't one of them. */
int list_place(const struct mirror *m, uint32_t sg, unsigned dir, uint32_t list);
/* The group has one row more, or one less, that names the list. -EMLINK: it names VPC_LISTS_PER_GROUP others, or
 * list_of is full; -ENOMEM: nothing was done. */
int list_name_add(struct mirror *m, uint32_t sg, unsigned dir, uint32_t list);
void list_name_drop(struct mirror *m, uint32_t sg, unsigned dir, uint32_t list);
/* The places that are in use, as bits from 0 on. */
uint32_t list_places(const struct mirror *m, uint32_t sg, unsigned dir);
/* The directions in which a group of the set names a list, as bits. */
uint32_t set_lists(const struct mirror *m, const struct set *set);

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
