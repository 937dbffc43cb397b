/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/json.h"

#include <stdbool.h>
#include <time.h>

#include <vpc/clock.h>

/* "2026-11-22T10:00:00", to which the caller adds fraction and zone. */
static bool format_second(uint64_t realtime_ns, char ret[32])
{
	time_t s = (time_t)(realtime_ns / NS_PER_S);
	struct tm tm;

	return gmtime_r(&s, &tm) && strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm) > 0;
}

json_t *json_time_s(uint64_t realtime_ns)
{
	char text[32];

	return format_second(realtime_ns, text) ? json_sprintf("%sZ", text) : json_null();
}

json_t *json_time_us(uint64_t realtime_ns)
{
	char text[32];

	if (!format_second(realtime_ns, text))
		return json_null();
	return json_sprintf("%s.%06uZ", text, (unsigned)(realtime_ns % NS_PER_S / NS_PER_US));
}
