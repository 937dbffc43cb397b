/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP and DHCPv6 are between an ENI and its own gateway, which the port plays. */
#ifndef BPF_LIB_DHCP_H
#define BPF_LIB_DHCP_H

#include "lib/local/dhcp4.h"
#include "lib/local/dhcp6.h"

/* A client's message to its server: to all who listen, or to the gateway. */
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

/* What only a DHCP server sends to a client: nobody plays one (a relay's packets go from server port to server port).
 */
static __always_inline int dhcp_offered(const struct packet *p)
{
	if (p->proto != IPPROTO_UDP || p->fragment == FRAGMENT_LATER)
		return 0;
	if (p->family == 4)
		return p->sport == bpf_htons(67) && p->dport == bpf_htons(68);
	return p->sport == bpf_htons(547) && p->dport == bpf_htons(546);
}

#endif
