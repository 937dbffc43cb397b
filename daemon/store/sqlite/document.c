/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents: checked when opened, loaded in order, written in one transaction. */
#include <string.h>

#include "store/sqlite/internal.h"

uint64_t store_document_checksum(const char *kind, const char *id, uint64_t revision, const char *text)
{
	uint64_t sum = store_checksum_begin();

	sum = store_checksum_string(sum, kind);
	sum = store_checksum_string(sum, id);
	sum = store_checksum_number(sum, revision);
	return store_checksum_string(sum, text);
}

static uint64_t totals_checksum(const struct store_totals *t)
{
	uint64_t sum = store_checksum_begin();

	sum = store_checksum_number(sum, t->revision);
	sum = store_checksum_number(sum, t->documents);
	return store_checksum_number(sum, t->digest);
}

/* The state row; a file without documents and without the row is a new one and gets it. */
int store_state_read(struct store *s, struct store_totals *ret, struct vpc_error *reterr)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int r;

	if (sqlite3_prepare_v2(s->db, "SELECT revision, documents, digest, checksum FROM state", -1, &q, NULL) !=
	    SQLITE_OK)
		return store_fail(s, "read", reterr);
	r = sqlite3_step(q);
	if (r == SQLITE_DONE) {
		char sql[128];

		*ret = (struct store_totals){0};
		snprintf(sql, sizeof(sql), "INSERT INTO state VALUES (1, 0, 0, 0, %lld)",
			 (long long)totals_checksum(ret));
		if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
			return store_fail(s, "write", reterr);
		return 0;
	}
	if (r != SQLITE_ROW)
		return store_fail(s, "read", reterr);
	*ret = (struct store_totals){
		.revision = (uint64_t)sqlite3_column_int64(q, 0),
		.documents = (uint64_t)sqlite3_column_int64(q, 1),
		.digest = (uint64_t)sqlite3_column_int64(q, 2),
	};
	if ((uint64_t)sqlite3_column_int64(q, 3) != totals_checksum(ret))
		return store_damaged(s, "state", "revision", reterr);
	return 0;
}

int store_documents_check(struct store *s, struct vpc_error *reterr)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	struct store_totals found = {0};
	int r;

	r = store_state_read(s, &s->totals, reterr);
	if (r < 0)
		return r;
	if (sqlite3_prepare_v2(s->db, "SELECT kind, id, revision, text, checksum FROM document", -1, &q, NULL) !=
	    SQLITE_OK)
		return store_fail(s, "read", reterr);
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		uint64_t sum = store_document_checksum(store_column_text(q, 0), store_column_text(q, 1),
						       (uint64_t)sqlite3_column_int64(q, 2), store_column_text(q, 3));

		if (sum != (uint64_t)sqlite3_column_int64(q, 4))
			return store_damaged(s, store_column_text(q, 0), store_column_text(q, 1), reterr);
		found.documents++;
		found.digest += sum;
	}
	if (r != SQLITE_DONE)
		return store_fail(s, "read", reterr);
	if (found.documents == s->totals.documents && found.digest == s->totals.digest)
		return 0;
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
		      "%s is damaged: it should hold %llu documents and holds %llu%s", s->path,
		      (unsigned long long)s->totals.documents, (unsigned long long)found.documents,
		      found.documents == s->totals.documents ? ", not all of them the right ones" : "");
	return -EUCLEAN;
}

int store_load(struct store *s, const char *kind, store_document_fn fn, void *userdata, struct vpc_error *reterr)
{
	/* NOT INDEXED: in the table's order, which is the documents'; the index would want a sort. */
	static const char sql[] = "SELECT id, revision, text, checksum FROM document NOT INDEXED WHERE kind = ?1 "
				  "ORDER BY position";
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;
	int r;

	if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(q, 1, kind, -1, SQLITE_STATIC) != SQLITE_OK)
		return store_fail(s, "read", reterr);
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		const char *id = store_column_text(q, 0), *text = store_column_text(q, 2);
		uint64_t revision = (uint64_t)sqlite3_column_int64(q, 1);
		json_t *document = NULL;

		if (store_document_checksum(kind, id, revision, text) == (uint64_t)sqlite3_column_int64(q, 3))
			document = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (!document)
			return store_damaged(s, kind, id, reterr);
		r = fn(id, revision, document, userdata);
		json_decref(document);
		if (r != 0)
			return 0;
	}
	return r == SQLITE_DONE ? 0 : store_fail(s, "read", reterr);
}

