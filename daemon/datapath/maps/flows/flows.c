/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: reading them, and running the program that changes many at once. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "datapath/maps/skeleton.h"
#include "datapath/maps/private.h"

/* A packet for BPF_PROG_TEST_RUN, which wants one; the program does not look at it. */
#define DUMMY_PACKET_BYTES 64

int sweep_run(struct maps *t, struct vpc_sweep *io)
{
	static const unsigned char packet[DUMMY_PACKET_BYTES];
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	uint32_t key = 0;
	int r;

	r = bpf_map_update_elem(t->kernel_map[MAP_SWEEP_IO].fd, &key, io, BPF_ANY);
	if (r < 0)
		return r;
	r = bpf_prog_test_run_opts(bpf_program__fd(t->bpf->progs.sweep), &opts);
	if (r < 0)
		return r;
	return bpf_map_lookup_elem(t->kernel_map[MAP_SWEEP_IO].fd, &key, io);
}

struct each_flow {
	maps_flow_fn fn;
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

int maps_each_flow(struct maps *t, uint32_t eni, maps_flow_fn fn, void *userdata)
{
	struct each_flow each = {.fn = fn, .userdata = userdata, .eni = eni, .established = true};
	int r = table_each(&t->kernel_map[MAP_FLOW], each_flow, &each);

	if (r)
		return r;
	each.established = false;
	r = table_each(&t->kernel_map[MAP_FLOW_NEW], each_flow, &each);
	return r ? r : table_each(&t->kernel_map[MAP_FLOW_OVERFLOW], each_flow, &each);
}
