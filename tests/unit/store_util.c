/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_util.h"

char *store_test_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = NULL;

	cr_assert(asprintf(&dir, "%s/vpcd-store-XXXXXX", tmp && *tmp ? tmp : "/tmp") > 0);
	cr_assert_not_null(mkdtemp(dir));
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void store_test_remove(char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

struct store *store_test_open(const char *dir)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = NULL;

	cr_assert_eq(store_open(dir, false, &s, &error), 0, "%s", error.message);
	return s;
}

void store_test_open_fails(const char *dir, const char *part)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = NULL;

	cr_assert_lt(store_open(dir, false, &s, &error), 0, "opened, but should have said: %s", part);
	cr_assert_null(s);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
	cr_assert_not_null(strstr(error.message, part), "got: %s", error.message);
}

void store_test_put(struct store *s, const char *kind, const char *id, const char *text)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	json_t *document = text ? json_pack("{s:s}", "text", text) : NULL;
	struct store_write w = {.kind = kind, .id = id, .document = document};

	cr_assert_eq(store_commit(s,
				  &(struct store_batch){.revision = store_revision(s) + 1, .writes = &w, .n_writes = 1},
				  &error),
		     0, "%s", error.message);
	json_decref(document);
}

static int append_document(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	(void)revision;
	fprintf(userdata, "%s=%s ", id, json_string_value(json_object_get(document, "text")));
	return 0;
}

char *store_test_list(struct store *s, const char *kind)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char *list = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&list, &size);

	cr_assert_eq(store_load(s, kind, append_document, f, &error), 0, "%s", error.message);
	fclose(f);
	if (size > 0)
		list[size - 1] = '\0';
	return list;
}

void store_test_sql(const char *dir, const char *sql)
{
	_cleanup_free_ char *path = NULL;
	char *message = NULL;
	sqlite3 *db = NULL;

	cr_assert(asprintf(&path, "%s/state.db", dir) > 0);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK, "%s", message);
	sqlite3_close(db);
}

int store_test_try(struct store *s, struct vpc_error *reterr)
{
	const struct store_write w = {.kind = "vpc", .id = "vpc-late"};

	*reterr = VPC_ERROR_INIT;
	return store_commit(s, &(struct store_batch){store_revision(s) + 1, &w, 1, NULL, 0, NULL, 0, NULL, 0, NULL},
			    reterr);
}
