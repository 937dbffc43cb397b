/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of store/ share. Nobody else includes it. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/store.h"

#define STORE_FILE	     "state.db"
#define STORE_LOCK_FILE	     "lock"
#define STORE_APPLICATION_ID 0x76706364 /* "vpcd" */
#define STORE_REPLIES_MAX    10000
#define STORE_REPLY_AGE_S    (24 * 60 * 60)

/* Every statement that runs more than once: STATEMENT(SYMBOL, "SQL"). */
#define STORE_STATEMENTS(STATEMENT)                                                                                    \
	STATEMENT(BEGIN, "BEGIN IMMEDIATE")                                                                            \
	STATEMENT(COMMIT, "COMMIT")                                                                                    \
	STATEMENT(ROLLBACK, "ROLLBACK")                                                                                \
	STATEMENT(DOCUMENT_FIND, "SELECT position, checksum FROM document WHERE kind = ?1 AND id = ?2")                \
	STATEMENT(DOCUMENT_INSERT,                                                                                     \
		  "INSERT INTO document (kind, id, revision, text, checksum) VALUES (?1, ?2, ?3, ?4, ?5)")             \
	STATEMENT(DOCUMENT_UPDATE, "UPDATE document SET revision = ?2, text = ?3, checksum = ?4 WHERE position = ?1")  \
	STATEMENT(DOCUMENT_DELETE, "DELETE FROM document WHERE position = ?1")                                         \
	STATEMENT(STATE_SET, "UPDATE state SET revision = ?1, documents = ?2, digest = ?3, checksum = ?4")             \
	STATEMENT(META_SET,                                                                                            \
		  "INSERT INTO meta (key, value, checksum) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET "       \
		  "value = excluded.value, checksum = excluded.checksum")                                              \
	STATEMENT(META_DELETE, "DELETE FROM meta WHERE key = ?1")                                                      \
	STATEMENT(META_GET, "SELECT value, checksum FROM meta WHERE key = ?1")                                         \
	STATEMENT(REPLY_FIND, "SELECT digest, reply, time_s, checksum FROM reply WHERE uid = ?1 AND key = ?2")         \
	STATEMENT(REPLY_EXPIRE, "DELETE FROM reply WHERE time_s < ?1")                                                 \
	STATEMENT(REPLY_FORGET, "DELETE FROM reply WHERE uid = ?1 AND key = ?2")                                       \
	STATEMENT(                                                                                                     \
		REPLY_TRIM,                                                                                            \
		"DELETE FROM reply WHERE position IN (SELECT position FROM reply ORDER BY time_s, position LIMIT ?1)") \
	STATEMENT(REPLY_INSERT,                                                                                        \
		  "INSERT INTO reply (uid, key, digest, reply, time_s, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")

enum store_statement {
#define STATEMENT(symbol, sql) STORE_##symbol,
	STORE_STATEMENTS(STATEMENT)
#undef STATEMENT
		STORE_STATEMENT_COUNT
};

/* What the state row says about all documents: their number, and the sum (mod 2^64) of their checksums, by which a row
 * that vanished or came back is noticed. */
struct store_totals {
	uint64_t revision;
	uint64_t documents;
	uint64_t digest;
};

struct store {
	int lock_fd;
	char *path; /* of the database file */
	sqlite3 *db;
	sqlite3_stmt *statements[STORE_STATEMENT_COUNT];
	struct store_totals totals; /* as of the last commit */
	uint64_t n_replies;
	uint64_t wal_frames;	 /* in the log, as of this process' last commit */
	uint64_t wal_frames_due; /* when a checkpoint was last due */
};

DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize);

/* A statement ready to be bound. It borrows what is bound to it until it is stepped to the end or reset. */
sqlite3_stmt *store_statement(struct store *s, enum store_statement which);
/* Steps a statement that returns no row. SQLITE_OK or SQLite's code; the statement is reset. */
int store_run(sqlite3_stmt *statement);
/* SQLite's last error as a StoreUnavailable: "cannot <doing>: …". Returns -EIO. */
int store_fail(struct store *s, const char *doing, struct vpc_error *reterr);

/* FNV-1a, 64 bits. A single wrong byte always changes it. Strings with their NUL, so that fields can't run together. */
uint64_t store_checksum_begin(void);
uint64_t store_checksum_string(uint64_t sum, const char *s);
uint64_t store_checksum_number(uint64_t sum, uint64_t n);

/* Gives the log its size, and has its frames counted. Under the lock, when the file has its tables: SQLite deletes the
 * log of an empty one. Fails only where SQLite does: a log that can't have its size works, too. */
int store_wal_prepare(struct store *s, struct vpc_error *reterr);
/* Creates or upgrades the tables. Refuses another program's file and a newer vpcd's. */
int store_schema_prepare(struct store *s, struct vpc_error *reterr);
/* Reads the state row and checks every document against it. */
int store_documents_check(struct store *s, struct vpc_error *reterr);
/* Inside a transaction; SQLite's code. */
int store_meta_write(struct store *s, const char *key, const char *value);
/* Inside a transaction; SQLite's code. *n_replies: how many are kept, updated. */
int store_reply_write(struct store *s, const struct store_reply *reply, uint64_t *n_replies);

#endif
