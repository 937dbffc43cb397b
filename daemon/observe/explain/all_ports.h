/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A question about tcp or udp without a port: what becomes of each port. */
#ifndef OBSERVE_EXPLAIN_ALL_PORTS_H
#define OBSERVE_EXPLAIN_ALL_PORTS_H

#include <jansson.h>

#include "model/model.h"
#include "observe/explain/walk.h"

/* Ports at which verdicts are computed; ports between two of them have the verdict of the lower one. */
#define ALL_PORTS_MAX 256
struct all_ports {
	uint16_t at[ALL_PORTS_MAX]; /* ascending, the first is 0 */
	unsigned n;
	bool full; /* there would be more */
};
/* Adds the ports at which rules of an ENI begin and end: of its groups and of its subnet's ACL. eni NULL: none. */
void all_ports_add(struct all_ports *p, const struct model *m, const struct object *eni, int protocol);
/* Adds a port. */
void all_ports_add_one(struct all_ports *p, int port);

/* Calls walk for each of the ports. *ret: of the first port that is refused, or else of the first; the caller's
 * trace. Returns a list of {"ports", "verdict", "reason"}, neighbours that are the same joined; NULL: out of memory. */
json_t *all_ports_walk(const struct all_ports *p, void (*walk)(struct explain_trace *t, uint16_t port, void *userdata),
		       void *userdata, struct explain_trace *ret, bool *ret_any, bool *ret_all);

#endif
