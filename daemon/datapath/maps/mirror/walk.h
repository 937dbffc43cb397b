/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a rule walk may be: the most probes of the kernel's hashes that a packet's walk through the rules takes
 * (bpf/lib/rules/policy.h). Kept for each group and summed up for each set. The numbers are upper bounds: they are
 * raised as rows come, and not lowered while a mask group of the same kind is left, since hints aren't either. A start
 * computes them exactly.
 */
#ifndef DATAPATH_MIRROR_WALK_H
#define DATAPATH_MIRROR_WALK_H

#include "datapath/maps/mirror/nodes.h"

/* A mask group has these hints in the kernel now: it may take more probes. */
void walk_note_hints(struct mirror *m, uint32_t mask_group, const struct vpc_mask_group *hints);
/* A group has other mask groups in a direction: sums them up for it, and for each set that contains it. */
void walk_update_group(struct mirror *m, uint32_t sg, unsigned dir);
/* Sums up for a set whose groups are right. */
void walk_update_set(struct mirror *m, uint32_t set);
/* Computes everything anew, from rows whose hints are exact. */
void walk_update_all(struct mirror *m);

#endif
