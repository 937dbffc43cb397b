/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job queue: one job runs at a time, in order. A job is a piece of work that needs model, store, maps and net to
 * itself: a transaction, a repair, a verify. It knows nothing of what jobs do.
 *
 * start() begins a job and queue_done() ends it. In between it may have been away on worker threads. Everything here is
 * called on the event loop's thread.
 */
#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H

#include <stdbool.h>

/* What a job may wait for before it begins to change anything: see queue_wait. */
enum job_wait {
	WAIT_REMOVAL = 1,   /* of devices, on the worker */
	WAIT_NUMBERS = 2,   /* that are free after a grace period */
	WAIT_LINKS = 4,	    /* that are attached on the worker */
	WAIT_NAMESPACE = 8, /* its own, made on the worker */
};

/* The caller's; it stays valid from queue_add until queue_done, or until its cancel() was called. */
struct job {
	void (*start)(struct job *job);
	/* NULL, or ends a job that can't be started (again) since the queue ends. It isn't the running one then. */
	void (*cancel)(struct job *job);
	struct job *next;
	unsigned waits_for; /* enum job_wait, while it is away from the queue */
	unsigned leaves;    /* times it left the queue */
};

struct job_queue {
	struct job *running;
	struct job *head, **tail;
	struct job *parked; /* jobs that wait away from the queue, the one that left first is the first */
	unsigned holding;   /* what the running job waits for (enum job_wait); 0: it runs */
	bool pumping;	    /* a job's start() is on the stack */
	bool closing;	    /* nothing is started any more */
	/* NULL, or called with userdata when a job has ended and before the next one starts. */
	void (*on_done)(void *userdata);
	void *userdata;
};

/* Makes an empty queue of a struct of the caller's. */
void queue_init(struct job_queue *q);

/* Appends a job and starts what can be started. */
void queue_add(struct job_queue *q, struct job *job);

/* The running job has ended; its memory is no longer looked at. Starts the next. */
void queue_done(struct job_queue *q);

/*
 * The running job, which has changed nothing or has undone it, is to be started over when `what` has ended. It leaves
 * the queue, so that others go on, and comes back to the front. The caller must not look at the job any more: others
 * may have been started, and the job itself. A job that has left too often keeps its turn: else others could go on for
 * ever to bring about what it waits for.
 */
void queue_wait(struct job_queue *q, struct job *job, enum job_wait what);

/* The running job keeps its turn until one of these (enum job_wait) has ended, and is started over. */
void queue_hold(struct job_queue *q, unsigned what);

/* Something has ended: every job that waits for it is started over, the one that has waited longest first. */
void queue_wake(struct job_queue *q, enum job_wait what);

/* The namespaces that this job waits for are made. */
void queue_wake_job(struct job_queue *q, struct job *job);

/* Cancels what will not be started any more: the running job if it holds its turn, and all that wait. */
void queue_cancel(struct job_queue *q);

#endif
