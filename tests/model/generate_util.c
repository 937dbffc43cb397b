/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers, and what kind of line comes next. */
#include "generate.h"

void generator_init(struct generator *g, uint64_t seed, unsigned episode)
{
	*g = (struct generator){.state = (seed + 1) * 0x9e3779b97f4a7c15u + episode * 0xbf58476d1ce4e5b9u};
	if (g->state == 0)
		g->state = 1;
	for (unsigned i = 0; i < 8; i++)
		generator_pick(g, 2);
}

/* xorshift64* */
unsigned generator_pick(struct generator *g, unsigned n)
{
	g->state ^= g->state >> 12;
	g->state ^= g->state << 25;
	g->state ^= g->state >> 27;
	return (unsigned)((g->state * 0x2545f4914f6cdd1du) >> 33) % n;
}

bool generator_chance(struct generator *g, unsigned percent)
{
	return generator_pick(g, 100) < percent;
}

static void put(char line[LINE_MAX_BYTES], const char *text)
{
	snprintf(line, LINE_MAX_BYTES, "%s", text);
}

/* Inside a transaction: more changes, then one of its ends. */
static void line_in_transaction(struct generator *g, const struct world *w, char line[LINE_MAX_BYTES])
{
	if (g->changes > 0) {
		g->changes--;
		generate_change(g, w->draft, line);
		return;
	}
	if (generator_chance(g, 72))
		put(line, "commit");
	else
		put(line, generator_chance(g, 25) ? "abort" : "prepare");
}

/* Rows are written: packets must not notice, until it is published or undone. */
static void line_while_prepared(struct generator *g, const struct world *w, char line[LINE_MAX_BYTES])
{
	if (generator_chance(g, 90))
		generate_packet(g, &w->naive.now, line);
	else
		put(line, generator_chance(g, 60) ? "publish" : "undo");
}

void generate_line(struct generator *g, const struct world *w, char line[LINE_MAX_BYTES])
{
	const struct naive_state *s = &w->naive.now;

	if (w->phase == WORLD_OPEN) {
		line_in_transaction(g, w, line);
		return;
	}
	if (w->phase == WORLD_PREPARED) {
		line_while_prepared(g, w, line);
		return;
	}
	if (generate_setup(g, s, line))
		return;
	if (generator_chance(g, 93)) {
		generate_packet(g, s, line);
	} else if (generator_chance(g, 6)) {
		put(line, "retire");
	} else if (generator_chance(g, 25)) {
		static const char *const lines[] = {"flows cut", "flows cut", "flows keep", "flows drain", "later"};

		put(line, lines[generator_pick(g, 5)]);
	} else if (generator_chance(g, 55)) {
		generate_change(g, s, line);
	} else {
		g->changes = 1 + generator_pick(g, 6);
		put(line, "begin");
	}
}
