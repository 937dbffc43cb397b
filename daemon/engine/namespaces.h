/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces for VPCs that have none, made on the worker while the job that needs them is away from the queue. */
#ifndef ENGINE_NAMESPACES_H
#define ENGINE_NAMESPACES_H

#include "engine/engine_private.h"

struct made_netns {
	struct vpc_record record; /* its number may be another one when the job starts over */
	struct netns ns;	  /* not handed to net yet */
};

/* A job's namespaces. All zero but the error: none. */
struct making {
	struct engine *e;
	struct job *job;
	struct made_netns *list;
	size_t n;
	struct vpc_error error;	    /* why the last one could not be made */
	struct making *prev, *next; /* of the engine's */
};

/* Sends off what the plan's VPCs lack. 1: on its way, and the job is to rewind and to wait for WAIT_NAMESPACE; 0:
 * nothing is missing; or -errno. */
int making_begin(struct making *m, struct engine *e, struct job *job, const struct plan *plan);
/* What was made for a VPC; NULL: nothing. */
struct made_netns *making_find(const struct making *m, const char *vpc_id);
/* Closes what was made. What the model has no VPC for is removed, on the worker. */
void making_end(struct making *m);
/* Removes from a report of net_verify the namespaces that are made now, for VPCs that the model doesn't have yet.
 * names: making_names() from when it began. */
void making_excuse(json_t *differences, const json_t *names);
/* Names of the namespaces that are made now; NULL: out of memory. */
json_t *making_names(const struct engine *e);

#endif
