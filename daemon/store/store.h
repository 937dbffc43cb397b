/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Durable state: each object a document with a revision. One SQLite file today; the interface is what several hosts
 * over etcd will need, so nothing outside this folder knows which it is.
 *
 * A document's row carries a checksum: a flipped bit is noticed at load. WAL, synchronous=FULL, autocheckpoint off:
 * store_checkpoint is called when there is time.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <vpc/error.h>

struct store;

struct store_write {
	const char *kind; /* object_kind_name() */
	const char *id;
	const json_t *document; /* NULL: delete */
	bool fresh;		/* no document of this kind and id is stored; if one is, the commit fails */
};

/* A reply kept for an Idempotency-Key. */
struct store_reply {
	uid_t uid;
	const char *key;
	const char *request_digest; /* of method, path and body */
	const char *reply;	    /* JSON text with status */
	int64_t time_s;		    /* CLOCK_REALTIME */
};

/* Makes the folder (0700) and file (0600) if missing. Errors: StoreUnavailable: cannot be opened, damaged, from a newer
 * version of vpcd, in use by another process. */
int store_open(const char *state_dir, struct store **ret, struct vpc_error *reterr);
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close);

/* Revision of the last commit; 0: a new store. */
uint64_t store_revision(const struct store *s);
/* Calls fn for every document of a kind, in the order the ids were first written. fn returns not 0 to stop. A damaged
 * document: StoreUnavailable, naming it. */
typedef int (*store_document_fn)(const char *id, uint64_t revision, const json_t *document, void *userdata);
int store_load(struct store *s, const char *kind, store_document_fn fn, void *userdata, struct vpc_error *reterr);
/* One durable transaction: writes, the new revision (must be store_revision + 1), the reply (or NULL), and meta values
 * ({key, text or NULL} pairs, n_meta of them). On error nothing is stored: StoreUnavailable. */
struct store_meta {
	const char *key;
	const char *value;
};
int store_commit(struct store *s, uint64_t revision, const struct store_write *writes, size_t n_writes,
		 const struct store_reply *reply, const struct store_meta *meta, size_t n_meta,
		 struct vpc_error *reterr);
/* Meta values written outside a transaction of the model (no new revision). */
int store_set_meta(struct store *s, const char *key, const char *value, struct vpc_error *reterr);
/* *ret: owned, NULL if there is none. */
int store_get_meta(struct store *s, const char *key, char **ret, struct vpc_error *reterr);
/* The kept reply of uid and key: 0 and *ret_digest, *ret_reply (owned), or -ENOENT. Those older than 24 h are gone; of
 * more than 10,000 the oldest go. now_s: CLOCK_REALTIME. */
int store_find_reply(struct store *s, uid_t uid, const char *key, int64_t now_s, char **ret_digest, char **ret_reply,
		     struct vpc_error *reterr);
/* Puts a reply in place of the one that is kept for its uid and key, in a transaction of its own: StoreUnavailable. */
int store_keep_reply(struct store *s, const struct store_reply *reply, struct vpc_error *reterr);
/* Whether it is time for store_checkpoint: asked after a commit, it says so once for every few hundred commits. */
bool store_checkpoint_due(struct store *s);
/* Moves the WAL into the file. May take milliseconds; safe on another thread (own connection). */
int store_checkpoint(const char *state_dir);

/* Removes the files of a store that nobody has open, and the folder if it is then empty. Fine if there are none. */
int store_remove(const char *state_dir);

#endif
