/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters by which the flow maps are divided between VPCs and ENIs (bpf/lib/flow/share.h). The programs change them
 * atomically.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_SHARE_H
#define VPC_ABI_SHARE_H

#include <linux/types.h>

/* A count over the last 34 s or so: of the current slot and of the one before. Each word is slot << 32 | count. A slot
 * is CLOCK_MONOTONIC >> VPC_WINDOW_SHIFT, 34 s, which is longer than an unanswered UDP flow may wait for its answer. */
#define VPC_WINDOW_SHIFT 35
struct vpc_window {
	__u64 now;
	__u64 before;
};

/* eni_flows: array by ENI number, mmapable. */
struct vpc_eni_flows {
	__s64 opened;			  /* established flows that count to the ENI (bpf/lib/flow/share.h) */
	__s64 answered;			  /* established flows that another ENI opened to this one */
	struct vpc_window unconfirmed[2]; /* entries of flow_new: [0] those that the ENI opened, [1] those that were
					   * opened from outside */
	__u64 pad[2];
};
_Static_assert(sizeof(struct vpc_eni_flows) == 64, "vpc_eni_flows");

/* vpc_flows: array by VPC number, mmapable. */
struct vpc_vpc_flows {
	__s64 total;			  /* entries of `flow`, except tombstones */
	__s64 half_open;		  /* those of them that have VPC_FLOW_HALF_OPEN */
	struct vpc_window unconfirmed[2]; /* as in vpc_eni_flows, within the guaranteed number */
	struct vpc_window from_pool;	  /* entries that its ENIs opened beyond the guaranteed number */
};
_Static_assert(sizeof(struct vpc_vpc_flows) == 64, "vpc_vpc_flows");

/* host_flows: array of one, mmapable. */
struct vpc_host_flows {
	__u32 flow_guaranteed; /* entries of `flow` that are guaranteed to each VPC */
	__u32 flow_pool;       /* entries of `flow` that all VPCs together may have beyond that */
	__u32 new_guaranteed;  /* guaranteed entries of flow_new */
	__u32 new_pool;
	__u32 fragment_guaranteed; /* guaranteed entries of `fragment`, and as many of nat_fragment */
	__u32 fragment_pool;
	__u32 young_slots;  /* connections may begin in the first of flow_young's slots, so many; 0: in none */
	__u32 stored_round; /* 1 to VPC_STORED_LAST: the round of flow_stored */
	__u64 pad[4];
	/* The programs write the fields below. */
	__s64 pool_used; /* entries of `flow` beyond their VPCs' guaranteed number */
	struct vpc_window new_pool_used;
	__u64 overflow_ns; /* CLOCK_MONOTONIC, to about a second: the last insertion into flow_overflow; 0: it is
			    * empty */
	struct vpc_window fragment_pool_used;
	struct vpc_window translated_pool_used; /* of nat_fragment */
};
_Static_assert(sizeof(struct vpc_host_flows) == 128, "vpc_host_flows");

#endif
