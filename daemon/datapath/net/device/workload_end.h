/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workload's end of a port: the interface in the workload's namespace. For the files of this folder. */
#ifndef DATAPATH_NET_WORKLOAD_END_H
#define DATAPATH_NET_WORKLOAD_END_H

#include "datapath/net/device/device.h"

extern const struct device_ops device_workload_end;

/* Whether a link in a workload's namespace is the far end of this port. */
bool workload_end_is_ours(const struct link_info *info, const struct port_record *p);
/* Sets what has to be right before the port is raised. The interface stays down, without addresses and routes: whoever
 * sees these may send, and what is sent to a port that isn't ready is lost. *ret_what says what was tried: "be found".
 */
int workload_end_prepare(const struct workload *w, const struct port_record *p, const char **ret_what);
/* The rest, when the port is up: raises it, adds addresses, then routes. port: a rtnetlink socket in the port's
 * namespace, NULL: the port needn't be waited for. rtnl: one in the workload's. -ENODEV: the interface is gone. */
int workload_end_finish(struct nl_sock *port, struct nl_sock *rtnl, const struct port_record *p, const char **ret_what);
/* Address i of the port; past the last: the link-local one. ifindex 0: filled in later. */
void workload_end_address(const struct port_record *p, size_t i, uint32_t ifindex, struct net_object *ret);

/* In workload_end_check.c: as struct device_ops has them. c->rtnl is in the workload's namespace. */
int workload_end_check(const struct device_check *c, const struct link_info *info);
int workload_end_mend(const struct device_spec *s, const struct workload *w, bool unfinished);

#endif
