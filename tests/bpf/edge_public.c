/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elastic IPs and published ports on real devices. */
#include "edge_util.h"

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EIP	"203.0.113.10"
#define EIP_D	"203.0.113.20"
#define EIP_NAT "203.0.113.30"

EDGE_SUITE(edge_public, edge_open());

static void elastic(void)
{
	edge_route(e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	edge_eip(e, 1, EIP, VPC_EIP_ENI, ENI_A, WORKLOAD, 1);
	edge_allow(e, SG_A, VPC_SLOT_TCP, 80, WORLD "/32");
	edge_allow(e, SG_A, VPC_SLOT_ANY, 0, "198.51.100.9/32");
	lab_commit(e->l);
}

/* The world finds the address by ARP, and its real address is judged. */
Test(edge_public, elastic_ip_inward)
{
	int listener = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, WORKLOAD, 80), client, server;

	elastic();
	server = edge_connection(e, NS_WORLD, EIP, 80, listener, &client);
	cr_assert_geq(server, 0, "no connection");
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, WORLD, "the workload sees who it is");
	cr_expect(edge_stream(client, server, 5000000));
	cr_expect(edge_stream(server, client, 5000000));
	close(edge_socket(e, NS_WORLD, SOCK_STREAM, NULL, 0));
	edge_run(e, NS_WORLD, "! ping -q -c 1 -W 1 " EIP " >/dev/null");
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_INGRESS_RULE), "its groups judge");
}

static void set_pools(uint16_t pools)
{
	struct bpf_map *map = e->l->skel->maps.outer;
	struct vpc_outer row;
	uint32_t ifindex;

	edge_enter(e, NS_HOST);
	ifindex = if_nametoindex("wan");
	edge_enter(e, NS_VPC);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &ifindex, &row), 0);
	row.pools = pools;
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), &ifindex, &row, BPF_ANY), 0);
}

/* Asks for the elastic IP's MAC, which n neighbours answer. */
static void expect_neighbours(int n)
{
	edge_run(e, NS_WORLD,
		 "ip neigh flush to " EIP "; ping -q -c 1 -W 1 " EIP " >/dev/null; [ $(ip neigh show to " EIP
		 " | grep -c lladdr) = %d ]",
		 n);
}

/* Nobody answers on an interface that is the uplink of other pools. */
Test(edge_public, arp_is_answered_on_the_uplink_of_the_pool)
{
	elastic();
	expect_neighbours(1);
	set_pools((uint16_t) ~(1u << (EDGE_POOL - 1)));
	expect_neighbours(0);
	set_pools(1u << (EDGE_POOL - 1));
	expect_neighbours(1);
}

Test(edge_public, elastic_ip_outward)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server;

	elastic();
	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_assert_geq(server, 0, "no connection");
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, EIP);
	edge_run(e, NS_WORKLOAD, "ping -q -c 2 -i 0.2 -W 2 " WORLD " >/dev/null");
	cr_expect_eq(edge_translations(e), 0, "nothing is remembered");
}

/* Taken from the ENI while traffic runs: nothing goes on, and the address still answers to ARP. */
Test(edge_public, elastic_ip_taken_away)
{
	int listener = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, WORKLOAD, 80), client, server;

	elastic();
	server = edge_connection(e, NS_WORLD, EIP, 80, listener, &client);
	cr_assert_geq(server, 0, "no connection");
	edge_eip(e, 1, EIP, VPC_EIP_NOBODY, 0, WORKLOAD, 1);
	lab_commit(e->l);
	cr_expect_eq(send(client, "x", 1, 0), 1);
	cr_expect_eq(send(server, "x", 1, 0), 1);
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_PUBLIC_ADDRESS));
	cr_expect(edge_dropped(e, 0, VPC_DROP_UNKNOWN_DESTINATION));
}

Test(edge_public, no_elastic_ip)
{
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);

	edge_route(e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	lab_commit(e->l);
	cr_expect(edge_send(client, WORLD, 53, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_PUBLIC_ADDRESS));
}

/* A NAT gateway with an elastic IP: its flows are behind it, and nobody opens any from outside. */
Test(edge_public, nat_gateway_with_an_elastic_ip)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40000);
	struct edge_peer from;

	edge_nat_gateway(e, EDGE_NAT, 3, 1);
	edge_eip(e, 3, EIP_NAT, VPC_EIP_NAT, EDGE_NAT, NULL, 1);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
	cr_assert(edge_send(client, WORLD, 53, "question"));
	cr_assert(edge_receive(server, "question", &from));
	cr_expect_str_eq(from.address, EIP_NAT);
	cr_expect_eq(from.port, 40000, "keeps its port");
	cr_expect(edge_send(server, EIP_NAT, 40000, "answer"));
	cr_expect(edge_receive(client, "answer", NULL));
	server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 54);
	cr_expect(edge_send(server, EIP_NAT, 40000, "stranger"));
	cr_expect(edge_dropped(e, 0, VPC_DROP_NO_INBOUND));
}

/* A second uplink of the host, wan2, by which its routing rules send what has the source EIP_NAT. The world ignores
 * what comes by the first one. */
