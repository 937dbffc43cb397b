/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least that a program between two veths can do: it knows which port a packet is for, and redirects the packet to
 * the other end of that port. No program that judges packets can be faster in this place.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char redirect_license[] SEC("license") = "GPL";

#define PORTS 64 /* a power of two, above the ifindexes of a namespace with two ports */

/* Written by redirect.c before the programs are attached: by a port's ifindex, that of the port that its packets go to.
 */
__u32 other[PORTS];

SEC("tc")
int redirect_from_port(struct __sk_buff *skb)
{
	return (int)bpf_redirect_peer(other[skb->ifindex & (PORTS - 1)], 0);
}
