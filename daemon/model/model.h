/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model: what requests read, and what a transaction turns from snapshot N into N+1. Pure: no I/O, no clock, no
 * randomness; times, ids' seed and limits come in by struct model_context.
 *
 *   model_begin → model_apply, once a change → model_txn_deltas → model_commit or model_abort
 *
 * There is one transaction at a time. Between begin and commit or abort the model shows N+1, so nothing else may read
 * it in between. The work of a transaction is proportional to its changes.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <jansson.h>

#include <vpc/error.h>
#include <vpc/limits.h>

#include "model/change.h"
#include "model/object.h"

struct model;
struct model_txn;
struct schema;
struct pool;

struct model_context {
	uint64_t revision;    /* of this commit: what changed objects get */
	uint64_t seed;	      /* random; ids and MACs are drawn from it: the same seed and changes give the same ids */
	const char *instance; /* for namespace names */
	uint64_t now_s;	      /* CLOCK_REALTIME, seconds */
};

/* What a change made or changed: an object, and of a group its rules. */
struct change_result {
	char id[OBJECT_ID_MAX];		 /* the object, of change_op_kind() */
	char (*rule_ids)[OBJECT_ID_MAX]; /* owned: rules made or revoked */
	size_t n_rule_ids;
};
void change_result_clear(struct change_result *r);

/* before NULL: created; after NULL: deleted. Each object at most once, whatever the number of changes to it. One that
 * was created and deleted in the same transaction is not there. */
struct delta {
	const struct object *before;
	const struct object *after;
};

/* limits is copied. -ENOMEM. */
int model_new(const struct vpc_limits *limits, struct model **ret);
void model_free(struct model *m);
DEFINE_CLEANUP(struct model *, model_free);
const struct vpc_limits *model_limits(const struct model *m);
/* The pools from which elastic IPs are allocated; copied. At most POOLS_MAX; before anything is loaded. */
void model_set_pools(struct model *m, const struct pool *pools, size_t n);
/* The place of the pool that the address is in, from 1, or 0: it is in none. */
unsigned model_pool_of(const struct model *m, const struct ip *ip);

/* --- changing --- */

/* Begins a transaction; there may be one at a time. context is copied. *ret: for model_commit() or model_abort().
 * -ENOMEM: there is none. */
int model_begin(struct model *m, const struct model_context *context, struct model_txn **ret);
/* Validates and applies one change. On error nothing of this change is applied, reterr is filled, and the caller aborts
 * the whole transaction. ret is to be cleared by the caller. */
int model_apply(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr);
/* What the transaction did so far, owned by it, valid until commit or abort. In the order of
 * kinds.def. */
int model_txn_deltas(struct model_txn *t, const struct delta **ret, size_t *ret_n);
/* Both free t. Abort restores snapshot N exactly (numbers given out may be skipped the next time). */
void model_commit(struct model_txn *t);
void model_abort(struct model_txn *t);
/* suspend shows snapshot N again, resume N+1. In between the model may be read, and other transactions may be made and
 * aborted. Neither can fail. A suspended transaction may be aborted. */
void model_suspend(struct model_txn *t);
void model_resume(struct model_txn *t);

/* --- reading --- */

/* Both are borrowed, until the next change of the object. NULL: no object of this kind has it. */
const struct object *model_find(const struct model *m, enum object_kind kind, const char *id);
const struct object *model_by_number(const struct model *m, enum object_kind kind, uint32_t number);
/* ref: an id, or a name that is unambiguous, in the VPC `scope` (id or name) where that is given. Errors: the kind's
 * NotFound, AmbiguousName with the ids as holders. field: what the error names. */
int model_resolve(const struct model *m, enum object_kind kind, const char *ref, const char *scope, const char *field,
		  const struct object **ret, struct vpc_error *reterr);
/* How many objects of the kind there are. */
size_t model_count(const struct model *m, enum object_kind kind);
/* All of a kind in creation order: prev NULL gives the first, NULL ends. */
const struct object *model_next(const struct model *m, enum object_kind kind, const struct object *prev);
/* The number of the object's VPC: itself, that of a resource, or that of the resource it is a part of. 0: none. */
uint32_t model_vpc_of(const struct model *m, const struct object *o);
/* The resource that o is a part of; NULL: it is no part, or the model doesn't have that resource. */
const struct object *model_parent(const struct model *m, const struct object *o);
/* Whether o refers to the object of this kind and number. o is a version that the model shows. */
bool model_refers(const struct model *m, const struct object *o, enum object_kind kind, uint32_t number);
/* How many objects of kind `by` refer to the object of this kind and number. The first `max` of them go to ret. */
size_t model_referrers(const struct model *m, enum object_kind kind, uint32_t number, enum object_kind by,
		       const struct object **ret, size_t max);
/* The parts (of kind `part`) of the object of a kind with this number, in creation order. */
const struct object *model_next_part(const struct model *m, enum object_kind kind, uint32_t number,
				     enum object_kind part, const struct object *prev);
/* The rules of a group in creation order. */
const struct rule *model_next_rule(const struct model *m, uint32_t sg, const struct rule *prev);
/* Whether an entry is in a version of its prefix list. */
bool prefix_entry_in(const struct prefix_entry *e, uint32_t version);
/* The entry of the list's newest version with this CIDR, or NULL. list: number. */
const struct prefix_entry *prefix_entry_find(const struct model *m, uint32_t list, const struct cidr *cidr);
/* The entries of a kept version of a prefix list: `entries`, in the order in which they were added, and `version`.
 * NULL: out of memory. */
json_t *model_prefix_entries_json(const struct model *m, const struct prefix_list *list, uint32_t version);
/* The ENI that has an address in a VPC, or NULL. */
const struct eni *model_eni_by_ip(const struct model *m, uint32_t vpc, const struct ip *ip);

/* The number that the next rule gets. Rules' numbers are never given twice, so the engine keeps it in the store beside
 * the documents and gives it back at start, after model_load(): the newest rule may be gone. It never goes down. */
uint32_t model_next_rule_number(const struct model *m);
void model_set_next_rule_number(struct model *m, uint32_t next);

/* --- JSON --- */

/* The API's object: references as ids, `rules` of a group and everything derived included, counters not. NULL: out of
 * memory. A VPC's `netns` is model_netns_name(). */
json_t *model_to_json(const struct model *m, const struct object *o);
/* Whether the API's object of the kind has a list that may be long: of a group's rules, or of a table's routes. */
bool model_has_list(enum object_kind kind);
/* The document for the store: nothing derived; model_load() takes it back. */
json_t *model_to_document(const struct model *m, const struct object *o);
/* What model_to_json() writes, and what the engine adds to it: the kind's own schema first. Borrowed. */
const struct schema *model_schemas(enum object_kind kind, size_t *ret_n);
/* Loads one document, for a start: the kinds in the order of kinds.def. Error: damaged. */
int model_load(struct model *m, enum object_kind kind, const json_t *document, struct vpc_error *reterr);
/* After loading, in a transaction of its own: makes what documents of earlier versions lack, a VPC's main route table.
 * No deltas: nothing was missing. */
int model_upgrade(struct model_txn *t, struct vpc_error *reterr);

/* "vpc-…" or "<instance>-vpc-…". buf of 80. */
const char *model_netns_name(const struct vpc *v, const char *instance, char *buf, size_t size);
void model_set_instance(struct model *m, const char *instance);

#endif
