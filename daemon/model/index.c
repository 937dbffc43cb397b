/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "model/internal.h"

/* Longest key of a posting: type, number and a name of 255 characters of UTF-8. */
#define POSTING_KEY_MAX (8 + 4 * 255)

#define TABLE_ADD(hh, head, keyptr, keylen, o)                            \
	({                                                                \
		HASH_ADD_KEYPTR(hh, head, keyptr, (size_t)(keylen), (o)); \
		(o)->hh.tbl ? 0 : -ENOMEM;                                \
	})

/* Adds without growing the table, so without memory. */
#define TABLE_PUT_BACK(hh, head, keyptr, keylen, o)                       \
	do {                                                              \
		UT_hash_table *_table = (head)->hh.tbl;                   \
		unsigned _noexpand = _table->noexpand;                    \
		_table->noexpand = 1;                                     \
		HASH_ADD_KEYPTR(hh, head, keyptr, (size_t)(keylen), (o)); \
		_table->noexpand = _noexpand;                             \
	} while (0)

/* --- tables ------------------------------------------------------------------------------------------------------ */

static int tables_add(struct index *ix, struct object *o)
{
	int r = TABLE_ADD(hh_id, ix->by_id, o->id, strlen(o->id), o);

	if (r < 0)
		return r;
	r = TABLE_ADD(hh_number, ix->by_number[o->kind], &o->number, sizeof(o->number), o);
	if (r < 0)
		goto undo_id;
	r = TABLE_ADD(hh_name, ix->by_key, o->name_key, strlen(o->name_key), o);
	if (r < 0)
		goto undo_number;
	return 0;
undo_number:
	HASH_DELETE(hh_number, ix->by_number[o->kind], o);
undo_id:
	HASH_DELETE(hh_id, ix->by_id, o);
	return r;
}

static void tables_put_back(struct index *ix, struct object *o)
{
	TABLE_PUT_BACK(hh_id, ix->by_id, o->id, strlen(o->id), o);
	TABLE_PUT_BACK(hh_number, ix->by_number[o->kind], &o->number, sizeof(o->number), o);
	TABLE_PUT_BACK(hh_name, ix->by_key, o->name_key, strlen(o->name_key), o);
}

static void tables_remove(struct index *ix, struct object *o)
{
	HASH_DELETE(hh_id, ix->by_id, o);
	HASH_DELETE(hh_number, ix->by_number[o->kind], o);
	HASH_DELETE(hh_name, ix->by_key, o);
}

int index_init(struct index *ix)
{
	static char empty_key[] = "";
	int r;

	*ix = (struct index){0};
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		struct object *sentinel = &ix->sentinels[kind];

		r = TABLE_ADD(hh_number, ix->by_number[kind], &sentinel->number, sizeof(sentinel->number), sentinel);
		if (r < 0)
			goto fail;
	}
	ix->sentinels[0].name_key = empty_key;
	r = TABLE_ADD(hh_id, ix->by_id, ix->sentinels[0].id, 0, &ix->sentinels[0]);
	if (r < 0)
		goto fail;
	r = TABLE_ADD(hh_name, ix->by_key, ix->sentinels[0].name_key, 0, &ix->sentinels[0]);
	if (r < 0)
		goto fail;
	return 0;
fail:
	index_clear(ix);
	return r;
}

void index_clear(struct index *ix)
{
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		struct object *o = ix->first[kind];

		HASH_CLEAR(hh_number, ix->by_number[kind]);
		while (o) {
			struct object *next = o->next;

			object_free(o);
			o = next;
		}
	}
	HASH_CLEAR(hh_id, ix->by_id);
	HASH_CLEAR(hh_name, ix->by_key);
	for (struct posting *p = ix->postings, *next; p; p = next) {
		next = p->hh.next;
		HASH_DELETE(hh, ix->postings, p);
		free(p);
	}
	*ix = (struct index){0};
}

/* --- creation order ---------------------------------------------------------------------------------------------- */

static size_t n_items(const struct object *o)
{
	const struct kind_ops *ops = kind_ops(o->kind);

	return ops->n_items ? ops->n_items(o) : 0;
}

/* Between the neighbours that o->prev and o->next name. */
static void order_link(struct index *ix, struct object *o)
{
	*(o->prev ? &o->prev->next : &ix->first[o->kind]) = o;
	*(o->next ? &o->next->prev : &ix->last[o->kind]) = o;
	ix->n[o->kind]++;
	ix->n_items[o->kind] += n_items(o);
}

