/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store's thread. It writes what is to be durable, one batch after the other, while the event loop goes on. No
 * other file touches the store once the engine runs.
 */
#ifndef ENGINE_COMMIT_H
#define ENGINE_COMMIT_H

#include "engine/txn/grace.h"
#include "store/store.h"

/* What one transaction commits. It owns its documents (those of the writes), text and note; the rest is borrowed until
 * done() is called. */
struct commit {
	struct engine *e;
	uint64_t revision;
	struct store_write *writes;
	json_t **documents;
	size_t n_writes;
	struct store_reply reply; /* key NULL: none */
	char *text;		  /* of the reply */
	char *note;		  /* a meta value of any length, or NULL */
	struct store_meta meta[3];
	char value[2][GRACE_NOTE_MAX]; /* of the meta values */
	size_t n_meta;
	struct usage_part *usage_own; /* what the transaction says of metering, or NULL */
	struct store_author author;
	char *command; /* the author's */

	void (*done)(struct commit *c, int result, struct vpc_error *error); /* takes c */
	void *userdata;
	/* the thread's */
	struct store_note *notes; /* that go along */
	struct usage_part *usage; /* likewise */
	struct vpc_error error;
	bool checkpoint_due, history_due;
};

/* NULL: out of memory. */
struct commit *commit_new(struct engine *e);
void commit_free(struct commit *c);
/* Sends c to the store's thread, and calls c->done on the loop later. -errno: it wasn't sent, and the caller still owns
 * c. */
int commit_submit(struct commit *c);

/* Looks up a kept reply on the store's thread. fn is called on the loop with the result of store_find_reply. */
typedef void (*kept_reply_fn)(int found, const char *digest, const char *text, struct vpc_error *error, void *userdata);
int commit_find_reply(struct engine *e, uid_t uid, const char *key, kept_reply_fn fn, void *userdata);

/* Keeps a reply with the next commit, or soon. Takes text, which may be NULL. */
void commit_note_reply(struct engine *e, const struct store_reply *reply, char *text);
/* Stores a meta value likewise. value NULL: it is deleted. */
void commit_note_meta(struct engine *e, const char *key, const char *value);

/* What waits for the next commit is stored soon, without one if there is none. */
void commit_soon(struct engine *e);
/* Starts to watch the store when there is nothing else to do. */
int commit_watch(struct engine *e);
/* To be called after the worker has ended. */
void commit_end(struct engine *e);

#endif
