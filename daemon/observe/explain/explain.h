/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpcctl explain: what becomes of the first packet of a flow, and why, as JSON. The verdict comes from the kernel's
 * maps (walk.h), names and the rules that come near from the model.
 */
#ifndef OBSERVE_EXPLAIN_H
#define OBSERVE_EXPLAIN_H

#include <jansson.h>
#include <stdint.h>

#include <vpc/error.h>

#include "observe/explain/question.h"

struct maps;
struct model;

/* Answers a question. maps and model are of one thread; now_ns: CLOCK_MONOTONIC. *ret: the API's Explanation, owned by
 * the caller. InvalidParameterValue, MissingParameter, the kinds' NotFound, AmbiguousName; -ENOMEM. */
int explain_answer(const struct maps *maps, const struct model *model, uint64_t now_ns,
		   const struct explain_question *q, json_t **ret, struct vpc_error *reterr);

struct model_txn;
/* What a transaction, whose changes are applied and not committed, would newly allow and newly deny between which ENIs
 * and ports (compare.h). NULL: out of memory. */
json_t *explain_change(struct model *m, struct model_txn *t);

#endif
