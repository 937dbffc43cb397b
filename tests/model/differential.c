/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * P4 exact, P3 atomic: random scripts of changes and packets through model, compiler, maps and programs, each verdict
 * compared with the naive model's. README.md says how to replay and how to see the test fail.
 *
 * Needs CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN: it runs in a network namespace of its own.
 */
#include <criterion/criterion.h>
#include <sched.h>

#include <vpc/clock.h>

#include "generate.h"
#include "script.h"

#define EPISODES	24
#define VERDICTS_WANTED 120000u
#define SHRINK_S	45

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static uint64_t seed_of_run(void)
{
	return environment_number("VPCD_SEED", realtime_ns() / NS_PER_MS);
}

static void own_namespace(void)
{
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %s", strerror(errno));
}

static void report(struct script *s, enum world_result r, const char *message)
{
	char last[MESSAGE_BYTES] = "";
	size_t ran;

	fprintf(stderr, "# %s\n# shrinking %zu lines …\n", message, s->n);
	if (script_run(s, last, &ran) != r) {
		fprintf(stderr, "# does not happen again in a fresh world; the whole script:\n");
	} else {
		script_shrink(s, r, (unsigned)environment_number("VPCD_SHRINK_S", SHRINK_S));
		script_run(s, last, &ran);
	}
	fprintf(stderr,
		"# replay: put the lines between the marks in a file and run with VPCD_SCRIPT=that file\n# ---\n");
	script_print(s, stderr);
	fprintf(stderr, "# ---\n# %s\n", last);
}

static void add_stats(struct world_stats *to, const struct world_stats *s)
{
	to->verdicts += s->verdicts;
	to->passes += s->passes;
	to->explained += s->explained;
	to->committed += s->committed;
	to->refused += s->refused;
	to->given_up += s->given_up;
}

/* One random script. False: a mismatch was found and reported. */
static bool run_episode(uint64_t seed, unsigned episode, uint64_t verdicts, struct world_stats *total)
{
	_cleanup_(script_clear) struct script script = {0};
	struct world w = {0};
	struct generator g;
	enum world_result r = WORLD_SAME;
	char message[MESSAGE_BYTES];

	generator_init(&g, seed, episode);
	cr_assert_eq(world_open(&w), 0, "%s", w.message);
	while (w.stats.verdicts < verdicts && r != WORLD_MISMATCH && r != WORLD_BROKEN) {
		char line[LINE_MAX_BYTES];

		generate_line(&g, &w, line);
		if (line[0] == '#') /* there was nothing to do */
			continue;
		script_add(&script, line);
		r = world_run(&w, line);
	}
	add_stats(total, &w.stats);
	snprintf(message, sizeof(message), "%s", w.message);
	world_close(&w);
	if (r != WORLD_MISMATCH && r != WORLD_BROKEN)
		return true;
	fprintf(stderr, "# VPCD_SEED=%llu VPCD_EPISODE=%u\n", (unsigned long long)seed, episode);
	report(&script, r, message);
	return false;
}

Test(differential, programs_decide_as_the_naive_model, .timeout = 280)
{
	uint64_t seed = seed_of_run(), only = environment_number("VPCD_EPISODE", UINT64_MAX);
	uint64_t wanted = environment_number("VPCD_VERDICTS", VERDICTS_WANTED);
	struct world_stats total = {0};

	if (getenv("VPCD_SCRIPT"))
		cr_skip_test("VPCD_SCRIPT asks for one script");
	own_namespace();
	fprintf(stderr, "# differential: VPCD_SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < EPISODES; i++)
		if (only == UINT64_MAX || only == i)
			cr_assert(run_episode(seed, i, wanted / EPISODES + 1, &total), "VPCD_SEED=%llu",
				  (unsigned long long)seed);
	fprintf(stderr, "# %llu verdicts, %llu passed; %llu transactions committed, %llu refused, %llu undone\n",
		(unsigned long long)total.verdicts, (unsigned long long)total.passes,
		(unsigned long long)total.committed, (unsigned long long)total.refused,
		(unsigned long long)total.given_up);
	if (only != UINT64_MAX)
		return;
	/* A test that never lets anything pass, or never refuses, compares nothing. */
	cr_assert_geq(total.verdicts, wanted);
	cr_assert_geq(total.passes, total.verdicts / 10);
	cr_assert_geq(total.explained, total.verdicts / 10);
	cr_assert_geq(total.verdicts - total.passes, total.verdicts / 10);
	cr_assert_geq(total.committed, 20u * EPISODES);
	cr_assert_gt(total.refused, 0);
	cr_assert_gt(total.given_up, 0);
}

/* VPCD_SCRIPT=file: one script, as printed by a failed run. */
Test(differential, script, .timeout = 280)
{
	_cleanup_(script_clear) struct script script = {0};
	const char *path = getenv("VPCD_SCRIPT");
	char message[MESSAGE_BYTES];
	size_t ran;

	if (!path)
		cr_skip_test("VPCD_SCRIPT is not set");
	own_namespace();
	cr_assert_eq(script_read(path, &script), 0);
	cr_assert_eq(script_run(&script, message, &ran), WORLD_SAME, "line %zu: %s: %s", ran,
		     ran ? script.lines[ran - 1] : "", message);
}
