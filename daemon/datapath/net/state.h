/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VPC's namespace as the kernel has it: links and netlink objects, read at once. */
#ifndef DATAPATH_NET_STATE_H
#define DATAPATH_NET_STATE_H

#include <uthash.h>

#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/link.h"

struct state_link {
	uint32_t ifindex;
	struct link_info info;
	bool wanted; /* the plan names it */
	UT_hash_handle hh;
};

struct net_state {
	struct state_link *links;
	struct net_object_set objects;
};
/* rtnl: a socket inside the namespace. 0 or -errno; *ret is to be cleared in either case. */
int net_state_read(struct nl_sock *rtnl, struct net_state *ret);
void net_state_clear(struct net_state *s);
struct state_link *net_state_link(const struct net_state *s, uint32_t ifindex);

#endif
