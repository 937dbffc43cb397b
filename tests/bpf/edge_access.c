/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host itself and a VPC on real devices: host access, elastic IPs and IPv6 from the host, and what it forwards. */
#include "edge_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EIP	  "203.0.113.10"
#define HOST6	  "2001:db8::2"
#define WORKLOAD6 "fd00:1::10"

static struct edge_lab *e;

/* Says what `public` says of an address. */
static void public_is(const char *address, uint32_t kind)
{
	struct vpc_public_key key = {.addr = {[2] = htonl(0xffff)}};
	struct vpc_public value = {.kind = kind};
	bool v6 = strchr(address, ':') != NULL;

	if (v6)
		memset(&key, 0, sizeof(key));
	cr_assert_eq(inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? key.addr : &key.addr[3]), 1);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(e->l->skel->maps.public), &key, &value, BPF_ANY), 0);
}

/* The VPC may talk with the host's addresses; or with none. */
static void access_is(bool open)
{
	struct vpc_space *space = lab_space(e->l, 1);

	space->n_host4 = space->n_host6 = open;
	cr_assert_eq(inet_pton(AF_INET, HOST, &space->host4[0].addr), 1);
	space->host4[0].mask = 0xffffffff;
	cr_assert_eq(inet_pton(AF_INET6, HOST6, space->host6[0].addr), 1);
	memset(space->host6[0].mask, 0xff, sizeof(space->host6[0].mask));
	lab_commit(e->l);
}

static void setup(void)
{
	e = edge_open();
	public_is(HOST, VPC_PUBLIC_HOST | VPC_PUBLIC_OWN);
	public_is(HOST6, VPC_PUBLIC_OWN);
	edge_run(e, NS_HOST,
		 "ip link set vu1 arp off && ip route add 10.0.0.0/16 dev vu1 src " HOST
		 " && ip route add 203.0.113.0/24 dev vu1 && ip -6 route add fd00:1::/56 dev vu1 src " HOST6
		 " && nft insert rule inet strict input udp dport 9000 accept");
	edge_route(e, "0.0.0.0/0", 0, 0);
	lab_commit(e->l);
}

static void teardown(void)
{
	edge_close(e);
}

TestSuite(edge_access, .init = setup, .fini = teardown);

/* Whether a question from one namespace to an address gets to the socket, and the answer back; ret: who asked. */
static bool asks(enum edge_ns from, const char *address, uint16_t port, int server, struct edge_peer *ret)
{
	int client = edge_socket(e, from, SOCK_DGRAM, strchr(address, ':') ? "::" : NULL, 0);
	struct edge_peer peer;
	bool done;

	done = edge_send(client, address, port, "question") && edge_receive(server, "question", &peer) &&
	       edge_send(server, peer.address, peer.port, "answer") && edge_receive(client, "answer", NULL);
	close(client);
	if (done && ret)
		*ret = peer;
	return done;
}

Test(edge_access, host_to_vpc)
{
	int server = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 7000), client;
	int server6 = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD6, 7000);
	struct edge_peer peer;

	edge_allow(e, SG_A, VPC_SLOT_UDP, 7000, HOST "/32");
	edge_allow(e, SG_A, VPC_SLOT_UDP, 7000, HOST6 "/128");
	access_is(true);
	cr_assert(asks(NS_HOST, WORKLOAD, 7000, server, &peer));
	cr_expect_str_eq(peer.address, HOST);
	cr_assert(asks(NS_HOST, WORKLOAD6, 7000, server6, &peer));
	cr_expect_str_eq(peer.address, HOST6);
	client = edge_socket(e, NS_HOST, SOCK_DGRAM, NULL, 0);
	cr_expect(edge_send(client, WORKLOAD, 7001, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_INGRESS_RULE), "its groups judge");
	access_is(false);
	cr_expect(edge_send(client, WORKLOAD, 7000, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_HOST_CLOSED));
}

Test(edge_access, vpc_to_host)
{
	int server = edge_socket(e, NS_HOST, SOCK_DGRAM, HOST, 9000), client;
	int server6 = edge_socket(e, NS_HOST, SOCK_DGRAM, HOST6, 9000);
	struct edge_peer peer;

	access_is(true);
	cr_assert(asks(NS_WORKLOAD, HOST, 9000, server, &peer));
	cr_expect_str_eq(peer.address, WORKLOAD, "untranslated");
	cr_assert(asks(NS_WORKLOAD, HOST6, 9000, server6, &peer));
	cr_expect_str_eq(peer.address, WORKLOAD6);
	public_is(HOST, VPC_PUBLIC_HOST);
	client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 0);
	cr_expect(edge_send(client, HOST, 9000, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_ROUTE), "the host has no such address any more");
	public_is(HOST, VPC_PUBLIC_HOST | VPC_PUBLIC_OWN);
	access_is(false);
	cr_expect(edge_send(client, HOST, 9000, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_ROUTE));
}

/* By an elastic IP and by IPv6 as from anybody; the answers go to the host, and nothing else does. */
Test(edge_access, elastic_ip_from_the_host)
{
	int server = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 7000), client;
	int server6 = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD6, 7000);
	struct edge_peer peer;

	edge_route(e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	edge_route(e, "::/0", VPC_TARGET_IGW, 0);
	edge_eip(e, 1, EIP, VPC_EIP_ENI, ENI_A, WORKLOAD, 1);
	edge_prefix6(e, 1);
	edge_allow(e, SG_A, VPC_SLOT_UDP, 7000, HOST "/32");
	edge_allow(e, SG_A, VPC_SLOT_UDP, 7000, HOST6 "/128");
	lab_commit(e->l);
	cr_assert(asks(NS_HOST, EIP, 7000, server, &peer));
	cr_expect_str_eq(peer.address, HOST);
	cr_assert(asks(NS_HOST, WORKLOAD6, 7000, server6, &peer));
	cr_expect_str_eq(peer.address, HOST6);
	client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 0);
	cr_expect(edge_send(client, HOST, 9000, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_HOST_CLOSED));
	edge_route(e, "::/0", VPC_TARGET_EIGW, 0);
	lab_commit(e->l);
	client = edge_socket(e, NS_HOST, SOCK_DGRAM, NULL, 0);
	cr_expect(edge_send(edge_socket(e, NS_HOST, SOCK_DGRAM, HOST6, 0), WORKLOAD6, 7000, "question"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_INBOUND));
	close(client);
}

/* What the host forwards is not its own. */
Test(edge_access, forwarded_by_the_host)
{
	int client = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 0);

	edge_run(e, NS_HOST, "nft insert rule inet strict forward accept; echo 1 >/proc/sys/net/ipv4/ip_forward");
	edge_run(e, NS_WORLD, "ip route add 10.0.0.0/16 via " HOST);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	access_is(true);
	cr_expect(edge_send(client, WORKLOAD, 7000, "question"));
	cr_expect(edge_dropped(e, 0, VPC_DROP_HOST_CLOSED));
}
