/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peered VPCs on the devices of edge_util.h, and traffic between their workloads. One lab a process. */
#ifndef TESTS_BPF_PEERING_UTIL_H
#define TESTS_BPF_PEERING_UTIL_H

#include "edge_util.h"

#include <unistd.h>

/* The workloads of VPC 1, VPC 2 and VPC 3. */
#define A4 WORKLOAD
#define A6 "fd00:1::10"
#define B4 "10.2.0.10"
#define B6 "fd00:2::10"
#define C4 "10.3.0.10"

/* VPC 1 and VPC 2 with routes to each other. No group allows anything to enter. */
struct edge_lab *peering_open(void);
/* VPC 3, with its own addresses or with those of VPC 2. */
void peering_stranger(const char *address4);
/* A route of a VPC to another; to: 0: a blackhole. To be committed. */
void peering_route(uint32_t vpc, const char *cidr, uint32_t to);
/* The VPC has an active peering. To be committed. */
void peering_active(uint32_t vpc);
/* VPC 1 and VPC 2 have an active peering, and routes to each other. */
void peering_begin(void);

/* Ingress rules of a group: for another group, or for all addresses. Return the row, of IPv4. */
uint32_t peering_allow_group(uint32_t sg, uint32_t peer_sg);
uint32_t peering_allow_all(uint32_t sg);

/* Two sockets that are connected. */
struct peering_pair {
	int client, server;
};
/* TCP. */
struct peering_pair peering_connect(enum edge_ns from, const char *src, enum edge_ns to, const char *dst,
				    uint16_t port);
/* UDP from VPC 1 to VPC 2; a datagram went from the one to the other. */
struct peering_pair peering_datagrams(const char *src, const char *dst, uint16_t port);
/* A socket of UDP. */
int peering_sender(enum edge_ns where, const char *src);

/* Whether doing it is counted as a drop for this reason at an ENI. */
#define PEERING_REFUSED(e, eni, why, doing)                                                \
	({                                                                                 \
		uint64_t before_ = edge_drops(e, (eni), (why));                            \
                                                                                           \
		doing;                                                                     \
		for (int i_ = 0; i_ < 500 && edge_drops(e, (eni), (why)) == before_; i_++) \
			usleep(10000);                                                     \
		edge_drops(e, (eni), (why)) != before_;                                    \
	})
/* Nothing has come, once what was sent was counted as dropped. */
bool peering_nothing(int fd);

#endif
