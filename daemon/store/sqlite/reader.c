/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the past, by a connection of its own that sees one state of the store. */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/internal.h"

#define READER_BUSY_MS 2000

struct store_reader {
	struct store *s; /* borrowed; its path alone, and the lock */
	sqlite3 *db;
	uint64_t revision, oldest;
};

static int fail(struct store_reader *r, struct vpc_error *reterr)
{
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot read %s: %s", r->s->path, sqlite3_errmsg(r->db));
	return -EIO;
}

static int prepare(struct store_reader *r, const char *sql, sqlite3_stmt **ret, struct vpc_error *reterr)
{
	return sqlite3_prepare_v2(r->db, sql, -1, ret, NULL) == SQLITE_OK ? 0 : fail(r, reterr);
}

/* The first value of the first row. NULL and no row: otherwise. */
static int read_number(struct store_reader *r, const char *sql, uint64_t otherwise, uint64_t *ret,
		       struct vpc_error *reterr)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int n = prepare(r, sql, &q, reterr);

	if (n < 0)
		return n;
	n = sqlite3_step(q);
	if (n != SQLITE_ROW && n != SQLITE_DONE)
		return fail(r, reterr);
	*ret = n == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL ? (uint64_t)sqlite3_column_int64(q, 0)
									   : otherwise;
	return 0;
}

/* From the first read on the connection sees one state. */
static int begin(struct store_reader *r, struct vpc_error *reterr)
{
	uint64_t first;
	int n;

	sqlite3_busy_timeout(r->db, READER_BUSY_MS);
	if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return fail(r, reterr);
	n = read_number(r, "SELECT revision FROM state", 0, &r->revision, reterr);
	if (n == 0)
		n = read_number(r, "SELECT min(revision) FROM history", r->revision + 1, &first, reterr);
	if (n < 0)
		return n;
	r->oldest = first - 1;
	if (r->revision > r->s->history.depth && r->oldest < r->revision - r->s->history.depth)
		r->oldest = r->revision - r->s->history.depth;
	return 0;
}

int store_reader_open(struct store *s, struct store_reader **ret, struct vpc_error *reterr)
{
	struct store_reader *r = calloc(1, sizeof(*r));
	int n;

	if (!r)
		return vpc_error_oom(reterr);
	r->s = s;
	pthread_rwlock_rdlock(&s->connections);
	/* A name that leads to nothing would be read as an empty store. */
	n = store_files_check_database(s, reterr);
	if (n == 0 && sqlite3_open_v2(s->path, &r->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		n = r->db ? fail(r, reterr) : vpc_error_oom(reterr);
	if (n == 0) {
		sqlite3_db_config(r->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_exec(r->db, "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;", NULL, NULL, NULL);
		n = begin(r, reterr);
	}
	if (n < 0) {
		store_reader_close(r);
		return n;
	}
	*ret = r;
	return 0;
}

void store_reader_close(struct store_reader *r)
{
	if (!r)
		return;
	sqlite3_close_v2(r->db);
	pthread_rwlock_unlock(&r->s->connections);
	free(r);
}

uint64_t store_reader_revision(const struct store_reader *r)
{
	return r->revision;
}

uint64_t store_reader_oldest(const struct store_reader *r)
{
	return r->oldest;
}

/* --- commits and changes ----------------------------------------------------------------------------- */

static int each_commit(struct store_reader *r, const char *sql, uint64_t from, store_history_fn fn, void *userdata,
		       struct vpc_error *reterr)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int n = prepare(r, sql, &q, reterr);

	if (n < 0)
		return n;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)(from <= INT64_MAX ? from : INT64_MAX));
	sqlite3_bind_int64(q, 2, (sqlite3_int64)r->oldest);
	while ((n = sqlite3_step(q)) == SQLITE_ROW) {
		struct store_history_row row = {.revision = (uint64_t)sqlite3_column_int64(q, 0),
						.time_ns = (uint64_t)sqlite3_column_int64(q, 1),
						.uid = (uid_t)sqlite3_column_int64(q, 2),
						.pid = (pid_t)sqlite3_column_int64(q, 3),
						.command = store_column_text(q, 4),
						.changes = (uint64_t)sqlite3_column_int64(q, 5)};
		char revision[24];

		snprintf(revision, sizeof(revision), "%llu", (unsigned long long)row.revision);
		if (store_history_checksum(&row) != (uint64_t)sqlite3_column_int64(q, 6))
			return store_damaged(r->s, "the history of revision", revision, reterr);
		n = fn(&row, userdata);
		if (n != 0)
			return n < 0 ? n : 0;
	}
	return n == SQLITE_DONE ? 0 : fail(r, reterr);
}

#define COMMITS "SELECT revision, time_ns, uid, pid, command, changes, checksum FROM history "

