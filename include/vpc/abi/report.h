/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs tell: counters of packets and drops, and events.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_REPORT_H
#define VPC_ABI_REPORT_H

#include <linux/types.h>

/* eni_stat: per-CPU array by ENI number. drop: array of __u64 by ENI number * VPC_DROP_REASONS_MAX + reason. */

/* tx counts what the workload sent and the rules let through; rx counts what was delivered to it. */
struct vpc_eni_stat {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
};
_Static_assert(sizeof(struct vpc_eni_stat) == 32, "vpc_eni_stat");

/* --- gateways --------------------------------------------------------------------------------------------------- */

/*
 * gateway_stat: per-CPU array of struct vpc_eni_stat. rx counts what entered the VPC by the gateway, tx what left it.
 * What a gateway let through counts, whatever the receiver's groups say. A row is that of
 *
 *   VPC_GATEWAY_KINDS * number of the VPC + VPC_GATEWAY_…
 *   VPC_GATEWAY_NATS + number of the NAT gateway
 *   VPC_GATEWAY_PEERINGS + number of the peering: rx is to the VPC that asked for it, tx from it
 */
#define VPC_GATEWAY_KINDS     4u
#define VPC_GATEWAY_IGW	      0u
#define VPC_GATEWAY_EIGW      1u
#define VPC_GATEWAY_PUBLISHED 2u /* published ports */
#define VPC_GATEWAY_HOST      3u /* host access */
#define VPC_GATEWAY_NATS      4096u
#define VPC_GATEWAY_PEERINGS  6144u

/* gateway_owner: array of __u64 by row, mmapable, vpcd's alone: whom the row counts for. */

/* peering_stat: hash {VPCs} -> row of gateway_stat << 1 | 1 if `from` asked for the peering, else 0. */
struct vpc_peering_key {
	__u32 from; /* number of the VPC that sends */
	__u32 to;
};
_Static_assert(sizeof(struct vpc_peering_key) == 8, "vpc_peering_key");

/* --- events: ring buffer ---------------------------------------------------------------------------------------- */

enum vpc_event_type {
	VPC_EVENT_DROP = 1,
	VPC_EVENT_OPEN,	   /* a flow was judged for the first time and allowed */
	VPC_EVENT_REJUDGE, /* a flow was judged again and is still allowed */
	VPC_EVENT_CUT,	   /* a flow was judged again and cut */
};

/* The tuple has the packet's own direction for drops, and the opener's for flows. */
struct vpc_event {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u64 epoch;
	__u8 type;	/* enum vpc_event_type */
	__u8 reason;	/* enum vpc_drop_reason; for drops */
	__u8 direction; /* VPC_INGRESS: judged as it arrives at the ENI; VPC_EGRESS: as it leaves it */
	__u8 proto;
	__be16 ethertype;
	__be16 sport; /* ICMP: type and code in its two bytes */
	__be16 dport;
	__u16 pad;
	__u32 eni;     /* drops: the ENI at which it counts; flows: the opener */
	__u32 peer;    /* the other local ENI; 0: none */
	__u32 rule[2]; /* rules that allowed the opener's egress and the responder's ingress */
	__be32 src[4];
	__be32 dst[4];
	__u32 length; /* bytes of the packet */
	__u32 lost;   /* events that this CPU has not emitted since the last one, because the ring was full or the
		       * rate limit reached */
};
_Static_assert(sizeof(struct vpc_event) == 88, "vpc_event");

#endif
