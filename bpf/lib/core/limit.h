/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Token buckets: how many events and gateway's answers an ENI gets per second. A bucket holds the tokens of one second.
 * It is stored as the time at which it is full again.
 */
#ifndef BPF_LIB_LIMIT_H
#define BPF_LIB_LIMIT_H

#include "lib/core/base.h"

#define LIMIT_BURST_NS NS_PER_S

/* The token buckets of an ENI for the gateway's answers. */
enum answer_kind {
	ANSWER_CONFIGURE, /* ARP, ND, RA, DHCP: an ENI without them loses its connection */
	ANSWER_ECHO,
	ANSWER_ERROR, /* ICMP errors, and packets about which the router would send one */
};

/* Takes a token from the bucket, which gets one each interval. Returns 1, or 0 when there is none. The addition is
 * atomic, so a sender that uses many CPUs gets no more than one that uses one. */
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

/* Takes a token for an event about ENI `number`, of 1,000 a second. Returns 0 when there is none. */
static __always_inline int limit_event(__u32 number, __u64 now_ns)
{
	struct event_limit *limit = bpf_map_lookup_elem(&event_limit, &number);

	return limit && limit_take(&limit->full_at_ns, NS_PER_S / 1000, now_ns);
}

/* Takes a token for an answer to ENI `number`: of 1,000 a second, or 100 for ICMP errors. Returns 0 when there is
 * none. */
static __always_inline int answer_admitted(__u32 number, enum answer_kind kind, __u64 now_ns)
{
	struct answer_limit *limit = bpf_map_lookup_elem(&answer_limit, &number);

	return limit && limit_take(&limit->full_at_ns[kind % ANSWER_KINDS],
				   kind == ANSWER_ERROR ? NS_PER_S / 100 : NS_PER_S / 1000, now_ns);
}

#endif
