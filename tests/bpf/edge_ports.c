/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which public ports flows get, and what becomes of those that are over. */
#include "edge_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOWS  60000
#define BATCH  200 /* fewer than the kernel keeps for a CPU that is behind (net.core.netdev_max_backlog) */
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
	for (unsigned n = 0; n < FLOWS; n += BATCH) {
		datagrams(2000 + n, BATCH);
		for (unsigned i = 0; i < 3000 && edge_nat_used(e, 1) < n + BATCH; i++)
			usleep(10000);
	}
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
	cr_expect_eq(edge_drops_reach(e, ENI_A, VPC_DROP_NAT_EXHAUSTED, 1), 1);
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
	cr_expect_eq(edge_drops_reach(e, ENI_A, VPC_DROP_NAT_EXHAUSTED, 25 + 5), 25 + 5);
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

/* As many ports as that for what goes to one server. */
static void few_ports(unsigned n)
{
	struct vpc_edge_ctl c = edge_ctl_read(e);

	c.nat_port_first = c.nat_prefer_first = 61000;
	c.nat_port_last = c.nat_prefer_last = 61000 + n - 1;
	edge_ctl_set(e, &c);
}

/* A TCP socket of the host's port to the world's, connected. */
static int host_connection(uint16_t port, uint16_t to)
{
	int one = 1, fd;

	edge_enter(e, NS_HOST);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	edge_enter(e, NS_VPC);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)},
			  sizeof(struct sockaddr_in)),
		     0);
	cr_assert(edge_connect(fd, WORLD, to));
	return fd;
}

/* A connection of the host was first: no flow to the same server gets its port, and one to another server does. */
Test(edge_ports, connections_of_the_host)
{
	int web = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80),
	    ssh = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 22);
	int own, accepted, client, server;

	few_ports(1);
	own = host_connection(61000, 80);
	accepted = accept(web, NULL, NULL);
	cr_assert_geq(accepted, 0);
	cr_expect_eq(edge_connection(e, NS_WORKLOAD, WORLD, 80, web, &client), -1, "the only port is the host's");
	cr_expect_gt(edge_drops(e, ENI_A, VPC_DROP_NAT_EXHAUSTED), 0);
	cr_expect(edge_talk(own, accepted), "it goes on");
	server = edge_connection(e, NS_WORKLOAD, WORLD, 22, ssh, &client);
	cr_assert_geq(server, 0, "towards another server the port is free");
	cr_expect_eq(edge_peer(server).port, 61000);
	cr_expect(edge_talk(own, accepted) && edge_talk(client, server));
	/* the host closes first: its socket is in TIME_WAIT, and the port is still its own */
	close(own);
	close(accepted);
	usleep(100000);
	cr_expect_eq(edge_connection(e, NS_WORKLOAD, WORLD, 80, web, &client), -1);
}

/* The workload was first: the host gets its answers all the same, and the translation ends. */
Test(edge_ports, the_host_connects_from_a_port_that_is_in_use)
{
	int world = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53),
	    other = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 54);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 61000), own;
	struct edge_peer from;

	few_ports(2);
	cr_assert(edge_send(client, WORLD, 53, "workload") && edge_receive(world, "workload", &from));
	cr_assert_eq(from.port, 61000);
	cr_assert(edge_send(client, WORLD, 54, "workload") && edge_receive(other, "workload", &from));
	own = edge_socket(e, NS_HOST, SOCK_DGRAM, HOST, 61000);
	cr_assert(edge_connect(own, WORLD, 53));
	cr_assert(edge_send(own, WORLD, 53, "host") && edge_receive(world, "host", &from));
	cr_assert_eq(from.port, 61000);
	for (int i = 0; i < 3; i++) {
		cr_assert(edge_send(world, HOST, 61000, "answer"));
		cr_expect(edge_receive(own, "answer", NULL), "the host's answer %d", i);
	}
	/* the workload goes on by another port; towards others nothing has changed */
	cr_assert(edge_send(client, WORLD, 53, "again") && edge_receive(world, "again", &from));
	cr_expect_eq(from.port, 61001);
	cr_assert(edge_send(world, HOST, 61001, "to the workload"));
	cr_expect(edge_receive(client, "to the workload", NULL));
	cr_assert(edge_send(other, HOST, 61000, "to it, too"));
	cr_expect(edge_receive(client, "to it, too", NULL));
	cr_expect_eq(edge_nat_used(e, 1), edge_translations(e));
}

/* A listening socket of the host, and one without a peer, have no answers: a translation at the port keeps them. */
Test(edge_ports, sockets_that_wait_for_anybody)
{
	int world = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 61000);

	few_ports(1);
	cr_assert(edge_send(client, WORLD, 53, "question") && edge_receive(world, "question", NULL));
	(void)edge_socket(e, NS_HOST, SOCK_DGRAM, HOST, 61000);
	cr_assert(edge_send(world, HOST, 61000, "answer"));
	cr_expect(edge_receive(client, "answer", NULL));
}

/* A closed connection's port is given to no other flow to that server for a minute, since the server may keep the
 * connection in TIME_WAIT for so long. The same port of the workload may use it again at once. */
Test(edge_ports, a_closed_port_rests)
{
	int web = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80),
	    ssh = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 22);
	int client, server;

	few_ports(1);
	for (int how = 0; how < 2; how++) {
		server = edge_connection(e, NS_WORKLOAD, WORLD, 80, web, &client);
		cr_assert_geq(server, 0);
		if (how) { /* by a RST */
			const struct linger at_once = {.l_onoff = 1};

			cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
		}
		close(client);
		usleep(100000);
		close(server);
		usleep(100000);
		cr_expect_eq(edge_connection(e, NS_WORKLOAD, WORLD, 80, web, &client), -1, "at once");
		close(client);
		edge_age(e, 40);
		cr_expect_eq(edge_connection(e, NS_WORKLOAD, WORLD, 80, web, &client), -1, "after 40 s");
		close(client);
		server = edge_connection(e, NS_WORKLOAD, WORLD, 22, ssh, &client);
		cr_expect_geq(server, 0, "towards another server");
		close(client);
		close(server);
		edge_age(e, 21);
	}
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, web, &client);
	cr_expect_geq(server, 0, "after a minute");
	cr_expect(edge_talk(client, server));
}

/* Closed connections give their ports back after a minute, others keep them. */
Test(edge_ports, closed_connections)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server, kept;

	few_ports(2);
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &kept);
	cr_assert(server >= 0 && edge_talk(kept, server));
	for (int i = 0; i < 3; i++) {
		int other = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);

		cr_assert_geq(other, 0, "connection %d", i);
		cr_expect(edge_talk(client, other));
		close(client);
		close(other);
		usleep(50000);
		edge_age(e, 61);
	}
	cr_expect(edge_talk(kept, server), "is established, and lives on");
	cr_expect_eq(edge_translations(e), 2);
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_expect_geq(server, 0);
	cr_expect_eq(edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client), -1, "both are taken");
}
