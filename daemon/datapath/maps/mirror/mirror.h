/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror as a whole: its memory, and its side of prepare, undo and publish. */
#ifndef DATAPATH_MIRROR_H
#define DATAPATH_MIRROR_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"

/* An empty mirror for maps of these sizes. -ENOMEM: mirror_free it all the same. */
int mirror_init(struct mirror *m, const struct mirror_sizes *sizes);
void mirror_free(struct mirror *m);

/* Runs a plan through the mirror: what it adds is NEW then, what it removes DYING, and *c says so. Tells whether it
 * fits before anything is written. Errors: ResourceLimitExceeded naming the map, its size and what was asked for;
 * InternalError: the plan is not valid; -EBUSY: it fits once the changes before it are retired. On an error too *c
 * has to be undone. */
int mirror_plan(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
/* Whether nothing changes for the programs. */
bool mirror_change_empty(const struct mirror_change *c);
/* Takes a planned change back. */
void mirror_undo(struct mirror *m, struct mirror_change *c);
/* NEW becomes ALIVE, DYING becomes DEAD. Can't fail. */
void mirror_publish(struct mirror *m, struct mirror_change *c);
/* Frees the lists of a change. */
void mirror_change_clear(struct mirror_change *c);

#endif
