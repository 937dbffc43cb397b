/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which established flows a change cuts: told to the caller beside its reply. */
#include <bpf/bpf.h>

#include "datapath/maps/private.h"

static int64_t flows_of(const struct maps *t, uint32_t eni)
{
	const struct vpc_eni_flows *n = eni_flows_at(t, eni);

	return __atomic_load_n(&n->opened, __ATOMIC_RELAXED) + __atomic_load_n(&n->answered, __ATOMIC_RELAXED);
}

static bool raised(const struct maps *t, uint32_t eni, uint64_t epoch)
{
	return eni_at(t, eni)->gen_revoke == epoch || set_at(t, t->enis[eni].set)->gen_revoke == epoch;
}

/* What generations_raise will find out, or more. */
static bool may_revoke(const struct maps_change *c)
{
	for (size_t i = 0; i < c->groups.n; i++)
		if (c->groups.at[i].revoked)
			return true;
	for (size_t i = 0; i < c->addrs.n; i++)
		if (!c->addrs.at[i].added)
			return true;
	for (size_t i = 0; i < c->enis.n; i++)
		if (!c->enis.at[i].has_after ||
		    (c->enis.at[i].old_set && c->enis.at[i].old_set != c->enis.at[i].new_set))
			return true;
	return false;
}

/* Nothing to do for a change that takes nothing away. Looked at before the generations are raised: from then on a
 * packet may find out that its flow is cut, and the flow isn't counted any more. */
void cut_note_flows(struct maps *t, struct maps_change *c)
{
	if (!may_revoke(c))
		return;
	c->has_flows = calloc(t->eni_max / 8 + 1, 1);
	for (uint32_t i = VPC_ENI_FIRST; i <= t->eni_max; i++) {
		int64_t n = flows_of(t, i);

		if (n <= 0)
			continue;
		c->established += (uint64_t)n;
		if (c->has_flows)
			c->has_flows[i / 8] |= (uint8_t)(1u << i % 8);
	}
}

void cut_note_affected(const struct maps *t, struct maps_change *c)
{
	if (!c->revoked)
		c->established = 0;
	/* without memory any change is taken for one that has something at stake */
	c->affected = c->established && !c->has_flows;
	for (uint32_t i = VPC_ENI_FIRST; c->established && !c->affected && i <= t->eni_max; i++)
		c->affected = (c->has_flows[i / 8] & 1u << i % 8) && raised(t, i, c->epoch);
	free(TAKE_PTR(c->has_flows));
}

struct cutting {
	struct maps *t;
	maps_flow_fn fn;
	void *userdata;
	uint64_t epoch;
	bool published;
	struct vpc_sweep io;
	struct vpc_flow flow[VPC_SWEEP_MAX];
};

static int cutting_flush(struct cutting *s)
{
	uint32_t n = s->io.n;
	int r = n ? sweep_run(s->t, &s->io) : 0;

	for (uint32_t i = 0; r >= 0 && i < n; i++)
		if (s->io.result[i] == VPC_SWEPT_DONE)
			r = s->fn(&s->io.key[i], &s->flow[i], true, s->userdata);
	s->io.n = 0;
	return r;
}

static bool side_touched(const struct cutting *s, uint32_t eni)
{
	if (!eni || eni >= s->t->kernel_map[MAP_ENI].n)
		return false;
	return !s->published || raised(s->t, eni, s->epoch);
}

static int cutting_flow(const void *key, const void *value, void *userdata)
{
	struct cutting *s = userdata;
	const struct vpc_flow *flow = value;

	if (!side_touched(s, flow->eni[0]) && !side_touched(s, flow->eni[1]))
		return 0;
	if (flow->state == VPC_FLOW_TOMBSTONE) /* a packet was faster than we are */
		return s->published && flow->epoch == s->epoch ? s->fn(key, flow, true, s->userdata) : 0;
	s->flow[s->io.n] = *flow;
	memcpy(&s->io.key[s->io.n++], key, sizeof(struct vpc_flow_key));
	return s->io.n == VPC_SWEEP_MAX ? cutting_flush(s) : 0;
}

/* Flows that lived on a grace only, which the change ended: what it was before no rule says. */
static int cutting_ended(const struct maps_change *c, struct cutting *s)
{
	const struct kernel_map *kernel_map = &s->t->kernel_map[MAP_FLOW];
	struct vpc_flow flow;
	int r = 0;

	s->io.op = VPC_SWEEP_FAILS;
	for (size_t i = 0; r == 0 && i < c->ended.n; i++)
		if (bpf_map_lookup_elem(kernel_map->fd, &c->ended.at[i], &flow) == 0)
			r = cutting_flow(&c->ended.at[i], &flow, s);
	return r ? r : cutting_flush(s);
}

int maps_cut_flows(struct maps *t, const struct maps_change *c, uint64_t now_ns, maps_flow_fn fn, void *userdata)
{
	bool published = c && maps_epoch(t) >= c->epoch;
	struct cutting s = {
		.t = t,
		.fn = fn,
		.userdata = userdata,
		.epoch = c ? c->epoch : 0,
		.published = published,
		.io = {.op = VPC_SWEEP_REPORT, .epoch = c ? c->epoch : 0, .now_ns = now_ns},
	};
	int r;

	if (!c || (published && !c->affected))
		return 0;
	r = table_each(&t->kernel_map[MAP_FLOW], cutting_flow, &s);
	if (!r)
		r = cutting_flush(&s);
	return r ? r : cutting_ended(c, &s);
}

