/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store's thread: what is to be durable is written there, one batch after the other, while the event loop goes on.
 * Nothing but this file touches the store once the engine runs.
 */
#ifndef ENGINE_COMMIT_H
#define ENGINE_COMMIT_H

#include "engine/grace.h"

/* What one transaction commits. Owned: documents (those of the writes), text. The rest is borrowed until done. */
struct commit {
	struct engine *e;
	uint64_t revision;
	struct store_write *writes;
	json_t **documents;
	size_t n_writes;
	struct store_reply reply; /* key NULL: none */
	char *text;		  /* of the reply */
	struct store_meta meta[2];
	char value[2][GRACE_NOTE_MAX]; /* of the meta values */
	size_t n_meta;

	void (*done)(struct commit *c, int result, struct vpc_error *error); /* takes c */
	void *userdata;
	/* the thread's */
	struct store_note *notes; /* that go along */
	struct vpc_error error;
	bool checkpoint_due;
};

/* NULL: out of memory. */
struct commit *commit_new(struct engine *e);
void commit_free(struct commit *c);
/* Sends it to the store's thread; done is called on the loop. -errno: it isn't, and c is still the caller's. */
int commit_submit(struct commit *c);

/* Looks for a reply that is kept, on the store's thread; fn is called on the loop with what store_find_reply found. */
typedef void (*kept_reply_fn)(int found, const char *digest, const char *text, struct vpc_error *error, void *userdata);
int commit_find_reply(struct engine *e, uid_t uid, const char *key, kept_reply_fn fn, void *userdata);

/* To be kept with the next commit, or soon: takes text; NULL is fine. */
void commit_note_reply(struct engine *e, const struct store_reply *reply, char *text);
/* The same for a meta value; NULL: deleted. */
void commit_note_meta(struct engine *e, const char *key, const char *value);

/* Begins to look after the store when there is nothing else to do. */
int commit_watch(struct engine *e);
/* After the worker's end. */
void commit_end(struct engine *e);

#endif
