/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The body of POST /v1/explain. */
#ifndef API_EXPLAIN_H
#define API_EXPLAIN_H

#include "api/v1/value.h"
#include "engine/engine.h"

/* Members of struct explain_question, for decoding and for the OpenAPI document. */
extern const struct member explain_members[];
extern const size_t explain_n_members;
/* Which of them a question must have. */
extern const uint64_t explain_required;

#endif
