/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening the namespaces and taps that a request names. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_WORKLOADS_H
#define ENGINE_WORKLOADS_H

#include "datapath/net/netns/workload.h"
#include "engine/engine.h"
#include "engine/engine_private.h"

/* One workload a change; ns_fd -1 where the change attaches nothing. */
struct opening {
	size_t n;
	size_t *change;		      /* index of the change in the request */
	struct attachment_spec *spec; /* owned copies */
	struct workload *workload;
	uid_t uid;
	size_t failed; /* index in the request of the change that failed */
	struct vpc_error error;
};
/* Prepares to open whatever the changes attach to; *ret NULL: nothing. -ENOMEM. */
int opening_new(const struct engine_request *r, struct opening **ret);
void opening_free(struct opening *o);
/* Worker function. 0, or -errno with o->error filled. */
int opening_run(void *data);
/* Writes the identity of what was opened into the request's changes. -ENOMEM. */
int opening_fill(struct opening *o, struct engine_request *r);

#endif
