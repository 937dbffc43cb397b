/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the compiler only: where references are looked up, and records.
 *
 * Records are built over zeroed memory and own nothing but what port_record owns, so that two of them can be compared
 * byte by byte: their types have no padding that is not zeroed.
 */
#ifndef COMPILER_INTERNAL_H
#define COMPILER_INTERNAL_H

#include <vpc/array.h>

#include "compiler/compile.h"

/*
 * Where a reference of an object leads. The model shows N+1; what a transaction changed or deleted is found, as it was
 * in N, through `old`: the resources that have a before, sorted by kind and number.
 */
struct scope {
	const struct model *m;
	const char *instance;
	const struct object **old; /* owned list of borrowed objects; NULL when n_old is 0 */
	size_t n_old;
	struct list_change *list_changes; /* owned, sorted by list and CIDR: of lists that routes may lead to */
	size_t n_list_changes;
	uint32_t *tables; /* owned, ascending: route tables that have a delta */
	size_t n_tables;
};

/* An entry of a prefix list that came or went. */
struct list_change {
	uint32_t list;
	struct cidr cidr;
	bool was, is; /* in the newest version of the list in N, in N+1 */
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
const struct object *scope_find(const struct scope *s, enum snapshot snapshot, enum object_kind kind, uint32_t number);
const struct vpc *scope_vpc(const struct scope *s, enum snapshot snapshot, uint32_t number);
const struct subnet *scope_subnet(const struct scope *s, enum snapshot snapshot, uint32_t number);
/* What the transaction changed of a prefix list, by CIDR; borrowed. NULL: nothing. */
const struct list_change *scope_list_changes(const struct scope *s, uint32_t list, size_t *ret_n);
/* Whether the newest version of the list has the entry. */
bool scope_has_entry(const struct scope *s, enum snapshot snapshot, uint32_t list, const struct cidr *cidr);
/* Whether the route table has a delta. */
bool scope_has_delta(const struct scope *s, const struct object *table);

/* Adds to the plan what the kernel must be told when before becomes after; either may be NULL, not both. One for each
 * kind of object, in a file of its own. -ENOENT: a reference leads nowhere; -ENOMEM. */
typedef int compile_fn(const struct scope *s, const struct object *before, const struct object *after,
		       struct plan *plan);
#define KIND(SYMBOL, symbol, ...) compile_fn compile_##symbol;
#include <vpc/kinds.def>

/*
 * The body of a compile_<kind>() whose kind is one record: appends a struct plan_<kind> to a list, unless before and
 * after give equal records. The file has record_<kind>(), which fills a struct <kind>_record over whatever it holds and
 * returns -ENOENT where a reference leads nowhere.
 */
#define COMPILE_RECORD(kind, list, s, before, after, plan)                                                          \
	({                                                                                                          \
		struct plan_##kind _c = {.has_before = (before) != NULL, .has_after = (after) != NULL};             \
		struct plan_##kind *_added;                                                                         \
		int _err = 0;                                                                                       \
                                                                                                                    \
		if (before)                                                                                         \
			_err = record_##kind(s, SNAPSHOT_BEFORE, kind##_of(before), &_c.before);                    \
		if (_err == 0 && (after))                                                                           \
			_err = record_##kind(s, SNAPSHOT_AFTER, kind##_of(after), &_c.after);                       \
		if (_err == 0 && !((before) && (after) && memcmp(&_c.before, &_c.after, sizeof(_c.before)) == 0)) { \
			_added = ARRAY_ADD((plan)->list, (plan)->n_##list);                                         \
			if (_added)                                                                                 \
				*_added = _c;                                                                       \
			else                                                                                        \
				_err = -ENOMEM;                                                                     \
		}                                                                                                   \
		_err;                                                                                               \
	})

/* The routes of one table (route_list.c). before and after are the same for a table of which only the entries of its
 * prefix lists changed; either may be NULL. -ENOMEM. */
int compile_table(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan);
/* The same for each table that has no delta and a route to a list of scope.list_changes. -ENOMEM. */
int compile_tables_of_lists(const struct scope *s, struct plan *plan);
/* The order of routes and of entries: family, address, prefix length. */
int compare_cidrs(const struct cidr *a, const struct cidr *b);
/* Where a route leads, as struct route_record says it. Never 0. */
uint32_t route_target(const struct table_route *r);

/* The slot (VPC_SLOT_…) of a protocol: PROTOCOL_ALL, or an IP protocol number (rule.c). */
uint8_t protocol_slot(int protocol);
/* A port of an attached ENI (port.c); either may be NULL, attached or not. */
int compile_port(const struct scope *s, const struct eni *before, const struct eni *after, struct plan *plan);
void record_port_clear(struct port_record *r);
/* DHCP options as they stand in the answers. */
void record_address_config(const struct dhcp_options *o, struct vpc_address_config_options *ret);
/* A subnet's gateway: its first host address. */
static inline struct ip subnet_gateway4(const struct subnet *sn)
{
	return cidr_nth(&sn->cidr, 1);
}

#endif
