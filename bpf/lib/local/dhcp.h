/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which packets are DHCP and DHCPv6. Both are between an ENI and its gateway, whose part the port plays. */
#ifndef BPF_LIB_DHCP_H
#define BPF_LIB_DHCP_H

#include "lib/local/dhcp4.h"
#include "lib/local/dhcp6.h"

/* Whether it is a client's message to its server: to all servers, or to the gateway. */
static __always_inline int dhcp_asked(const struct packet *p, const struct vpc_eni *me)
{
	if (p->proto != IPPROTO_UDP || p->fragment)
		return 0;
	if (p->family == 4)
		return p->dport == bpf_htons(67) && p->sport == bpf_htons(68) &&
		       (!p->src[3] || p->dst[3] == 0xffffffff || (me->gateway4 && p->dst[3] == me->gateway4));
	return p->dport == bpf_htons(547) && p->sport == bpf_htons(546) &&
	       (address_is_link_local6(p->src) || address_is_multicast(6, p->dst));
}

/* Whether it is a message that only a DHCP server sends to a client. No workload may play the server. A relay's packets
 * go from server port to server port, and pass. */
static __always_inline int dhcp_offered(const struct packet *p)
{
	if (p->proto != IPPROTO_UDP || p->fragment == FRAGMENT_LATER)
		return 0;
	if (p->family == 4)
		return p->sport == bpf_htons(67) && p->dport == bpf_htons(68);
	return p->sport == bpf_htons(547) && p->dport == bpf_htons(546);
}

#endif