int store_read_commits(struct store_reader *r, uint64_t after, store_history_fn fn, void *userdata,
		       struct vpc_error *reterr)
{
	return each_commit(r, COMMITS "WHERE revision > ?1 AND revision > ?2 ORDER BY revision", after, fn, userdata,
			   reterr);
}

int store_read_commits_back(struct store_reader *r, uint64_t before, store_history_fn fn, void *userdata,
			    struct vpc_error *reterr)
{
	return each_commit(r, COMMITS "WHERE revision < ?1 AND revision > ?2 ORDER BY revision DESC", before, fn,
			   userdata, reterr);
}

/* The place of the first change of a revision after `after`. Revisions ascend with places, so no index is needed. */
static int find_change(struct store_reader *r, uint64_t after, uint64_t *ret, struct vpc_error *reterr)
{
	static const char sql[] = "SELECT revision FROM history_change WHERE position >= ?1 ORDER BY position LIMIT 1";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	uint64_t low, high;
	int n = read_number(r, "SELECT min(position) FROM history_change", 1, &low, reterr);

	if (n == 0)
		n = read_number(r, "SELECT max(position) + 1 FROM history_change", 1, &high, reterr);
	if (n == 0)
		n = prepare(r, sql, &q, reterr);
	if (n < 0)
		return n;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		sqlite3_bind_int64(q, 1, (sqlite3_int64)middle);
		n = sqlite3_step(q);
		if (n != SQLITE_ROW)
			return fail(r, reterr);
		if ((uint64_t)sqlite3_column_int64(q, 0) > after)
			high = middle;
		else
			low = middle + 1;
		sqlite3_reset(q);
	}
	*ret = low;
	return 0;
}

static int read_change(struct store_reader *r, sqlite3_stmt *q, struct store_change_row *ret, struct vpc_error *reterr)
{
	*ret = (struct store_change_row){
		.revision = (uint64_t)sqlite3_column_int64(q, 0),
		.kind = store_column_text(q, 1),
		.id = store_column_text(q, 2),
		.name = store_column_text(q, 3),
		.parent = (const char *)sqlite3_column_text(q, 4),
		.fields = (const char *)sqlite3_column_text(q, 5),
		.before = (const char *)sqlite3_column_text(q, 6),
	};
	ret->deleted = ret->before && !ret->fields;
	if (store_change_checksum(ret) == (uint64_t)sqlite3_column_int64(q, 7))
		return 0;
	return store_damaged(r->s, "the history of", ret->id, reterr);
}

int store_read_changes(struct store_reader *r, uint64_t after, uint64_t skip, store_change_fn fn, void *userdata,
		       struct vpc_error *reterr)
{
	static const char sql[] = "SELECT revision, kind, id, name, parent, fields, before, checksum "
				  "FROM history_change WHERE position >= ?1 ORDER BY position";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	uint64_t first;
	int n = find_change(r, after, &first, reterr);

	if (n == 0)
		n = prepare(r, sql, &q, reterr);
	if (n < 0)
		return n;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)(first + skip));
	while ((n = sqlite3_step(q)) == SQLITE_ROW) {
		struct store_change_row row;

		n = read_change(r, q, &row, reterr);
		if (n == 0)
			n = fn(&row, userdata);
		if (n != 0)
			return n < 0 ? n : 0;
	}
	return n == SQLITE_DONE ? 0 : fail(r, reterr);
}

/* --- which concern an object ------------------------------------------------------------------------- */

int store_find_ids(struct store_reader *r, const char *name, store_id_fn fn, void *userdata, struct vpc_error *reterr)
{
	static const char sql[] =
		"SELECT DISTINCT id FROM history_change WHERE (name = ?1 OR id = ?1) AND revision > ?2";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int n = prepare(r, sql, &q, reterr);

	if (n < 0)
		return n;
	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)r->oldest);
	while ((n = sqlite3_step(q)) == SQLITE_ROW) {
		n = fn(store_column_text(q, 0), userdata);
		if (n != 0)
			return n < 0 ? n : 0;
	}
	return n == SQLITE_DONE ? 0 : fail(r, reterr);
}

/* The text of a JSON array of an object's keys. NULL: out of memory. */
static char *keys_text(const json_t *object)
{
	json_t *keys = json_array(), *value;
	const char *key;
	char *text;

	if (!keys)
		return NULL;
	json_object_foreach ((json_t *)object, key, value)
		json_array_append_new(keys, json_string(key));
	text = json_array_size(keys) == json_object_size(object) ? json_dumps(keys, JSON_COMPACT) : NULL;
	json_decref(keys);
	return text;
}

