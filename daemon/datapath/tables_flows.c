/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: reading them, and giving a grace to those that a change would cut. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "datapath/tables_skel.h"
#include "datapath/tables_private.h"

/* A packet for BPF_PROG_TEST_RUN, which wants one; the program does not look at it. */
#define DUMMY_PACKET_BYTES 64

int sweep_run(struct tables *t, struct vpc_sweep *io)
{
	static const unsigned char packet[DUMMY_PACKET_BYTES];
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	uint32_t key = 0;
	int r;

	r = bpf_map_update_elem(t->table[TABLE_SWEEP_IO].fd, &key, io, BPF_ANY);
	if (r < 0)
		return r;
	r = bpf_prog_test_run_opts(bpf_program__fd(t->bpf->progs.sweep), &opts);
	if (r < 0)
		return r;
	return bpf_map_lookup_elem(t->table[TABLE_SWEEP_IO].fd, &key, io);
}

/* --- reading --- */

struct each_flow {
	tables_flow_fn fn;
	void *userdata;
	uint32_t eni;
	bool established;
};

static int each_flow(const void *key, const void *value, void *userdata)
{
	const struct each_flow *each = userdata;
	const struct vpc_flow *flow = value;

	if (each->eni && flow->eni[0] != each->eni && flow->eni[1] != each->eni)
		return 0;
	return each->fn(key, flow, each->established, each->userdata);
}

int tables_each_flow(struct tables *t, uint32_t eni, tables_flow_fn fn, void *userdata)
{
	struct each_flow each = {.fn = fn, .userdata = userdata, .eni = eni, .established = true};
	int r = table_each(&t->table[TABLE_FLOW], each_flow, &each);

	if (r)
		return r;
	each.established = false;
	r = table_each(&t->table[TABLE_FLOW_NEW], each_flow, &each);
	return r ? r : table_each(&t->table[TABLE_FLOW_OVERFLOW], each_flow, &each);
}

/* --- grace --- */

struct sweeping {
	struct tables *t;
	struct vpc_sweep io;
};

static int sweep_flush(struct sweeping *s)
{
	int r = s->io.n ? sweep_run(s->t, &s->io) : 0;

	s->io.n = 0;
	memset(s->io.result, 0, sizeof(s->io.result));
	return r;
}

static bool side_owed(const struct tables *t, uint32_t number)
{
	return number && number < t->table[TABLE_ENI].n && (t->enis[number].owed || t->sets[t->enis[number].set].owed);
}

static int sweep_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct sweeping *s = userdata;

	(void)established;
	if (!side_owed(s->t, flow->eni[0]) && !side_owed(s->t, flow->eni[1]))
		return 0;
	/* One that lives on a grace has its end decided: another change makes it neither shorter nor longer. */
	if (flow->grace_until_ns > s->io.now_ns)
		return 0;
	s->io.key[s->io.n++] = *key;
	return s->io.n == VPC_SWEEP_MAX ? sweep_flush(s) : 0;
}

int tables_sweep_grace(struct tables *t, struct tables_change *c, uint64_t now_ns)
{
	struct sweeping s = {.t = t, .io = {.op = VPC_SWEEP_GRACE, .epoch = tables_epoch(t), .now_ns = now_ns}};
	int r;

	/* What is owed is kept with the tables, so that a sweep that failed is made up for whoever asks next. */
	(void)c;
	if (!t->owing.pending)
		return 0;
	s.io.grace_until_ns = t->owing.flows == FLOWS_KEEP ? ~0ull : now_ns + t->owing.drain_s * 1000000000ull;
	r = tables_each_flow(t, 0, sweep_flow, &s);
	if (r >= 0)
		r = sweep_flush(&s);
	if (r >= 0)
		gens_pay(t);
	return r;
}
