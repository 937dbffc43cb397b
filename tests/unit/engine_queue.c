/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's queue: one job at a time, and those that wait let others go on. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/engine_private.h"

struct fake {
	struct job job; /* first */
	char name;
	enum job_wait waits[16]; /* for what, in each start; 0: it ends */
	unsigned starts;
};

static struct engine e;
static char trace[256]; /* names of the jobs that were started */
static size_t n_trace;

static void start(struct job *job)
{
	struct fake *f = (struct fake *)job;
	enum job_wait what = f->waits[f->starts++];

	trace[n_trace++] = f->name;
	if (what)
		engine_job_wait(&e, job, what);
	else
		engine_job_done(&e);
}

static void cancel(struct job *job)
{
	trace[n_trace++] = (char)(((struct fake *)job)->name - 'a' + 'A');
}

static void set_up(void)
{
	memset(&e, 0, sizeof(e));
	memset(trace, 0, sizeof(trace));
	n_trace = 0;
	e.queue_tail = &e.queue_head;
}

#define FAKE(letter, ...)                                                                           \
	{                                                                                           \
		.job = {.start = start, .cancel = cancel}, .name = letter, .waits = { __VA_ARGS__ } \
	}

TestSuite(engine_queue, .init = set_up);

Test(engine_queue, others_go_on_while_one_waits)
{
	struct fake a = FAKE('a', WAIT_NAMESPACE), b = FAKE('b'), c = FAKE('c');

	engine_run_job(&e, &a.job);
	engine_run_job(&e, &b.job);
	cr_assert_str_eq(trace, "ab");
	engine_wake(&e, WAIT_REMOVAL); /* not what it waits for */
	cr_assert_str_eq(trace, "ab");
	engine_job_wake(&e, &a.job);
	engine_run_job(&e, &c.job);
	cr_assert_str_eq(trace, "abac");
	cr_assert_null(e.running);
	cr_assert_null(e.parked);
}

/* A job that keeps the queue until it is told to end. */
static void keep(struct job *job)
{
	trace[n_trace++] = ((struct fake *)job)->name;
}

Test(engine_queue, who_has_waited_goes_first_and_in_order)
{
	struct fake a = FAKE('a', WAIT_NUMBERS), b = FAKE('b', WAIT_REMOVAL), c = FAKE('c', WAIT_NUMBERS);
	struct fake k = {.job.start = keep, .name = 'k'}, d = FAKE('d');

	engine_run_job(&e, &a.job);
	engine_run_job(&e, &b.job);
	engine_run_job(&e, &c.job);
	engine_run_job(&e, &k.job);
	engine_run_job(&e, &d.job);
	engine_wake(&e, WAIT_NUMBERS);
	cr_assert_str_eq(trace, "abck");
	engine_job_done(&e);
	cr_assert_str_eq(trace, "abckacd");
	engine_wake(&e, WAIT_REMOVAL);
	cr_assert_str_eq(trace, "abckacdb");
	engine_run_job(&e, &k.job);
	cr_assert_eq(e.running, &k.job);
	cr_assert_eq(e.queue_tail, &e.queue_head);
}

/* Others could bring about for ever what it waits for. */
Test(engine_queue, who_had_to_leave_too_often_keeps_its_turn)
{
	struct fake a = FAKE('a', WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL,
			     WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL);
	struct fake b = FAKE('b');

	engine_run_job(&e, &a.job);
	for (int i = 0; i < 8; i++)
		engine_wake(&e, WAIT_REMOVAL);
	engine_run_job(&e, &b.job);
	cr_assert_str_eq(trace, "aaaaaaaaa");
	engine_wake(&e, WAIT_NUMBERS);
	cr_assert_str_eq(trace, "aaaaaaaaa");
	engine_wake(&e, WAIT_REMOVAL);
	cr_assert_str_eq(trace, "aaaaaaaaaab");
}

static void hold(struct job *job)
{
	struct fake *f = (struct fake *)job;

	trace[n_trace++] = f->name;
	if (!f->starts++)
		engine_job_hold(&e, WAIT_REMOVAL | WAIT_LINKS);
	else
		engine_job_done(&e);
}

Test(engine_queue, a_job_may_keep_its_turn)
{
	struct fake a = {.job.start = hold, .name = 'a'}, b = FAKE('b');

	engine_run_job(&e, &a.job);
	engine_run_job(&e, &b.job);
	cr_assert_str_eq(trace, "a");
	engine_wake(&e, WAIT_LINKS);
	cr_assert_str_eq(trace, "aab");
}

Test(engine_queue, the_end_starts_nothing_and_cancels_what_waits)
{
	struct engine *heap = calloc(1, sizeof(*heap));
	struct fake a = FAKE('a', WAIT_NAMESPACE), b = FAKE('b', WAIT_NUMBERS), c = FAKE('c');
	struct fake k = {.job.start = keep, .name = 'k'};

	engine_run_job(&e, &a.job);
	engine_run_job(&e, &b.job);
	engine_run_job(&e, &k.job);
	engine_run_job(&e, &c.job);
	e.closing = true;
	engine_job_wake(&e, &a.job);
	engine_wake(&e, WAIT_NUMBERS);
	engine_job_done(&e);
	cr_assert_str_eq(trace, "abk");
	*heap = e;
	engine_free(heap);
	cr_assert_str_eq(trace, "abkABC");
}
