/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of translated flows isn't in the packet's own headers: ICMP errors and path MTU both ways, fragments; IPv6, and
 * what the host itself sends to a published port. */
#include "edge_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EIP "203.0.113.10"

EDGE_SUITE(edge_icmp, edge_open());

/* The error that a connected UDP socket gets; 0: none within a second. */
static int error_of(int fd)
{
	char byte;

	for (int i = 0; i < 100; i++) {
		if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
			return errno;
		usleep(10000);
	}
	return 0;
}

static void elastic(void)
{
	edge_route(e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	edge_eip(e, 1, EIP, VPC_EIP_ENI, ENI_A, WORKLOAD, 1);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
}

/* A closed port of the world is told to the workload's socket, through the quotation. */
Test(edge_icmp, unreachable_from_outside)
{
	int fd = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40000);

	cr_assert(edge_connect(fd, WORLD, 9));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	cr_expect_eq(error_of(fd), ECONNREFUSED, "by a NAT gateway, with another port");
	elastic();
	fd = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40001);
	cr_assert(edge_connect(fd, WORLD, 9));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	cr_expect_eq(error_of(fd), ECONNREFUSED, "by an elastic IP");
}

/* And a closed port of the workload to the world. */
Test(edge_icmp, unreachable_from_inside)
{
	int fd = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 4000);

	edge_publish(e, NULL, IPPROTO_UDP, 8053, 1, 1, ENI_A, 53);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
	cr_assert(edge_connect(fd, HOST, 8053));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	cr_expect_eq(error_of(fd), ECONNREFUSED, "of a published port");
	elastic();
	fd = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 4001);
	cr_assert(edge_connect(fd, EIP, 53));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	cr_expect_eq(error_of(fd), ECONNREFUSED, "of an elastic IP");
}

/* A stream whose segments are too large for what lies behind the gateway gets through all the same. */
static void small_uplink(void)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server;

	e->uplink_mtu = 1400;
	edge_peer_redirect(e, lab_fast_path());
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_assert_geq(server, 0);
	cr_expect(edge_stream(client, server, 1000000));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_TOO_BIG));
}

Test(edge_icmp, too_big_for_the_uplink)
{
	small_uplink();
}

/* A router in the world has the small link: its error reaches the workload. */
Test(edge_icmp, too_big_outside)
{
	int listener, client, server;

	edge_run(e, NS_WORLD,
		 "ip addr add 192.0.2.1/32 dev lo && ip link add thin mtu 1300 type veth peer name far && "
		 "ip link set far netns /proc/%d/fd/%d && ip addr add 192.0.2.5/30 dev thin && "
		 "ip link set thin up && echo 1 >/proc/sys/net/ipv4/ip_forward",
		 (int)getpid(), e->ns[NS_WORKLOAD2]);
	edge_run(e, NS_WORKLOAD2,
		 "ip addr add 192.0.2.6/30 dev far && ip link set far up && "
		 "ip route add default via 192.0.2.5");
	edge_run(e, NS_HOST, "ip route add 192.0.2.0/24 via " WORLD);
	listener = edge_socket(e, NS_WORKLOAD2, SOCK_STREAM, "192.0.2.6", 80);
	server = edge_connection(e, NS_WORKLOAD, "192.0.2.6", 80, listener, &client);
	cr_assert_geq(server, 0);
	cr_expect(edge_stream(client, server, 1000000), "by a NAT gateway");
	edge_run(e, NS_WORKLOAD, "ip route flush cache");
	elastic();
	server = edge_connection(e, NS_WORKLOAD, "192.0.2.6", 80, listener, &client);
	cr_assert_geq(server, 0);
	cr_expect(edge_stream(client, server, 1000000), "by an elastic IP");
}

/* What is larger than the workload's MTU is told to the world. */
Test(edge_icmp, too_big_for_the_workload)
{
	int listener = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, WORKLOAD, 80), client, server;

	edge_publish(e, NULL, IPPROTO_TCP, 8080, 1, 1, ENI_A, 80);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_eni_row(e->l, ENI_A)->mtu = 1300;
	lab_commit(e->l);
	server = edge_connection(e, NS_WORLD, HOST, 8080, listener, &client);
	cr_assert_geq(server, 0);
	cr_expect(edge_stream(client, server, 1000000));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_TOO_BIG));
}

