/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host itself sends to a VPC: address spaces (host_spaces.h), elastic IPs and transit addresses are routed to
 * the host ends of uplinks, and the nftables table of the host's namespace leads published ports to transit addresses.
 * Event loop only, unless it says otherwise.
 */
#ifndef DATAPATH_NET_HOST_OBJECTS_H
#define DATAPATH_NET_HOST_OBJECTS_H

#include "datapath/net/registry.h"

/* Takes over what a plan says of address spaces, elastic IPs and published ports, and announces elastic IPs that come
 * to this host (announce.h). -ENOMEM: some of it is missing. */
int host_objects_note(struct net *n, const struct plan *plan);
void host_objects_clear(struct net *n);
/* Announces elastic IPs on outer interfaces that are new. Puts routes and neighbours on the host ends of VPCs that were
 * noted since, or that are new, and takes off those that are no longer wanted; all: on every host end what is missing,
 * taking off what isn't ours. 0, or -errno of the last failure. */
int host_objects_update(struct net *n, bool all);
/* Whether a message of rtnetlink says that one is gone, or that one is there that isn't ours. */
bool host_objects_concern(const struct net *n, const struct nlmsghdr *h);

/* The transit address of a VPC, network order. Instances that share a host have different ones, but for one in 16. */
uint32_t host_transit(const char *instance, uint32_t vpc);
/* The text of the host's tables as the plan wants them. *ret NULL: none. forward: as in struct net_config. The caller's
 * to free. Any thread. -ENOMEM. */
int host_table_text(const char *instance, bool forward, const struct plan *all, char **ret);
/* The same as noted. */
int host_table_noted(const struct net *n, char **ret);
/* Compares the objects of a VPC's host end with the plan; ifindex: of the host end. Any thread; rtnl: in vpcd's own
 * namespace. fn's result unless 0, or -errno. */
int host_objects_check(struct nl_sock *rtnl, const char *instance, const struct plan *all, uint32_t vpc,
		       uint32_t ifindex, int (*fn)(const struct net_object *o, const char *problem, void *userdata),
		       void *userdata);

#endif
