/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan does to the rows of the rules. */
#ifndef DATAPATH_MIRROR_PLAN_ROWS_H
#define DATAPATH_MIRROR_PLAN_ROWS_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"

/* Errors: ResourceLimitExceeded, InternalError for a plan that is not valid; -EBUSY: it fits once the changes before it
 * are retired. On an error *c says what to undo. */
int plan_rows(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);

#endif
