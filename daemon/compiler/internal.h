/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the compiler only: where references are looked up, records, and growing a plan.
 *
 * Records are built over zeroed memory and own nothing but what port_record owns, so that two of them can be compared
 * byte by byte (eni, vpc, subnet: their types have no padding that is not zeroed).
 */
#ifndef COMPILER_INTERNAL_H
#define COMPILER_INTERNAL_H

#include "compiler/compile.h"

/*
 * Where a reference of an object leads. The model shows N+1; what a transaction changed or deleted is found, as it was
 * in N, through `old`: VPCs and subnets that have a before, sorted by kind and number.
 */
struct scope {
	const struct model *m;
	const char *instance;
	const struct object **old; /* owned list of borrowed objects; NULL when n_old is 0 */
	size_t n_old;
};

enum snapshot {
	SNAPSHOT_BEFORE, /* N */
	SNAPSHOT_AFTER,	 /* N+1 */
};

/* deltas must outlive the scope. -ENOMEM. scope_clear() is needed on success only, and may be called on a zeroed one.
 */
int scope_init(struct scope *s, const struct model *m, const char *instance, const struct delta *deltas, size_t n);
void scope_clear(struct scope *s);
/* NULL: not there, which for the reference of an object of that snapshot is a bug of the model. */
const struct vpc *scope_vpc(const struct scope *s, enum snapshot snapshot, uint32_t number);
const struct subnet *scope_subnet(const struct scope *s, enum snapshot snapshot, uint32_t number);

/* Fill *ret, which needs no initialising. -ENOENT: a reference leads nowhere. record_port: -ENOMEM too; what ret owns
 * goes by record_port_clear(). e is attached. */
int record_vpc(const struct scope *s, enum snapshot snapshot, const struct vpc *v, struct vpc_record *ret);
/* DHCP options as they stand in the answers. */
void record_address_config(const struct dhcp_options *o, struct vpc_address_config_options *ret);
int record_subnet(const struct scope *s, enum snapshot snapshot, const struct subnet *sn, struct subnet_record *ret);
int record_eni(const struct scope *s, enum snapshot snapshot, const struct eni *e, struct eni_record *ret);
int record_port(const struct scope *s, enum snapshot snapshot, const struct eni *e, struct port_record *ret);
void record_port_clear(struct port_record *r);
bool record_port_equal(const struct port_record *a, const struct port_record *b);

/* Makes room for one more element of a list that only plan_grow() grew, zeroes it and counts it. NULL: out of memory,
 * nothing changed. */
void *plan_grow(void *list_ptr, size_t *n, size_t element_bytes);
#define PLAN_ADD(list, n) ((__typeof__(list))plan_grow(&(list), &(n), sizeof(*(list))))

#endif
