/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPCs in the registry, with their sockets. net.h has the rest. */
#ifndef DATAPATH_NET_VPC_H
#define DATAPATH_NET_VPC_H

#include "datapath/net/registry.h"

/* Forgets a VPC and frees it. Returns its namespace's descriptor, the caller's; everything else of it is closed. */
int net_take_vpc(struct net *n, struct net_vpc *v);

#endif
