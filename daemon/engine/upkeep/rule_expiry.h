/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that expire are revoked when their time is over. */
#ifndef ENGINE_RULE_EXPIRY_H
#define ENGINE_RULE_EXPIRY_H

#include "engine/engine_private.h"

struct txn;

/* At a start, when the model is loaded. Those whose time was over while vpcd didn't run are revoked at once. -ENOMEM.
 */
int rule_expiry_load(struct engine *e);
/* The transaction is in force: rules that it made may expire. */
void rule_expiry_note(struct txn *t);
void rule_expiry_end(struct engine *e);

#endif
