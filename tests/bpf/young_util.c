/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/young_util.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include <vpc/abi/flow_tag.h>

void young_use(struct lab *l, uint32_t slots)
{
	lab_host_flows(l)->young_slots = slots;
	lab_host_flows(l)->stored_round = 1;
}

void young_clear(struct lab *l)
{
	static const struct vpc_flow_stored none;
	uint32_t zero = 0;

	memset(l->young, 0, VPC_YOUNG_SLOTS * sizeof(*l->young));
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.flow_stored), &zero, &none, BPF_ANY), 0);
}

unsigned young_count(struct lab *l)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < VPC_YOUNG_SLOTS; i++)
		n += l->young[i].flow.state != VPC_FLOW_NONE;
	return n;
}

struct vpc_young *young_the_slot(struct lab *l)
{
	for (uint32_t i = 0; i < VPC_YOUNG_SLOTS; i++)
		if (l->young[i].flow.state != VPC_FLOW_NONE)
			return &l->young[i];
	return NULL;
}

uint8_t young_sweep(struct lab *l, uint32_t op, const struct vpc_flow_key *key)
{
	struct vpc_sweep *io = lab_sweep_io(l);
	uint8_t frame[64] = {};
	uint32_t zero = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	memset(io, 0, sizeof(*io));
	io->op = op;
	io->epoch = lab_epoch(l);
	io->now_ns = lab_now_ns();
	io->n = 1;
	io->key[0] = *key;
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.sweep_io), &zero, io, BPF_ANY), 0);
	cr_assert_eq(bpf_prog_test_run_opts(lab_program_fd(l, l->skel->progs.sweep), &opts), 0);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.sweep_io), &zero, io), 0);
	return io->result[0];
}

void young_flush_all(struct lab *l)
{
	for (uint32_t i = 0; i < VPC_YOUNG_SLOTS; i++) {
		struct vpc_flow_key key = l->young[i].key;

		if (l->young[i].flow.state != VPC_FLOW_NONE)
			young_sweep(l, VPC_SWEEP_FLUSH, &key);
	}
	cr_assert_eq(young_count(l), 0);
}

void young_recount(struct lab *l)
{
	static struct vpc_flow_stored stored;
	const struct bpf_map *maps[] = {l->skel->maps.flow, l->skel->maps.flow_new, l->skel->maps.flow_overflow};
	struct vpc_flow_key key, *previous;
	uint32_t zero = 0;

	memset(&stored, 0, sizeof(stored));
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		for (previous = NULL; !bpf_map_get_next_key(bpf_map__fd(maps[i]), previous, &key); previous = &key)
			stored.round[VPC_STORED_CELL(vpc_flow_tag(&key))] = 1;
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.flow_stored), &zero, &stored, BPF_ANY), 0);
}

void young_go_elsewhere(void)
{
	unsigned here = (unsigned)sched_getcpu();
	cpu_set_t others;

	CPU_ZERO(&others);
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (i != here)
			CPU_SET(i, &others);
	(void)sched_setaffinity(0, sizeof(others), &others); /* it fails on a machine with one processor */
}
