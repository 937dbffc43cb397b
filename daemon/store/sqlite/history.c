/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The past: with each commit, who made it and what each document was before. So a document at revision R is what it was
 * before its first change after R, or what it is now. Both tables only grow at their ends, and only the oldest goes.
 */
#include <string.h>

#include "store/sqlite/internal.h"

/* How much more than is to be kept may be there before some is deleted. */
#define SLACK_REVISIONS 64
#define SLACK_PART	16 /* of the bytes */
/* What one step deletes: a commit that comes meanwhile waits for it. */
#define STEP_REVISIONS	256
#define STEP_CHANGES	1000

uint64_t store_history_checksum(const struct store_history_row *row)
{
	uint64_t sum = store_checksum_number(store_checksum_begin(), row->revision);

	sum = store_checksum_number(sum, row->time_ns);
	sum = store_checksum_number(sum, row->uid);
	sum = store_checksum_number(sum, (uint64_t)row->pid);
	sum = store_checksum_number(sum, row->changes);
	return store_checksum_string(sum, row->command);
}

uint64_t store_change_checksum(const struct store_change_row *row)
{
	uint64_t sum = store_checksum_number(store_checksum_begin(), row->revision);

	sum = store_checksum_string(sum, row->kind);
	sum = store_checksum_string(sum, row->id);
	sum = store_checksum_string(sum, row->name);
	sum = store_checksum_string(sum, row->parent ?: "");
	sum = store_checksum_string(sum, row->fields ?: "");
	return store_checksum_string(sum, row->before ?: "");
}

int store_history_read(struct store *s, struct vpc_error *reterr)
{
	sqlite3_stmt *q = store_statement(s, STORE_HISTORY_ENDS);
	int r = sqlite3_step(q);

	if (r == SQLITE_ROW) {
		s->history.oldest = (uint64_t)sqlite3_column_int64(q, 0);
		s->history.oldest_bytes = (uint64_t)sqlite3_column_int64(q, 1);
		s->history.bytes = (uint64_t)sqlite3_column_int64(q, 2);
		s->history.orphans = true; /* who was ended in the middle may have left some */
	}
	sqlite3_reset(q);
	return r == SQLITE_ROW ? 0 : store_fail(s, "read", reterr);
}

/* The members in which the two differ, as the text of a JSON array. NULL: out of memory. */
static char *differing(const json_t *before, const json_t *after)
{
	json_t *fields = json_array(), *value;
	char *text = NULL;
	const char *key;
	bool ok = fields;

	json_object_foreach ((json_t *)after, key, value)
		if (strcmp(key, "revision") != 0 && !json_equal(value, json_object_get(before, key)))
			ok = ok && json_array_append_new(fields, json_string(key)) == 0;
	json_object_foreach ((json_t *)before, key, value)
		if (!json_object_get(after, key))
			ok = ok && json_array_append_new(fields, json_string(key)) == 0;
	if (ok)
		text = json_dumps(fields, JSON_COMPACT);
	json_decref(fields);
	return text;
}

/* Whether two compact texts differ in the value of "revision" alone: a new version of a group whose rules changed. */
static bool same_but_revision(const char *a, const char *b)
{
	static const char key[] = "\"revision\":";
	const char *x = strstr(a, key), *y = strstr(b, key);

	if (!x || !y || x - a != y - b || memcmp(a, b, (size_t)(x - a)) != 0)
		return false;
	x += strlen(key);
	y += strlen(key);
	return strcmp(x + strspn(x, "0123456789"), y + strspn(y, "0123456789")) == 0;
}

