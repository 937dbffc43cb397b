/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of the store: a temporary state folder, and documents in one line. */
#ifndef TESTS_UNIT_STORE_UTIL_H
#define TESTS_UNIT_STORE_UTIL_H

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "store/store.h"

/* A fresh folder under TMPDIR; store_test_remove() deletes it and frees the name. */
char *store_test_folder(void);
void store_test_remove(char *dir);
/* Opens or fails the test. */
struct store *store_test_open(const char *dir);
/* Opens and expects a StoreUnavailable whose message holds `part`. */
void store_test_open_fails(const char *dir, const char *part);
/* Commits one document {"text": text} (NULL: deletes it) as the next revision, or fails the test. */
void store_test_put(struct store *s, const char *kind, const char *id, const char *text);
/* "id=text id=text …" of a kind, in load order; owned. Fails the test on an error. */
char *store_test_list(struct store *s, const char *kind);
/* Runs SQL on the database file beside the store. */
void store_test_sql(const char *dir, const char *sql);

/* A commit that may fail: returns what store_commit() does. */
int store_test_try(struct store *s, struct vpc_error *reterr);

#endif
