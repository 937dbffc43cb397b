/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of a VPC's namespace, held against the registry. On the event loop. */
#ifndef DATAPATH_NET_EVENTS_H
#define DATAPATH_NET_EVENTS_H

#include "datapath/net/registry.h"

/* Opens and watches the event sockets of a VPC, which calls net->on_event from then on. 0 or -errno. */
int events_start(struct net_vpc *v);
void events_stop(struct net_vpc *v);

#endif
