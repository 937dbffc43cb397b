/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the laboratory, shared by bpf_util.c and state_util.c; tests use bpf_util.h. */
#ifndef TESTS_LAB_UTIL_H
#define TESTS_LAB_UTIL_H

#include "bpf_util.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* generated, not written for -Wconversion */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "bpf/datapath.skel.h"
#pragma GCC diagnostic pop

struct lab {
	struct datapath_bpf *skel;
	/* memory of the maps */
	struct vpc_ctl *ctl;
	struct vpc_space *space;
	struct vpc_eni *eni;
	struct vpc_addr_row *addr_row;
	struct vpc_set *set;
	struct vpc_sg *sg;
	struct vpc_class *class;
	struct vpc_row *row;
	struct vpc_compiled_block *compiled;
	uint64_t *drop;
	int64_t *established;
	uint32_t drops_max;
	/* numbers given so far */
	uint32_t n_sets, n_rows, n_classes, n_addrs;
	uint32_t n_blocks;				     /* of `compiled`; none is given twice */
	uint64_t seen[LAB_PORTS_MAX * VPC_DROP_REASONS_MAX]; /* counters as of the last packet */
	uint64_t received[LAB_PORTS_MAX];		     /* rx_packets as of the last packet */
	uint32_t gso_bytes;
	struct frame out;
	struct vpc_sweep sweep;
	struct ring_buffer *ring;
	struct vpc_event event;
};

#endif