static void second_uplink(void)
{
	struct vpc_outer row = {.mtu = 1500};
	uint32_t ifindex;

	edge_run(e, NS_HOST,
		 "ip link add wan2 type veth peer name eth1 && ip link set eth1 netns /proc/%d/fd/%d && "
		 "ip addr add 192.0.2.2/24 dev wan2 && ip link set wan2 up && "
		 "ip rule add from " EIP_NAT " lookup 100 && ip route add default via 192.0.2.1 dev wan2 table 100",
		 (int)getpid(), e->ns[NS_WORLD]);
	edge_run(e, NS_WORLD,
		 "ip addr add 192.0.2.1/24 dev eth1 && ip link set eth1 up && "
		 "nft 'add table ip t; add chain ip t in { type filter hook input priority 0; }; "
		 "add rule ip t in iifname != eth1 drop'");
	edge_enter(e, NS_HOST);
	ifindex = if_nametoindex("wan2");
	edge_enter(e, NS_VPC);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(e->l->skel->maps.outer), &ifindex, &row, BPF_ANY), 0);
}

/* Routing rules of the host that go by the source find the public one of a NAT gateway, too. */
Test(edge_public, nat_gateway_leaves_by_the_uplink_of_its_elastic_ip)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40000);
	struct edge_peer from;

	second_uplink();
	edge_nat_gateway(e, EDGE_NAT, 3, 1);
	edge_eip(e, 3, EIP_NAT, VPC_EIP_NAT, EDGE_NAT, NULL, 1);
	lab_commit(e->l);
	for (int i = 0; i < 3; i++) {
		cr_assert(edge_send(client, WORLD, 53, "question"));
		cr_assert(edge_receive(server, "question", &from), "question %d left by the other uplink", i);
		cr_expect_str_eq(from.address, EIP_NAT);
	}
}

Test(edge_public, published_port)
{
	int listener = edge_socket(e, NS_WORKLOAD, SOCK_STREAM, WORKLOAD, 80), client, server;
	struct edge_peer from;
	uint32_t row = edge_publish(e, NULL, IPPROTO_TCP, 8080, 1, 1, ENI_A, 80);

	edge_allow(e, SG_A, VPC_SLOT_TCP, 80, WORLD "/32");
	edge_route(e, "0.0.0.0/0", 0, 0); /* answers need no route */
	lab_commit(e->l);
	server = edge_connection(e, NS_WORLD, HOST, 8080, listener, &client);
	cr_assert_geq(server, 0, "no connection");
	cr_expect(edge_talk(client, server));
	from = edge_peer(server);
	cr_expect_str_eq(from.address, WORLD, "the workload sees who it is");
	cr_expect(edge_stream(client, server, 5000000));
	cr_expect(edge_stream(server, client, 5000000));
	cr_expect_eq(edge_translations(e), 1);
	edge_unpublish(e, row);
	lab_commit(e->l);
	cr_expect_eq(send(server, "x", 1, 0), 1);
	cr_expect_eq(send(client, "x", 1, 0), 1);
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_ROUTE), "and the other way it is the host's");
}

/* A range, at one of the host's addresses only. */
Test(edge_public, published_range)
{
	int server = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 5003);
	int client = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 4000);
	struct edge_peer from;

	edge_publish(e, HOST, IPPROTO_UDP, 8000, 8, 1, ENI_A, 5000);
	edge_allow(e, SG_A, VPC_SLOT_UDP, 5003, WORLD "/32");
	lab_commit(e->l);
	cr_expect(edge_send(client, HOST, 8003, "question"));
	cr_assert(edge_receive(server, "question", &from));
	cr_expect_str_eq(from.address, WORLD);
	cr_expect(edge_send(server, WORLD, from.port, "answer"));
	cr_assert(edge_receive(client, "answer", &from));
	cr_expect_str_eq(from.address, HOST);
	cr_expect_eq(from.port, 8003);
	cr_expect(edge_send(client, HOST, 8008, "beyond"));
	cr_expect(edge_send(client, HOST, 7999, "before"));
	usleep(100000);
	cr_expect_eq(edge_translations(e), 1);
}

/* From one VPC to another's elastic IP and published port: as a stranger. */
Test(edge_public, hairpin)
{
	int listener, client, server;

	edge_second_vpc(e);
	edge_eip(e, 2, EIP_D, VPC_EIP_ENI, ENI_D, WORKLOAD, 2);
	edge_route_of(e, 2, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	edge_publish(e, NULL, IPPROTO_TCP, 8080, 1, 2, ENI_D, 80);
	edge_allow(e, SG_D, VPC_SLOT_TCP, 80, HOST "/32");
	edge_run(e, NS_HOST, "ip route add 203.0.113.0/24 dev wan");
	lab_commit(e->l);
	listener = edge_socket(e, NS_WORKLOAD2, SOCK_STREAM, WORKLOAD, 80);
	server = edge_connection(e, NS_WORKLOAD, EIP_D, 80, listener, &client);
	cr_assert_geq(server, 0, "no connection to the elastic IP");
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, HOST);
	server = edge_connection(e, NS_WORKLOAD, HOST, 8080, listener, &client);
	cr_assert_geq(server, 0, "no connection to the published port");
	cr_expect(edge_talk(client, server));
	cr_expect_str_eq(edge_peer(server).address, HOST);
	client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);
	cr_expect(edge_send(client, HOST, 22, "the host itself"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_HOST_CLOSED));
}
