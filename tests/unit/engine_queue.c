/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's queue: one job at a time, and those that wait let others go on. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/queue.h"

struct fake {
	struct job job; /* first */
	char name;
	enum job_wait waits[16]; /* for what, in each start; 0: it ends */
	unsigned starts;
};

static struct job_queue q;
static char trace[256]; /* names of the jobs that were started */
static size_t n_trace;

static void start(struct job *job)
{
	struct fake *f = (struct fake *)job;
	enum job_wait what = f->waits[f->starts++];

	trace[n_trace++] = f->name;
	if (what)
		queue_wait(&q, job, what);
	else
		queue_done(&q);
}

static void cancel(struct job *job)
{
	trace[n_trace++] = (char)(((struct fake *)job)->name - 'a' + 'A');
}

static void set_up(void)
{
	memset(trace, 0, sizeof(trace));
	n_trace = 0;
	queue_init(&q);
}

#define FAKE(letter, ...)                                                                           \
	{                                                                                           \
		.job = {.start = start, .cancel = cancel}, .name = letter, .waits = { __VA_ARGS__ } \
	}

TestSuite(engine_queue, .init = set_up);

Test(engine_queue, others_go_on_while_one_waits)
{
	struct fake a = FAKE('a', WAIT_NAMESPACE), b = FAKE('b'), c = FAKE('c');

	queue_add(&q, &a.job);
	queue_add(&q, &b.job);
	cr_assert_str_eq(trace, "ab");
	queue_wake(&q, WAIT_REMOVAL); /* not what it waits for */
	cr_assert_str_eq(trace, "ab");
	queue_wake_job(&q, &a.job);
	queue_add(&q, &c.job);
	cr_assert_str_eq(trace, "abac");
	cr_assert_null(q.running);
	cr_assert_null(q.parked);
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

	queue_add(&q, &a.job);
	queue_add(&q, &b.job);
	queue_add(&q, &c.job);
	queue_add(&q, &k.job);
	queue_add(&q, &d.job);
	queue_wake(&q, WAIT_NUMBERS);
	cr_assert_str_eq(trace, "abck");
	queue_done(&q);
	cr_assert_str_eq(trace, "abckacd");
	queue_wake(&q, WAIT_REMOVAL);
	cr_assert_str_eq(trace, "abckacdb");
	queue_add(&q, &k.job);
	cr_assert_eq(q.running, &k.job);
	cr_assert_eq(q.tail, &q.head);
}

/* Others could bring about for ever what it waits for. */
Test(engine_queue, who_had_to_leave_too_often_keeps_its_turn)
{
	struct fake a = FAKE('a', WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL,
			     WAIT_REMOVAL, WAIT_REMOVAL, WAIT_REMOVAL);
	struct fake b = FAKE('b');

	queue_add(&q, &a.job);
	for (int i = 0; i < 8; i++)
		queue_wake(&q, WAIT_REMOVAL);
	queue_add(&q, &b.job);
	cr_assert_str_eq(trace, "aaaaaaaaa");
	queue_wake(&q, WAIT_NUMBERS);
	cr_assert_str_eq(trace, "aaaaaaaaa");
	queue_wake(&q, WAIT_REMOVAL);
	cr_assert_str_eq(trace, "aaaaaaaaaab");
}

static void hold(struct job *job)
{
	struct fake *f = (struct fake *)job;

	trace[n_trace++] = f->name;
	if (!f->starts++)
		queue_hold(&q, WAIT_REMOVAL | WAIT_LINKS);
	else
		queue_done(&q);
}

Test(engine_queue, a_job_may_keep_its_turn)
{
	struct fake a = {.job.start = hold, .name = 'a'}, b = FAKE('b');

	queue_add(&q, &a.job);
	queue_add(&q, &b.job);
	cr_assert_str_eq(trace, "a");
	queue_wake(&q, WAIT_LINKS);
	cr_assert_str_eq(trace, "aab");
}

Test(engine_queue, the_end_starts_nothing_and_cancels_what_waits)
{
	struct fake a = FAKE('a', WAIT_NAMESPACE), b = FAKE('b', WAIT_NUMBERS), c = FAKE('c');
	struct fake k = {.job.start = keep, .name = 'k'};

	queue_add(&q, &a.job);
	queue_add(&q, &b.job);
	queue_add(&q, &k.job);
	queue_add(&q, &c.job);
	q.closing = true;
	queue_wake_job(&q, &a.job);
	queue_wake(&q, WAIT_NUMBERS);
	queue_done(&q);
	cr_assert_str_eq(trace, "abk");
	queue_cancel(&q);
	cr_assert_str_eq(trace, "abkABC");
}
