/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/sweep.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "datapath/maps/programs.h"
#include "datapath/maps/skeleton.h"

/* BPF_PROG_TEST_RUN wants a packet; the program does not look at it. */
#define DUMMY_PACKET_BYTES 64

int sweep_run(struct maps *maps, struct vpc_sweep *io)
{
	static const unsigned char packet[DUMMY_PACKET_BYTES];
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	uint32_t key = 0;
	int r;

	r = bpf_map_update_elem(maps->map[MAP_SWEEP_IO].fd, &key, io, BPF_ANY);
	if (r < 0)
		return r;
	r = bpf_prog_test_run_opts(program_fd(maps, maps->bpf->progs.sweep), &opts);
	if (r < 0)
		return r;
	return bpf_map_lookup_elem(maps->map[MAP_SWEEP_IO].fd, &key, io);
}
