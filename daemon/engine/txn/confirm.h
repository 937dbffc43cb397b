/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes that are taken back unless they are confirmed in time. */
#ifndef ENGINE_CONFIRM_H
#define ENGINE_CONFIRM_H

#include "engine/engine_private.h"

struct txn;
struct commit;

/* Whether the transaction may be made now. A change that waits for its confirmation keeps all others away, but dry
 * runs and vpcd's own. Errors: IncorrectState. */
int confirm_check(const struct txn *t, struct vpc_error *reterr);
/* Takes the change back that waits, within the transaction t. */
int confirm_take_back(struct txn *t, struct vpc_error *reterr);
/* What the store is to note with the commit: what is to be taken back, or that nothing is. -ENOMEM. */
int confirm_fill(struct txn *t, struct commit *c);
/* The transaction is in force. */
void confirm_published(struct txn *t);
/* At a start, when the model is loaded: goes on waiting. */
int confirm_load(struct engine *e, struct vpc_error *reterr);
/* {"subsystem", "object", "reason"}, for `pending` of the status. NULL: nothing waits. */
json_t *confirm_pending(const struct engine *e);
void confirm_end(struct engine *e);

#endif
