/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/cut.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/path_cut.h"
#include "datapath/maps/flows/edge_cut.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/sweep.h"
#include "datapath/maps/flows/young.h"
#include "datapath/maps/flows/translations.h"
#include "datapath/maps/mirror/affected.h"

/* --- before the epoch is stored --- */

static int has_flows(uint32_t eni, void *userdata)
{
	const struct vpc_eni_flows *n = eni_flows_at(userdata, eni);

	return __atomic_load_n(&n->opened, __ATOMIC_RELAXED) + __atomic_load_n(&n->answered, __ATOMIC_RELAXED) > 0;
}

void cut_note_affected(struct maps *maps, struct maps_change *c)
{
	/* Connections in slots count to nobody. If they can't be flushed, the reply may list fewer flows. */
	if (c->mirror.revoked || c->mirror.lists_revoked || edge_change_may_cut(c) || path_cut_possible(c))
		(void)young_flush(maps, UINT64_MAX);
	/* With keep and drain only the loss of an address cuts at once. */
	c->affects_flows = affected_each_revoked(&maps->mirror, &c->mirror, c->flows != FLOWS_CUT, has_flows, maps) > 0;
	/* The ENIs whose sets name the list may be many, so they are not looked for: any flow counts. */
	if (c->mirror.lists_revoked && c->flows == FLOWS_CUT)
		c->affects_flows |= maps_established(maps) > 0;
	if (c->flows == FLOWS_CUT && (edge_change_may_cut(c) || path_cut_possible(c)))
		c->affects_flows |= maps_established(maps) > 0;
}

uint64_t maps_established(const struct maps *maps)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < maps->map[MAP_VPC_FLOWS].n; i++) {
		int64_t n = __atomic_load_n(&vpc_flows_at(maps, i)->total, __ATOMIC_RELAXED);

		sum += n > 0 ? n : 0;
	}
	return (uint64_t)sum;
}

/* --- all at once --- */

/* Whether the change whose epoch this is took something away from an ENI, from its set, or from a prefix list when the
 * set names some. */
static bool revoked_at(const struct maps *maps, uint32_t eni, uint64_t epoch)
{
	const struct vpc_set *set = set_at(maps, maps->mirror.enis[eni].set);

	return eni_at(maps, eni)->gen_revoke == epoch || set->gen_revoke == epoch ||
	       (set->lists && maps->ctl.lists_revoke == epoch);
}

struct judging {
	struct maps *maps;
	maps_flow_fn fn;
	void *userdata;
	uint64_t epoch;
	bool published;
	const struct edge_change *edge; /* NULL: nothing is taken away at the edge */
	const struct path_cut *path;	/* NULL: no way inside a VPC is closed */
	struct vpc_sweep io;
	struct vpc_flow flow[VPC_SWEEP_MAX];
};

static int judge_batch(struct judging *s)
{
	uint32_t n = s->io.n;
	int r = n ? sweep_run(s->maps, &s->io) : 0;

	for (uint32_t i = 0; r >= 0 && i < n; i++)
		if (s->io.result[i] == VPC_SWEPT_DONE)
			r = s->fn(&s->io.key[i], &s->flow[i], true, s->userdata);
	s->io.n = 0;
	return r;
}

static bool side_affected(const struct judging *s, uint32_t eni)
{
	if (!eni || eni >= s->maps->map[MAP_ENI].n)
		return false;
	return !s->published || revoked_at(s->maps, eni, s->epoch);
}

static int judge_flow(const void *key, const void *value, void *userdata)
{
	struct judging *s = userdata;
	const struct vpc_flow *flow = value;

	if (edge_cut_flow(s->maps, s->edge, key, flow, s->io.now_ns) || path_cut_flow(s->maps, s->path, key, flow))
		return s->fn(key, flow, true, s->userdata);
	if (!side_affected(s, flow->eni[0]) && !side_affected(s, flow->eni[1]))
		return 0;
	if (flow->state == VPC_FLOW_TOMBSTONE) /* one of its packets found out first */
		return s->published && flow->epoch == s->epoch ? s->fn(key, flow, true, s->userdata) : 0;
	s->flow[s->io.n] = *flow;
	memcpy(&s->io.key[s->io.n++], key, sizeof(struct vpc_flow_key));
	return s->io.n == VPC_SWEEP_MAX ? judge_batch(s) : 0;
}

