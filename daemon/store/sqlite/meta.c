/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small values by key that belong to no object. */
#include <string.h>

#include "store/sqlite/internal.h"

static uint64_t meta_checksum(const char *key, const char *value)
{
	return store_checksum_string(store_checksum_string(store_checksum_begin(), key), value);
}

int store_meta_write(struct store *s, const char *key, const char *value)
{
	sqlite3_stmt *q = store_statement(s, value ? STORE_META_SET : STORE_META_DELETE);

	sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
	if (value) {
		sqlite3_bind_text(q, 2, value, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 3, (sqlite3_int64)meta_checksum(key, value));
	}
	return store_run(q);
}

int store_set_meta(struct store *s, const char *key, const char *value, struct vpc_error *reterr)
{
	const struct store_meta meta = {key, value};

	return store_commit(s, &(struct store_batch){.revision = s->totals.revision, .meta = &meta, .n_meta = 1},
			    reterr);
}

int store_get_meta(struct store *s, const char *key, char **ret, struct vpc_error *reterr)
{
	_cleanup_free_ char *value = NULL;
	sqlite3_stmt *q;
	uint64_t sum;
	int r;

	if (!s->db && store_reconnect(s, false, reterr) < 0)
		return -EIO;
	q = store_statement(s, STORE_META_GET);
	sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
	r = sqlite3_step(q);
	if (r == SQLITE_DONE) {
		sqlite3_reset(q);
		*ret = NULL;
		return 0;
	}
	if (r != SQLITE_ROW) {
		store_fail(s, "read", reterr);
		sqlite3_reset(q);
		return -EIO;
	}
	value = strdup((const char *)sqlite3_column_text(q, 0) ?: "");
	sum = (uint64_t)sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	if (!value)
		return vpc_error_oom(reterr);
	if (sum != meta_checksum(key, value)) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "%s is damaged: the value of %s does not match its checksum", s->path, key);
		return -EUCLEAN;
	}
	*ret = TAKE_PTR(value);
	return 0;
}