/* As differing(), of the texts. */
static char *differing_text(const char *before, const char *after, const json_t *document)
{
	json_t *was;
	char *text;

	if (same_but_revision(before, after))
		return strdup("[]");
	was = json_loads(before, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	text = differing(was, document);
	json_decref(was);
	return text;
}

static void bind_text(sqlite3_stmt *q, int column, const char *text)
{
	if (text)
		sqlite3_bind_text(q, column, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(q, column);
}

int store_history_change(struct store *s, uint64_t revision, const struct store_write *w, const char *before,
			 const char *after, struct store_history *h)
{
	_cleanup_free_ char *fields = NULL;
	struct store_change_row row = {.revision = revision,
				       .kind = w->kind,
				       .id = w->id,
				       .name = w->name ?: "",
				       .parent = w->parent,
				       .before = before};
	sqlite3_stmt *q = store_statement(s, STORE_CHANGE_INSERT);
	int r;

	if (!before && !w->document)
		return SQLITE_OK; /* nothing is deleted */
	if (before && w->document) {
		fields = differing_text(before, after, w->document);
		if (!fields)
			return SQLITE_NOMEM;
		row.fields = fields;
	}
	sqlite3_bind_int64(q, 1, (sqlite3_int64)revision);
	bind_text(q, 2, row.kind);
	bind_text(q, 3, row.id);
	bind_text(q, 4, row.name);
	bind_text(q, 5, row.parent);
	bind_text(q, 6, row.fields);
	bind_text(q, 7, row.before);
	sqlite3_bind_int64(q, 8, (sqlite3_int64)store_change_checksum(&row));
	r = store_run(q);
	sqlite3_clear_bindings(q); /* before goes away */
	h->bytes += sizeof(row) + (before ? strlen(before) : 0);
	return r;
}

int store_history_commit(struct store *s, const struct store_batch *b, struct store_history *h)
{
	static const struct store_author nobody = {.command = "vpcd"};
	const struct store_author *a = b->author ?: &nobody;
	struct store_history_row row = {.revision = b->revision,
					.time_ns = a->time_ns,
					.uid = a->uid,
					.pid = a->pid,
					.command = a->command ?: "",
					.changes = b->n_writes};
	sqlite3_stmt *q = store_statement(s, STORE_HISTORY_INSERT);
	int r;

	h->bytes += sizeof(row) + strlen(row.command);
	if (!h->oldest) {
		h->oldest = b->revision;
		h->oldest_bytes = h->bytes;
	}
	sqlite3_bind_int64(q, 1, (sqlite3_int64)row.revision);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)row.time_ns);
	sqlite3_bind_int64(q, 3, row.uid);
	sqlite3_bind_int64(q, 4, row.pid);
	sqlite3_bind_text(q, 5, row.command, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 6, (sqlite3_int64)row.changes);
	sqlite3_bind_int64(q, 7, (sqlite3_int64)h->bytes);
	sqlite3_bind_int64(q, 8, (sqlite3_int64)store_history_checksum(&row));
	r = store_run(q);
	sqlite3_clear_bindings(q);
	return r;
}

/* --- what is too old --------------------------------------------------------------------------------- */

void store_keep_history(struct store *s, uint64_t depth, uint64_t bytes)
{
	s->history.depth = depth;
	s->history.max_bytes = bytes;
}

/* The last revision that is too old for the depth; 0: none. */
static uint64_t too_old(const struct store *s, uint64_t slack)
{
	uint64_t keep = s->history.depth + slack;

	return s->totals.revision > keep ? s->totals.revision - keep : 0;
}

static bool too_much(const struct store_history *h, uint64_t slack)
{
	return h->bytes - h->oldest_bytes > h->max_bytes + slack;
}

bool store_history_due(const struct store *s)
{
	const struct store_history *h = &s->history;

	return h->orphans ||
	       (h->oldest && (too_old(s, SLACK_REVISIONS) >= h->oldest || too_much(h, h->max_bytes / SLACK_PART)));
}

/* SQLite's code. Deletes rows by a statement whose first two parameters are bound; *deleted grows by their number. */
static int run_delete(struct store *s, sqlite3_stmt *q, uint64_t limit, uint64_t until, size_t *deleted)
{
	int r;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)limit);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)until);
	r = store_run(q);
	if (r == SQLITE_OK)
		*deleted += (size_t)sqlite3_changes(s->db);
	return r;
}

/* SQLite's code. The commits first: what is left of the changes of one that is gone is never read. */
static int delete_some(struct store *s, size_t *deleted)
{
	const struct store_history *h = &s->history;
	sqlite3_stmt *q = store_statement(s, STORE_HISTORY_PRUNE);
	uint64_t behind = h->bytes > h->max_bytes ? h->bytes - h->max_bytes : 0;
	uint64_t oldest = s->totals.revision + 1;
	int r;

	sqlite3_bind_int64(q, 3, (sqlite3_int64)behind);
	r = run_delete(s, q, STEP_REVISIONS, too_old(s, 0), deleted);
	if (r != SQLITE_OK)
		return r;
	q = store_statement(s, STORE_HISTORY_ENDS);
	r = sqlite3_step(q);
	if (r == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
		oldest = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	if (r != SQLITE_ROW)
		return r;
	return run_delete(s, store_statement(s, STORE_CHANGE_PRUNE), STEP_CHANGES, oldest, deleted);
}

int store_history_prune(struct store *s)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	size_t deleted = 0;
	int r;

	if (!s->db || s->failed)
		return 0;
	r = store_run(store_statement(s, STORE_BEGIN));
	if (r == SQLITE_OK)
		r = delete_some(s, &deleted);
	if (r == SQLITE_OK)
		r = store_run(store_statement(s, STORE_COMMIT));
	if (r != SQLITE_OK) {
		if (!sqlite3_get_autocommit(s->db))
			store_run(store_statement(s, STORE_ROLLBACK));
		return r == SQLITE_NOMEM ? -ENOMEM : r == SQLITE_BUSY ? -EBUSY : -EIO;
	}
	if (store_history_read(s, &error) < 0)
		return -EIO;
	s->history.orphans = deleted > 0;
	return deleted > 0;
}
