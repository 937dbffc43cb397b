/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metering: hours of VPCs with a clock of the test's own, and reports of them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "observe/usage.h"

static struct usage_counts counts(uint64_t n)
{
	struct usage_counts c = {};

	c.of[USAGE_ENIS] = (struct vpc_eni_stat){n, 100 * n, 2 * n, 200 * n};
	c.of[USAGE_GATEWAYS] = (struct vpc_eni_stat){n / 2, 50 * n, 0, 0};
	return c;
}

static void expect_counts(const struct usage_counts *c, uint64_t n)
{
	struct usage_counts wanted = counts(n);

	cr_expect_arr_eq(c, &wanted, sizeof(wanted), "%llu packets, not %llu",
			 (unsigned long long)c->of[USAGE_ENIS].rx_packets, (unsigned long long)n);
}

Test(usage, a_state_survives_as_text)
{
	struct usage_state s = {.counters = "boot:7:9",
				.hour = 498888,
				.most_enis = 12,
				.start = counts(UINT64_MAX / 400),
				.gone = counts(3),
				.totals = counts(8)},
			   read;
	char text[USAGE_TEXT_MAX], again[USAGE_TEXT_MAX];

	usage_state_format(&s, text);
	cr_assert_eq(usage_state_parse(text, &read), 0);
	usage_state_format(&read, again);
	cr_expect_str_eq(text, again);
	cr_expect_eq(read.hour, 498888);
	cr_expect_eq(read.most_enis, 12);
	expect_counts(&read.gone, 3);
	expect_counts(&read.totals, 8);
	text[strlen(text) - 2] = 'x';
	cr_expect_eq(usage_state_parse(text, &read), -EINVAL);
	cr_expect_eq(usage_state_parse("", &read), -EINVAL);
	cr_expect_eq(usage_state_parse("2 a 1 1", &read), -EINVAL);
	cr_expect_eq(usage_state_parse("1 a 1 1 5", &read), -EINVAL);
}

Test(usage, an_hour_has_what_was_counted_in_it)
{
	struct usage_state s = {.hour = 10, .most_enis = 4};
	struct usage_hour ended;
	struct usage_counts until = counts(6);

	cr_expect(!usage_state_turn(&s, 10, &until, &ended), "the same hour goes on");
	cr_assert(usage_state_turn(&s, 11, &until, &ended));
	cr_expect_eq(ended.hour, 10);
	cr_expect_eq(ended.most_enis, 4);
	expect_counts(&ended.counts, 6);
	cr_expect(!usage_state_turn(&s, 12, &until, &ended), "nothing was counted");
	until = counts(10);
	cr_assert(usage_state_turn(&s, 13, &until, &ended));
	cr_expect_eq(ended.hour, 12);
	expect_counts(&ended.counts, 4);
}

Test(usage, a_clock_that_jumps_loses_nothing_and_counts_nothing_twice)
{
	static const uint64_t hours[] = {10, 500, 9, 9, 10, 11, 10};
	struct usage_state s = {.hour = 10};
	struct usage_counts sum = {}, until;
	struct usage_hour ended;
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
		n += 2 * i;
		until = counts(n);
		if (usage_state_turn(&s, hours[i], &until, &ended))
			usage_add(&sum, &ended.counts);
	}
	until = counts(n);
	until = usage_gain(&s.start, &until);
	usage_add(&sum, &until);
	expect_counts(&sum, n);
}

Test(usage, counters_that_begin_anew_go_on_from_what_was_read_last)
{
	struct usage_state s = {.counters = "a:1", .gone = counts(2), .totals = counts(9)};

	usage_state_resume(&s, "a:1");
	expect_counts(&s.gone, 2);
	usage_state_resume(&s, "b:1");
	expect_counts(&s.gone, 9);
	cr_expect_str_eq(s.counters, "b:1");
}

Test(usage, totals_that_went_back_have_gained_nothing)
{
	struct usage_counts from = counts(9), to = counts(4), gained = usage_gain(&from, &to);

	cr_expect(usage_is_zero(&gained));
}

/* 2026-02-28T23:00Z and 2026-03-01T00:00Z, in hours. */
#define FEBRUARY 492311ull
#define MARCH	 492312ull

