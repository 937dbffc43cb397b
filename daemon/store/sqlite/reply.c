/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies kept for Idempotency-Keys: for 24 hours, and at most STORE_REPLIES_MAX of them. */
#include <string.h>

#include "store/sqlite/internal.h"

static uint64_t reply_checksum(uid_t uid, const char *key, const char *digest, const char *reply)
{
	uint64_t sum = store_checksum_number(store_checksum_begin(), uid);

	sum = store_checksum_string(sum, key);
	sum = store_checksum_string(sum, digest);
	return store_checksum_string(sum, reply);
}

/* Runs a deleting statement and takes what it deleted off *n_replies. */
static int run_delete(struct store *s, sqlite3_stmt *q, uint64_t *n_replies)
{
	int r = store_run(q);

	if (r == SQLITE_OK)
		*n_replies -= (uint64_t)sqlite3_changes(s->db);
	return r;
}

int store_reply_write(struct store *s, const struct store_reply *reply, uint64_t *n_replies)
{
	sqlite3_stmt *q = store_statement(s, STORE_REPLY_EXPIRE);
	int r;

	sqlite3_bind_int64(q, 1, reply->time_s - STORE_REPLY_AGE_S);
	r = run_delete(s, q, n_replies);
	if (r == SQLITE_OK) {
		q = store_statement(s, STORE_REPLY_FORGET);
		sqlite3_bind_int64(q, 1, reply->uid);
		sqlite3_bind_text(q, 2, reply->key, -1, SQLITE_STATIC);
		r = run_delete(s, q, n_replies);
	}
	if (r == SQLITE_OK && *n_replies >= STORE_REPLIES_MAX) {
		q = store_statement(s, STORE_REPLY_TRIM);
		sqlite3_bind_int64(q, 1, (sqlite3_int64)(*n_replies - STORE_REPLIES_MAX + 1));
		r = run_delete(s, q, n_replies);
	}
	if (r != SQLITE_OK)
		return r;
	q = store_statement(s, STORE_REPLY_INSERT);
	sqlite3_bind_int64(q, 1, reply->uid);
	sqlite3_bind_text(q, 2, reply->key, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, reply->request_digest, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 4, reply->reply, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 5, reply->time_s);
	sqlite3_bind_int64(q, 6,
			   (sqlite3_int64)reply_checksum(reply->uid, reply->key, reply->request_digest, reply->reply));
	r = store_run(q);
	if (r == SQLITE_OK)
		++*n_replies;
	return r;
}

int store_find_reply(struct store *s, uid_t uid, const char *key, int64_t now_s, char **ret_digest, char **ret_reply,
		     struct vpc_error *reterr)
{
	_cleanup_free_ char *digest = NULL, *reply = NULL;
	sqlite3_stmt *q;
	uint64_t sum;
	int64_t time_s;
	int r;

	if (!s->db && store_reconnect(s, false, reterr) < 0)
		return -EIO;
	q = store_statement(s, STORE_REPLY_FIND);
	sqlite3_bind_int64(q, 1, uid);
	sqlite3_bind_text(q, 2, key, -1, SQLITE_STATIC);
	r = sqlite3_step(q);
	if (r != SQLITE_ROW) {
		r = r == SQLITE_DONE ? -ENOENT : store_fail(s, "read", reterr);
		sqlite3_reset(q);
		return r;
	}
	digest = strdup((const char *)sqlite3_column_text(q, 0) ?: "");
	reply = strdup((const char *)sqlite3_column_text(q, 1) ?: "");
	time_s = sqlite3_column_int64(q, 2);
	sum = (uint64_t)sqlite3_column_int64(q, 3);
	sqlite3_reset(q);
	if (!digest || !reply)
		return vpc_error_oom(reterr);
	if (time_s < now_s - STORE_REPLY_AGE_S)
		return -ENOENT; /* the next reply that is stored sweeps it away */
	if (sum != reply_checksum(uid, key, digest, reply)) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "%s is damaged: the reply kept for the idempotency key %s does not match its checksum",
			      s->path, key);
		return -EUCLEAN;
	}
	*ret_digest = TAKE_PTR(digest);
	*ret_reply = TAKE_PTR(reply);
	return 0;
}
