/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements: running them, their columns, and what is said when one fails. */
#include <errno.h>

#include "store/sqlite/internal.h"

sqlite3_stmt *store_statement(struct store *s, enum store_statement which)
{
	sqlite3_stmt *statement = s->statements[which];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

int store_run(sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement);

	if (r == SQLITE_DONE)
		r = SQLITE_OK;
	sqlite3_reset(statement);
	return r;
}

int store_fail(struct store *s, const char *doing, struct vpc_error *reterr)
{
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot %s %s: %s", doing, s->path, sqlite3_errmsg(s->db));
	return -EIO;
}

int store_damaged(const struct store *s, const char *kind, const char *id, struct vpc_error *reterr)
{
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "%s is damaged: %s %s does not match its checksum",
		      s->path, kind, id);
	return -EUCLEAN;
}

const char *store_column_text(sqlite3_stmt *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q, column);

	return text ? text : "";
}
