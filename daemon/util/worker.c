/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/log.h"

#include <vpc/cleanup.h>
#include <vpc/clock.h>

#define LOST_LANES_MAX	  16
#define TIMER_ACCURACY_US 1000
#define NICE_MAX	  19

struct job {
	worker_run_fn run;
	worker_done_fn done;
	void (*free_fn)(void *data);
	void *data;
	int result;
	uint64_t limit_ns; /* 0: none */
	struct job *next;
};

struct job_list {
	struct job *head, *tail;
};

/* One thread and its jobs. Shared by the worker and the thread: the last of the two frees it, since a lost thread may
 * come back after the worker is gone. Everything below `lock` is under it. */
struct lane {
	struct worker *worker; /* for the event loop only */
	sd_event_source *source;
	sd_event_source *timer;
	int event_fd; /* counts finished jobs */
	pthread_t thread;
	unsigned pending; /* event loop only: submitted and not done */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int nice;  /* of the thread; 0: that of vpcd */
	pid_t tid; /* 0: it has not begun */
	struct job_list queued, finished;
	struct job *running;
	uint64_t started_ns; /* CLOCK_MONOTONIC, of running */
	bool stop;	     /* end when the queue is empty */
	bool abandoned;	     /* given up: the thread ends as soon as it comes back */
	bool thread_gone;
	unsigned refs;
};

struct worker {
	sd_event *event;
	struct lane *lanes[WORKER_QUEUES];
	struct lane *lost[LOST_LANES_MAX];
	unsigned n_lost;
	uint64_t user_limit_ns;
	bool closing;
};

static void job_list_push(struct job_list *list, struct job *job)
{
	job->next = NULL;
	if (list->tail)
		list->tail->next = job;
	else
		list->head = job;
	list->tail = job;
}

static struct job *job_list_pop(struct job_list *list)
{
	struct job *job = list->head;

	if (!job)
		return NULL;
	list->head = job->next;
	if (!list->head)
		list->tail = NULL;
	job->next = NULL;
	return job;
}

/* Drops one of the two references. */
static void lane_unref(struct lane *lane)
{
	bool last;

	pthread_mutex_lock(&lane->lock);
	last = --lane->refs == 0;
	pthread_mutex_unlock(&lane->lock);
	if (!last)
		return;
	close_fd(lane->event_fd);
	pthread_cond_destroy(&lane->wake);
	pthread_mutex_destroy(&lane->lock);
	free(lane);
}

/* Runs the next job. False: the thread ends. Called and returns with the lock held. */
static bool lane_step(struct lane *lane)
{
	struct job *job = job_list_pop(&lane->queued);

	if (!job) {
		if (lane->stop)
			return false;
		pthread_cond_wait(&lane->wake, &lane->lock);
		return !lane->abandoned;
	}
	lane->running = job;
	lane->started_ns = monotonic_ns();
	pthread_mutex_unlock(&lane->lock);
	job->result = job->run(job->data);
	pthread_mutex_lock(&lane->lock);
	if (lane->abandoned) {
		/* its done was called when it was given up: what is left is the data that run was using */
		if (job->free_fn)
			job->free_fn(job->data);
		free(job);
		return false;
	}
	if (job->result == -ETIMEDOUT)
		job->result = -ETIME;
	lane->running = NULL;
	job_list_push(&lane->finished, job);
	(void)!eventfd_write(lane->event_fd, 1); /* cannot fail: the counter is far from its limit */
	return true;
}

static void *lane_main(void *userdata)
{
	struct lane *lane = userdata;

	pthread_mutex_lock(&lane->lock);
	lane->tid = gettid();
	if (lane->nice && setpriority(PRIO_PROCESS, (id_t)lane->tid, lane->nice) < 0)
		log_warning("a thread of vpcd stays at its priority: %s", strerror(errno));
	while (lane_step(lane))
		;
	lane->thread_gone = true;
	pthread_mutex_unlock(&lane->lock);
	lane_unref(lane);
	return NULL;
}

/* Calls done for every finished job. */
static void lane_drain(struct lane *lane)
{
	for (;;) {
		struct job *job;

		pthread_mutex_lock(&lane->lock);
		job = job_list_pop(&lane->finished);
		pthread_mutex_unlock(&lane->lock);
		if (!job)
			return;
		lane->pending--;
		job->done(job->data, job->result);
		free(job);
	}
}

static int lane_start(struct worker *w, enum worker_queue queue, struct lane **ret);

