/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where does a packet go that no ENI of the VPC has the destination of? This is the one place where that is asked, so
 * that each such drop has its reason: the router would drop it without one. The VPC's own routes are its address space;
 * when there are gateways, what leads out of it is looked up here.
 */
#ifndef BPF_LIB_ROUTE_H
#define BPF_LIB_ROUTE_H

#include "lib/address.h"

/* Of the packet in the scratch. Returns PASS: up to the router, which has a route; or a reason. */
static __always_inline int route_out(struct scratch *s)
{
	const struct packet *p = &s->packet;
	__u32 number = s->vpc;
	struct vpc_space *space;

	if (address_in_space(s, p->family, p->dst))
		return VPC_DROP_UNKNOWN_DESTINATION;
	space = bpf_map_lookup_elem(&vpc, &number);
	return space && READ_ONCE(space->flags) & VPC_SPACE_ROUTED_OUT ? PASS : VPC_DROP_NO_ROUTE;
}

#endif
