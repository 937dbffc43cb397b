/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording, replaying and shrinking scripts. */

#include <vpc/array.h>
#include <vpc/clock.h>

#include "script.h"

void script_add(struct script *s, const char *line)
{
	s->lines = array_grow(s->lines, &s->room, s->n + 1, sizeof(*s->lines));
	if (!s->lines)
		abort(); /* a test may */
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

enum world_result script_run(const struct script *s, char message[MESSAGE_BYTES], size_t *ret_ran)
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
	snprintf(message, MESSAGE_BYTES, "%s", w.message);
	*ret_ran = i;
	world_close(&w);
	return r;
}

/* Whether the script still fails without `count` lines from `first`; then those are dropped. */
static bool drop_lines(struct script *s, size_t first, size_t count, enum world_result wanted)
{
	struct script rest = {0};
	char message[MESSAGE_BYTES];
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

static bool is_packet(const char *line)
{
	return !strncmp(line, "out ", 4) || !strncmp(line, "in ", 3);
}

/* Whether both lines are about the same two addresses, in any order: about the same flow, most likely. */
static bool same_ends(const char *a, const char *b)
{
	char text[2][LINE_MAX_BYTES], *words[2][WORDS_MAX];
	unsigned n[2], same = 0;

	snprintf(text[0], sizeof(text[0]), "%s", a);
	snprintf(text[1], sizeof(text[1]), "%s", b);
	n[0] = split_words(text[0], words[0]);
	n[1] = split_words(text[1], words[1]);
	for (unsigned i = 0; i < n[0]; i++)
		for (unsigned k = 0; k < n[1]; k++)
			if (strpbrk(words[0][i], ".:") && !strcmp(words[0][i], words[1][k])) {
				same++;
				break;
			}
	return same >= 2;
}

/* Drops every packet that is not about the ends of the last one, if the script still fails then. */
static void drop_strangers(struct script *s, enum world_result wanted)
{
	struct script rest = {0};
	char message[MESSAGE_BYTES];
	size_t ran;

	for (size_t i = 0; i < s->n; i++)
		if (!is_packet(s->lines[i]) || same_ends(s->lines[i], s->lines[s->n - 1]))
			script_add(&rest, s->lines[i]);
	if (script_run(&rest, message, &ran) != wanted) {
		script_clear(&rest);
		return;
	}
	script_clear(s);
	*s = rest;
}

void script_shrink(struct script *s, enum world_result wanted, unsigned seconds)
{
	uint64_t end = monotonic_s() + seconds;

	drop_strangers(s, wanted);

	for (size_t count = s->n / 2; count > 0;) {
		bool dropped = false;

		/* From the end: what comes late needs what comes early. The last line is the one that fails. */
		for (size_t first = s->n - 1; first > 0 && monotonic_s() < end;) {
			size_t length = first < count ? first : count;

			first -= length;
			if (drop_lines(s, first, length, wanted))
				dropped = true;
		}
		if (monotonic_s() >= end)
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
