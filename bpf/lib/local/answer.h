/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that the gateway says to a workload is made at the workload's own port, of the packet that asked for it,
 * and goes out of that port again: ARP, ND, RA, DHCP (arp.h, nd.h, ra.h, dhcp.h), echo replies (echo.h), ICMP errors
 * (icmp_error.h). So nobody else ever hears what one workload provokes, whatever it writes into the packet; the router
 * isn't asked, has no neighbour to look for, and spends nothing of the limits that the kernel has for all.
 *
 * How often: a token bucket an ENI for what keeps it connected, and one for the rest.
 */
#ifndef BPF_LIB_ANSWER_H
#define BPF_LIB_ANSWER_H

#include "lib/core/address.h"

#include <linux/pkt_cls.h>

/* Which of the ENI's token buckets an answer is taken from. */
enum answer_kind {
	ANSWER_CONFIGURE, /* ARP, ND, RA, DHCP */
	ANSWER_ECHO,
	ANSWER_ERROR,
};

/* A second's worth of tokens may be saved up. */
#define ANSWER_BURST_NS NS_PER_S

static __always_inline __u64 answer_interval_ns(enum answer_kind kind)
{
	return kind == ANSWER_ERROR ? NS_PER_S / 100 : NS_PER_S / 1000;
}

/* Takes a token of the ENI's bucket, kept as the time at which it is full again. Returns 0 when there is none. An
 * atomic addition, so that a sender with many CPUs gets not more than one with one. */
static __always_inline int answer_admitted(__u32 number, enum answer_kind kind, __u64 now_ns)
{
	struct answer_limit *limit = bpf_map_lookup_elem(&answer_limit, &number);
	__u64 interval = answer_interval_ns(kind), full_at;

	if (!limit)
		return 0;
	full_at = READ_ONCE(limit->full_at_ns[kind % ANSWER_KINDS]);
	if ((__s64)(full_at - now_ns) < 0) {
		if (__sync_val_compare_and_swap(&limit->full_at_ns[kind % ANSWER_KINDS], full_at, now_ns + interval) ==
		    full_at)
			return 1;
		full_at = now_ns;
	}
	if (full_at + interval > now_ns + ANSWER_BURST_NS)
		return 0;
	__sync_fetch_and_add(&limit->full_at_ns[kind % ANSWER_KINDS], interval);
	return 1;
}

/* Sends the answer that was made of the packet back out of its port. Returns what the program ends with. */
static __always_inline int answer_send(struct __sk_buff *skb)
{
	skb->mark = VPC_MARK_ANSWER | (skb->ifindex & VPC_NUMBER_MASK);
	return (int)bpf_redirect(skb->ifindex, 0);
}

#endif
