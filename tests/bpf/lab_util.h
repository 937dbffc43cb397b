/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the laboratory, shared by bpf_util.c, state_util.c, rules_util.c and pool_util.c; tests use bpf_util.h. */
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

#define LAB_PROGRAMS_MAX 16
struct lab_program {
	const struct bpf_program *program;
	int fd;
};

struct lab {
	struct datapath_bpf *skel;
	int slot_fd; /* of the pool; -1: the programs are our own */
	struct lab_program pooled[LAB_PROGRAMS_MAX];
	size_t n_pooled;
	/* memory of the maps */
	struct vpc_ctl *ctl;
	struct vpc_space *space;
	struct vpc_eni *eni;
	struct vpc_addr_row *addr_row;
	struct vpc_set *set;
	struct vpc_sg *sg;
	struct vpc_mask_group *mask_group;
	struct vpc_row *row;
	struct vpc_classifier_block *classifier;
	uint64_t *drop;
	struct vpc_eni_flows *eni_flows;
	struct vpc_vpc_flows *vpc_flows;
	struct vpc_host_flows *host_flows;
	struct vpc_young *young; /* VPC_YOUNG_SLOTS */
	uint32_t drops_max;
	/* numbers given so far */
	uint32_t n_sets, n_rows, n_mask_groups, n_addrs;
	uint32_t n_blocks;				     /* of `classifier`; none is given twice */
	uint64_t seen[LAB_PORTS_MAX * VPC_DROP_REASONS_MAX]; /* counters as of the last packet */
	uint64_t received[LAB_PORTS_MAX];		     /* rx_packets as of the last packet */
	uint32_t gso_bytes;
	bool has_bridges;
	struct frame out;
	struct vpc_sweep sweep;
	struct ring_buffer *ring;
	struct vpc_event event;
};

/* Loads from the pool of VPCD_TEST_POOL. Returns false: there is none. */
bool lab_pool_load(struct lab *l);
void lab_pool_free(struct lab *l);
int lab_program_fd(const struct lab *l, const struct bpf_program *p);
/* Parses "10.0.0.0/8" or an address. Returns the family; addr and plen are as the maps have them. mapped: IPv4 as
 * ::ffff:…, else in addr[0]. */
int lab_parse_cidr(const char *text, uint32_t addr[4], unsigned *plen, bool mapped);
/* The memory of a mmapable array, for as long as the process lives. */
void *lab_map_memory(struct bpf_map *map);

#endif
