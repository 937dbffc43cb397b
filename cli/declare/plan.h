/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must be changed, so that a host is as a document says: one transaction. */
#ifndef CLI_DECLARE_PLAN_H
#define CLI_DECLARE_PLAN_H

#include "cli/declare/declare.h"
#include "cli/declare/snapshot.h"
#include "cli/declare/text.h"

enum action {
	ACTION_NONE,
	ACTION_CREATE,
	ACTION_CHANGE,
	ACTION_DELETE,
};

/* An object that there is, or is to be. */
struct node {
	enum object_kind kind;
	const struct declared *declared;
	const char *name; /* its label (struct entry), borrowed */
	const char *vpc;  /* where its name is unique; "": the host; borrowed */
	size_t number;	  /* its place in the plan */
	unsigned line;	  /* of the document; 0: not known */
	bool born;	  /* it comes with a VPC that the plan creates */
	enum action action;
	const struct entry *entry; /* NULL: there is none yet */
	const json_t *after;	   /* what the document says; NULL: nothing */
	json_t *fields; /* owned: [{"field", "before", "after"}], and for lists of items {"field", "removed", "added"}
			 */
	bool done;	/* for the kind's change() */
	char *label;	/* owned, or NULL */
};

struct pending;

struct plan {
	const struct snapshot *snapshot;
	struct node **nodes; /* owned */
	size_t n, room;
	json_t *index; /* private: how nodes are found */
	struct pending *pending;
	size_t n_pending, pending_room;
	json_t *changes;	  /* owned: of POST /v1/transactions */
	struct text_error *error; /* borrowed */
	bool removes;		  /* for the kinds: references may be to what the plan deletes */
};

/*
 * document: what check_document() made. Both are borrowed, and must live as long as the plan. prune: what is in the
 * document's scope and not in the document is deleted. ret is to be cleared by plan_clear(), on failure too. -EINVAL:
 * see *error; -ENOMEM.
 */
int plan_make(const struct snapshot *s, const json_t *document, bool prune, struct plan *ret, struct text_error *error);
void plan_clear(struct plan *p);
/* How many objects the plan of a document creates at least, told quickly: a change for each. */
size_t plan_least(const struct snapshot *s, const json_t *document);
/* The plan as JSON: [{"action", "kind", "name", "vpc", "fields"}, …]. Owned; NULL: out of memory. */
json_t *plan_to_json(const struct plan *p);

#define PLAN_CALLED_SIZE 640
/* What the object of a change (its number among the changes) is called, and its line in the document; 0: it isn't in
 * there. False: there is no such change. */
bool plan_about(const struct plan *p, size_t change, unsigned *ret_line, char ret_called[PLAN_CALLED_SIZE]);

/* --- for the kinds --- */

/* What a field is in the end: by the document, else as it is. Borrowed; NULL: nobody has said. */
const json_t *plan_wanted(const struct node *n, const char *key);
/* Adds a change of a node, which gets the node's id or name as "<kind>_id". change is consumed. -ENOMEM. */
int plan_emit(struct plan *p, struct node *n, enum phase phase, json_t *change);
/* The reference, for a change of n, to an object by its label. NULL for a name of null. *ret: owned. -EINVAL: there is
 * none, or it can't be referred to in this change. */
int plan_refer(struct plan *p, const struct node *n, enum object_kind kind, const char *vpc, const char *name,
	       json_t **ret);
/* The same for a list of names in n's VPC. */
int plan_refer_all(struct plan *p, const struct node *n, enum object_kind kind, const json_t *names, json_t **ret);
/* The members of an item, as a change has them: api names, references, nothing that is null. */
int plan_item(struct plan *p, const struct node *n, const struct declared_field *f, const json_t *item, json_t **ret);
/* The node with this label; NULL: there is none. */
struct node *plan_find(const struct plan *p, enum object_kind kind, const char *vpc, const char *name);
/* Those of the names whose objects are there and stay. Owned; NULL: out of memory. */
json_t *plan_existing(const struct plan *p, enum object_kind kind, const char *vpc, const json_t *names);
/* Says why the document can't be applied; -EINVAL. */
__attribute__((__format__(__printf__, 4, 5))) int plan_refuse(struct plan *p, const struct node *n, const char *code,
							      const char *format, ...);
/* "security group 'web' (VPC prod)". Returns buf. */
const char *plan_called(const struct node *n, char buf[PLAN_CALLED_SIZE]);

#endif
