/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job queue: one job runs at a time, in order. A job is a piece of work that needs model, store, maps and net to
 * itself: a transaction, a repair, a verify. The queue doesn't know what jobs do.
 *
 * start() begins a job and queue_done() ends it. In between the job may be away on worker threads. All functions are
 * called on the event loop's thread.
 */
#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H

#include <stdbool.h>

/* What a job may wait for before it begins to change anything: see queue_wait. */
enum job_wait {
	WAIT_REMOVAL = 1,   /* the deletion of devices, on the worker */
	WAIT_NUMBERS = 2,   /* numbers that are free after a grace period */
	WAIT_LINKS = 4,	    /* tcx links that are made on the worker */
	WAIT_NAMESPACE = 8, /* its own namespaces, which are made on the worker */
};

/* A job is the caller's. It must stay valid from queue_add until queue_done, or until its cancel() is called. */
struct job {
	void (*start)(struct job *job);
	/* NULL, or ends a job that will not be started (again) because the queue ends. The job isn't running then. */
	void (*cancel)(struct job *job);
	struct job *next;
	unsigned waits_for; /* enum job_wait, while it is away from the queue */
	unsigned leaves;    /* times it left the queue */
};

struct job_queue {
	struct job *running;
	struct job *head, **tail;
	struct job *parked; /* jobs that wait away from the queue, in the order in which they left it */
	unsigned holding;   /* what the running job waits for (enum job_wait); 0: it runs */
	bool pumping;	    /* a job's start() is running */
	bool closing;	    /* nothing is started any more */
	/* NULL, or called with userdata when a job has ended, before the next one starts. */
	void (*on_done)(void *userdata);
	void *userdata;
};

/* Initializes an empty queue. */
void queue_init(struct job_queue *q);

/* Appends a job and starts what can be started. */
void queue_add(struct job_queue *q, struct job *job);

/* Ends the running job, whose memory the queue no longer uses, and starts the next. */
void queue_done(struct job_queue *q);

/*
 * Has the running job, which has changed nothing or has undone it, start over when `what` has ended. It leaves the
 * queue, so that others can go on, and comes back to the front. The caller must not use the job any more, because
 * others and the job itself may have been started. A job that has left too often keeps its turn, or else others could
 * go on for ever to cause what it waits for.
 */
void queue_wait(struct job_queue *q, struct job *job, enum job_wait what);

/* The running job keeps its turn, and is started over when one of these (enum job_wait) has ended. */
void queue_hold(struct job_queue *q, unsigned what);

/* Tells that something has ended: every job that waits for it is started over, the one that has waited longest
 * first. */
void queue_wake(struct job_queue *q, enum job_wait what);

/* Tells that the namespaces of this job are made. */
void queue_wake_job(struct job_queue *q, struct job *job);

/* Cancels the jobs that will not be started any more: the running one if it holds its turn, and all that wait. */
void queue_cancel(struct job_queue *q);

#endif
