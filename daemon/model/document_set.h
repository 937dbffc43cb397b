/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents of many objects, as a store or a backup has them, and the model that they make. Pure. */
#ifndef MODEL_DOCUMENT_SET_H
#define MODEL_DOCUMENT_SET_H

#include "model/model.h"

struct document_entry {
	enum object_kind kind;
	uint64_t order;	  /* creation order */
	const char *id;	  /* borrowed from the document; "" if that is damaged */
	json_t *document; /* owned */
};

struct document_set {
	struct document_entry *at;
	size_t n, max;
};

void document_set_clear(struct document_set *s);
/* kind: noun of kinds.def. document: a reference is taken, on failure too. -ENOENT: no such kind; -ENOMEM. */
int document_set_add(struct document_set *s, const char *kind, json_t *document);
/* In the order in which documents are loaded: by kind, then by creation. */
void document_set_sort(struct document_set *s);
/* Loads all of a sorted set into an empty model. Errors: as model_load(). */
int document_set_load(const struct document_set *s, struct model *m, struct vpc_error *reterr);

/* --- restoring --------------------------------------------------------------------------------------------------- */

/* What a backup has of an object: its document without what belongs to one run of one host (number, revision, name of
 * the port). NULL: out of memory. */
json_t *document_for_backup(const json_t *document);
/* Whether a sorted set of a backup is a state by itself, which this host may have: references, names, limits, pools. */
int document_set_check(const struct document_set *s, const struct model *like, struct vpc_error *reterr);
/* Within a transaction, makes the model equal a sorted set of a backup. Objects that are there keep their numbers, and
 * those that are as they were their revisions. Errors: ResourceLimitExceeded: too few numbers are free for what is new;
 * InvalidParameterValue: an object that is there differs in what never changes. */
int model_restore(struct model_txn *t, const struct document_set *s, struct vpc_error *reterr);

#endif
