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

#endif
