/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: reading them, ending the idle ones, and giving a grace to those that a change would cut. */
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
	return table_each(&t->table[TABLE_FLOW_NEW], each_flow, &each);
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

/* --- expiry --- */

static int expire_batch(struct tables *t, struct vpc_sweep *io)
{
	int deleted = 0, r = io->n ? sweep_run(t, io) : 0;

	for (uint32_t i = 0; r >= 0 && i < io->n; i++)
		deleted += io->result[i] == VPC_SWEPT_DONE;
	io->n = 0;
	return r < 0 ? r : deleted;
}

/* Idle for too long, or of an ENI that is gone. The program looks again before it deletes. */
static bool over(const struct tables *t, const struct vpc_flow *flow, uint64_t now_ns)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t number = flow->eni[i];

		if (number && (number >= t->table[TABLE_ENI].n || t->enis[number].state == NODE_FREE ||
			       t->enis[number].row.incarnation != flow->incarnation[i]))
			return true;
	}
	return flow->last_seen_ns + flow->timeout_s * 1000000000ull < now_ns;
}

/* One batch of one table from where the last one stopped. Returns how many were deleted; *ret_looked: entries seen. */
static int expire_table(struct tables *t, unsigned which, uint64_t now_ns, unsigned budget, unsigned *ret_looked)
{
	const struct table *table = &t->table[which ? TABLE_FLOW_NEW : TABLE_FLOW];
	struct vpc_sweep io = {.op = VPC_SWEEP_EXPIRE, .epoch = tables_epoch(t), .now_ns = now_ns};
	/* More than a bucket of a table that is not overfull can hold. */
	__u32 n = budget < 256 ? 256 : budget;
	_cleanup_free_ struct vpc_flow_key *keys = calloc(n, sizeof(*keys));
	_cleanup_free_ struct vpc_flow *flows = calloc(n, sizeof(*flows));
	uint64_t next = 0;
	int r, deleted = 0;

	if (!keys || !flows)
		return -ENOMEM;
	r = bpf_map_lookup_batch(table->fd, t->expire_started[which] ? &t->expire_cursor[which] : NULL, &next, keys,
				 flows, &n, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	t->expire_started[which] = r == 0;
	t->expire_cursor[which] = next;
	*ret_looked = n;
	for (uint32_t i = 0; i < n; i++) {
		if (over(t, &flows[i], now_ns))
			io.key[io.n++] = keys[i];
		if (io.n < VPC_SWEEP_MAX && i + 1 < n)
			continue;
		r = expire_batch(t, &io);
		if (r < 0)
			return r;
		deleted += r;
	}
	return deleted;
}

int tables_expire(struct tables *t, uint64_t now_ns, unsigned budget)
{
	int deleted = 0;

	/* At most once around each table. */
	for (unsigned round = 0; round < 2 && budget; round++) {
		unsigned looked = 0;
		int r = expire_table(t, t->expire_turn, now_ns, budget, &looked);

		if (r < 0)
			return r;
		deleted += r;
		budget -= looked < budget ? looked : budget;
		if (!t->expire_started[t->expire_turn])
			t->expire_turn = !t->expire_turn;
	}
	return deleted;
}
