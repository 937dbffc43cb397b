/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The four counters of each meter, as numbers one after the other. */
_Static_assert(sizeof(struct usage_counts) == USAGE_VALUES * sizeof(uint64_t), "usage_counts");

void usage_to_values(const struct usage_counts *c, uint64_t ret[USAGE_VALUES])
{
	memcpy(ret, c, sizeof(*c));
}

struct usage_counts usage_from_values(const uint64_t values[USAGE_VALUES])
{
	struct usage_counts c;

	memcpy(&c, values, sizeof(c));
	return c;
}

void usage_add(struct usage_counts *to, const struct usage_counts *more)
{
	uint64_t a[USAGE_VALUES], b[USAGE_VALUES];

	usage_to_values(to, a);
	usage_to_values(more, b);
	for (size_t i = 0; i < USAGE_VALUES; i++)
		a[i] += b[i];
	*to = usage_from_values(a);
}

struct usage_counts usage_gain(const struct usage_counts *from, const struct usage_counts *to)
{
	uint64_t a[USAGE_VALUES], b[USAGE_VALUES];

	usage_to_values(from, a);
	usage_to_values(to, b);
	for (size_t i = 0; i < USAGE_VALUES; i++)
		b[i] = b[i] > a[i] ? b[i] - a[i] : 0;
	return usage_from_values(b);
}

bool usage_is_zero(const struct usage_counts *c)
{
	static const struct usage_counts zero;

	return memcmp(c, &zero, sizeof(zero)) == 0;
}

/* --- one VPC ------------------------------------------------------------------------------------------- */

#define FORMAT 1u

void usage_state_format(const struct usage_state *s, char ret[USAGE_TEXT_MAX])
{
	const struct usage_counts *const all[] = {&s->start, &s->gone, &s->totals};
	size_t at = (size_t)snprintf(ret, USAGE_TEXT_MAX, "%u %s %" PRIu64 " %u", FORMAT,
				     s->counters[0] ? s->counters : "-", s->hour, s->most_enis);

	for (size_t i = 0; i < 3; i++) {
		uint64_t values[USAGE_VALUES];

		usage_to_values(all[i], values);
		for (size_t k = 0; k < USAGE_VALUES; k++)
			at += (size_t)snprintf(ret + at, USAGE_TEXT_MAX - at, " %" PRIu64, values[k]);
	}
}

static bool read_values(const char **text, struct usage_counts *ret)
{
	uint64_t values[USAGE_VALUES];

	for (size_t i = 0; i < USAGE_VALUES; i++) {
		char *end;

		errno = 0;
		values[i] = strtoull(*text, &end, 10);
		if (end == *text || errno)
			return false;
		*text = end;
	}
	*ret = usage_from_values(values);
	return true;
}

int usage_state_parse(const char *text, struct usage_state *ret)
{
	struct usage_state s = {0};
	unsigned format = 0;
	int at = 0;

	if (sscanf(text, "%u %63s %" SCNu64 " %u%n", &format, s.counters, &s.hour, &s.most_enis, &at) != 4 ||
	    format != FORMAT)
		return -EINVAL;
	text += at;
	if (!read_values(&text, &s.start) || !read_values(&text, &s.gone) || !read_values(&text, &s.totals) || *text)
		return -EINVAL;
	*ret = s;
	return 0;
}

void usage_state_resume(struct usage_state *s, const char *counters)
{
	if (strcmp(s->counters, counters) == 0)
		return;
	snprintf(s->counters, sizeof(s->counters), "%s", counters);
	s->gone = s->totals;
}

bool usage_state_turn(struct usage_state *s, uint64_t hour, const struct usage_counts *until, struct usage_hour *ret)
{
	struct usage_hour ended = {.hour = s->hour, .most_enis = s->most_enis};

	if (s->hour == hour)
		return false;
	ended.counts = usage_gain(&s->start, until);
	s->hour = hour;
	s->start = *until;
	s->most_enis = 0;
	if (!ended.hour || usage_is_zero(&ended.counts))
		return false;
	*ret = ended;
	return true;
}
