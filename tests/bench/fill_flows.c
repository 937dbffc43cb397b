/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills the map of established flows with idle connections between two ENIs, and counts them as the programs do:
 *   fill_flows MAPS OPENER RESPONDER N
 * MAPS is the folder of the pinned maps, OPENER and RESPONDER are numbers of ENIs. Prints how many there are now.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vpc/abi/abi.h>
#include <vpc/clock.h>

#include "bench_util.h"

static int open_map(const char *folder, const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		bench_failed(path, fd);
	return fd;
}

static void make_flow(uint64_t i, const struct vpc_eni *opener, const uint32_t *eni, const uint32_t *incarnation,
		      struct vpc_flow_key *key, struct vpc_flow *flow)
{
	*key = (struct vpc_flow_key){.vpc = opener->vpc, .proto = 6, .port = {(__be16)(i & 0xffff), 1}};
	key->addr[0][3] = (__be32)(i >> 16);
	key->addr[1][3] = 0xffffffff;
	*flow = (struct vpc_flow){
		.tag = i + 1,
		.epoch = UINT64_MAX >> 1, /* judged by every change that comes */
		.last_seen_ns = monotonic_s() * NS_PER_S,
		.eni = {eni[0], eni[1]},
		.incarnation = {incarnation[0], incarnation[1]},
		.timeout_s = 432000,
		.state = VPC_FLOW_ESTABLISHED,
		.flags = VPC_FLOW_BUDGETED,
	};
}

static int count(const char *folder, uint32_t vpc, const uint32_t *eni, uint64_t n)
{
	int enis = open_map(folder, "eni_flows"), vpcs = open_map(folder, "vpc_flows");
	struct vpc_vpc_flows of_vpc;
	struct vpc_eni_flows of_eni;

	if (enis < 0 || vpcs < 0 || bpf_map_lookup_elem(vpcs, &vpc, &of_vpc))
		return -ENOENT;
	of_vpc.total += (__s64)n;
	if (bpf_map_update_elem(vpcs, &vpc, &of_vpc, BPF_ANY))
		return -errno;
	for (unsigned side = 0; side < 2; side++) {
		if (bpf_map_lookup_elem(enis, &eni[side], &of_eni))
			return -ENOENT;
		if (side)
			of_eni.answered += (__s64)n;
		else
			of_eni.opened += (__s64)n;
		if (bpf_map_update_elem(enis, &eni[side], &of_eni, BPF_ANY))
			return -errno;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t number[2], incarnation[2];
	uint64_t n, made = 0;
	struct vpc_eni eni[2];
	int flows, enis, r;

	if (argc != 5) {
		fprintf(stderr, "usage: fill_flows MAPS OPENER RESPONDER N\n");
		return EXIT_FAILURE;
	}
	n = strtoull(argv[4], NULL, 10);
	flows = open_map(argv[1], "flow");
	enis = open_map(argv[1], "eni");
	if (flows < 0 || enis < 0)
		return EXIT_FAILURE;
	for (unsigned side = 0; side < 2; side++) {
		number[side] = (uint32_t)strtoul(argv[2 + side], NULL, 10);
		r = bpf_map_lookup_elem(enis, &number[side], &eni[side]);
		if (r)
			return bench_failed("eni", r), EXIT_FAILURE;
		incarnation[side] = eni[side].incarnation;
	}
	for (uint64_t i = 0; i < n; i++) {
		struct vpc_flow_key key;
		struct vpc_flow flow;

		make_flow(i, &eni[0], number, incarnation, &key, &flow);
		r = bpf_map_update_elem(flows, &key, &flow, BPF_NOEXIST);
		if (r == -E2BIG)
			break; /* as many as there may be */
		if (r < 0)
			return bench_failed("flow", r), EXIT_FAILURE;
		made++;
	}
	r = count(argv[1], eni[0].vpc, number, made);
	if (r)
		return bench_failed("counts", r), EXIT_FAILURE;
	printf("%lu\n", made);
	return EXIT_SUCCESS;
}
