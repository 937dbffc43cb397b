/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that the gateway says to a workload is made at the workload's own port, of the packet that asked for it,
 * and goes out of that port again: ARP, ND, RA, DHCP (arp.h, nd.h, ra.h, dhcp.h), echo replies (echo.h), ICMP errors
 * (icmp_error.h). So nobody else ever hears what one workload provokes, whatever it writes into the packet; the router
 * isn't asked, has no neighbour to look for, and spends nothing of the limits that the kernel has for all.
 * How often: core/limit.h.
 */
#ifndef BPF_LIB_ANSWER_H
#define BPF_LIB_ANSWER_H

#include "lib/core/limit.h"

#include <linux/pkt_cls.h>

/* Sends the answer that was made of the packet back out of its port. Returns what the program ends with. */
static __always_inline int answer_send(struct __sk_buff *skb)
{
	skb->mark = VPC_MARK_ANSWER | (skb->ifindex & VPC_NUMBER_MASK);
	return (int)bpf_redirect(skb->ifindex, 0);
}

#endif