/* SQLite's code. The document's place, checksum and text (owned); *ret_position 0: there is none. */
static int find_document(struct store *s, const struct store_write *w, int64_t *ret_position, uint64_t *ret_sum,
			 char **ret_text)
{
	sqlite3_stmt *q = store_statement(s, STORE_DOCUMENT_FIND);
	int r;

	*ret_position = 0;
	*ret_sum = 0;
	sqlite3_bind_text(q, 1, w->kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, w->id, -1, SQLITE_STATIC);
	r = sqlite3_step(q);
	if (r == SQLITE_ROW) {
		*ret_position = sqlite3_column_int64(q, 0);
		*ret_sum = (uint64_t)sqlite3_column_int64(q, 1);
		*ret_text = strdup(store_column_text(q, 2));
	}
	sqlite3_reset(q);
	if (*ret_position && !*ret_text)
		return SQLITE_NOMEM;
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static int put_document(struct store *s, uint64_t revision, const struct store_write *w, int64_t position,
			const char *text, uint64_t sum)
{
	sqlite3_stmt *q = store_statement(s, position ? STORE_DOCUMENT_UPDATE : STORE_DOCUMENT_INSERT);
	int r;

	if (position) {
		sqlite3_bind_int64(q, 1, position);
		sqlite3_bind_int64(q, 2, (sqlite3_int64)revision);
		sqlite3_bind_text(q, 3, text, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 4, (sqlite3_int64)sum);
	} else {
		sqlite3_bind_text(q, 1, w->kind, -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 2, w->id, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 3, (sqlite3_int64)revision);
		sqlite3_bind_text(q, 4, text, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 5, (sqlite3_int64)sum);
	}
	r = store_run(q);
	sqlite3_clear_bindings(q); /* text goes away */
	return r;
}

/* SQLite's code. *totals and *h follow what the write does. */
static int write_document(struct store *s, uint64_t revision, const struct store_write *w, struct store_totals *totals,
			  struct store_history *h)
{
	_cleanup_free_ char *text = NULL, *before = NULL;
	int64_t position = 0;
	uint64_t sum = 0;
	int r = w->fresh ? SQLITE_OK : find_document(s, w, &position, &sum, &before);

	if (r == SQLITE_OK && w->document && !(text = json_dumps(w->document, JSON_COMPACT | JSON_ENCODE_ANY)))
		r = SQLITE_NOMEM;
	if (r == SQLITE_OK)
		r = store_history_change(s, revision, w, before, text, h);
	if (r != SQLITE_OK)
		return r;
	if (position) {
		totals->digest -= sum;
		totals->documents--;
	}
	if (!w->document) {
		sqlite3_stmt *q = store_statement(s, STORE_DOCUMENT_DELETE);

		sqlite3_bind_int64(q, 1, position); /* positions start at 1: 0 deletes nothing */
		return store_run(q);
	}
	sum = store_document_checksum(w->kind, w->id, revision, text);
	totals->digest += sum;
	totals->documents++;
	return put_document(s, revision, w, position, text, sum);
}

static int write_state(struct store *s, const struct store_totals *totals)
{
	sqlite3_stmt *q = store_statement(s, STORE_STATE_SET);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)totals->revision);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)totals->documents);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)totals->digest);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)totals_checksum(totals));
	return store_run(q);
}

/* SQLite's code: everything but the transaction around it. */
static int write_batch(struct store *s, const struct store_batch *b, struct store_totals *totals, uint64_t *n_replies,
		       struct store_history *h)
{
	int r = SQLITE_OK;

