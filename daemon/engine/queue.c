/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/queue.h"

#include <vpc/cleanup.h>

/* A job that comes back to the queue's front finds again and again that it must wait only if others that went before it
 * bring that about. */
#define LEAVES_MOST 8

void queue_init(struct job_queue *q)
{
	*q = (struct job_queue){.tail = &q->head};
}

/* A loop and not recursion: jobs that end at once would otherwise grow the stack with the queue. */
static void pump(struct job_queue *q)
{
	if (q->pumping || q->closing)
		return;
	q->pumping = true;
	while (!q->running && q->head) {
		struct job *job = q->head;

		q->head = job->next;
		if (!q->head)
			q->tail = &q->head;
		job->next = NULL;
		q->running = job;
		job->start(job);
	}
	q->pumping = false;
}

void queue_add(struct job_queue *q, struct job *job)
{
	job->next = NULL;
	*q->tail = job;
	q->tail = &job->next;
	pump(q);
}

void queue_done(struct job_queue *q)
{
	q->running = NULL;
	if (q->on_done)
		q->on_done(q->userdata);
	pump(q);
}

void queue_hold(struct job_queue *q, unsigned what)
{
	q->holding = what;
}

void queue_wait(struct job_queue *q, struct job *job, enum job_wait what)
{
	struct job **tail = &q->parked;

	if (job->leaves == LEAVES_MOST) {
		queue_hold(q, what);
		return;
	}
	job->leaves++;
	job->waits_for = what;
	while (*tail)
		tail = &(*tail)->next;
	*tail = job;
	q->running = NULL;
	pump(q);
}

/* Takes the jobs of a list to the front of the queue, in their order. */
static void to_front(struct job_queue *q, struct job *list, struct job **tail)
{
	if (!list)
		return;
	*tail = q->head;
	if (!q->head)
		q->tail = tail;
	q->head = list;
}

static void wake(struct job_queue *q, const struct job *only, unsigned what)
{
	struct job *woken = NULL, **tail = &woken;

	if (q->closing)
		return; /* queue_cancel ends them */
	for (struct job **at = &q->parked; *at;) {
		struct job *job = *at;

		if ((only && job != only) || !(job->waits_for & what)) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		job->next = NULL;
		job->waits_for = 0;
		*tail = job;
		tail = &job->next;
	}
	to_front(q, woken, tail);
	if ((!only || q->running == only) && q->holding & what) {
		q->holding = 0;
		q->running->start(q->running);
	}
	pump(q);
}

void queue_wake(struct job_queue *q, enum job_wait what)
{
	wake(q, NULL, what);
}

void queue_wake_job(struct job_queue *q, struct job *job)
{
	wake(q, job, WAIT_NAMESPACE);
}

static void cancel_list(struct job *list)
{
	while (list) {
		struct job *job = list;

		list = job->next;
		if (job->cancel)
			job->cancel(job);
	}
}

void queue_cancel(struct job_queue *q)
{
	struct job *running = TAKE_PTR(q->running);

	if (running && q->holding && running->cancel)
		running->cancel(running);
	cancel_list(TAKE_PTR(q->parked));
	cancel_list(TAKE_PTR(q->head));
	q->tail = &q->head;
}
