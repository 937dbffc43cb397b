/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct vpc_error as application/problem+json (RFC 9457). Pure. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>

#include <vpc/error.h>

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* {"type", "title", "status", "detail", "code", "field"?, "holders"?, "change"?}. with_change: the request was a list
 * of changes, and the error's index says which. NULL: out of memory. */
json_t *problem_json(const struct vpc_error *error, bool with_change);

#endif