int store_find_revisions(struct store_reader *r, const json_t *ids, uint64_t before, size_t limit, store_revision_fn fn,
			 void *userdata, struct vpc_error *reterr)
{
	static const char sql[] = "SELECT DISTINCT revision FROM history_change WHERE revision < ?2 AND revision > ?3 "
				  "AND (id IN (SELECT value FROM json_each(?1)) OR "
				  "parent IN (SELECT value FROM json_each(?1))) ORDER BY revision DESC LIMIT ?4";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	_cleanup_free_ char *text = keys_text(ids);
	int n = text ? prepare(r, sql, &q, reterr) : vpc_error_oom(reterr);

	if (n < 0)
		return n;
	sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)before);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)r->oldest);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)limit);
	while ((n = sqlite3_step(q)) == SQLITE_ROW) {
		n = fn((uint64_t)sqlite3_column_int64(q, 0), userdata);
		if (n != 0)
			return n < 0 ? n : 0;
	}
	return n == SQLITE_DONE ? 0 : fail(r, reterr);
}

/* --- documents of a revision ------------------------------------------------------------------------- */

struct past {
	store_past_fn fn;
	void *userdata;
	json_t *seen; /* "kind id" → true: what changed later */
	struct store_reader *r;
	struct vpc_error *reterr;
};

static int tell(struct past *p, const char *kind, const char *id, const char *text)
{
	json_t *document = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	int n;

	if (!document)
		return store_damaged(p->r->s, kind, id, p->reterr);
	n = p->fn(kind, id, document, p->userdata);
	json_decref(document);
	return n;
}

/* The first change after the revision says what the document was. */
static int note_change(const struct store_change_row *row, void *userdata)
{
	struct past *p = userdata;

	if (json_object_get(p->seen, row->id))
		return 0;
	/* Ids have their kind's prefix, so no two kinds have the same. */
	if (json_object_set_new(p->seen, row->id, json_string(row->before ?: "")) < 0)
		return vpc_error_oom(p->reterr);
	return 0;
}

static int tell_unchanged(struct past *p)
{
	static const char sql[] = "SELECT kind, id, text, revision, checksum FROM document ORDER BY position";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int n = prepare(p->r, sql, &q, p->reterr);

	if (n < 0)
		return n;
	while ((n = sqlite3_step(q)) == SQLITE_ROW) {
		const char *kind = store_column_text(q, 0), *id = store_column_text(q, 1),
			   *text = store_column_text(q, 2);
		uint64_t revision = (uint64_t)sqlite3_column_int64(q, 3);

		if (json_object_get(p->seen, id))
			continue;
		if (store_document_checksum(kind, id, revision, text) != (uint64_t)sqlite3_column_int64(q, 4))
			return store_damaged(p->r->s, kind, id, p->reterr);
		n = tell(p, kind, id, text);
		if (n != 0)
			return n < 0 ? n : 0;
	}
	return n == SQLITE_DONE ? 0 : fail(p->r, p->reterr);
}

static int tell_changed(const struct store_change_row *row, void *userdata)
{
	struct past *p = userdata;
	int n;

	/* Each once: an empty text stands for one that was told of, and for one that wasn't there. */
	if (!row->before || !json_string_length(json_object_get(p->seen, row->id)))
		return 0;
	n = tell(p, row->kind, row->id, row->before);
	if (n == 0 && json_object_set_new(p->seen, row->id, json_string("")) < 0)
		return vpc_error_oom(p->reterr);
	return n;
}

int store_read_documents(struct store_reader *r, uint64_t revision, store_past_fn fn, void *userdata,
			 struct vpc_error *reterr)
{
	struct past p = {.fn = fn, .userdata = userdata, .seen = json_object(), .r = r, .reterr = reterr};
	int n;

	if (!p.seen)
		return vpc_error_oom(reterr);
	n = store_read_changes(r, revision, 0, note_change, &p, reterr);
	if (n == 0)
		n = tell_unchanged(&p);
	if (n == 0)
		n = store_read_changes(r, revision, 0, tell_changed, &p, reterr);
	json_decref(p.seen);
	return n;
}

/* --- usage -------------------------------------------------------------------------------------------- */

int store_read_usage(struct store_reader *r, uint64_t first, uint64_t last, store_usage_fn fn, void *userdata,
		     struct vpc_error *reterr)
{
	static const char sql[] = "SELECT hour, vpc, name, most, counts, checksum FROM usage "
				  "WHERE hour BETWEEN ?1 AND ?2 ORDER BY hour, vpc";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int n = prepare(r, sql, &q, reterr);

	if (n < 0)
		return n;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)(first <= INT64_MAX ? first : INT64_MAX));
	sqlite3_bind_int64(q, 2, (sqlite3_int64)(last <= INT64_MAX ? last : INT64_MAX));
	while ((n = sqlite3_step(q)) == SQLITE_ROW) {
		struct store_usage row;
		char hour[24];

		snprintf(hour, sizeof(hour), "%llu", (unsigned long long)sqlite3_column_int64(q, 0));
		if (!store_usage_from(q, &row))
			return store_damaged(r->s, "usage of hour", hour, reterr);
		n = fn(&row, userdata);
		if (n != 0)
			return n < 0 ? n : 0;
	}
	return n == SQLITE_DONE ? 0 : fail(r, reterr);
}