/* Flows whose grace the change ended. Only the grace allowed them, so the rules before the change don't tell that they
 * were allowed. */
static int judge_ended(const struct maps_change *c, struct judging *s)
{
	const struct kernel_map *map = &s->maps->map[MAP_FLOW];
	struct vpc_flow flow;
	int r = 0;

	s->io.op = VPC_SWEEP_FAILS;
	for (size_t i = 0; r == 0 && i < c->ended.n; i++)
		if (bpf_map_lookup_elem(map->fd, &c->ended.at[i], &flow) == 0)
			r = judge_flow(&c->ended.at[i], &flow, s);
	return r ? r : judge_batch(s);
}

int maps_cut_flows(struct maps *maps, const struct maps_change *c, uint64_t now_ns, maps_flow_fn fn, void *userdata)
{
	_cleanup_(edge_change_freep) struct edge_change *edge = NULL;
	_cleanup_(path_cut_freep) struct path_cut *path = NULL;
	bool published = c && maps_epoch(maps) >= c->epoch;
	struct judging s = {
		.maps = maps,
		.fn = fn,
		.userdata = userdata,
		.epoch = c ? c->epoch : 0,
		.published = published,
		.io = {.op = VPC_SWEEP_REPORT, .epoch = c ? c->epoch : 0, .now_ns = now_ns},
	};
	int r;

	if (!c || (published && !c->affects_flows))
		return 0;
	r = young_flush(maps, UINT64_MAX);
	if (r == 0)
		r = edge_change_new(maps, c, &edge);
	if (r == 0)
		r = path_cut_new(maps, c, true, &path);
	if (r < 0)
		return r;
	s.edge = edge;
	s.path = path;
	r = map_each(&maps->map[MAP_FLOW], judge_flow, &s);
	if (!r)
		r = judge_batch(&s);
	return r ? r : judge_ended(c, &s);
}

/* --- a little at a time --- */

/* Candidates that are read before they are judged. */
#define CANDIDATES_MAX 4096u
/* Flows judged in one step. */
#define STEP_MAX       256u

struct maps_cut_search {
	int fd; /* of `flow` */
	uint64_t cursor;
	bool started, ended; /* the walk */
	bool before;	     /* the rows of before the change are still there */
	uint64_t epoch;
	uint32_t n_enis;
	uint8_t *affected; /* by ENI number, from VPC_ENI_FIRST on: by rules */
	struct edge_change *edge;
	struct path_cut *path;
	struct vpc_flow_key *batch_key;
	struct vpc_flow *batch_flow;
	struct vpc_flow_key *key;
	struct vpc_flow *flow;
	uint32_t n, at; /* candidates, and of them judged */
};

struct maps_cut_search *maps_cut_search_free(struct maps_cut_search *x)
{
	if (!x)
		return NULL;
	free(x->affected);
	edge_change_free(x->edge);
	path_cut_free(x->path);
	free(x->batch_key);
	free(x->batch_flow);
	free(x->key);
	free(x->flow);
	free(x);
	return NULL;
}

int maps_cut_search_new(struct maps *maps, const struct maps_change *c, bool before, struct maps_cut_search **ret)
{
	_cleanup_(maps_cut_search_freep) struct maps_cut_search *x = NULL;
	int r;

	*ret = NULL;
	if (!c || !c->affects_flows)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->fd = maps->map[MAP_FLOW].fd;
	x->before = before;
	x->epoch = c->epoch;
	x->n_enis = maps->mirror.eni_max - VPC_ENI_FIRST + 1;
	x->affected = calloc(x->n_enis, 1);
	if (!x->affected)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->n_enis; i++)
		x->affected[i] = revoked_at(maps, VPC_ENI_FIRST + i, c->epoch);
	r = young_flush(maps, UINT64_MAX);
	if (r == 0)
		r = edge_change_new(maps, c, &x->edge);
	if (r == 0)
		r = path_cut_new(maps, c, before, &x->path);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(x);
	return 0;
}

static bool is_affected(const struct maps_cut_search *x, uint32_t eni)
{
	return eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis && x->affected[eni - VPC_ENI_FIRST];
}

/* Whether a side of the flow is affected by the rules. */
static bool is_judged(const struct maps_cut_search *x, const struct vpc_flow *flow)
{
	return is_affected(x, flow->eni[0]) || is_affected(x, flow->eni[1]);
}

