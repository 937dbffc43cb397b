/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of the kernel's connection tracking, by ctnetlink. */
#ifndef DATAPATH_NET_NETLINK_CONNTRACK_H
#define DATAPATH_NET_NETLINK_CONNTRACK_H

#include <vpc/abi/abi.h>

#include "datapath/net/netlink/request.h"

/* Deletes the entry of which one direction is from key->local and lport to key->remote and rport (IPv4; ICMP: echo,
 * with the id in lport). sk: of NETLINK_NETFILTER, of the namespace that is meant. 0; -ENOENT: there is none; -errno of
 * the kernel; -ENOMEM. */
int conntrack_delete(struct nl_sock *sk, const struct vpc_nat_key *key);

#endif
