/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests for qdiscs and filters. For tc.c and tc_outer.c. */
#ifndef DATAPATH_NET_NETLINK_TC_REQUEST_H
#define DATAPATH_NET_NETLINK_TC_REQUEST_H

#include <linux/rtnetlink.h>

#include "datapath/net/netlink/request.h"

/* Makes the clsact qdisc. 1: it is new; 0: there was one, or an ingress qdisc, which takes filters at its ingress too;
 * -errno. */
int tc_make_qdisc(struct nl_sock *sk, uint32_t ifindex);
/* Puts a program on as a filter for all protocols, in place of the one with where's handle; handle 0: a new one, whose
 * handle the kernel chooses. */
int tc_put_filter(struct nl_sock *sk, const struct tcmsg *where, uint16_t priority, int prog_fd, const char *name);
/* kind: "bpf", … Fine if it isn't there. */
int tc_delete_filter(struct nl_sock *sk, const struct tcmsg *where, const char *kind);
/* Calls fn with each RTM_NEWTFILTER below a parent, also those with handle 0, which announce a classifier. */
int tc_each_filter(struct nl_sock *sk, uint32_t ifindex, uint32_t parent, netlink_answer_fn fn, void *userdata);

#endif