static bool datagram(int from, int to, const char *address, uint16_t port, size_t bytes)
{
	static char out[4000], in[4000];
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	memset(out, 'x', bytes);
	memset(in, 0, sizeof(in));
	inet_pton(AF_INET, address, &a.sin_addr);
	return sendto(from, out, bytes, 0, (struct sockaddr *)&a, sizeof(a)) == (ssize_t)bytes &&
	       recv(to, in, sizeof(in), 0) == (ssize_t)bytes && !memcmp(in, out, bytes);
}

Test(edge_icmp, fragments)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53), client;
	struct edge_peer from;

	client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40000);
	cr_assert(edge_send(client, WORLD, 53, "question"));
	cr_assert(edge_receive(server, "question", &from));
	cr_expect(datagram(client, server, WORLD, 53, 3500), "out by a NAT gateway");
	cr_expect(datagram(server, client, HOST, from.port, 3500), "and back");
	edge_run(e, NS_WORKLOAD, "ping -q -c 1 -W 2 -s 3000 " WORLD " >/dev/null");
	edge_publish(e, NULL, IPPROTO_UDP, 8053, 1, 1, ENI_A, 40000);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
	server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 54);
	cr_expect(datagram(server, client, HOST, 8053, 3500), "in by a published port");
	cr_expect(datagram(client, server, WORLD, 54, 3500), "and back");
	elastic();
	server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 55);
	cr_expect(datagram(server, client, EIP, 40000, 3500), "in by an elastic IP");
	cr_expect(datagram(client, server, WORLD, 55, 3500), "and back");
}

/* The host itself, also at 127.0.0.1, by what its nftables rule does to its packets. */
Test(edge_icmp, from_the_host)
{
	int listener = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, WORKLOAD, 80), client, server;

	edge_publish(e, NULL, IPPROTO_TCP, 8080, 1, 1, ENI_A, 80);
	edge_allow(e, SG_A, VPC_SLOT_TCP, 80, HOST "/32");
	lab_commit(e->l);
	edge_run(e, NS_HOST,
		 "echo 1 >/proc/sys/net/ipv4/conf/vu1/route_localnet && ip route add 169.254.64.1 dev vu1 src " HOST
		 " && ip neigh add 169.254.64.1 lladdr 02:00:00:00:00:01 dev vu1 nud permanent && "
		 "nft 'table ip ours { chain output { type nat hook output priority -100; "
		 "fib daddr type local tcp dport 8080 dnat to 169.254.64.1; }; }'");
	server = edge_connection(e, NS_HOST, HOST, 8080, listener, &client);
	cr_assert_geq(server, 0, "its address");
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, HOST);
	server = edge_connection(e, NS_HOST, "127.0.0.1", 8080, listener, &client);
	cr_assert_geq(server, 0, "127.0.0.1");
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, HOST);
	cr_expect(edge_stream(client, server, 1000000));
	cr_expect(edge_stream(server, client, 1000000));
	edge_run(e, NS_HOST, "! ping -q -c 1 -W 1 169.254.64.1 >/dev/null");
	cr_expect(edge_dropped(e, 0, VPC_DROP_HOST_CLOSED), "and nothing else");
}

Test(edge_icmp, ipv6)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, "2001:db8::1", 80), client, server;
	int inside = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, "fd00:1::10", 80);

	edge_prefix6(e, 1);
	edge_route(e, "::/0", VPC_TARGET_EIGW, 0);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 6);
	lab_commit(e->l);
	client = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, "fd00:1::10", 0);
	cr_assert(edge_connect(client, "2001:db8::1", 80), "out by an egress-only gateway");
	server = accept(listener, NULL, NULL);
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, "fd00:1::10", "untranslated");
	cr_expect(edge_stream(client, server, 1000000));
	cr_expect(edge_stream(server, client, 1000000));
	client = edge_socket(e, NS_WORLD, SOCK_STREAM, "2001:db8::1", 0);
	cr_expect_not(edge_connect(client, "fd00:1::10", 80), "and nobody in");
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_INBOUND));
	edge_route(e, "::/0", VPC_TARGET_IGW, 0);
	lab_commit(e->l);
	client = edge_socket(e, NS_WORLD, SOCK_STREAM, "2001:db8::1", 0);
	cr_assert(edge_connect(client, "fd00:1::10", 80), "but by an internet gateway");
	server = accept(inside, NULL, NULL);
	cr_expect(edge_talk(client, server));
	edge_run(e, NS_WORKLOAD, "ping -6 -q -c 1 -W 2 2001:db8::1 >/dev/null");
}
