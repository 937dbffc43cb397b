/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The former versions of what a transaction changed: for taking it back as a whole, with the same ids and numbers. */
#ifndef MODEL_FORMER_H
#define MODEL_FORMER_H

#include <jansson.h>

#include "model/model.h"

struct former;

/* Copies the versions before the transaction. *ret: owned. -ENOMEM. */
int former_of_txn(struct model_txn *t, struct former **ret);
void former_free(struct former *f);
DEFINE_CLEANUP(struct former *, former_free);

/* [{"kind", "id", "deleted", "document"}, …], with null where there was none. m shows the state before the
 * transaction. Owned; NULL: out of memory. */
json_t *former_to_json(const struct model *m, const struct former *f);
/* Takes the versions from a model that has the former state. list: what former_to_json() made. -EINVAL: it isn't that;
 * -ENOMEM. */
int former_from_json(const struct model *m, const json_t *list, struct former **ret);

/*
 * Takes the transaction back, within t. What was made since then by nobody but vpcd stays: an ENI keeps its present
 * attachment, and one that went with its namespace doesn't come back. Error: InternalError, where the state has moved
 * otherwise.
 */
int model_take_back(struct model_txn *t, const struct former *f, struct vpc_error *reterr);

#endif
