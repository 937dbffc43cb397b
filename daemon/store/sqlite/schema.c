/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables, and how an older file becomes one of this version. */
#include "store/sqlite/internal.h"

/* migrations[n] turns version n into n + 1. Released ones are never edited: a new version is a new line. */
static const char *const migrations[] = {
	/* position: the order in which ids were first written; it stays when a document changes. */
	"CREATE TABLE document ("
	"  position INTEGER PRIMARY KEY,"
	"  kind TEXT NOT NULL,"
	"  id TEXT NOT NULL,"
	"  revision INTEGER NOT NULL,"
	"  text TEXT NOT NULL,"
	"  checksum INTEGER NOT NULL,"
	"  UNIQUE (kind, id)"
	") STRICT;"
	"CREATE TABLE state ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1),"
	"  revision INTEGER NOT NULL,"
	"  documents INTEGER NOT NULL,"
	"  digest INTEGER NOT NULL,"
	"  checksum INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE meta ("
	"  key TEXT PRIMARY KEY NOT NULL,"
	"  value TEXT NOT NULL,"
	"  checksum INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE reply ("
	"  position INTEGER PRIMARY KEY,"
	"  uid INTEGER NOT NULL,"
	"  key TEXT NOT NULL,"
	"  digest TEXT NOT NULL,"
	"  reply TEXT NOT NULL,"
	"  time_s INTEGER NOT NULL,"
	"  checksum INTEGER NOT NULL,"
	"  UNIQUE (uid, key)"
	") STRICT;"
	"CREATE INDEX reply_by_time ON reply (time_s, position);",
	/* Both only grow at their ends, so a commit writes one page more of each. bytes: of all commits so far. */
	"CREATE TABLE history ("
	"  revision INTEGER PRIMARY KEY,"
	"  time_ns INTEGER NOT NULL,"
	"  uid INTEGER NOT NULL,"
	"  pid INTEGER NOT NULL,"
	"  command TEXT NOT NULL,"
	"  changes INTEGER NOT NULL,"
	"  bytes INTEGER NOT NULL,"
	"  checksum INTEGER NOT NULL"
	") STRICT;"
	/* before: the document until this revision; NULL: there was none. fields: of a document that changed, which. */
	"CREATE TABLE history_change ("
	"  position INTEGER PRIMARY KEY,"
	"  revision INTEGER NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  id TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  parent TEXT,"
	"  fields TEXT,"
	"  before TEXT,"
	"  checksum INTEGER NOT NULL"
	") STRICT;",
	/* What a VPC counted in an hour since 1970; counts: numbers with spaces between. */
	"CREATE TABLE usage ("
	"  hour INTEGER NOT NULL,"
	"  vpc TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  most INTEGER NOT NULL,"
	"  counts TEXT NOT NULL,"
	"  checksum INTEGER NOT NULL,"
	"  PRIMARY KEY (hour, vpc)"
	") STRICT, WITHOUT ROWID;",
};
#define SCHEMA_VERSION ((int64_t)ARRAY_SIZE(migrations))

static int read_number(struct store *s, const char *sql, int64_t *ret)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW)
		return -EIO;
	*ret = sqlite3_column_int64(q, 0);
	return 0;
}

static int migrate(struct store *s, int64_t from, struct vpc_error *reterr)
{
	char versions[96];
	int r = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (int64_t v = from; r == SQLITE_OK && v < SCHEMA_VERSION; v++)
		r = sqlite3_exec(s->db, migrations[v], NULL, NULL, NULL);
	snprintf(versions, sizeof(versions), "PRAGMA user_version = %lld; PRAGMA application_id = %d",
		 (long long)SCHEMA_VERSION, STORE_APPLICATION_ID);
	if (r == SQLITE_OK)
		r = sqlite3_exec(s->db, versions, NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		return 0;
	store_fail(s, "make the tables of", reterr);
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return -EIO;
}

int store_schema_prepare(struct store *s, struct vpc_error *reterr)
{
	int64_t version = 0, application = 0, tables = 0;

	if (read_number(s, "PRAGMA user_version", &version) < 0 ||
	    read_number(s, "PRAGMA application_id", &application) < 0 ||
	    read_number(s, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return store_fail(s, "read", reterr);
	if (tables > 0 && application != STORE_APPLICATION_ID) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "%s is not a store of vpcd; move it away, or choose another --state-dir", s->path);
		return -EMEDIUMTYPE;
	}
	if (version > SCHEMA_VERSION) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "%s has format %lld, written by a newer vpcd; this one reads up to %lld; start one that "
			      "is as new",
			      s->path, (long long)version, (long long)SCHEMA_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (tables > 0 && version < 1) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "%s is damaged: it has tables but no format",
			      s->path);
		return -EUCLEAN;
	}
	return version == SCHEMA_VERSION ? 0 : migrate(s, version, reterr);
}
