/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NAT gateways on real devices: what a workload sends to the world and what comes back, beside a host that forwards and
 * lets in nothing. */
#include "edge_util.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

EDGE_SUITE(edge_nat, edge_open());

Test(edge_nat, tcp)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server;
	struct edge_peer from;

	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_assert_geq(server, 0, "no connection");
	cr_expect(edge_talk(client, server));
	from = edge_peer(server);
	cr_expect_str_eq(from.address, HOST, "the host's address is what the world sees");
	cr_expect_geq(from.port, EDGE_PORT_FIRST, "beside the ports of the host's own sockets");
	cr_expect_eq(edge_translations(e), 1);
	cr_expect_eq(edge_nat_used(e, 1), 1);
	cr_expect(lab_flow_state(e->l, VPC_FLOW_ESTABLISHED, true));
}

Test(edge_nat, udp)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);
	struct edge_peer from;

	cr_expect(edge_send(client, WORLD, 53, "question"));
	cr_assert(edge_receive(server, "question", &from));
	cr_expect_str_eq(from.address, HOST);
	cr_expect_eq(from.port, 62000, "keeps its own port, which is one of the preferred");
	cr_expect(edge_send(server, HOST, from.port, "answer"));
	cr_assert(edge_receive(client, "answer", &from));
	cr_expect_str_eq(from.address, WORLD);
	cr_expect_eq(from.port, 53);
}

Test(edge_nat, echo)
{
	edge_run(e, NS_WORKLOAD, "ping -q -c 2 -i 0.2 -W 2 " WORLD " >/dev/null");
	edge_run(e, NS_WORKLOAD, "ping -q -c 2 -i 0.2 -W 2 -s 1400 " WORLD " >/dev/null");
	cr_expect_eq(edge_translations(e), 2, "one for each id");
}

/* By transmission instead of redirects to peers, and judged at the port: the same. */
Test(edge_nat, without_redirects_to_peers)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server;

	edge_peer_redirect(e, false);
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_assert_geq(server, 0, "no connection");
	cr_expect(edge_talk(client, server));
	edge_run(e, NS_WORKLOAD, "ping -q -c 1 -W 2 " WORLD " >/dev/null");
}

/* Large segments both ways: what is summed up by nobody yet, and by others. */
Test(edge_nat, stream)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server;

	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_assert_geq(server, 0);
	cr_expect(edge_stream(client, server, 20000000));
	cr_expect(edge_stream(server, client, 20000000));
}

/* The host's own ports and sockets stay its own: who isn't a translation's other end reaches nothing. */
Test(edge_nat, closed_to_strangers)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53), stranger, own;
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);
	struct edge_peer from;

	edge_run(e, NS_HOST, "nft add rule inet strict input udp dport 5000 accept");
	stranger = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 54);
	own = edge_socket(e, NS_HOST, SOCK_DGRAM, HOST, 5000);
	cr_assert(edge_send(client, WORLD, 53, "question"));
	cr_assert(edge_receive(server, "question", &from));
	cr_expect(edge_send(stranger, HOST, from.port, "stranger"));
	cr_expect(edge_send(server, HOST, from.port, "answer"));
	cr_expect(edge_receive(client, "answer", NULL), "and the stranger's datagram is not what came");
	cr_expect(edge_send(stranger, HOST, 5000, "to the host"));
	cr_expect(edge_receive(own, "to the host", NULL), "the host's own goes on untouched");
}

/* Taking away a route, a gateway or a rule ends what used it, both ways, on the next packet. */
static void cut_by(void (*take)(void), int reason)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);
	struct timeval wait = {.tv_usec = 200000};
	struct edge_peer from;

	for (int i = 0; i < 6; i++) { /* a stream, which CPUs remember by now */
		usleep(20000);
		cr_assert(edge_send(client, WORLD, 53, "question"));
		cr_assert(edge_receive(server, "question", &from));
		cr_assert(edge_send(server, HOST, from.port, "answer"));
		cr_assert(edge_receive(client, "answer", NULL));
	}
	take();
	lab_commit(e->l);
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	cr_expect(edge_send(client, WORLD, 53, "question"));
	cr_expect_not(edge_receive(server, "question", NULL), "outward");
	cr_expect_eq(edge_drops_reach(e, ENI_A, reason, 1), 1);
	cr_expect(edge_send(server, HOST, from.port, "answer"));
	cr_expect_not(edge_receive(client, "answer", NULL), "inward");
}

static void take_route(void)
{
	edge_route(e, "0.0.0.0/0", 0, 0);
}

static void take_gateway(void)
{
	edge_nat_gateway(e, EDGE_NAT, 0, 1);
}

static void blackhole(void)
{
	edge_route(e, "198.51.100.0/24", VPC_TARGET_BLACKHOLE, 0);
}

static void take_rule(void)
{
	lab_revoke(e->l, 1);
}

Test(edge_nat, route_removed)
{
	cut_by(take_route, VPC_DROP_NO_ROUTE);
}

Test(edge_nat, route_to_nowhere)
{
	cut_by(blackhole, VPC_DROP_BLACKHOLE);
}

Test(edge_nat, gateway_removed)
{
	cut_by(take_gateway, VPC_DROP_BLACKHOLE);
}

Test(edge_nat, rule_revoked)
{
	cut_by(take_rule, VPC_DROP_REVOKED);
}

/* The longest prefix counts. */
Test(edge_nat, longest_prefix)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);

	blackhole();
	lab_commit(e->l);
	cr_assert(edge_send(client, WORLD, 53, "one"));
	edge_route(e, WORLD "/32", VPC_TARGET_NAT, EDGE_NAT);
	lab_commit(e->l);
	cr_assert(edge_send(client, WORLD, 53, "two"));
	cr_expect(edge_receive(server, "two", NULL), "and not the first one");
	cr_expect_eq(edge_drops_reach(e, ENI_A, VPC_DROP_BLACKHOLE, 1), 1);
}

/* Where the host itself has no route, or one that leads to no outer interface. */
Test(edge_nat, no_way_out_of_the_host)
{
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);

	cr_assert(edge_send(client, "192.0.2.1", 53, "nowhere"));
	cr_expect_eq(edge_drops_reach(e, ENI_A, VPC_DROP_NO_WORLD, 1), 1);
	edge_run(e, NS_HOST,
		 "ip link add inner type veth && ip addr add 192.0.2.2/24 dev inner && "
		 "ip link set inner up && ip link set veth0 up");
	cr_assert(edge_send(client, "192.0.2.1", 53, "to a neighbour of the host"));
	cr_expect_eq(edge_drops_reach(e, ENI_A, VPC_DROP_HOST_CLOSED, 1), 1);
}
