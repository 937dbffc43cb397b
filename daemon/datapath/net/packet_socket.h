/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet socket in a VPC's namespace, for a filter that counts what comes in. */
#ifndef DATAPATH_NET_PACKET_SOCKET_H
#define DATAPATH_NET_PACKET_SOCKET_H

#include <stdint.h>

struct net;

/* A socket on all devices of the VPC's namespace, with the eBPF program prog_fd as its filter. It gets what comes in
 * and not what goes out. *ret: the caller's, to close. -ENOENT: there is no such VPC; -errno. */
int net_packet_socket(const struct net *n, uint32_t vpc, int prog_fd, int *ret);

#endif
