/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes namespaces for VPCs that have none, on the worker, while the job that needs them is away from the queue. */
#ifndef ENGINE_NAMESPACES_H
#define ENGINE_NAMESPACES_H

#include "compiler/plan.h"
#include "datapath/net/netns/netns.h"
#include "engine/engine_private.h"

struct made_netns {
	struct vpc_record record; /* its number may be another one when the job starts over */
	struct netns ns;	  /* not handed to net yet */
};

/* The namespaces of a job. If all but the error is zero, it has none. */
struct making {
	struct engine *e;
	struct job *job;
	struct made_netns *list;
	size_t n;
	struct vpc_error error;	    /* why the last one could not be made */
	struct making *prev, *next; /* list of those of the engine */
};

/* Makes the namespaces that the plan's VPCs lack, on the worker. Returns 1: they are being made, and the job must
 * rewind and wait for WAIT_NAMESPACE; 0: none is missing; -errno. */
int making_begin(struct making *m, struct engine *e, struct job *job, const struct plan *plan);
/* The namespace that was made for a VPC; NULL: none. */
struct made_netns *making_find(const struct making *m, const char *vpc_id);
/* Closes the namespaces. Those of VPCs that the model doesn't have are removed on the worker. */
void making_end(struct making *m);
/* Removes from a report of net_verify the namespaces that are made now, for VPCs that the model doesn't have yet.
 * names: making_names() from when it began. */
void making_excuse(json_t *differences, const json_t *names);
/* Names of the namespaces that are made now; NULL: out of memory. */
json_t *making_names(const struct engine *e);

#endif
