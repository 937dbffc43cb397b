/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Token buckets: how often events and the gateway's answers are made for an ENI. Each bucket is kept as the time at
 * which it is full again, and holds a second's worth of tokens.
 */
#ifndef BPF_LIB_LIMIT_H
#define BPF_LIB_LIMIT_H

#include "lib/core/base.h"

#define LIMIT_BURST_NS NS_PER_S

/* The ENI's buckets for what the gateway says. */
enum answer_kind {
	ANSWER_CONFIGURE, /* ARP, ND, RA, DHCP: what keeps it connected */
	ANSWER_ECHO,
	ANSWER_ERROR, /* ICMP errors, and packets about which only the router can send one */
};

/* Takes a token; one comes every interval. Returns 0 when there is none. The addition is atomic: a sender with many
 * CPUs gets no more than one with one. */
static __always_inline int limit_take(__u64 *bucket, __u64 interval_ns, __u64 now_ns)
{
	__u64 full_at = READ_ONCE(*bucket);

	if ((__s64)(full_at - now_ns) < 0) {
		if (__sync_val_compare_and_swap(bucket, full_at, now_ns + interval_ns) == full_at)
			return 1;
		full_at = now_ns;
	}
	if (full_at + interval_ns > now_ns + LIMIT_BURST_NS)
		return 0;
	__sync_fetch_and_add(bucket, interval_ns);
	return 1;
}

/* Whether an event about ENI `number` may be made: 1,000 a second. */
static __always_inline int limit_event(__u32 number, __u64 now_ns)
{
	struct event_limit *limit = bpf_map_lookup_elem(&event_limit, &number);

	return limit && limit_take(&limit->full_at_ns, NS_PER_S / 1000, now_ns);
}

/* Whether the gateway may answer ENI `number`: 1,000 times a second, with ICMP errors 100 times. */
static __always_inline int answer_admitted(__u32 number, enum answer_kind kind, __u64 now_ns)
{
	struct answer_limit *limit = bpf_map_lookup_elem(&answer_limit, &number);

	return limit && limit_take(&limit->full_at_ns[kind % ANSWER_KINDS],
				   kind == ANSWER_ERROR ? NS_PER_S / 100 : NS_PER_S / 1000, now_ns);
}

#endif
