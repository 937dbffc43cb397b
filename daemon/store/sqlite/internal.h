/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of store/ share. Nobody else includes it. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/history.h"
#include "store/usage.h"
#include "store/store.h"

#define STORE_FILE	     "state.db"
#define STORE_LOCK_FILE	     "lock"
#define STORE_ACK_FILE	     "acknowledged"
#define STORE_APPLICATION_ID 0x76706364 /* "vpcd" */
#define STORE_REPLIES_MAX    10000
#define STORE_REPLY_AGE_S    (24 * 60 * 60)

/* Every statement that runs more than once: STATEMENT(SYMBOL, "SQL"). */
#define STORE_STATEMENTS(STATEMENT)                                                                                    \
	STATEMENT(BEGIN, "BEGIN IMMEDIATE")                                                                            \
	STATEMENT(COMMIT, "COMMIT")                                                                                    \
	STATEMENT(ROLLBACK, "ROLLBACK")                                                                                \
	STATEMENT(DOCUMENT_FIND, "SELECT position, checksum, text FROM document WHERE kind = ?1 AND id = ?2")          \
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
		  "INSERT INTO reply (uid, key, digest, reply, time_s, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")     \
	STATEMENT(CHANGE_INSERT,                                                                                       \
		  "INSERT INTO history_change (revision, kind, id, name, parent, fields, before, checksum) "           \
		  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                           \
	STATEMENT(HISTORY_INSERT,                                                                                      \
		  "INSERT OR REPLACE INTO history (revision, time_ns, uid, pid, command, changes, bytes, checksum) "   \
		  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                           \
	STATEMENT(HISTORY_PRUNE,                                                                                       \
		  "DELETE FROM history WHERE revision IN (SELECT revision FROM history ORDER BY revision LIMIT ?1) "   \
		  "AND (revision <= ?2 OR bytes <= ?3)")                                                               \
	STATEMENT(CHANGE_PRUNE, "DELETE FROM history_change WHERE position IN (SELECT position FROM history_change "   \
				"ORDER BY position LIMIT ?1) AND revision < ?2")                                       \
	STATEMENT(USAGE_FIND,                                                                                          \
		  "SELECT hour, vpc, name, most, counts, checksum FROM usage WHERE hour = ?1 AND vpc = ?2")            \
	STATEMENT(USAGE_COUNT, "SELECT count(*) FROM usage WHERE hour = ?1")                                           \
	STATEMENT(USAGE_SET, "INSERT OR REPLACE INTO usage (hour, vpc, name, most, counts, checksum) "                 \
			     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                                        \
	STATEMENT(USAGE_PRUNE, "DELETE FROM usage WHERE (hour, vpc) IN (SELECT hour, vpc FROM usage WHERE hour < ?1 "  \
			       "ORDER BY hour, vpc LIMIT ?2)")                                                         \
	STATEMENT(HISTORY_ENDS, "SELECT min(revision), (SELECT bytes FROM history ORDER BY revision LIMIT 1), "        \
				"(SELECT bytes FROM history ORDER BY revision DESC LIMIT 1) FROM history")

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

/* What is kept of the past. */
struct store_history {
	uint64_t depth, max_bytes; /* what is to be kept */
	uint64_t oldest;	   /* the first revision whose changes are kept; 0: none is */
	uint64_t oldest_bytes;	   /* bytes of all changes that were ever kept, up to that revision */
	uint64_t bytes;		   /* the same up to the last commit */
	bool orphans;		   /* there are changes of revisions before `oldest` */
};

/* A file as it was when it was opened. */
struct store_file {
	char *path; /* owned */
	dev_t dev;
	ino_t ino;
	off_t bytes; /* its size: the database only grows, in steps of a checkpoint */
};

struct store {
	bool opened; /* all of store_open was done */
	int lock_fd;
	int ack_fd;
	char *path; /* of the database file */
	char id[STORE_ID_MAX];
	struct store_file db_file, wal_file;
	/* Held for reading while another thread has a connection of its own open. */
	pthread_rwlock_t connections;
	bool failed; /* the last commit, or probe */
	sqlite3 *db; /* NULL: could not be opened again */
	sqlite3_stmt *statements[STORE_STATEMENT_COUNT];
	struct store_totals totals; /* as of the last commit */
	uint64_t n_replies;
	struct store_history history; /* as of the last commit */
	uint64_t wal_frames;	      /* in the log, as of this process' last commit; 0: none yet */
	uint64_t wal_frames_due;      /* when a checkpoint was last due */
};

DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize);

/* --- sqlite/statement.c --- */
/* A statement ready to be bound. It borrows what is bound to it until it is stepped to the end or reset. */
sqlite3_stmt *store_statement(struct store *s, enum store_statement which);
/* Steps a statement that returns no row. SQLITE_OK or SQLite's code; the statement is reset. */
int store_run(sqlite3_stmt *statement);
/* SQLite's last error as a StoreUnavailable: "cannot <doing>: …". Returns -EIO. */
int store_fail(struct store *s, const char *doing, struct vpc_error *reterr);
/* The text of a column; NULL is "". */
const char *store_column_text(sqlite3_stmt *q, int column);
/* StoreUnavailable: a row doesn't match its checksum. -EUCLEAN. */
int store_damaged(const struct store *s, const char *kind, const char *id, struct vpc_error *reterr);

/* --- sqlite/checksum.c --- */
/* FNV-1a, 64 bits. A single wrong byte always changes it. Strings with their NUL, so that fields can't run together. */
uint64_t store_checksum_begin(void);
uint64_t store_checksum_string(uint64_t sum, const char *s);
uint64_t store_checksum_number(uint64_t sum, uint64_t n);

/* --- sqlite/store.c --- */
/* Closes the connection and opens it again: SQLite then forgets what it believes about locks. void_log: the file has
 * all that is in the log, and whatever log is there now is not ours. -EIO: not possible, s->db is NULL; or the file
 * holds another revision than was committed. */
int store_reconnect(struct store *s, bool void_log, struct vpc_error *reterr);

/* --- sqlite/wal.c --- */
/* Has a connection's frames counted, and its log never cut. */
int store_wal_configure(struct store *s, struct vpc_error *reterr);
/* Gives the log its size. Under the lock, when the file has its tables: SQLite deletes the log of an empty one. A log
 * that can't have its size works, too. */
void store_wal_reserve(struct store *s);
/* The closing checkpoint. True: all of the log is in the file. */
bool store_wal_finish(struct store *s);
/* After it, and when SQLite has closed the file: nothing that is in the log counts any more. */
void store_wal_void(struct store *s);
/* The size that the log must at least have. */
off_t store_wal_bytes(const struct store *s);

/* --- sqlite/files.c --- */
/* Refuses a folder that holds other files of a store, but not the database: accept removes them. */
int store_files_check_new(const char *state_dir, bool accept, struct vpc_error *reterr);
/* Remembers which files are open. */
int store_files_note(struct store *s, struct vpc_error *reterr);
/* Whether they are still what the folder holds. -ESTALE. */
int store_files_check(struct store *s, struct vpc_error *reterr);
/* The log alone was removed or replaced, and what is in it can still be read. */
bool store_files_lost_wal(const struct store *s);

/* Whether the name of the database still leads to the open file. -ESTALE. Any thread. */
int store_files_check_database(const struct store *s, struct vpc_error *reterr);

/* --- sqlite/mark.c --- */
/* Reads or makes the id, and compares with what was acknowledged in this folder. */
int store_mark_prepare(struct store *s, const char *state_dir, bool accept, struct vpc_error *reterr);
/* Notes the revision as one that somebody is going to be told of. */
void store_acknowledge(struct store *s);

/* Creates or upgrades the tables. Refuses another program's file and a newer vpcd's. */
int store_schema_prepare(struct store *s, struct vpc_error *reterr);
/* Reads the state row; a new file gets one. */
int store_state_read(struct store *s, struct store_totals *ret, struct vpc_error *reterr);
/* Reads the state row and checks every document against it. */
int store_documents_check(struct store *s, struct vpc_error *reterr);
/* Inside a transaction; SQLite's code. */
int store_meta_write(struct store *s, const char *key, const char *value);
uint64_t store_document_checksum(const char *kind, const char *id, uint64_t revision, const char *text);

/* --- sqlite/history.c --- */
uint64_t store_history_checksum(const struct store_history_row *row);
uint64_t store_change_checksum(const struct store_change_row *row);
/* Reads what is kept. */
int store_history_read(struct store *s, struct vpc_error *reterr);
/* What a document was before its change, inside a transaction; SQLite's code. before: its text, NULL: it is fresh.
 * after: the new one, NULL: it is deleted. *h: what is kept, updated. */
int store_history_change(struct store *s, uint64_t revision, const struct store_write *w, const char *before,
			 const char *after, struct store_history *h);
/* The commit itself, after its changes. */
int store_history_commit(struct store *s, const struct store_batch *b, struct store_history *h);

/* --- sqlite/usage.c --- */
/* Inside a transaction; SQLite's code. */
int store_usage_write(struct store *s, const struct store_usage *usage);
/* Reads a row of the columns hour, vpc, name, most, counts, checksum. False: it is damaged. */
bool store_usage_from(sqlite3_stmt *q, struct store_usage *ret);

/* Inside a transaction; SQLite's code. *n_replies: how many are kept, updated. */
int store_reply_write(struct store *s, const struct store_reply *reply, uint64_t *n_replies);

#endif