static void order_unlink(struct index *ix, struct object *o)
{
	*(o->prev ? &o->prev->next : &ix->first[o->kind]) = o->next;
	*(o->next ? &o->next->prev : &ix->last[o->kind]) = o->prev;
	ix->n[o->kind]--;
	ix->n_items[o->kind] -= n_items(o);
}

/* New objects have the greatest order, so this is one step but for documents loaded out of order. */
static void order_find(struct index *ix, struct object *o)
{
	o->prev = ix->last[o->kind];
	while (o->prev && o->prev->order > o->order)
		o->prev = o->prev->prev;
	o->next = o->prev ? o->prev->next : ix->first[o->kind];
}

/* --- postings ---------------------------------------------------------------------------------------------------- */

static size_t posting_key(unsigned char key[POSTING_KEY_MAX], enum posting_type type, uint32_t a, const void *bytes,
			  size_t n_bytes)
{
	uint32_t head[2] = {(uint32_t)type, a};

	assert(sizeof(head) + n_bytes <= POSTING_KEY_MAX);
	memcpy(key, head, sizeof(head));
	if (n_bytes)
		memcpy(key + sizeof(head), bytes, n_bytes);
	return sizeof(head) + n_bytes;
}

static struct posting *posting_find(const struct index *ix, const unsigned char *key, size_t size)
{
	struct posting *p;

	HASH_FIND(hh, ix->postings, key, size, p);
	return p;
}

/* An empty posting is looked at by the next sweep. */
static void posting_set_idle(struct index *ix, struct posting *p)
{
	if (p->idle)
		return;
	p->idle = true;
	p->next_idle = ix->idle;
	ix->idle = p;
}

static struct posting *posting_new(struct index *ix, const unsigned char *key, size_t size)
{
	struct posting *p = calloc(1, sizeof(*p) + size);

	if (!p)
		return NULL;
	p->key_size = size;
	memcpy(p->key, key, size);
	if (TABLE_ADD(hh, ix->postings, p->key, size, p) < 0) {
		free(p);
		return NULL;
	}
	posting_set_idle(ix, p);
	return p;
}

int index_post(struct index *ix, struct object *o, enum posting_type type, uint32_t a, const void *bytes,
	       size_t n_bytes, uint32_t rank)
{
	unsigned char key[POSTING_KEY_MAX];
	size_t size = posting_key(key, type, a, bytes, n_bytes);
	struct posting *p = posting_find(ix, key, size);
	struct post *post;

	if (!p)
		p = posting_new(ix, key, size);
	if (!p)
		return -ENOMEM;
	post = ARRAY_ADD(o->posts, o->n_posts);
	if (!post)
		return -ENOMEM;
	*post = (struct post){.owner = o, .in = p, .rank = rank};
	return 0;
}

/* The key's bytes of references and parts. */
struct kinds_key {
	uint32_t of, by;
};

static struct posting *posting_of_kinds(const struct index *ix, enum posting_type type, enum object_kind of,
					uint32_t number, enum object_kind by)
{
	const struct kinds_key key = {(uint32_t)of, (uint32_t)by};

	return index_posting(ix, type, number, &key, sizeof(key));
}

int index_post_reference(struct index *ix, struct object *o, enum object_kind kind, uint32_t number)
{
	const struct kinds_key key = {(uint32_t)kind, (uint32_t)o->kind};

	return index_post(ix, o, POSTING_REFERRERS, number, &key, sizeof(key), 0);
}

int index_post_part(struct index *ix, struct object *o, enum object_kind kind, uint32_t number, uint32_t rank)
{
	const struct kinds_key key = {(uint32_t)kind, (uint32_t)o->kind};

	return index_post(ix, o, POSTING_PARTS, number, &key, sizeof(key), rank);
}

int index_post_use(struct index *ix, struct object *o, const char *id)
{
	struct posting *p = index_users(ix, id, o->kind);
	int r;

	if (p && p->user == o)
		return 0;
	r = index_post(ix, o, POSTING_USES, (uint32_t)o->kind, id, strlen(id), 0);
	if (r >= 0)
		o->posts[o->n_posts - 1].in->user = o;
	return r;
}

static enum posting_type posting_type(const struct posting *p)
{
	uint32_t type;

	memcpy(&type, p->key, sizeof(type));
	return (enum posting_type)type;
}

/* Between the neighbours that post->prev and post->next name. */
static void post_link(struct index *ix, struct post *post)
{
	struct posting *p = post->in;

	*(post->prev ? &post->prev->next : &p->first) = post;
	*(post->next ? &post->next->prev : &p->last) = post;
	p->n++;
	p->n_ranked += post->rank != 0;
	ix->n_posts[posting_type(p)]++;
}

