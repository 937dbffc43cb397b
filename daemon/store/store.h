/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Durable state: each object a document with a revision. One SQLite file today; the interface is what several hosts
 * over etcd will need, so nothing outside this folder knows which it is.
 *
 * A document's row carries a checksum: a flipped bit is noticed at load. WAL, synchronous=FULL, autocheckpoint off:
 * store_checkpoint is called when there is time.
 *
 * From store_commit on everything belongs to one thread at a time, but for store_checkpoint.
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
	const char *kind; /* noun of kinds.def */
	const char *id;
	const json_t *document; /* NULL: delete */
	bool fresh;		/* no document of this kind and id is stored; if one is, the commit fails */
	const char *name;	/* for the history: what people call it before the change, or after it if it is fresh */
	const char *parent;	/* for the history: id of the object that it is a part of, or NULL */
};

/* Who made a commit, for the history. */
struct store_author {
	uint64_t time_ns; /* CLOCK_REALTIME */
	uid_t uid;
	pid_t pid;
	const char *command; /* UTF-8; what was asked for */
};

/* A reply kept for an Idempotency-Key. */
struct store_reply {
	uid_t uid;
	const char *key;
	const char *request_digest; /* of method, path and body */
	const char *reply;	    /* JSON text with status */
	int64_t time_s;		    /* CLOCK_REALTIME */
};

#define STORE_ID_MAX 40

/* Which store, and at which revision. */
struct store_mark {
	char id[STORE_ID_MAX]; /* a random UUID as text, made with the store */
	uint64_t revision;
};

/* Makes the folder (0700) and file (0600) if missing. Errors: StoreUnavailable: cannot be opened, damaged, from a newer
 * version of vpcd, in use by another process; -ESTALE: older than, or another than, the one whose changes were
 * acknowledged in this folder. accept: such a one is taken all the same, under a new id. */
int store_open(const char *state_dir, bool accept, struct store **ret, struct vpc_error *reterr);
/* Moves the log into the file and makes the log void. */
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close);

/* Whether the folder has a store. */
bool store_exists(const char *state_dir);
/* Revision of the last commit; 0: a new store. */
uint64_t store_revision(const struct store *s);
const char *store_id(const struct store *s);
/* -ESTALE, and StoreUnavailable that names both and what the user can do: the store is another than `seen`, or older.
 * `where`: who has seen it, for the message ("the kernel's maps"). Nothing is wrong with a mark of revision 0. */
int store_check_mark(const struct store *s, const struct store_mark *seen, const char *where, struct vpc_error *reterr);
/* The same message for a store that isn't there at all. */
int store_missing(const char *state_dir, const struct store_mark *seen, const char *where, struct vpc_error *reterr);
/* Gives it a new id: it goes on from where another one had gone on differently. */
int store_renew_id(struct store *s, struct vpc_error *reterr);
/* Calls fn for every document of a kind, in the order the ids were first written. fn returns not 0 to stop. A damaged
 * document: StoreUnavailable, naming it. */
typedef int (*store_document_fn)(const char *id, uint64_t revision, const json_t *document, void *userdata);
int store_load(struct store *s, const char *kind, store_document_fn fn, void *userdata, struct vpc_error *reterr);
struct store_meta {
	const char *key;
	const char *value; /* NULL: delete */
};

/* What goes into one durable transaction. All is borrowed. */
struct store_batch {
	uint64_t revision; /* store_revision + 1, or store_revision when nothing is written but replies and meta values
			    */
	const struct store_write *writes;
	size_t n_writes;
	const struct store_reply *replies; /* each takes the place of the one kept for its uid and key */
	size_t n_replies;
	const struct store_meta *meta;
	size_t n_meta;
	const struct store_usage *usage; /* usage.h */
	size_t n_usage;
	const struct store_author *author; /* of a new revision; NULL: vpcd itself, at an unknown time */
};
/* On error nothing is stored: StoreUnavailable. That is also the error when the store's files were removed, replaced or
 * cut since it was opened. */
int store_commit(struct store *s, const struct store_batch *b, struct vpc_error *reterr);
/* Whether commits would work now, found out by one that changes nothing. What can be put right is: a log that was
 * removed, locks that SQLite believes to be taken. */
int store_probe(struct store *s, struct vpc_error *reterr);
/* Meta values written outside a transaction of the model (no new revision). */
int store_set_meta(struct store *s, const char *key, const char *value, struct vpc_error *reterr);
/* *ret: owned, NULL if there is none. */
int store_get_meta(struct store *s, const char *key, char **ret, struct vpc_error *reterr);
/* The kept reply of uid and key: 0 and *ret_digest, *ret_reply (owned), or -ENOENT. Those older than 24 h are gone; of
 * more than 10,000 the oldest go. now_s: CLOCK_REALTIME. */
int store_find_reply(struct store *s, uid_t uid, const char *key, int64_t now_s, char **ret_digest, char **ret_reply,
		     struct vpc_error *reterr);
/* Whether it is time for store_checkpoint: asked after a commit, it says so once for every few hundred commits. */
bool store_checkpoint_due(struct store *s);
/* Moves the log into the file, while commits go on: may take long, and is safe on another thread (own connection).
 * -EBUSY: not all of it, because a commit was under way or somebody reads; store_checkpoint_finish moves the rest. */
int store_checkpoint(struct store *s);
/* After it, on the commits' thread: moves what was committed meanwhile, so that the next commit starts the log anew.
 * -EBUSY: somebody reads what is in the log. */
int store_checkpoint_finish(struct store *s);

/* --- history: history.h reads it --- */

#define STORE_HISTORY_DEPTH 10000
#define STORE_HISTORY_BYTES (128ull << 20)
/* How much is kept: the changes of the last `depth` revisions, and of fewer where their documents have more than
 * `bytes` bytes together. Call it before the first commit. */
void store_keep_history(struct store *s, uint64_t depth, uint64_t bytes);
/* Whether more than that is kept by now: asked after a commit. */
bool store_history_due(const struct store *s);
/* Between two commits, on their thread: deletes some of what is too old. 1: there is more to do; 0; -errno. */
int store_history_prune(struct store *s);

/* When nothing is to be done, on the commits' thread: what needn't be done with each commit. StoreUnavailable: the next
 * one would fail, for the files are gone. */
int store_idle_work(struct store *s, struct vpc_error *reterr);

/* Removes the files of a store that nobody has open, and the folder if it is then empty. Fine if there are none. */
int store_remove(const char *state_dir);

#endif