	for (size_t i = 0; r == SQLITE_OK && i < b->n_writes; i++)
		r = write_document(s, b->revision, &b->writes[i], totals, h);
	if (r == SQLITE_OK && b->revision != s->totals.revision)
		r = store_history_commit(s, b, h);
	for (size_t i = 0; r == SQLITE_OK && i < b->n_meta; i++)
		r = store_meta_write(s, b->meta[i].key, b->meta[i].value);
	for (size_t i = 0; r == SQLITE_OK && i < b->n_usage; i++)
		r = store_usage_write(s, &b->usage[i]);
	for (size_t i = 0; r == SQLITE_OK && i < b->n_replies; i++)
		r = store_reply_write(s, &b->replies[i], n_replies);
	return r == SQLITE_OK ? write_state(s, totals) : r;
}

/* SQLite's code. One transaction; what fails is rolled back. */
static int try_batch(struct store *s, const struct store_batch *b, int busy_ms, struct store_totals *totals,
		     uint64_t *n_replies, struct store_history *h)
{
	int r;

	*h = s->history;
	*totals = s->totals;
	totals->revision = b->revision;
	*n_replies = s->n_replies;
	sqlite3_busy_timeout(s->db, busy_ms);
	r = store_run(store_statement(s, STORE_BEGIN));
	if (r == SQLITE_OK)
		r = write_batch(s, b, totals, n_replies, h);
	if (r == SQLITE_OK)
		r = store_run(store_statement(s, STORE_COMMIT));
	return r;
}

static void roll_back(struct store *s)
{
	if (s->db && !sqlite3_get_autocommit(s->db))
		store_run(store_statement(s, STORE_ROLLBACK));
}

static bool is_lock_trouble(int r)
{
	return r == SQLITE_BUSY || r == SQLITE_PROTOCOL;
}

/*
 * Another process may hold a lock. It may also be that nobody does: SQLite counts locks in memory, and one that the
 * kernel once failed to give back is counted for ever. (If it is a reader's, SQLite says SQLITE_PROTOCOL, after 10 s of
 * its own.) Nothing was written then. So the connection is made anew before it is tried once more. Who has waited in
 * vain doesn't wait again for as long, until it worked once: those who queue behind would add up their waits.
 */
#define BUSY_FIRST_MS 200
#define BUSY_MS	      2000

static int commit(struct store *s, const struct store_batch *b, struct vpc_error *reterr)
{
	struct store_totals totals;
	struct store_history history;
	uint64_t n_replies;
	int r = store_files_check(s, reterr);

	if (r == 0 && !s->db)
		r = store_reconnect(s, false, reterr);
	if (r < 0)
		return r;
	r = try_batch(s, b, BUSY_FIRST_MS, &totals, &n_replies, &history);
	if (is_lock_trouble(r)) {
		roll_back(s);
		if (store_reconnect(s, false, reterr) < 0)
			return -EIO;
		r = try_batch(s, b, s->failed ? 0 : BUSY_MS - BUSY_FIRST_MS, &totals, &n_replies, &history);
	}
	if (is_lock_trouble(r))
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "another process has a transaction open in %s and does not end it; end that process",
			      s->path);
	else if (r != SQLITE_OK)
		store_fail(s, "write", reterr);
	if (r != SQLITE_OK) {
		roll_back(s);
		return r == SQLITE_NOMEM ? vpc_error_oom(reterr) : -EIO;
	}
	s->totals = totals;
	s->n_replies = n_replies;
	s->history = history;
	return 0;
}

int store_commit(struct store *s, const struct store_batch *b, struct vpc_error *reterr)
{
	uint64_t now = s->totals.revision;
	int r;

	if (b->revision != now + 1 && (b->revision != now || b->n_writes)) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "revision %llu cannot follow revision %llu",
			      (unsigned long long)b->revision, (unsigned long long)now);
		return -EINVAL;
	}
	r = commit(s, b, reterr);
	s->failed = r < 0;
	if (r == 0)
		store_acknowledge(s);
	return r;
}

int store_probe(struct store *s, struct vpc_error *reterr)
{
	const struct store_batch nothing = {.revision = s->totals.revision};

	if (s->db && store_files_lost_wal(s) && store_wal_finish(s)) {
		int r = store_reconnect(s, true, reterr);

		if (r < 0)
			return r;
	}
	/* Writes the state row as it is: what a commit that failed may have left in the log is written over. */
	return store_commit(s, &nothing, reterr);
}
