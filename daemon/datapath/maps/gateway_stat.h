/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of gateways: rows of gateway_stat (include/vpc/abi/report.h). A row says whom it counts for, by a word that
 * the caller makes of the gateway's id. So a row that was another gateway's counts for nobody until it begins anew,
 * also after vpcd was killed between the two.
 */
#ifndef DATAPATH_MAPS_GATEWAY_STAT_H
#define DATAPATH_MAPS_GATEWAY_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

struct maps;

/* Rows by what they count. kind: VPC_GATEWAY_… */
static inline uint32_t gateway_row_of_vpc(uint32_t vpc, uint32_t kind)
{
	return vpc * VPC_GATEWAY_KINDS + kind;
}
static inline uint32_t gateway_row_of_nat(uint32_t nat)
{
	return VPC_GATEWAY_NATS + nat;
}
static inline uint32_t gateway_row_of_peering(uint32_t peering)
{
	return VPC_GATEWAY_PEERINGS + peering;
}

/* The row counts for `owner` from now on, and begins at 0 unless it was its already. owner 0: for nobody. Event loop
 * only. -ERANGE: there is no such row; -ENOMEM, -errno of bpf(). */
int maps_gateway_begin(struct maps *maps, uint32_t row, uint64_t owner);
/* An active peering, whose packets count in its row. asked: the VPC that asked for it. */
struct peering_rows {
	uint32_t row;
	uint32_t asked, accepted; /* numbers of the VPCs */
};
int maps_peering_begin(struct maps *maps, const struct peering_rows *p);
void maps_peering_end(struct maps *maps, const struct peering_rows *p);
/* Ends all peerings but those of the list. For a start. -ENOMEM, -errno of bpf(). */
int maps_peerings_keep(struct maps *maps, const struct peering_rows *list, size_t n);

/* Whom a row counts for; 0: for nobody. On any thread. */
uint64_t maps_gateway_owner(const struct maps *maps, uint32_t row);
/* Reads n rows from `first` on, each the sum over the CPUs. On any thread. Errors as maps_traffic_read(). */
int maps_gateways_read(const struct maps *maps, uint32_t first, uint32_t n, struct vpc_eni_stat *ret);
/* Names the counters: other ones began at 0. */
uint32_t maps_gateways_id(const struct maps *maps);
/* How many rows there are. */
uint32_t maps_gateway_rows(const struct maps *maps);

#endif
