/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker: order, results, time limits, what becomes of hung jobs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/worker.h"

struct note {
	int number;
	int result;
	bool done;
	int block_fd; /* run reads a byte from here first; -1: doesn't */
	int *order;   /* done appends the number */
	unsigned *count;
	pthread_t thread;
	atomic_bool begun, freed;
};

static int note_run(void *data)
{
	struct note *n = data;
	char c;

	n->thread = pthread_self();
	atomic_store(&n->begun, true);
	if (n->block_fd >= 0)
		(void)!read(n->block_fd, &c, 1);
	return n->number;
}

static void note_done(void *data, int result)
{
	struct note *n = data;

	n->done = true;
	n->result = result;
	if (n->order)
		n->order[(*n->count)++] = n->number;
}

static void note_free(void *data)
{
	struct note *n = data;

	atomic_store(&n->freed, true);
}

/* Until the job is done, and with it those before it in its queue. */
static void spin(sd_event *event, const struct note *last)
{
	for (int i = 0; i < 1000 && !last->done; i++)
		cr_assert_geq(sd_event_run(event, 10000), 0);
	cr_assert(last->done);
}

static void wait_freed(struct note *n)
{
	for (int i = 0; i < 1000 && !atomic_load(&n->freed); i++)
		usleep(1000);
	cr_assert(atomic_load(&n->freed));
}

static void wait_begun(struct note *n)
{
	for (int i = 0; i < 10000 && !atomic_load(&n->begun); i++)
		usleep(1000);
	cr_assert(atomic_load(&n->begun));
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(worker, jobs_of_a_queue_run_in_order_and_done_runs_on_the_loop)
{
	struct note notes[100];
	int order[100];
	unsigned count = 0;
	sd_event *event = NULL;
	struct worker *w = NULL;

	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 5000, &w), 0);
	for (int i = 0; i < 100; i++) {
		notes[i] = (struct note){.number = i, .block_fd = -1, .order = order, .count = &count};
		cr_assert_eq(worker_submit(w, WORKER_KERNEL, note_run, note_done, NULL, &notes[i]), 0);
	}
	cr_assert_eq(count, 0, "nothing is done before the loop runs");
	spin(event, &notes[99]);
	cr_assert_eq(count, 100);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(order[i], i);
		cr_assert_eq(notes[i].result, i);
		cr_assert(!pthread_equal(notes[i].thread, pthread_self()));
	}
	worker_free(w);
	sd_event_unref(event);
}

static int nice_run(void *data)
{
	(void)data;
	return getpriority(PRIO_PROCESS, (id_t)gettid());
}

Test(worker, counting_leaves_the_cpu_to_others)
{
	struct note count = {.block_fd = -1}, read = {.block_fd = -1};
	int mine = getpriority(PRIO_PROCESS, 0);
	sd_event *event = NULL;
	struct worker *w = NULL;

	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 5000, &w), 0);
	cr_assert_eq(worker_submit(w, WORKER_COUNT, nice_run, note_done, NULL, &count), 0);
	cr_assert_eq(worker_submit(w, WORKER_FLOWS, nice_run, note_done, NULL, &read), 0);
	spin(event, &count);
	spin(event, &read);
	cr_assert_eq(count.result, 19);
	cr_assert_eq(read.result, mine, "a reply waits for it");
	worker_free(w);
	sd_event_unref(event);
}

/* Whether this process may give a thread its priority back. */
static bool may_raise(void)
{
	int mine = getpriority(PRIO_PROCESS, 0), status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setpriority(PRIO_PROCESS, 0, 19) < 0 || setpriority(PRIO_PROCESS, 0, mine) < 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* Ends when the thread's priority is another, or after 5 s. */
static int until_raised_run(void *data)
{
	atomic_store(&((struct note *)data)->begun, true);
	for (int i = 0; i < 5000 && getpriority(PRIO_PROCESS, (id_t)gettid()) == 19; i++)
		usleep(1000);
	return getpriority(PRIO_PROCESS, (id_t)gettid());
}

/* A thread of nice 19 beside workloads that want all CPUs would hold up the end of vpcd for seconds. */
Test(worker, freeing_gives_a_thread_that_it_waits_for_the_priority_of_others)
{
	struct note count = {.block_fd = -1};
	int mine = getpriority(PRIO_PROCESS, 0);
	sd_event *event = NULL;
	struct worker *w = NULL;

	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 5000, &w), 0);
	cr_assert_eq(worker_submit(w, WORKER_COUNT, until_raised_run, note_done, NULL, &count), 0);
	while (!atomic_load(&count.begun))
		usleep(1000);
	worker_free(w);
	cr_assert(count.done);
	cr_assert_eq(count.result, may_raise() ? mine : 19);
	sd_event_unref(event);
}