/* --- the same, without keeping the event loop --- */

/* Entries that one system call copies, and candidates that are read before they are judged. */
#define READ_BATCH     1024u
#define CANDIDATES_MAX 4096u
/* Flows judged in one step. */
#define STEP_MAX       256u

struct maps_cutting {
	int fd; /* of `flow` */
	uint64_t cursor;
	bool started, ended; /* the walk */
	bool before;	     /* the rules of before the change are still there */
	uint64_t epoch;
	uint32_t n_touched;
	uint8_t *touched; /* by ENI number, from VPC_ENI_FIRST on */
	struct vpc_flow_key *batch_key;
	struct vpc_flow *batch_flow;
	struct vpc_flow_key *key;
	struct vpc_flow *flow;
	uint32_t n, at; /* candidates, and of them judged */
};

struct maps_cutting *maps_cutting_free(struct maps_cutting *x)
{
	if (!x)
		return NULL;
	free(x->touched);
	free(x->batch_key);
	free(x->batch_flow);
	free(x->key);
	free(x->flow);
	free(x);
	return NULL;
}

uint64_t maps_established(const struct maps_change *c)
{
	return c->established;
}

int maps_cutting_new(const struct maps *t, const struct maps_change *c, bool before, struct maps_cutting **ret)
{
	_cleanup_(maps_cutting_freep) struct maps_cutting *x = NULL;

	*ret = NULL;
	if (!c || !c->affected)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->fd = t->kernel_map[MAP_FLOW].fd;
	x->before = before;
	x->epoch = c->epoch;
	x->n_touched = t->eni_max - VPC_ENI_FIRST + 1;
	x->touched = calloc(x->n_touched, 1);
	x->batch_key = calloc(READ_BATCH, sizeof(*x->batch_key));
	x->batch_flow = calloc(READ_BATCH, sizeof(*x->batch_flow));
	x->key = calloc(CANDIDATES_MAX + READ_BATCH, sizeof(*x->key));
	x->flow = calloc(CANDIDATES_MAX + READ_BATCH, sizeof(*x->flow));
	if (!x->touched || !x->batch_key || !x->batch_flow || !x->key || !x->flow)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->n_touched; i++)
		x->touched[i] = raised(t, VPC_ENI_FIRST + i, c->epoch);
	*ret = TAKE_PTR(x);
	return 0;
}

static bool is_touched(const struct maps_cutting *x, uint32_t eni)
{
	return eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_touched && x->touched[eni - VPC_ENI_FIRST];
}

int maps_cutting_read(struct maps_cutting *x)
{
	x->n = x->at = 0;
	while (!x->ended && x->n < CANDIDATES_MAX) {
		uint64_t next = 0;
		__u32 n = READ_BATCH;
		int r = bpf_map_lookup_batch(x->fd, x->started ? &x->cursor : NULL, &next, x->batch_key, x->batch_flow,
					     &n, NULL);

		if (r < 0 && r != -ENOENT)
			return r;
		x->started = true;
		x->ended = r != 0;
		x->cursor = next;
		for (uint32_t i = 0; i < n; i++) {
			const struct vpc_flow *flow = &x->batch_flow[i];

			if (!is_touched(x, flow->eni[0]) && !is_touched(x, flow->eni[1]))
				continue;
			x->key[x->n] = x->batch_key[i];
			x->flow[x->n++] = *flow;
		}
	}
	return 0;
}

/* Judges what is in s, and has fn called. */
static int cutting_judge(struct maps_cutting *x, struct cutting *s, uint32_t end)
{
	int r = 0;

	for (; r == 0 && x->at < end; x->at++) {
		const struct vpc_flow *flow = &x->flow[x->at];

		if (flow->state == VPC_FLOW_TOMBSTONE) {
			if (flow->epoch == x->epoch)
				r = s->fn(&x->key[x->at], flow, true, s->userdata);
			continue;
		}
		s->flow[s->io.n] = *flow;
		s->io.key[s->io.n++] = x->key[x->at];
		if (s->io.n == VPC_SWEEP_MAX)
			r = cutting_flush(s);
	}
	return r ? r : cutting_flush(s);
}

int maps_cutting_step(struct maps *t, struct maps_cutting *x, maps_flow_fn fn, void *userdata)
{
	struct cutting s = {
		.t = t,
		.fn = fn,
		.userdata = userdata,
		.io = {.op = x->before ? VPC_SWEEP_REPORT : VPC_SWEEP_FAILS,
		       .epoch = x->epoch,
		       .now_ns = monotonic_ns()},
	};
	int r = cutting_judge(x, &s, x->n - x->at < STEP_MAX ? x->n : x->at + STEP_MAX);

	return r ? r : x->at < x->n ? MAPS_CUTTING_STEP : x->ended ? MAPS_CUTTING_END : MAPS_CUTTING_READ;
}

int maps_cutting_last(struct maps *t, const struct maps_change *c, maps_flow_fn fn, void *userdata)
{
	struct cutting s = {
		.t = t,
		.fn = fn,
		.userdata = userdata,
		.epoch = c->epoch,
		.io = {.epoch = c->epoch, .now_ns = monotonic_ns()},
	};

	return cutting_ended(c, &s);
}
