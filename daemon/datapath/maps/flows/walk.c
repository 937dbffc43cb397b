/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/walk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include <vpc/clock.h>

#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/young.h"
#include "datapath/maps/state.h"

/* The maps in the order in which they are walked. Flows move from flow_new to `flow` when they are established, and
 * back when they are over or a share is full. So a walk that is to miss none walks flow_new once more. */
static const enum map_id stages[] = {MAP_FLOW_NEW, MAP_FLOW_OVERFLOW, MAP_FLOW, MAP_FLOW_NEW, MAP_FLOW_OVERFLOW};
#define STAGES_ONCE 3u

struct flow_walk {
	int fd[ARRAY_SIZE(stages)]; /* borrowed */
	unsigned n_stages;
	flow_wanted_fn wanted;
	const void *userdata;
	unsigned stage;
	bool started; /* cursor is where the last batch ended */
	uint64_t cursor;
	struct vpc_flow_key *batch_key; /* FLOWS_READ_BATCH, as is batch_flow */
	struct vpc_flow *batch_flow;
	struct vpc_flow_key *key; /* FLOW_WALK_PIECE and a batch, as is flow */
	struct vpc_flow *flow;
	uint32_t n;
	uint64_t now_ns;
};

int flow_walk_new(struct maps *maps, bool thorough, flow_wanted_fn wanted, const void *userdata, struct flow_walk **ret)
{
	_cleanup_(flow_walk_freep) struct flow_walk *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	for (unsigned i = 0; i < ARRAY_SIZE(stages); i++)
		w->fd[i] = maps->map[stages[i]].fd;
	w->wanted = wanted;
	w->userdata = userdata;
	w->n_stages = thorough ? ARRAY_SIZE(stages) : STAGES_ONCE;
	w->batch_key = calloc(FLOWS_READ_BATCH, sizeof(*w->batch_key));
	w->batch_flow = calloc(FLOWS_READ_BATCH, sizeof(*w->batch_flow));
	w->key = calloc(FLOW_WALK_PIECE + FLOWS_READ_BATCH, sizeof(*w->key));
	w->flow = calloc(FLOW_WALK_PIECE + FLOWS_READ_BATCH, sizeof(*w->flow));
	if (!w->batch_key || !w->batch_flow || !w->key || !w->flow)
		return -ENOMEM;
	r = young_flush(maps, UINT64_MAX);
	if (r == 0)
		*ret = TAKE_PTR(w);
	return r;
}

struct flow_walk *flow_walk_free(struct flow_walk *w)
{
	if (!w)
		return NULL;
	free(w->batch_key);
	free(w->batch_flow);
	free(w->key);
	free(w->flow);
	free(w);
	return NULL;
}

/* Keeps what is wanted of a batch. */
static void keep(struct flow_walk *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!w->wanted(&w->batch_key[i], &w->batch_flow[i], w->now_ns, w->userdata))
			continue;
		w->key[w->n] = w->batch_key[i];
		w->flow[w->n++] = w->batch_flow[i];
	}
}

int flow_walk_read(struct flow_walk *w)
{
	w->n = 0;
	w->now_ns = monotonic_ns();
	for (uint32_t looks = 0; w->stage < w->n_stages && w->n < FLOW_WALK_PIECE && looks < FLOW_WALK_LOOKS;) {
		__u32 n = FLOWS_READ_BATCH;
		uint64_t next = 0;
		int r = bpf_map_lookup_batch(w->fd[w->stage], w->started ? &w->cursor : NULL, &next, w->batch_key,
					     w->batch_flow, &n, NULL);

		if (r < 0 && r != -ENOENT)
			return r;
		keep(w, n);
		/* A batch of a map that is nearly empty walks all of its buckets. */
		looks += n + FLOWS_READ_BATCH;
		w->started = r == 0;
		w->cursor = next;
		w->stage += r != 0;
	}
	return w->stage < w->n_stages;
}

struct flow_walk_piece flow_walk_piece(const struct flow_walk *w)
{
	return (struct flow_walk_piece){.key = w->key, .flow = w->flow, .n = w->n, .now_ns = w->now_ns};
}
