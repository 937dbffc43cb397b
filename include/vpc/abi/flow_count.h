/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bpf/observe.bpf.c counts for flow logs. Its maps are never pinned: they end with the vpcd that made them.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_FLOW_COUNT_H
#define VPC_ABI_FLOW_COUNT_H

#include <linux/types.h>

struct vpc_flow_count_key {
	__u32 ifindex; /* of the device by which it came into the VPC: an ENI's number, or that of an uplink */
	__be32 src[4]; /* IPv4 as ::ffff:a.b.c.d */
	__be32 dst[4];
	__be16 sport; /* TCP and UDP; else 0 */
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct vpc_flow_count_key) == 44, "vpc_flow_count_key");

struct vpc_flow_count {
	__u64 packets;
	__u64 bytes;	/* of whole frames, as in vpc_eni_stat */
	__u64 first_ns; /* CLOCK_BOOTTIME, as last_ns */
	__u64 last_ns;
	__u32 tcp_flags; /* of all packets together: FIN 1, SYN 2, RST 4, … */
	__u32 pad;
};
_Static_assert(sizeof(struct vpc_flow_count) == 40, "vpc_flow_count");

/* The maps of counts are two, of which the program fills one while vpcd reads the other. */
struct vpc_flow_count_ctl {
	__u32 which;
	__u32 pad;
	__u64 lost[2]; /* packets that weren't counted because the map was full */
};

#endif
