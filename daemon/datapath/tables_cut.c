/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which established flows a change cuts: told to the caller beside its reply. */
#include <bpf/bpf.h>

#include "datapath/tables_private.h"

static int64_t flows_of(const struct tables *t, uint32_t eni)
{
	const struct vpc_eni_flows *n = eni_flows_at(t, eni);

	return __atomic_load_n(&n->opened, __ATOMIC_RELAXED) + __atomic_load_n(&n->answered, __ATOMIC_RELAXED);
}

static bool raised(const struct tables *t, uint32_t eni, uint64_t epoch)
{
	return eni_at(t, eni)->gen_revoke == epoch || set_at(t, t->enis[eni].set)->gen_revoke == epoch;
}

void cut_note_stake(struct tables *t, struct tables_change *c)
{
	if (!c->revoked)
		return;
	for (uint32_t i = VPC_ENI_FIRST; i <= t->eni_max && !c->at_stake; i++)
		c->at_stake = flows_of(t, i) > 0 && raised(t, i, c->epoch);
}

struct cutting {
	struct tables *t;
	tables_flow_fn fn;
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
	if (!eni || eni >= s->t->table[TABLE_ENI].n)
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
static int cutting_ended(const struct tables_change *c, struct cutting *s)
{
	const struct table *table = &s->t->table[TABLE_FLOW];
	struct vpc_flow flow;
	int r = 0;

	s->io.op = VPC_SWEEP_FAILS;
	for (size_t i = 0; r == 0 && i < c->ended.n; i++)
		if (bpf_map_lookup_elem(table->fd, &c->ended.at[i], &flow) == 0)
			r = cutting_flow(&c->ended.at[i], &flow, s);
	return r ? r : cutting_flush(s);
}

int tables_cut_flows(struct tables *t, const struct tables_change *c, uint64_t now_ns, tables_flow_fn fn,
		     void *userdata)
{
	bool published = c && tables_epoch(t) >= c->epoch;
	struct cutting s = {
		.t = t,
		.fn = fn,
		.userdata = userdata,
		.epoch = c ? c->epoch : 0,
		.published = published,
		.io = {.op = VPC_SWEEP_REPORT, .epoch = c ? c->epoch : 0, .now_ns = now_ns},
	};
	int r;

	if (!c || (published && !c->at_stake))
		return 0;
	r = table_each(&t->table[TABLE_FLOW], cutting_flow, &s);
	if (!r)
		r = cutting_flush(&s);
	return r ? r : cutting_ended(c, &s);
}
