/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of blocks: none is given out twice, none is lost, and giving back needs no memory (P8). */
#include <criterion/criterion.h>

#include "datapath/maps/mirror/containers.h"

#define SIZE 500
#define RUNS 64

struct run {
	uint32_t at, n;
};

static bool owned[SIZE];
static uint32_t state = 1;

static uint32_t draw(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static void mark(struct run run, bool taken)
{
	cr_assert(run.at >= 1 && run.at + run.n <= SIZE);
	for (uint32_t i = run.at; i < run.at + run.n; i++) {
		cr_assert_eq(owned[i], !taken, "block %u", i);
		owned[i] = taken;
	}
}

static uint32_t longest_free(void)
{
	uint32_t longest = 0, here = 0;

	for (uint32_t i = 1; i < SIZE; i++) {
		here = owned[i] ? 0 : here + 1;
		longest = here > longest ? here : longest;
	}
	return longest;
}

static void check_sum(const struct extents *e)
{
	uint32_t used = 0, free_blocks = 0;

	for (uint32_t i = 1; i < SIZE; i++)
		used += owned[i];
	for (uint32_t i = 0; i < e->n_free; i++) {
		cr_assert_gt(e->free[i].n, 0);
		cr_assert(i == 0 || e->free[i - 1].at + e->free[i - 1].n < e->free[i].at, "ascending, joined");
		free_blocks += e->free[i].n;
	}
	cr_assert_eq(e->used, used);
	cr_assert_eq(free_blocks, SIZE - 1 - used);
	cr_assert_leq(e->n_free, e->cap);
}

static void take(struct extents *e, struct run *run)
{
	bool here = draw(4) == 0;

	run->n = 1 + draw(draw(8) ? 12 : 120);
	if (here) {
		uint32_t at = 1 + draw(SIZE - 1);
		bool room = at + run->n <= SIZE;

		for (uint32_t i = at; room && i < at + run->n; i++)
			room = !owned[i];
		cr_assert_eq(extents_take_at(e, at, run->n), room);
		run->at = room ? at : 0;
	} else {
		bool room = longest_free() >= run->n;

		run->at = extents_take(e, run->n);
		cr_assert_eq(run->at != 0, room, "%u blocks of %u", run->n, longest_free());
	}
	if (run->at)
		mark(*run, true);
}

Test(datapath_extents, runs_are_apart_and_come_back)
{
	struct run runs[RUNS] = {};
	struct extents e;
	uint32_t refused = 0;

	cr_assert_eq(extents_init(&e, SIZE), 0);
	for (unsigned i = 0; i < 200000; i++) {
		struct run *run = &runs[draw(RUNS)];

		if (run->at) {
			mark(*run, false);
			extents_give(&e, run->at, run->n);
			run->at = 0;
		} else {
			take(&e, run);
			refused += !run->at;
		}
		if (i % 16 == 0)
			check_sum(&e);
	}
	cr_assert_gt(refused, 1000u, "it was full now and then");
	for (unsigned i = 0; i < RUNS; i++)
		if (runs[i].at)
			extents_give(&e, runs[i].at, runs[i].n);
	cr_assert_eq(e.n_free, 1);
	cr_assert_eq(e.free[0].n, SIZE - 1);
	cr_assert_eq(e.runs, 0);
	cr_assert_eq(extents_take(&e, SIZE - 1), 1);
	cr_assert_eq(extents_take(&e, 1), 0);
	extents_clear(&e);
}

Test(datapath_extents, nothing_to_give)
{
	struct extents e;

	cr_assert_eq(extents_init(&e, 1), 0);
	cr_assert_eq(extents_take(&e, 1), 0);
	cr_assert_eq(extents_take(&e, 0), 0);
	cr_assert(!extents_take_at(&e, 1, 1));
	extents_clear(&e);
}
