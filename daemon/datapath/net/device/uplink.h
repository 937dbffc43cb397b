/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VPC's uplink. For the files of this folder. */
#ifndef DATAPATH_NET_UPLINK_H
#define DATAPATH_NET_UPLINK_H

/* Of both ends, the largest that a veth has: the programs look at the MTU of where a packet goes. */
#define UPLINK_MTU 65535u

#endif