/* The lane is left to its thread: no event of it is looked at any more. */
static void lane_detach(struct lane *lane)
{
	lane->source = sd_event_source_disable_unref(lane->source);
	lane->timer = sd_event_source_disable_unref(lane->timer);
	lane->worker = NULL;
}

/* Forgets lost threads that came back. */
static void worker_reap_lost(struct worker *w)
{
	for (unsigned i = 0; i < w->n_lost;) {
		struct lane *lane = w->lost[i];
		bool gone;

		pthread_mutex_lock(&lane->lock);
		gone = lane->thread_gone;
		pthread_mutex_unlock(&lane->lock);
		if (!gone) {
			i++;
			continue;
		}
		lane_unref(lane);
		w->lost[i] = w->lost[--w->n_lost];
	}
}

/* Gives up the job that hangs: its thread is left to itself, the jobs behind it go to a new lane. */
static void worker_give_up(struct worker *w, enum worker_queue queue)
{
	struct lane *old = w->lanes[queue], *lane = NULL;
	struct job_list queued;
	struct job *job;
	struct job given_up;
	int r;

	lane_drain(old);
	if (w->n_lost == LOST_LANES_MAX || lane_start(w, queue, &lane) < 0)
		return; /* tried again at the next tick of the timer */
	pthread_mutex_lock(&old->lock);
	job = old->running;
	if (!job) {
		/* it ended after all */
		pthread_mutex_unlock(&old->lock);
		pthread_mutex_lock(&lane->lock);
		lane->stop = true;
		pthread_cond_signal(&lane->wake);
		pthread_mutex_unlock(&lane->lock);
		pthread_detach(lane->thread);
		lane_detach(lane);
		lane_unref(lane);
		return;
	}
	given_up = *job; /* the thread frees job itself whenever it comes back */
	old->abandoned = true;
	queued = old->queued;
	old->queued = (struct job_list){};
	pthread_mutex_unlock(&old->lock);

	pthread_detach(old->thread);
	lane_detach(old);
	w->lost[w->n_lost++] = old;
	w->lanes[queue] = lane;
	pthread_mutex_lock(&lane->lock);
	lane->queued = queued;
	lane->pending = old->pending - 1;
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	if (lane->pending > 0) {
		r = sd_event_source_set_time_relative(lane->timer, w->user_limit_ns / 1000);
		if (r >= 0)
			sd_event_source_set_enabled(lane->timer, SD_EVENT_ONESHOT);
	}
	given_up.done(given_up.data, -ETIMEDOUT);
}

/* Sets the timer to when the running job is due, or off. */
static void lane_arm(struct lane *lane)
{
	uint64_t due_ns = 0, now = monotonic_ns();

	pthread_mutex_lock(&lane->lock);
	if (lane->running && lane->running->limit_ns)
		due_ns = lane->started_ns + lane->running->limit_ns;
	else if (lane->queued.head && lane->queued.head->limit_ns)
		due_ns = now + lane->queued.head->limit_ns; /* is about to start */
	pthread_mutex_unlock(&lane->lock);
	if (!due_ns) {
		sd_event_source_set_enabled(lane->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(lane->timer, due_ns > now ? (due_ns - now) / 1000 + 1 : TIMER_ACCURACY_US);
	sd_event_source_set_enabled(lane->timer, SD_EVENT_ONESHOT);
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lane *lane = userdata;
	uint64_t count;

	(void)source;
	(void)revents;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	lane_drain(lane);
	if (lane->worker)
		lane_arm(lane);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lane *lane = userdata;
	bool overdue;

	(void)source;
	(void)usec;
	pthread_mutex_lock(&lane->lock);
	overdue = lane->running && lane->running->limit_ns &&
		  monotonic_ns() - lane->started_ns >= lane->running->limit_ns;
	pthread_mutex_unlock(&lane->lock);
	if (overdue)
		worker_give_up(lane->worker, WORKER_USER);
	if (lane->worker)
		lane_arm(lane);
	return 0;
}

static int start_thread(struct lane *lane)
{
	sigset_t all, old;
	int r;

	/* signals are the event loop's (signalfd) */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&lane->thread, NULL, lane_main, lane);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static int lane_start(struct worker *w, enum worker_queue queue, struct lane **ret)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	int r;

	if (!lane)
		return -ENOMEM;
	lane->worker = w;
	lane->nice = queue == WORKER_COUNT ? NICE_MAX : queue == WORKER_LIST ? NICE_MAX / 2 : 0;
	lane->refs = 1;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->wake, NULL);
	lane->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = lane->event_fd < 0 ? -errno : 0;
	if (r >= 0)
		r = sd_event_add_io(w->event, &lane->source, lane->event_fd, EPOLLIN, on_finished, lane);
	if (r >= 0)
		r = sd_event_add_time_relative(w->event, &lane->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US, on_timer,
					       lane);
	if (r >= 0)
		r = sd_event_source_set_enabled(lane->timer, SD_EVENT_OFF);
	if (r >= 0) {
		lane->refs = 2;
		r = start_thread(lane);
		if (r < 0)
			lane->refs = 1;
	}
	if (r < 0) {
		lane_detach(lane);
		lane_unref(lane);
		return r;
	}
	*ret = lane;
	return 0;
}

