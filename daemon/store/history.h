/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the store's past, and its present as of one revision, on any thread while commits go on. A reader has a
 * connection of its own, and sees the state of the moment in which it was opened. While it is open the log can't start
 * anew, so it is closed as soon as it has read. Before store_close.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "store/store.h"

/* A commit. Strings are borrowed. */
struct store_history_row {
	uint64_t revision;
	uint64_t time_ns; /* CLOCK_REALTIME; 0: unknown */
	uid_t uid;
	pid_t pid;
	const char *command;
	uint64_t changes; /* how many documents it changed */
};

/* What a commit did to one document. */
struct store_change_row {
	uint64_t revision;
	const char *kind, *id, *name;
	const char *parent; /* NULL: none */
	const char *fields; /* of a document that changed: its members that did, as a JSON array of strings; or NULL */
	const char *before; /* JSON; NULL: it was created */
	bool deleted;	    /* neither created nor changed */
};

struct store_reader;

/* Errors: StoreUnavailable. */
int store_reader_open(struct store *s, struct store_reader **ret, struct vpc_error *reterr);
void store_reader_close(struct store_reader *r);
DEFINE_CLEANUP(struct store_reader *, store_reader_close);

/* The newest revision that it sees. */
uint64_t store_reader_revision(const struct store_reader *r);
/* The oldest revision of which the state is known: changes after it are all kept. Nothing older is told of, even if it
 * is there still. */
uint64_t store_reader_oldest(const struct store_reader *r);

/* 0 to go on, 1 to stop, -errno. Rows are borrowed during the call. */
typedef int (*store_history_fn)(const struct store_history_row *row, void *userdata);
typedef int (*store_change_fn)(const struct store_change_row *row, void *userdata);
/* The commits after `after` (ascending), or before `before` (descending). */
int store_read_commits(struct store_reader *r, uint64_t after, store_history_fn fn, void *userdata,
		       struct vpc_error *reterr);
int store_read_commits_back(struct store_reader *r, uint64_t before, store_history_fn fn, void *userdata,
			    struct vpc_error *reterr);
/* The changes of the commits after `after`, without the first `skip` of them. */
int store_read_changes(struct store_reader *r, uint64_t after, uint64_t skip, store_change_fn fn, void *userdata,
		       struct vpc_error *reterr);
/* Each id, once, of an object that was called so, or has that id. 0 to go on, 1 to stop, -errno. */
typedef int (*store_id_fn)(const char *id, void *userdata);
int store_find_ids(struct store_reader *r, const char *name, store_id_fn fn, void *userdata, struct vpc_error *reterr);
/* The revisions before `before` that changed one of the objects (an object {id: anything}) or one of their parts: the
 * newest first, at most `limit` of them. */
typedef int (*store_revision_fn)(uint64_t revision, void *userdata);
int store_find_revisions(struct store_reader *r, const json_t *ids, uint64_t before, size_t limit, store_revision_fn fn,
			 void *userdata, struct vpc_error *reterr);
/* All documents as of a revision, of `oldest` to `revision`: every kind in the order in which ids were first written,
 * those that are gone behind the others. */
typedef int (*store_past_fn)(const char *kind, const char *id, const json_t *document, void *userdata);
int store_read_documents(struct store_reader *r, uint64_t revision, store_past_fn fn, void *userdata,
			 struct vpc_error *reterr);

#endif
