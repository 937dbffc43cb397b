/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets and bytes of flows for who asks: what was counted is read at once, and not only when it is time. */
#ifndef ENGINE_FLOW_COUNTS_H
#define ENGINE_FLOW_COUNTS_H

#include "engine/engine_private.h"
#include "observe/flow_totals.h"

/* Somebody who waits for a reading. It must stay until fn is called. */
struct flow_counts_wait {
	void (*fn)(void *userdata);
	void *userdata;
	struct flow_counts_wait *next;
};

/* True: w->fn is called when everything that was counted until now is in the totals, or couldn't be read. False:
 * nothing is counted, or vpcd ends. */
bool flow_counts_read(struct engine *e, struct flow_counts_wait *w);
/* At the engine's end: nobody waits any more. Whoever waits is called. */
void flow_counts_close(struct engine *e);
/* The totals; NULL: vpcd has none yet. */
const struct flow_totals *flow_counts_totals(const struct engine *e);
/* How full the table is, for status. */
json_t *flow_counts_status(const struct engine *e);

/* Flows of a receipt whose packets and bytes are to be put into it when they are known. */
struct cut_counts {
	struct cut_count {
		size_t index; /* in the receipt */
		struct vpc_flow_key key;
		struct vpc_flow flow;
	} * at; /* owned */
	size_t n, cap;
};

void cut_counts_note(const struct engine *e, struct cut_counts *c, size_t index, const struct vpc_flow_key *key,
		     const struct vpc_flow *flow);
/* Whether there is something to wait for, as flow_counts_read() says. */
bool cut_counts_read(struct engine *e, const struct cut_counts *c, struct flow_counts_wait *w);
/* Sets them in the receipt. */
void cut_counts_put(const struct engine *e, const struct cut_counts *c, json_t *cut_flows);
void cut_counts_clear(struct cut_counts *c);

#endif
