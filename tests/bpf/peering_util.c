/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peering_util.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct edge_lab *e;

void peering_route(uint32_t vpc, const char *cidr, uint32_t to)
{
	edge_route_of(e, vpc, cidr, to ? VPC_TARGET_PEERING : VPC_TARGET_BLACKHOLE, to);
}

void peering_active(uint32_t vpc)
{
	lab_space(e->l, vpc)->flags |= VPC_SPACE_PEERED;
}

void peering_begin(void)
{
	peering_active(1);
	peering_active(2);
	peering_route(1, "10.2.0.0/16", 2);
	peering_route(1, "fd00:2::/56", 2);
	peering_route(2, "10.0.0.0/16", 1);
	peering_route(2, "fd00:1::/56", 1);
	lab_commit(e->l);
}

struct edge_lab *peering_open(void)
{
	e = edge_open();
	edge_vpc(e, &(struct edge_vpc){.number = 2,
				       .eni = ENI_D,
				       .sg = SG_D,
				       .cidr4 = "10.2.0.0/16",
				       .cidr6 = "fd00:2::/56",
				       .address4 = B4,
				       .gateway4 = "10.2.0.1",
				       .address6 = B6});
	peering_begin();
	return e;
}

void peering_stranger(const char *address4)
{
	bool twin = !strcmp(address4, B4);

	edge_vpc(e, &(struct edge_vpc){.number = 3,
				       .eni = ENI_C,
				       .sg = SG_C,
				       .cidr4 = twin ? "10.2.0.0/16" : "10.3.0.0/16",
				       .cidr6 = "fd00:3::/56",
				       .address4 = address4,
				       .gateway4 = twin ? "10.2.0.1" : "10.3.0.1",
				       .address6 = "fd00:3::10"});
}

uint32_t peering_allow_group(uint32_t sg, uint32_t peer_sg)
{
	uint32_t row = lab_allow(e->l, &(struct rule_spec){.sg = sg, .direction = VPC_INGRESS, .peer_sg = peer_sg});

	lab_commit(e->l);
	return row;
}

uint32_t peering_allow_all(uint32_t sg)
{
	uint32_t row = lab_allow_all(e->l, sg, VPC_INGRESS, 4);

	lab_allow_all(e->l, sg, VPC_INGRESS, 6);
	lab_commit(e->l);
	return row;
}

struct peering_pair peering_connect(enum edge_ns from, const char *src, enum edge_ns to, const char *dst, uint16_t port)
{
	int listener = edge_socket(e, to, SOCK_STREAM, dst, port);
	struct peering_pair c = {.client = edge_socket(e, from, SOCK_STREAM, src, 0), .server = -1};

	cr_assert(edge_connect(c.client, dst, port), "%s to %s: %s", src, dst, strerror(errno));
	c.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(c.server, 0);
	close(listener);
	return c;
}

struct peering_pair peering_datagrams(const char *src, const char *dst, uint16_t port)
{
	struct peering_pair c = {.client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, src, port),
				 .server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, dst, port)};
	struct edge_peer from;

	cr_assert(edge_connect(c.client, dst, port));
	cr_assert_eq(send(c.client, "first", 5, 0), 5);
	cr_assert(edge_receive(c.server, "first", &from), "%s to %s", src, dst);
	cr_assert_str_eq(from.address, src);
	cr_assert(edge_connect(c.server, src, port));
	return c;
}

bool peering_nothing(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int peering_sender(enum edge_ns where, const char *src)
{
	return edge_socket(e, where, SOCK_DGRAM, src, 0);
}
