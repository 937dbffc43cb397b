/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the counters of many ENIs and rules at once, on any thread, while the maps are used. Nothing here looks at
 * the mirror: which numbers are in use is the caller's to know.
 */
#ifndef DATAPATH_MAPS_TRAFFIC_H
#define DATAPATH_MAPS_TRAFFIC_H

#include <stdint.h>

#include <vpc/abi/abi.h>

struct maps;
struct kernel_map;

/* For the event loop: the numbers of ENIs, and those of rows, that were ever given are below these. */
uint32_t maps_enis_end(const struct maps *maps);
uint32_t maps_rows_end(const struct maps *maps);
/* The number of an ENI's VPC; 0: no ENI has the number. On any thread. */
uint32_t maps_vpc_of_eni(const struct maps *maps, uint32_t eni);
/* Names the counters of ENIs: other ones began at 0. */
uint32_t maps_traffic_id(const struct maps *maps);
/* Reads the counters of the ENIs first … first + n - 1, each the sum over the CPUs. -ERANGE: there are no such numbers;
 * -ENOMEM, -errno of bpf(). */
int maps_traffic_read(const struct maps *maps, uint32_t first, uint32_t n, struct vpc_eni_stat *ret);
/* The same of any per-CPU array of struct vpc_eni_stat. */
int traffic_read_stats(const struct kernel_map *map, uint32_t first, uint32_t n, struct vpc_eni_stat *ret);
/* Reads the drop counters of an ENI, by enum vpc_drop_reason. Errors as above. */
int maps_drops_read(const struct maps *maps, uint32_t eni, uint64_t ret[VPC_DROP_REASONS_MAX]);

/* A row, and how many packets it allowed. */
struct row_traffic {
	uint32_t rule; /* number */
	uint64_t packets;
};
/* Finds the rows below `end` that allowed the most packets, at most n, in no order. Rows that allowed none are left
 * out; rows that died are among them until their numbers are given again. Takes milliseconds where there are 1,000,000
 * rows. Returns how many there are in ret; *ret_left_out: how many rows there were beyond them. */
uint32_t maps_rows_read(const struct maps *maps, uint32_t end, struct row_traffic *ret, uint32_t n,
			uint32_t *ret_left_out);

#endif
