/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP and DHCPv6 requests are for the ENI's own gateway, which the port plays. So far it has nothing to answer. */
#ifndef BPF_LIB_DHCP_H
#define BPF_LIB_DHCP_H

#include "lib/parse.h"

static __always_inline int dhcp_asked(const struct packet *p)
{
	if (p->proto != IPPROTO_UDP || p->fragment)
		return 0;
	if (p->family == 4)
		return !p->src[3] && p->sport == bpf_htons(68) && p->dport == bpf_htons(67);
	return address_is_link_local6(p->src) && p->sport == bpf_htons(546) && p->dport == bpf_htons(547);
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