Test(worker, a_hung_job_is_given_up_and_those_behind_it_run)
{
	int pipe_fds[2];
	sd_event *event = NULL;
	struct worker *w = NULL;
	struct note hung = {.number = 1}, next = {.number = 2, .block_fd = -1}, later = {.number = 3, .block_fd = -1};

	cr_assert_eq(pipe(pipe_fds), 0);
	hung.block_fd = pipe_fds[0];
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 50, &w), 0);
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, note_free, &hung), 0);
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, note_free, &next), 0);
	spin(event, &next);
	cr_assert_eq(hung.result, -ETIMEDOUT);
	cr_assert_eq(next.result, 2);
	cr_assert(!atomic_load(&hung.freed), "its thread may still use it");
	cr_assert(!atomic_load(&next.freed), "done owns the data of a job that ended");
	cr_assert_eq(write(pipe_fds[1], "x", 1), 1);
	wait_freed(&hung);
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, note_free, &later), 0);
	spin(event, &later);
	cr_assert_eq(later.result, 3);
	worker_free(w);
	sd_event_unref(event);
}

Test(worker, each_job_has_the_whole_limit)
{
	sd_event *event = NULL;
	struct worker *w = NULL;
	int pipe_fds[2];
	struct note a = {.number = 1}, b = {.number = 2};

	cr_assert_eq(pipe(pipe_fds), 0);
	a.block_fd = b.block_fd = pipe_fds[0];
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 50, &w), 0);
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, NULL, &a), 0);
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, NULL, &b), 0);
	spin(event, &b);
	cr_assert_eq(a.result, -ETIMEDOUT);
	cr_assert_eq(b.result, -ETIMEDOUT, "the job behind a hung one is limited too");
	cr_assert_eq(write(pipe_fds[1], "xx", 2), 2);
	worker_free(w);
	sd_event_unref(event);
}

Test(worker, too_many_lost_threads_refuse_more)
{
	sd_event *event = NULL;
	struct worker *w = NULL;
	int pipe_fds[2];
	struct note notes[17];
	int r = 0, n = 0;

	cr_assert_eq(pipe(pipe_fds), 0);
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 100, &w), 0);
	for (; n < 17 && r == 0; n++) {
		notes[n] = (struct note){.number = n, .block_fd = pipe_fds[0]};
		r = worker_submit(w, WORKER_USER, note_run, note_done, note_free, &notes[n]);
		if (r == 0)
			spin(event, &notes[n]);
	}
	cr_assert_eq(r, -EAGAIN);
	cr_assert_eq(n, 17);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(write(pipe_fds[1], "x", 1), 1);
	for (int i = 0; i < 16; i++)
		wait_freed(&notes[i]);
	notes[16] = (struct note){.number = 16, .block_fd = -1};
	r = -EAGAIN;
	for (int i = 0; i < 10000 && r == -EAGAIN; i++, usleep(1000)) /* the threads' last steps */
		r = worker_submit(w, WORKER_USER, note_run, note_done, note_free, &notes[16]);
	cr_assert_eq(r, 0);
	spin(event, &notes[16]);
	cr_assert_eq(notes[16].result, 16);
	worker_free(w);
	sd_event_unref(event);
}

Test(worker, freeing_waits_for_the_kernel_queue_and_cancels_the_other)
{
	sd_event *event = NULL;
	struct worker *w = NULL;
	int pipe_fds[2];
	unsigned before;
	struct note kernel[10], running = {.number = 1}, queued = {.number = 2, .block_fd = -1};

	cr_assert_eq(pipe(pipe_fds), 0);
	running.block_fd = pipe_fds[0];
	cr_assert_geq(sd_event_new(&event), 0);
	cr_assert_eq(worker_new(event, 5000, &w), 0);
	worker_free(w); /* the event loop has made its timerfd, which it keeps */
	before = count_fds();
	cr_assert_eq(worker_new(event, 5000, &w), 0);
	for (int i = 0; i < 10; i++) {
		kernel[i] = (struct note){.number = i, .block_fd = -1};
		cr_assert_eq(worker_submit(w, WORKER_KERNEL, note_run, note_done, note_free, &kernel[i]), 0);
	}
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, note_free, &running), 0);
	wait_begun(&running);
	cr_assert_eq(worker_submit(w, WORKER_USER, note_run, note_done, note_free, &queued), 0);
	worker_free(w);
	for (int i = 0; i < 10; i++)
		cr_assert(kernel[i].done && kernel[i].result == i && !atomic_load(&kernel[i].freed));
	cr_assert_eq(running.result, -ETIMEDOUT);
	cr_assert_eq(queued.result, -ECANCELED);
	cr_assert_eq(write(pipe_fds[1], "x", 1), 1);
	wait_freed(&running);
	/* the thread ends after it has freed its job */
	for (unsigned i = 0; i < 500 && count_fds() != before; i++)
		usleep(10000);
	cr_assert_eq(count_fds(), before, "%u descriptors, %u before", count_fds(), before);
	sd_event_unref(event);
}
