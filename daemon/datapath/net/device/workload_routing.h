/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source routing in a workload's namespace. sk is a rtnetlink socket in it; ifindex is the ENI's interface there. */
#ifndef DATAPATH_NET_WORKLOAD_ROUTING_H
#define DATAPATH_NET_WORKLOAD_ROUTING_H

#include <stdbool.h>
#include <stdint.h>

struct nl_sock;
struct port_record;

/* The ENI's own table: its subnet and its gateway. */
int routing_put_table(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex);
/* A rule for each address of each ENI, where the namespace has several interfaces (always: in any case). Rules that
 * lead to an interface or address that is gone are removed. */
int routing_put_rules(struct nl_sock *sk, bool always);
/* After an ENI left: only removes. */
int routing_clean(struct nl_sock *sk);
/* 1: the ENI's table is there and the namespace's rules are right; 0: they aren't; -errno. */
int routing_check(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex);
/* The namespace's default route, as attachment.default_route says. */
int routing_put_default(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex);

#endif
