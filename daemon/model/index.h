/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The indexes over the objects of one model: by id, by number and by unique key (uthash handles inside the objects),
 * and postings: lists of the objects that share something (the rules of a group, the ENI that has an address …).
 *
 * Invariant: only index_insert() allocates memory; index_remove() and index_restore() can not fail. So a transaction
 * can always be undone, also without memory. For this, each hash table holds a sentinel (uthash frees a table with its
 * last element), no table grows while an object is put back, and an empty posting stays until index_sweep().
 */
#ifndef MODEL_INDEX_H
#define MODEL_INDEX_H

#include "model/object.h"

enum posting_type {
	POSTING_NAME,		      /* a = kind, bytes = name as it is looked up, over all VPCs */
	POSTING_REFERRERS,	      /* a = number, bytes = kind, kind of who refers to it: index_referrers() */
	POSTING_PARTS,		      /* a = number, bytes = kind, kind of its parts: index_parts() */
	POSTING_USES,		      /* a = kind of who uses it, bytes = id: index_users() */
	POSTING_ENDED,		      /* a = prefix list, bytes = version: the entries that it took away */
	POSTING_PUBLIC_ADDRESS,	      /* bytes = the 16 of an elastic IP: one at most */
	POSTING_ADDRESS,	      /* a = VPC, bytes = the 16 of the address: one ENI at most */
	POSTING_ADDRESSES4_OF_SUBNET, /* a = subnet, rank = offset in it; an ENI once for each of its addresses */
	POSTING_ADDRESSES6_OF_SUBNET,
	POSTING_MAC, /* bytes = the 6 of the MAC, over all VPCs */
	POSTING_TYPES,
};

/* One object's place in one posting. */
struct post {
	struct post *prev, *next;
	struct object *owner; /* borrowed: the version of the object that is indexed */
	struct posting *in;
	uint32_t rank;
};

struct posting {
	UT_hash_handle hh;
	struct post *first, *last; /* in the order of insertion */
	size_t n;
	size_t n_ranked;      /* of them with a rank that is not 0 */
	uint32_t lowest_free; /* a hint for addresses: every rank below it is there */
	bool idle;	      /* in the list of what index_sweep() looks at */
	struct posting *next_idle;
	const struct object *user; /* whom index_post_use() has posted while it is inserted, NULL: nobody */
	size_t key_size;
	unsigned char key[];
};

struct index {
	struct object *by_id, *by_key;
	struct object *by_number[OBJECT_KINDS];
	struct object *first[OBJECT_KINDS], *last[OBJECT_KINDS]; /* creation order */
	size_t n[OBJECT_KINDS];
	size_t n_items[OBJECT_KINDS]; /* of all objects of the kind, by kind_ops.n_items */
	struct posting *postings;
	struct posting *idle;
	size_t n_posts[POSTING_TYPES];
	struct object sentinels[OBJECT_KINDS];
};

/* -ENOMEM: nothing is held. */
int index_init(struct index *ix);
/* Frees every object too. */
void index_clear(struct index *ix);

/* o->name_key and whatever its kind's post() reads are set. Takes its place in creation order by o->order, or that of
 * `like` (an object just removed) where that is given. -ENOMEM: as before; o is still the caller's. On success the
 * index owns o; index_remove() gives it back. */
int index_insert(struct index *ix, struct object *o, const struct object *like);
/* o stays as it is, so that index_restore() can put it back. Can not fail. */
void index_remove(struct index *ix, struct object *o);
/* Undoes index_remove(o) exactly, in the order of lists too, provided that every later operation was undone before. Can
 * not fail. */
void index_restore(struct index *ix, struct object *o);
/* Frees the postings that stayed empty. Only where no removed object may still be restored. */
void index_sweep(struct index *ix);

/* One more place for o, of the kind that index_insert() is inserting. -ENOMEM. */
int index_post(struct index *ix, struct object *o, enum posting_type type, uint32_t a, const void *bytes,
	       size_t n_bytes, uint32_t rank);

/* Posts that o refers to the object of this kind and number, which then can't be deleted before o. -ENOMEM. */
int index_post_reference(struct index *ix, struct object *o, enum object_kind kind, uint32_t number);
/* Posts that o is a part of the object of this kind and number. -ENOMEM. */
int index_post_part(struct index *ix, struct object *o, enum object_kind kind, uint32_t number, uint32_t rank);

/* Posts that o uses the object with this id, which may be deleted all the same: its own change does what follows. One
 * post, however often it is called for the id. -ENOMEM. */
int index_post_use(struct index *ix, struct object *o, const char *id);

/* NULL: none. The number 0 and the empty key are never found. */
struct object *index_by_id(const struct index *ix, const char *id);
struct object *index_by_number(const struct index *ix, enum object_kind kind, uint32_t number);
struct object *index_by_key(const struct index *ix, const char *key);
/* NULL: none, which means empty. */
struct posting *index_posting(const struct index *ix, enum posting_type type, uint32_t a, const void *bytes,
			      size_t n_bytes);
/* The objects of kind `by` that refer to the object of this kind and number; its parts of kind `part`. NULL: none. */
struct posting *index_referrers(const struct index *ix, enum object_kind kind, uint32_t number, enum object_kind by);
struct posting *index_parts(const struct index *ix, enum object_kind kind, uint32_t number, enum object_kind part);
/* The objects of kind `by` that use the object with this id, each once. NULL: none. */
struct posting *index_users(const struct index *ix, const char *id, enum object_kind by);
/* Whether o, which is in the index, refers to the object of this kind and number. */
bool index_refers(const struct index *ix, const struct object *o, enum object_kind kind, uint32_t number);
/* How many are in a posting; NULL: 0. */
static inline size_t posting_count(const struct posting *p)
{
	return p ? p->n : 0;
}

#endif
