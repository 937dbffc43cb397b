/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts what gateways let through. include/vpc/abi/report.h says which row is whose. */
#ifndef BPF_LIB_ROUTE_COUNT_H
#define BPF_LIB_ROUTE_COUNT_H

#include "lib/route/gateway.h"

/* The row of a gateway that isn't a peering. What the host sends by an internet gateway counts for that. */
static __always_inline __u32 gateway_row(__u32 number, __u32 gateway)
{
	number *= VPC_GATEWAY_KINDS;
	switch (gateway_kind(gateway)) {
	case VPC_EDGE_NAT:
		return VPC_GATEWAY_NATS + (gateway & VPC_TARGET_NUMBER);
	case VPC_EDGE_IGW:
		return number + VPC_GATEWAY_IGW;
	case VPC_EDGE_EIGW:
		return number + VPC_GATEWAY_EIGW;
	case VPC_EDGE_PUBLISHED:
		return number + VPC_GATEWAY_PUBLISHED;
	default:
		return number + (gateway & VPC_TARGET_NUMBER ? VPC_GATEWAY_IGW : VPC_GATEWAY_HOST);
	}
}

static __always_inline void gateway_count_row(__u32 row_number, __u32 out, __u32 length)
{
	struct vpc_eni_stat *stat = bpf_map_lookup_elem(&gateway_stat, &row_number);

	if (!stat)
		return;
	if (out) {
		stat->tx_packets++;
		stat->tx_bytes += length;
	} else {
		stat->rx_packets++;
		stat->rx_bytes += length;
	}
}

/* Counts a packet of VPC `number` at its gateway. out: it leaves the VPC. length: bytes of the frame. */
static __always_inline void gateway_count(__u32 number, __u32 gateway, __u32 out, __u32 length)
{
	gateway_count_row(gateway_row(number, gateway), out, length);
}

/* Counts a packet of ENI `sender` that goes to VPC `to` by a peering. */
static __always_inline void peering_count(__u32 sender, __u32 to, __u32 length)
{
	struct vpc_eni *from = eni_get(sender);
	struct vpc_peering_key k = {.from = from ? from->vpc : 0, .to = to};
	__u32 *found = bpf_map_lookup_elem(&peering_stat, &k);

	if (found)
		gateway_count_row(READ_ONCE(*found) >> 1, READ_ONCE(*found) & 1, length);
}

#endif
