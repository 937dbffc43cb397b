/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording, replaying and shrinking scripts. */
#include <time.h>

#include "script.h"

void script_add(struct script *s, const char *line)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->lines = reallocarray(s->lines, s->room, sizeof(*s->lines));
		if (!s->lines)
			abort();
	}
	s->lines[s->n] = strdup(line);
	if (!s->lines[s->n++])
		abort();
}

void script_clear(struct script *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->lines[i]);
	free(s->lines);
	*s = (struct script){0};
}

enum world_result script_run(const struct script *s, char message[1024], size_t *ret_ran)
{
	struct world w = {0};
	enum world_result r = WORLD_SAME;
	size_t i = 0;

	if (world_open(&w) < 0)
		r = WORLD_BROKEN;
	while (i < s->n && r != WORLD_MISMATCH && r != WORLD_BROKEN)
		r = world_run(&w, s->lines[i++]);
	if (r == WORLD_REFUSED)
		r = WORLD_SAME;
	snprintf(message, 1024, "%s", w.message);
	*ret_ran = i;
	world_close(&w);
	return r;
}

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Whether the script still fails without `count` lines from `first`; then those are dropped. */
static bool drop_lines(struct script *s, size_t first, size_t count, enum world_result wanted)
{
	struct script rest = {0};
	char message[1024];
	size_t ran;
	bool still;

	rest.lines = calloc(s->n, sizeof(*rest.lines));
	if (!rest.lines)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (i < first || i >= first + count)
			rest.lines[rest.n++] = s->lines[i];
	still = script_run(&rest, message, &ran) == wanted;
	if (still) {
		for (size_t i = first; i < first + count; i++)
			free(s->lines[i]);
		memmove(s->lines + first, s->lines + first + count, (s->n - first - count) * sizeof(*s->lines));
		s->n -= count;
	}
	free(rest.lines);
	return still;
}

void script_shrink(struct script *s, enum world_result wanted, unsigned seconds)
{
	time_t end = now_s() + seconds;

	for (size_t count = s->n / 2; count > 0;) {
		bool dropped = false;

		/* From the end: what comes late needs what comes early. The last line is the one that fails. */
		for (size_t first = s->n - 1; first > 0 && now_s() < end;) {
			size_t length = first < count ? first : count;

			first -= length;
			if (drop_lines(s, first, length, wanted))
				dropped = true;
		}
		if (now_s() >= end)
			return;
		if (!dropped || count > 1)
			count /= 2;
	}
}

void script_print(const struct script *s, FILE *to)
{
	for (size_t i = 0; i < s->n; i++)
		fprintf(to, "%s\n", s->lines[i]);
}

int script_read(const char *path, struct script *ret)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[LINE_MAX_BYTES];

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		script_add(ret, line);
	}
	return 0;
}
