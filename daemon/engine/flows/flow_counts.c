/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/flows/flow_counts.h"

#include "datapath/maps/flows/flows.h"
#include "engine/flows/flow_logs_private.h"
#include "observe/flow_record.h"

/* Entries whose flows are looked for with each reading, at least. */
#define CHECKS_MIN   1024u
/* All are looked for within so many readings. */
#define CHECKS_ROUND 12u

static void call_all(struct flow_counts_wait **list)
{
	while (*list) {
		struct flow_counts_wait *w = *list;

		*list = w->next;
		w->fn(w->userdata);
	}
}

bool flow_counts_read(struct engine *e, struct flow_counts_wait *w)
{
	struct flow_logs *fl = e->flow_logs;
	struct flow_counts_wait **at;

	if (e->closing || !fl || !fl->n_sockets)
		return false;
	for (at = &fl->asked; *at; at = &(*at)->next)
		;
	w->next = NULL;
	*at = w;
	flow_logs_read_soon(fl);
	return true;
}

void flow_counts_begin_reading(struct flow_logs *fl)
{
	size_t n = flow_totals_count(fl->totals) / CHECKS_ROUND;
	struct flow_counts_wait **at;

	/* Those of a reading that failed are still there. */
	for (at = &fl->served; *at; at = &(*at)->next)
		;
	*at = fl->asked;
	fl->asked = NULL;
	n = n > CHECKS_MIN ? n : CHECKS_MIN;
	if (fl->checks.cap < n) {
		struct flow_total *grown = array_grow(fl->checks.at, &fl->checks.cap, n, sizeof(*grown));

		if (grown)
			fl->checks.at = grown;
	}
	fl->checks.n = flow_totals_next(fl->totals, fl->checks.at, n < fl->checks.cap ? n : fl->checks.cap);
}

void flow_counts_check(struct flow_logs *fl)
{
	for (size_t i = 0; i < fl->checks.n; i++) {
		struct flow_total *t = &fl->checks.at[i];
		struct vpc_flow flow;
		bool from_opener;

		if (maps_find_flow(fl->e->maps, t->vpc, t->key.proto, t->key.src, t->key.dst, t->key.sport,
				   t->key.dport, &flow, &from_opener) == 0 &&
		    flow.created_ns == t->created_ns)
			t->vpc = 0; /* it is there */
	}
}

void flow_counts_end_reading(struct flow_logs *fl)
{
	for (size_t i = 0; i < fl->checks.n; i++)
		if (fl->checks.at[i].vpc)
			flow_totals_gone(fl->totals, &fl->checks.at[i]);
	fl->checks.n = 0;
	call_all(&fl->served);
}

void flow_counts_close(struct engine *e)
{
	if (!e->flow_logs)
		return;
	call_all(&e->flow_logs->served);
	call_all(&e->flow_logs->asked);
}

const struct flow_totals *flow_counts_totals(const struct engine *e)
{
	return e->flow_logs ? e->flow_logs->totals : NULL;
}

json_t *flow_counts_status(const struct engine *e)
{
	const struct flow_logs *fl = e->flow_logs;

	return json_pack("{s:I,s:I,s:I,s:I}", "vpcs", fl ? (json_int_t)fl->n_sockets : 0, "tuples",
			 fl ? (json_int_t)flow_totals_count(fl->totals) : 0, "without_room",
			 fl ? (json_int_t)flow_totals_refused(fl->totals) : 0, "packets_lost",
			 fl ? (json_int_t)fl->lost_ever : 0);
}

/* --- receipts ----------------------------------------------------------------------------------------- */

void cut_counts_note(const struct engine *e, struct cut_counts *c, size_t index, const struct vpc_flow_key *key,
		     const struct vpc_flow *flow)
{
	const struct flow_totals *totals = flow_counts_totals(e);
	struct cut_count *added;

	if (!totals || !flow_totals_observes(totals, key->vpc))
		return;
	added = ARRAY_PUSH(c);
	if (added)
		*added = (struct cut_count){.index = index, .key = *key, .flow = *flow};
}

bool cut_counts_read(struct engine *e, const struct cut_counts *c, struct flow_counts_wait *w)
{
	return c->n > 0 && flow_counts_read(e, w);
}

void cut_counts_put(const struct engine *e, const struct cut_counts *c, json_t *cut_flows)
{
	const struct flow_totals *totals = flow_counts_totals(e);

	for (size_t i = 0; totals && i < c->n; i++) {
		struct flow_counts counts = flow_totals_of(totals, &c->at[i].key, &c->at[i].flow);

		flow_counts_put_json(json_array_get(cut_flows, c->at[i].index), &counts);
	}
}

void cut_counts_clear(struct cut_counts *c)
{
	free(TAKE_PTR(c->at));
	c->n = c->cap = 0;
}