int worker_new(sd_event *event, unsigned user_limit_ms, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->event = sd_event_ref(event);
	w->user_limit_ns = user_limit_ms * NS_PER_MS;
	for (unsigned i = 0; i < WORKER_QUEUES; i++) {
		r = lane_start(w, (enum worker_queue)i, &w->lanes[i]);
		if (r < 0) {
			worker_free(w);
			return r;
		}
	}
	*ret = w;
	return 0;
}

/* Gives the thread the priority of vpcd, which waits for it now. On a busy host one that lets others go first would
 * take seconds for what it has begun. Without CAP_SYS_NICE or RLIMIT_NICE it stays as it is. */
static void lane_hurry(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	if (lane->nice && lane->tid)
		(void)!setpriority(PRIO_PROCESS, (id_t)lane->tid, getpriority(PRIO_PROCESS, 0));
	lane->nice = 0;
	pthread_mutex_unlock(&lane->lock);
}

/* The kernel's jobs always end: their thread is waited for. */
static void lane_finish(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->stop = true;
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->thread, NULL);
	lane_drain(lane);
	lane_detach(lane);
	lane_unref(lane);
}

/* Jobs that did not start are cancelled; one that is running is left to its thread. */
static void lane_cancel(struct lane *lane)
{
	struct job_list queued;
	struct job *job, *running;
	struct job given_up = {};

	pthread_mutex_lock(&lane->lock);
	queued = lane->queued;
	lane->queued = (struct job_list){};
	lane->stop = true;
	running = lane->running;
	if (running) {
		given_up = *running;
		lane->abandoned = true;
	}
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	if (running)
		pthread_detach(lane->thread);
	else
		pthread_join(lane->thread, NULL);
	lane_drain(lane);
	if (running)
		given_up.done(given_up.data, -ETIMEDOUT);
	while ((job = job_list_pop(&queued))) {
		job->done(job->data, -ECANCELED);
		free(job);
	}
	lane_detach(lane);
	lane_unref(lane);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	w->closing = true;
	for (unsigned i = 0; i < WORKER_QUEUES; i++)
		if (w->lanes[i])
			lane_hurry(w->lanes[i]);
	/* First the store: what it has committed is published, as far as that takes no worker. */
	if (w->lanes[WORKER_STORE])
		lane_finish(w->lanes[WORKER_STORE]);
	for (unsigned i = 0; i < WORKER_QUEUES; i++)
		if (w->lanes[i] && i != WORKER_STORE && i != WORKER_USER)
			lane_finish(w->lanes[i]);
	if (w->lanes[WORKER_USER])
		lane_cancel(w->lanes[WORKER_USER]);
	for (unsigned i = 0; i < w->n_lost; i++)
		lane_unref(w->lost[i]);
	sd_event_unref(w->event);
	free(w);
}

int worker_submit(struct worker *w, enum worker_queue queue, worker_run_fn run, worker_done_fn done,
		  void (*free_fn)(void *data), void *data)
{
	struct lane *lane = w->lanes[queue];
	struct job *job;

	worker_reap_lost(w);
	if (w->closing || (queue == WORKER_USER && w->n_lost == LOST_LANES_MAX))
		return -EAGAIN;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){
		.run = run,
		.done = done,
		.free_fn = free_fn,
		.data = data,
		.limit_ns = queue == WORKER_USER ? w->user_limit_ns : 0,
	};
	pthread_mutex_lock(&lane->lock);
	job_list_push(&lane->queued, job);
	lane->pending++;
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	if (queue == WORKER_USER)
		lane_arm(lane);
	return 0;
}