/* Whether the flow may be cut, by whatever changes. On any thread. */
static bool is_candidate(const struct maps_cut_search *x, const struct vpc_flow *flow)
{
	if (is_judged(x, flow))
		return true;
	for (unsigned side = 0; side < 2; side++)
		if (edge_change_concerns(x->edge, flow->eni[side]) || path_cut_concerns(x->path, flow->eni[side]))
			return true;
	return false;
}

/* A megabyte, which is allocated where nobody waits for it. */
static int search_alloc(struct maps_cut_search *x)
{
	if (x->flow)
		return 0;
	x->batch_key = calloc(FLOWS_READ_BATCH, sizeof(*x->batch_key));
	x->batch_flow = calloc(FLOWS_READ_BATCH, sizeof(*x->batch_flow));
	x->key = calloc(CANDIDATES_MAX + FLOWS_READ_BATCH, sizeof(*x->key));
	x->flow = calloc(CANDIDATES_MAX + FLOWS_READ_BATCH, sizeof(*x->flow));
	return x->batch_key && x->batch_flow && x->key && x->flow ? 0 : -ENOMEM;
}

int maps_cut_search_read(struct maps_cut_search *x)
{
	if (search_alloc(x) < 0)
		return -ENOMEM;
	x->n = x->at = 0;
	while (!x->ended && x->n < CANDIDATES_MAX) {
		uint64_t next = 0;
		__u32 n = FLOWS_READ_BATCH;
		int r = bpf_map_lookup_batch(x->fd, x->started ? &x->cursor : NULL, &next, x->batch_key, x->batch_flow,
					     &n, NULL);

		if (r < 0 && r != -ENOENT)
			return r;
		x->started = true;
		x->ended = r != 0;
		x->cursor = next;
		for (uint32_t i = 0; i < n; i++) {
			const struct vpc_flow *flow = &x->batch_flow[i];

			if (!is_candidate(x, flow))
				continue;
			x->key[x->n] = x->batch_key[i];
			x->flow[x->n++] = *flow;
		}
	}
	return 0;
}

/* Judges what was read, up to `end`, and calls fn for what is cut. */
static int judge_read(struct maps_cut_search *x, struct judging *s, uint32_t end)
{
	int r = 0;

	for (; r == 0 && x->at < end; x->at++) {
		const struct vpc_flow *flow = &x->flow[x->at];

		if (edge_cut_flow(s->maps, x->edge, &x->key[x->at], flow, s->io.now_ns) ||
		    path_cut_flow(s->maps, x->path, &x->key[x->at], flow)) {
			r = s->fn(&x->key[x->at], flow, true, s->userdata);
			continue;
		}
		if (!is_judged(x, flow))
			continue;
		if (flow->state == VPC_FLOW_TOMBSTONE) {
			if (flow->epoch == x->epoch)
				r = s->fn(&x->key[x->at], flow, true, s->userdata);
			continue;
		}
		s->flow[s->io.n] = *flow;
		s->io.key[s->io.n++] = x->key[x->at];
		if (s->io.n == VPC_SWEEP_MAX)
			r = judge_batch(s);
	}
	return r ? r : judge_batch(s);
}

int maps_cut_search_step(struct maps *maps, struct maps_cut_search *x, maps_flow_fn fn, void *userdata)
{
	struct judging s = {
		.maps = maps,
		.fn = fn,
		.userdata = userdata,
		.io = {.op = x->before ? VPC_SWEEP_REPORT : VPC_SWEEP_FAILS,
		       .epoch = x->epoch,
		       .now_ns = monotonic_ns()},
	};
	int r = judge_read(x, &s, x->n - x->at < STEP_MAX ? x->n : x->at + STEP_MAX);

	return r ? r : x->at < x->n ? MAPS_CUT_SEARCH_STEP : x->ended ? MAPS_CUT_SEARCH_END : MAPS_CUT_SEARCH_READ;
}

int maps_cut_search_last(struct maps *maps, const struct maps_change *c, maps_flow_fn fn, void *userdata)
{
	struct judging s = {
		.maps = maps,
		.fn = fn,
		.userdata = userdata,
		.epoch = c->epoch,
		.io = {.epoch = c->epoch, .now_ns = monotonic_ns()},
	};

	return judge_ended(c, &s);
}

bool maps_flow_tracked(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		       struct vpc_nat_key *ret)
{
	return translation_tracked(maps, key, flow, ret);
}
