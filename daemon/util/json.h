/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON values that several parts of the daemon make. */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <stdint.h>

#include <vpc/json.h>

/* Nanoseconds of CLOCK_REALTIME as RFC 3339 in UTC, to the second or to the microsecond. Owned; NULL: out of memory. */
json_t *json_time_s(uint64_t realtime_ns);
json_t *json_time_us(uint64_t realtime_ns);

#endif
