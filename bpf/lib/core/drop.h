/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drops: every program that drops a packet does it here, which counts the reason. */
#ifndef BPF_LIB_DROP_H
#define BPF_LIB_DROP_H

#include "lib/core/event.h"

#include <linux/pkt_cls.h>

static __always_inline void drop_count(__u32 number, int reason)
{
	__u32 at = number * VPC_DROP_REASONS_MAX + ((__u32)reason & (VPC_DROP_REASONS_MAX - 1));
	__u64 *counter = bpf_map_lookup_elem(&drop, &at);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

/* Counts the drop of a packet that is not in the scratch. It emits no event. number: the ENI at which it counts.
 * Returns what the program ends with. */
static __always_inline int drop_unread(__u32 number, int reason)
{
	drop_count(number, reason);
	return TC_ACT_SHOT;
}

/* Counts the drop, and emits an event about it. It counts at the ENI whose rules refused (the scratch's culprit), else
 * at the ENI whose port this is. Returns what the program ends with. */
__noinline int drop_packet(int reason)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	__u32 number, direction;

	if (!s)
		return TC_ACT_SHOT;
	number = s->culprit ? s->culprit : s->me;
	direction = s->culprit ? s->culprit_direction : s->direction;
	drop_count(number, reason);
	if (event_wanted(VPC_LISTEN_DROPS))
		event_drop(s, number, direction, reason);
	return TC_ACT_SHOT;
}

static __always_inline void count_tx(__u32 number, __u32 length)
{
	struct vpc_eni_stat *stat = bpf_map_lookup_elem(&eni_stat, &number);

	if (!stat)
		return;
	stat->tx_packets++;
	stat->tx_bytes += length;
}

static __always_inline void count_rx(__u32 number, __u32 length)
{
	struct vpc_eni_stat *stat = bpf_map_lookup_elem(&eni_stat, &number);

	if (!stat)
		return;
	stat->rx_packets++;
	stat->rx_bytes += length;
}

#endif
