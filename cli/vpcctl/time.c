/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <vpc/clock.h>
#include <vpc/number.h>

#include "cli/lib/cli.h"

/* "2026-11-01", "2026-11-01T12:00" or "2026-11-01T12:00:00Z": UTC. */
static bool read_date(const char *text, uint64_t *ret)
{
	static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = {0};
		const char *end = strptime(text, formats[i], &tm);
		time_t at = end && !*end ? timegm(&tm) : -1;

		if (at >= 0) {
			*ret = (uint64_t)at;
			return true;
		}
	}
	return false;
}

/* "90s", "15m", "36h", "7d", "4w": so long ago. */
static bool read_age(const char *text, uint64_t now, uint64_t *ret)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	size_t length = strlen(text);
	uint64_t n;

	if (length < 2)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (text[length - 1] == units[i].unit && number_parse_part(text, length - 1, 100000, &n) == 0) {
			*ret = now > n * units[i].seconds ? now - n * units[i].seconds : 0;
			return true;
		}
	return false;
}

int time_read(const struct args *args, const char *option, uint64_t otherwise, uint64_t *ret)
{
	const char *text = args_get(args, option);

	*ret = otherwise;
	if (!text || read_date(text, ret) || read_age(text, realtime_s(), ret))
		return CLI_OK;
	return args_wrong(args,
			  "%s must be a date (2026-11-01 or 2026-11-01T12:00, UTC) or an age (90s, 15m, 36h, 7d or 4w)",
			  option);
}
