/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies kept for idempotency keys: found again, 24 hours, 10,000. */
#include "store_util.h"

#define NOW_S 1800000000
#define DAY_S (24 * 60 * 60)

static char *dir;
static struct store *s;

static void setup(void)
{
	dir = store_test_folder();
	s = store_test_open(dir);
}

static void teardown(void)
{
	store_close(s);
	store_test_remove(dir);
}

TestSuite(store_replies, .init = setup, .fini = teardown, .timeout = 120);

static void keep(uid_t uid, const char *key, const char *text, int64_t time_s)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct store_reply reply = {.uid = uid, .key = key, .request_digest = "d", .reply = text, .time_s = time_s};

	cr_assert_eq(
		store_commit(s,
			     &(struct store_batch){store_revision(s) + 1, NULL, 0, &reply, 1, NULL, 0, NULL, 0, NULL},
			     &error),
		0, "%s", error.message);
}

/* want NULL: none. */
static void expect(uid_t uid, const char *key, int64_t now_s, const char *want)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_free_ char *digest = NULL, *reply = NULL;
	int r = store_find_reply(s, uid, key, now_s, &digest, &reply, &error);

	if (!want) {
		cr_assert_eq(r, -ENOENT, "%u %s should be gone", uid, key);
		return;
	}
	cr_assert_eq(r, 0, "%u %s: %d %s", uid, key, r, error.message);
	cr_assert_str_eq(digest, "d");
	cr_assert_str_eq(reply, want);
}

Test(store_replies, found_by_uid_and_key_after_a_restart)
{
	keep(0, "k", "root's", NOW_S);
	keep(1000, "k", "user's", NOW_S);
	store_close(s);
	s = store_test_open(dir);
	expect(0, "k", NOW_S, "root's");
	expect(1000, "k", NOW_S, "user's");
	expect(1001, "k", NOW_S, NULL);
	expect(0, "other", NOW_S, NULL);
}

Test(store_replies, gone_after_24_hours)
{
	keep(0, "k", "old", NOW_S);
	expect(0, "k", NOW_S + DAY_S, "old");
	expect(0, "k", NOW_S + DAY_S + 1, NULL);
	keep(0, "k", "new", NOW_S + DAY_S + 1); /* the key may be used again */
	expect(0, "k", NOW_S + DAY_S + 1, "new");
	keep(0, "x", "x", NOW_S + 3 * DAY_S);
	expect(0, "k", NOW_S, NULL); /* swept, not only hidden */
}

Test(store_replies, a_damaged_one_is_an_error_not_a_second_run)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char *digest = NULL, *reply = NULL;

	keep(0, "k", "reply", NOW_S);
	store_test_sql(dir, "UPDATE reply SET reply = 'replx'");
	cr_assert_eq(store_find_reply(s, 0, "k", NOW_S, &digest, &reply, &error), -EUCLEAN);
	cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
}

Test(store_replies, at_most_10000_the_oldest_go)
{
	char key[16];

	store_test_sql(dir,
		       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9998) INSERT INTO "
		       "reply (uid, key, digest, reply, time_s, checksum) SELECT 0, 'f' || i, 'd', 'r', "
		       "1800000000 + i, 0 FROM n");
	store_close(s);
	s = store_test_open(dir); /* counts them */
	keep(0, "a", "a", NOW_S + 20000);
	keep(0, "b", "b", NOW_S + 20000);
	keep(0, "c", "c", NOW_S + 20000);
	keep(0, "c", "c again", NOW_S + 20000); /* the same key takes no other's place */
	expect(0, "a", NOW_S + 20000, "a");
	expect(0, "c", NOW_S + 20000, "c again");
	for (int i = 1; i <= 3; i++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		_cleanup_free_ char *digest = NULL, *reply = NULL;

		snprintf(key, sizeof(key), "f%d", i);
		/* made by SQL above with a wrong checksum: those still there answer -EUCLEAN */
		cr_assert_eq(store_find_reply(s, 0, key, NOW_S, &digest, &reply, &error), i == 1 ? -ENOENT : -EUCLEAN,
			     "%s", key);
	}
}
