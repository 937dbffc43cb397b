/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of compiler/: what a transaction compiles to. */
#ifndef TESTS_UNIT_COMPILER_UTIL_H
#define TESTS_UNIT_COMPILER_UTIL_H

#include "compiler/compile.h"
#include "model_util.h"

/* One transaction, an array of changes with ' for ", committed: its plan, to be cleared by the caller. Fails the test
 * if a change is refused. */
struct plan compiled(struct model_bench *b, const char *text);
/* The same, but a change that is refused is left out. */
struct plan compiled_where_allowed(struct model_bench *b, const char *text);

#endif
