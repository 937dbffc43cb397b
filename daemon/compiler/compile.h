/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the model to the plan. Pure, like model/. */
#ifndef COMPILER_COMPILE_H
#define COMPILER_COMPILE_H

#include "compiler/plan.h"

/* The plan of a transaction: plan(N+1) - plan(N), looking only at what the deltas name and what hangs on it (a VPC's or
 * subnet's attributes reach its subnets and ENIs; they are immutable after creation, apart from names). m shows N+1.
 * Where nothing the kernel knows has changed (a rename), there is no record. -ENOMEM. ret is empty before. */
int compile_delta(const struct model *m, const char *instance, const struct delta *deltas, size_t n, struct plan *ret,
		  struct vpc_error *reterr);

/* The whole state. vpc: only that VPC (number), 0 for all. */
int compile_all(const struct model *m, const char *instance, uint32_t vpc, struct plan *ret, struct vpc_error *reterr);

/* The rows of one rule. Appends to the plan; add as in struct plan_row. */
int compile_rule_rows(const struct rule *r, bool add, struct plan *plan);

/* MAC of a subnet's bridge: locally administered, from the subnet's number, the same everywhere. */
void compile_gateway_mac(uint32_t subnet, uint8_t ret[6]);

#endif
