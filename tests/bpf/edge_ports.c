/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which public ports flows get, and what becomes of those that are over. */
#include "edge_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOWS  60000
#define SLOW_S 600

static struct edge_lab *e;

static void setup(void)
{
	e = edge_open();
}

static void teardown(void)
{
	edge_close(e);
}

TestSuite(edge_ports, .init = setup, .fini = teardown, .timeout = 600);

/* Sends a datagram to the world's port 9 from each of the workload's ports. */
static void datagrams(unsigned first, unsigned n)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

	inet_pton(AF_INET, WORLD, &to.sin_addr);
	edge_enter(e, NS_WORKLOAD);
	for (unsigned port = first; port < first + n; port++) {
		struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
		cr_assert_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
		close(fd);
	}
	edge_enter(e, NS_VPC);
}

/* Of the 64,512 ports that there are at one address. */
Test(edge_ports, sixty_thousand_flows_to_one_server)
{
	/* no flow is over before the last is made, on a slow machine neither */
	lab_eni_row(e->l, ENI_A)->udp_idle_s = SLOW_S;
	datagrams(2000, FLOWS);
	cr_expect_eq(edge_drops(e, ENI_A, VPC_DROP_NAT_EXHAUSTED), 0);
	cr_expect_eq(edge_translations(e), FLOWS);
	cr_expect_eq(edge_nat_used(e, 1), FLOWS);
	/* all of them over: their ports are free for others at once */
	edge_age(e, SLOW_S + 1);
	datagrams(1100, 800);
	cr_expect_eq(edge_drops(e, ENI_A, VPC_DROP_NAT_EXHAUSTED), 0);
	cr_expect_eq(edge_nat_used(e, 1), edge_translations(e));
}

/* No port is left: a drop with its reason, and flows to others are still made. */
Test(edge_ports, exhausted)
{
	struct vpc_edge_ctl c = edge_ctl_read(e);
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53), client;

	c.nat_port_first = c.nat_prefer_first = 61000;
	c.nat_port_last = c.nat_prefer_last = 61007;
	edge_ctl_set(e, &c);
	datagrams(3000, 9);
	cr_expect_eq(edge_translations(e), 8);
	cr_expect_eq(edge_drops(e, ENI_A, VPC_DROP_NAT_EXHAUSTED), 1);
	client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 3000);
	cr_expect(edge_send(client, WORLD, 53, "elsewhere"));
	cr_expect(edge_receive(server, "elsewhere", NULL), "the whole tuple tells flows apart");
}

/* A VPC has no more than its share, of which a quarter is for what it opens itself. */
Test(edge_ports, share_of_a_vpc)
{
	struct vpc_edge_ctl c = edge_ctl_read(e);
	int stranger;

	c.nat_per_vpc = 100;
	edge_ctl_set(e, &c);
	edge_publish(e, NULL, IPPROTO_UDP, 8000, 1, 1, ENI_A, 5000);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
	for (uint16_t port = 3000; port < 3100; port++) {
		stranger = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, port);
		cr_assert(edge_send(stranger, HOST, 8000, "x"));
		close(stranger);
	}
	cr_expect_eq(edge_nat_used(e, 1), 75, "from outside");
	datagrams(3000, 30);
	cr_expect_eq(edge_nat_used(e, 1), 100);
	cr_expect_eq(edge_drops(e, ENI_A, VPC_DROP_NAT_EXHAUSTED), 25 + 5);
}

/* A port that a socket of the host has is given to nobody for what the socket would get. */
Test(edge_ports, sockets_of_the_host)
{
	struct vpc_edge_ctl c = edge_ctl_read(e);
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53), own, client;
	struct edge_peer from;

	c.nat_port_first = c.nat_prefer_first = 61000;
	c.nat_port_last = c.nat_prefer_last = 61001;
	edge_ctl_set(e, &c);
	own = edge_socket(e, NS_HOST, SOCK_DGRAM, HOST, 61000);
	cr_expect(edge_connect(own, WORLD, 53));
	client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 61000);
	cr_assert(edge_send(client, WORLD, 53, "question"));
	cr_assert(edge_receive(server, "question", &from));
	cr_expect_eq(from.port, 61001);
}

/* Closed connections give their ports back after ten seconds, others keep them. */
Test(edge_ports, closed_connections)
{
	struct vpc_edge_ctl c = edge_ctl_read(e);
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server, kept;

	c.nat_port_first = c.nat_prefer_first = 61000;
	c.nat_port_last = c.nat_prefer_last = 61001;
	edge_ctl_set(e, &c);
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &kept);
	cr_assert(server >= 0 && edge_talk(kept, server));
	for (int i = 0; i < 3; i++) {
		int other = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);

		cr_assert_geq(other, 0, "connection %d", i);
		cr_expect(edge_talk(client, other));
		close(client);
		close(other);
		usleep(50000);
		edge_age(e, 11);
	}
	cr_expect(edge_talk(kept, server), "is established, and lives on");
	cr_expect_eq(edge_translations(e), 2);
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_expect_geq(server, 0);
	cr_expect_eq(edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client), -1, "both are taken");
}