Test(usage, periods_are_hours_days_and_months_of_utc)
{
	cr_expect_eq(usage_period_begin(FEBRUARY, USAGE_BY_HOUR), FEBRUARY);
	cr_expect_eq(usage_period_end(FEBRUARY, USAGE_BY_HOUR), MARCH);
	cr_expect_eq(usage_period_begin(FEBRUARY, USAGE_BY_DAY), MARCH - 24);
	cr_expect_eq(usage_period_end(FEBRUARY, USAGE_BY_DAY), MARCH);
	cr_expect_eq(usage_period_begin(FEBRUARY, USAGE_BY_MONTH), MARCH - 28 * 24);
	cr_expect_eq(usage_period_end(FEBRUARY, USAGE_BY_MONTH), MARCH);
	cr_expect_eq(usage_period_begin(MARCH, USAGE_BY_MONTH), MARCH);
	cr_expect_eq(usage_period_end(MARCH, USAGE_BY_MONTH), MARCH + 31 * 24);
}

static void add(struct usage_report *r, uint64_t hour, const char *vpc, uint64_t n, bool running, int expected)
{
	struct usage_counts c = counts(n);

	cr_expect_eq(usage_report_add(r, hour, vpc, "name", n, &c, running), expected);
}

static long long packets(const json_t *report, size_t at)
{
	return json_integer_value(json_object_get(
		json_object_get(json_array_get(json_object_get(report, "usage"), at), "enis"), "rx_packets"));
}

Test(usage, a_report_sums_by_period_and_vpc)
{
	struct usage_report *r;
	_cleanup_json_ json_t *json = NULL;
	const json_t *rows;

	cr_assert_eq(usage_report_new(USAGE_BY_DAY, 100, &r), 0);
	add(r, FEBRUARY - 1, "vpc-1", 1, false, 0);
	add(r, FEBRUARY - 1, "vpc-2", 5, false, 0);
	add(r, FEBRUARY, "vpc-1", 2, false, 0);
	add(r, MARCH, "vpc-1", 4, true, 0);
	json = usage_report_json(r);
	rows = json_object_get(json, "usage");
	cr_assert_eq(json_array_size(rows), 3);
	cr_expect_eq(packets(json, 0), 3);
	cr_expect_eq(packets(json, 1), 5);
	cr_expect_eq(packets(json, 2), 4);
	cr_expect(json_is_false(json_object_get(json_array_get(rows, 0), "running")));
	cr_expect(json_is_true(json_object_get(json_array_get(rows, 2), "running")));
	cr_expect_str_eq(json_member_text(json_array_get(rows, 0), "from"), "2026-02-28T00:00:00Z");
	cr_expect_str_eq(json_member_text(json_array_get(rows, 0), "to"), "2026-03-01T00:00:00Z");
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(rows, 0), "most_enis")), 2);
	cr_expect(json_is_null(json_object_get(json, "next")));
	usage_report_free(r);
}

Test(usage, a_report_that_is_full_says_where_to_go_on)
{
	struct usage_report *r;
	_cleanup_json_ json_t *json = NULL;

	cr_assert_eq(usage_report_new(USAGE_BY_HOUR, 3, &r), 0);
	add(r, 1, "vpc-1", 1, false, 0);
	add(r, 1, "vpc-2", 1, false, 0);
	add(r, 2, "vpc-1", 1, false, 0);
	add(r, 2, "vpc-2", 1, false, 1);
	add(r, 3, "vpc-1", 1, false, 1);
	json = usage_report_json(r);
	cr_expect_eq(json_array_size(json_object_get(json, "usage")), 2, "hour 2 is not told in half");
	cr_expect_eq(json_integer_value(json_object_get(json, "next")), 2 * 3600);
	usage_report_free(r);
}

Test(usage, a_period_that_is_larger_than_a_report_is_told_all_the_same)
{
	struct usage_report *r;
	_cleanup_json_ json_t *json = NULL;

	cr_assert_eq(usage_report_new(USAGE_BY_HOUR, 2, &r), 0);
	add(r, 1, "vpc-1", 1, false, 0);
	add(r, 1, "vpc-2", 1, false, 0);
	add(r, 1, "vpc-3", 2, false, 0);
	add(r, 1, "vpc-4", 3, false, 0);
	add(r, 2, "vpc-1", 1, false, 1);
	json = usage_report_json(r);
	cr_expect_eq(json_array_size(json_object_get(json, "usage")), 3);
	cr_expect_eq(packets(json, 2), 5);
	cr_expect_eq(json_integer_value(json_object_get(json, "next")), 2 * 3600);
	usage_report_free(r);
}
