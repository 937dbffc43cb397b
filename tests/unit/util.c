/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small helpers of include/vpc and daemon/util. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include <vpc/array.h>
#include <vpc/clock.h>
#include <vpc/file.h>
#include <vpc/hex.h>
#include <vpc/mkdir.h>
#include <vpc/number.h>

#include "util/json.h"

TestSuite(util, .timeout = 20);

Test(util, numbers_are_digits_alone)
{
	static const char *const wrong[] = {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "1.0"};
	uint64_t n = 7;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_expect_eq(number_parse(wrong[i], UINT64_MAX, &n), -EINVAL, "'%s'", wrong[i]);
	cr_expect_eq(number_parse("256", 255, &n), -ERANGE);
	cr_expect_eq(number_parse("7", 5, &n), -ERANGE);
	cr_expect_eq(number_parse("18446744073709551616", UINT64_MAX, &n), -ERANGE);
	cr_expect_eq(n, 7, "set on failure");
	cr_expect(number_parse("255", 255, &n) == 0 && n == 255);
	cr_expect(number_parse("00012", 12, &n) == 0 && n == 12);
	cr_expect(number_parse("18446744073709551615", UINT64_MAX, &n) == 0 && n == UINT64_MAX);
	cr_expect(number_parse_part("443-444", 3, 65535, &n) == 0 && n == 443);
}

Test(util, macs_and_hex_digits)
{
	uint8_t mac[6] = {1};
	char text[MAC_STRLEN];

	cr_assert_eq(mac_parse("02:aB:00:fF:10:09", mac), 0);
	cr_expect_str_eq(mac_format(mac, text), "02:ab:00:ff:10:09");
	cr_expect_eq(mac_parse("02:ab:00:ff:10:0g", mac), -EINVAL);
	cr_expect_eq(mac_parse("02:ab:00:ff:10:0", mac), -EINVAL);
	cr_expect_eq(mac_parse("02:ab:00:ff:10-09", mac), -EINVAL);
	cr_expect_str_eq(mac_format(mac, text), "02:ab:00:ff:10:09", "changed on failure");
	cr_expect_eq(hex_value('@'), -1);
}

Test(util, lists_grow_by_doubling)
{
	ARRAY(uint32_t) a = {0};
	uint32_t *list = NULL, n = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t *pushed = ARRAY_PUSH(&a), *added = ARRAY_ADD(list, n);

		cr_assert(pushed && added);
		cr_assert_eq(*added, 0, "an added element is zeroed");
		*pushed = *added = i;
		/* taken away and added again, at every length: the room is still there */
		n--;
		added = ARRAY_ADD(list, n);
		cr_assert_not_null(added);
		*added = i;
	}
	cr_assert(a.n == 1000 && n == 1000 && a.cap >= 1000 && a.cap < 2048);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert(a.at[i] == i && list[i] == i);
	free(a.at);
	free(list);
}

Test(util, an_element_is_inserted_at_its_place_also_into_a_copy)
{
	uint32_t *list = NULL, *copy, *added, n = 0;

	for (uint32_t i = 0; i < 100; i++) { /* odd numbers behind, even ones in front: 98 96 … 0 1 3 … 99 */
		added = ARRAY_INSERT(list, n, i & 1 ? n : 0);
		cr_assert_not_null(added);
		*added = i;
	}
	cr_assert_eq(n, 100);
	for (uint32_t i = 0; i < 50; i++)
		cr_assert(list[i] == 98 - 2 * i && list[50 + i] == 2 * i + 1);
	for (uint32_t length = 0; length <= n; length++) {
		uint32_t m = length;

		copy = array_copy(list, m, sizeof(*list));
		cr_assert_not_null(copy);
		added = ARRAY_INSERT(copy, m, length / 2);
		cr_assert_not_null(added);
		*added = 1000;
		cr_assert_eq(m, length + 1);
		for (uint32_t i = 0; i < length; i++)
			cr_assert_eq(copy[i < length / 2 ? i : i + 1], list[i]);
		cr_assert_eq(copy[length / 2], 1000);
		free(copy);
	}
	free(list);
}

Test(util, folders_are_made_with_their_parents)
{
	char base[] = "/tmp/vpcd-util-XXXXXX", path[64], command[64];
	struct stat st;

	cr_assert_not_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/a//b/c", base);
	cr_assert_eq(mkdir_parents(path, 0755, 0700), 0);
	cr_assert_eq(mkdir_parents(path, 0755, 0755), 0);
	cr_assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0700, "what exists stays as it is");
	snprintf(path, sizeof(path), "%s/a/b", base);
	cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0755);
	snprintf(path, sizeof(path), "%s/d/e/file", base);
	cr_assert_eq(mkdir_above(path, 0700), 0);
	cr_assert_eq(stat(path, &st), -1, "what the path names is left to the caller");
	snprintf(path, sizeof(path), "%s/d/e", base);
	cr_assert(stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
	cr_assert_eq(mkdir_above("file", 0700), 0, "a name alone has no folders above it");
	cr_assert_eq(mkdir_parents("/proc/self/comm/x", 0755, 0755), -ENOTDIR);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	cr_assert_eq(system(command), 0);
}

Test(util, small_files_are_read_and_ended)
{
	char text[5];

	cr_assert_eq(file_read_at(AT_FDCWD, "/proc/sys/kernel/ostype", text, sizeof(text)), 4);
	cr_assert_str_eq(text, "Linu");
	cr_assert_eq(file_read_at(AT_FDCWD, "/nonexistent", text, sizeof(text)), -ENOENT);
}

Test(util, times_are_written_in_utc)
{
	json_t *s = json_time_s(1700000000 * NS_PER_S + 999), *us = json_time_us(1700000000 * NS_PER_S + 1999);

	cr_expect_str_eq(json_string_value(s), "2023-11-14T22:13:20Z");
	cr_expect_str_eq(json_string_value(us), "2023-11-14T22:13:20.000001Z");
	json_decref(s);
	json_decref(us);
}

Test(util, text_that_is_not_utf8_becomes_a_string)
{
	json_t *lossy = json_text_lossy("a\xff\xc3"), *utf8 = json_text_lossy("\xc3\xa9");

	cr_expect_str_eq(json_string_value(lossy), "a??");
	cr_expect_str_eq(json_string_value(utf8), "\xc3\xa9");
	json_decref(lossy);
	json_decref(utf8);
}