static void post_unlink(struct index *ix, struct post *post)
{
	struct posting *p = post->in;

	*(post->prev ? &post->prev->next : &p->first) = post->next;
	*(post->next ? &post->next->prev : &p->last) = post->prev;
	p->n--;
	p->n_ranked -= post->rank != 0;
	ix->n_posts[posting_type(p)]--;
	if (post->rank < p->lowest_free)
		p->lowest_free = post->rank;
	if (!p->n)
		posting_set_idle(ix, p);
}

static void posts_link_last(struct index *ix, struct object *o)
{
	for (size_t i = 0; i < o->n_posts; i++) {
		o->posts[i].prev = o->posts[i].in->last;
		o->posts[i].next = NULL;
		post_link(ix, &o->posts[i]);
	}
}

void index_sweep(struct index *ix)
{
	struct posting *p = ix->idle;

	ix->idle = NULL;
	while (p) {
		struct posting *next = p->next_idle;

		p->idle = false;
		p->next_idle = NULL;
		if (!p->n) {
			HASH_DELETE(hh, ix->postings, p);
			free(p);
		}
		p = next;
	}
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

/* Ends the marks of index_post_use(). */
static void posts_unmark(struct object *o)
{
	for (size_t i = 0; i < o->n_posts; i++)
		o->posts[i].in->user = NULL;
}

static void posts_clear(struct object *o)
{
	posts_unmark(o);
	free(o->posts);
	o->posts = NULL;
	o->n_posts = 0;
}

int index_insert(struct index *ix, struct object *o, const struct object *like)
{
	int r = object_post(ix, o);

	if (r >= 0)
		r = tables_add(ix, o);
	if (r < 0) {
		posts_clear(o);
		return r;
	}
	if (like) {
		o->prev = like->prev;
		o->next = like->next;
	} else {
		order_find(ix, o);
	}
	order_link(ix, o);
	posts_unmark(o);
	posts_link_last(ix, o);
	return 0;
}

void index_remove(struct index *ix, struct object *o)
{
	for (size_t i = o->n_posts; i-- > 0;)
		post_unlink(ix, &o->posts[i]);
	order_unlink(ix, o);
	tables_remove(ix, o);
}

void index_restore(struct index *ix, struct object *o)
{
	tables_put_back(ix, o);
	order_link(ix, o);
	for (size_t i = 0; i < o->n_posts; i++)
		post_link(ix, &o->posts[i]);
}

struct object *index_by_id(const struct index *ix, const char *id)
{
	struct object *o = NULL;

	if (id[0])
		HASH_FIND(hh_id, ix->by_id, id, strlen(id), o);
	return o;
}

struct object *index_by_number(const struct index *ix, enum object_kind kind, uint32_t number)
{
	struct object *o = NULL;

	if (number)
		HASH_FIND(hh_number, ix->by_number[kind], &number, sizeof(number), o);
	return o;
}

struct object *index_by_key(const struct index *ix, const char *key)
{
	struct object *o = NULL;

	if (key[0])
		HASH_FIND(hh_name, ix->by_key, key, strlen(key), o);
	return o;
}

struct posting *index_posting(const struct index *ix, enum posting_type type, uint32_t a, const void *bytes,
			      size_t n_bytes)
{
	unsigned char key[POSTING_KEY_MAX];

	/* Longer than any name, so nobody's. */
	if (n_bytes > POSTING_KEY_MAX - 2 * sizeof(uint32_t))
		return NULL;
	return posting_find(ix, key, posting_key(key, type, a, bytes, n_bytes));
}

struct posting *index_referrers(const struct index *ix, enum object_kind kind, uint32_t number, enum object_kind by)
{
	return posting_of_kinds(ix, POSTING_REFERRERS, kind, number, by);
}

struct posting *index_parts(const struct index *ix, enum object_kind kind, uint32_t number, enum object_kind part)
{
	return posting_of_kinds(ix, POSTING_PARTS, kind, number, part);
}

struct posting *index_users(const struct index *ix, const char *id, enum object_kind by)
{
	return index_posting(ix, POSTING_USES, (uint32_t)by, id, strlen(id));
}

bool index_refers(const struct index *ix, const struct object *o, enum object_kind kind, uint32_t number)
{
	const struct posting *p = index_referrers(ix, kind, number, o->kind);

	for (size_t i = 0; p && i < o->n_posts; i++)
		if (o->posts[i].in == p)
			return true;
	return false;
}
