/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd's own namespace: the host ends of uplinks, and their events. Event loop only, unless it says otherwise. */
#ifndef DATAPATH_NET_HOST_H
#define DATAPATH_NET_HOST_H

#include "datapath/net/registry.h"

/* Opens the namespace of the calling thread and a socket in it. 0 or -errno. */
int host_open(struct net *n);
void host_close(struct net *n);

/* Notes where the host end of an uplink is, and tells net->on_uplink. */
void host_report_uplink(struct net_vpc *v, struct device *d);

/* After uplinks came or went, or something was noted: begins or ends to watch the namespace and outer interfaces, and
 * puts right what is on host ends (all: as host_objects_update). 0, or -errno:
 * something could not be done to the outer interfaces. */
int host_ensure(struct net *n, bool all);

/* Calls fn for each host end of the instance that belongs to no uplink of the plan (NULL: for all). Any thread; rtnl:
 * in vpcd's own namespace. fn's result unless 0, or -errno. */
int host_each_stray(struct nl_sock *rtnl, const char *instance, const struct plan *all,
		    int (*fn)(const struct link_info *info, void *userdata), void *userdata);
/* Deletes them. */
int host_remove_strays(struct nl_sock *rtnl, const char *instance, const struct plan *all);

#endif
