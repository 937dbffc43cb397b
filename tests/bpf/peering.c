/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peerings on real devices: VPC 1 (10.0.0.10) and VPC 2 (10.2.0.10) with routes to each other; VPC 3 (10.3.0.10, or the
 * addresses of VPC 2) is a stranger. Each test runs with redirects to the peers of devices and, with
 * VPCD_TEST_FAST_PATH=no, without.
 */
#include "edge_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define A4 WORKLOAD
#define A6 "fd00:1::10"
#define B4 "10.2.0.10"
#define B6 "fd00:2::10"
#define C4 "10.3.0.10"

static struct edge_lab *e;

static void route(uint32_t vpc, const char *cidr, uint32_t to)
{
	edge_route_of(e, vpc, cidr, to ? VPC_TARGET_PEERING : VPC_TARGET_BLACKHOLE, to);
}

/* The VPC has an active peering. */
static void peered(uint32_t vpc)
{
	lab_space(e->l, vpc)->flags |= VPC_SPACE_PEERED;
}

static void peer(void)
{
	peered(1);
	peered(2);
	route(1, "10.2.0.0/16", 2);
	route(1, "fd00:2::/56", 2);
	route(2, "10.0.0.0/16", 1);
	route(2, "fd00:1::/56", 1);
	lab_commit(e->l);
}

static void setup(void)
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
	peer();
}

static void teardown(void)
{
	edge_close(e);
}

TestSuite(peering, .init = setup, .fini = teardown);

/* VPC 3, with its own addresses or with those of VPC 2. */
static void stranger(const char *address4)
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

/* Rules of B's group for A's group, by number. */
static uint32_t allow_group(uint32_t sg, uint32_t peer_sg)
{
	uint32_t row = lab_allow(e->l, &(struct rule_spec){.sg = sg, .direction = VPC_INGRESS, .peer_sg = peer_sg});

	lab_commit(e->l);
	return row;
}

static uint32_t allow_all(uint32_t sg)
{
	uint32_t row = lab_allow_all(e->l, sg, VPC_INGRESS, 4);

	lab_allow_all(e->l, sg, VPC_INGRESS, 6);
	lab_commit(e->l);
	return row;
}

/* A connection from `from` to a port of `to`. */
struct connection {
	int client, server;
};

static struct connection connection(enum edge_ns from, const char *src, enum edge_ns to, const char *dst, uint16_t port)
{
	int listener = edge_socket(e, to, SOCK_STREAM, dst, port);
	struct connection c = {.client = edge_socket(e, from, SOCK_STREAM, src, 0), .server = -1};

	cr_assert(edge_connect(c.client, dst, port), "%s to %s: %s", src, dst, strerror(errno));
	c.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(c.server, 0);
	close(listener);
	return c;
}

/* Two sockets of UDP that a datagram went from one to the other of. */
static struct connection datagrams(const char *src, const char *dst, uint16_t port)
{
	struct connection c = {.client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, src, port),
			       .server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, dst, port)};
	struct edge_peer from;

	cr_assert(edge_connect(c.client, dst, port));
	cr_assert_eq(send(c.client, "first", 5, 0), 5);
	cr_assert(edge_receive(c.server, "first", &from), "%s to %s", src, dst);
	cr_assert_str_eq(from.address, src);
	cr_assert(edge_connect(c.server, src, port));
	return c;
}

/* Whether doing it is counted as a drop for this reason at an ENI. */
#define REFUSED(eni, why, doing)                                                           \
	({                                                                                 \
		uint64_t before_ = edge_drops(e, (eni), (why));                            \
                                                                                           \
		doing;                                                                     \
		for (int i_ = 0; i_ < 500 && edge_drops(e, (eni), (why)) == before_; i_++) \
			usleep(10000);                                                     \
		edge_drops(e, (eni), (why)) != before_;                                    \
	})

/* Nothing has come, once what was sent was counted as dropped. */
static bool nothing(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static int sender(enum edge_ns where, const char *src)
{
	return edge_socket(e, where, SOCK_DGRAM, src, 0);
}

/* --- both may ---------------------------------------------------------------------------------------------------- */

static void streams(void)
{
	struct connection c4 = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	struct connection c6 = connection(NS_WORKLOAD, A6, NS_WORKLOAD2, B6, 80);

	cr_expect(edge_stream(c4.client, c4.server, 1000000));
	cr_expect(edge_stream(c4.server, c4.client, 1000000));
	cr_expect(edge_stream(c6.client, c6.server, 1000000));
	cr_expect(edge_stream(c6.server, c6.client, 1000000));
}

Test(peering, tcp)
{
	allow_all(SG_D);
	streams();
	cr_expect_eq(edge_translations(e), 0);
}

/* By the bridges and routers of both, as where vpcd doesn't use redirects. */
Test(peering, tcp_without_redirects)
{
	edge_peer_redirect(e, false);
	allow_all(SG_D);
	streams();
}

/* Only one of the two has redirects. */
Test(peering, tcp_half_without_redirects)
{
	allow_all(SG_D);
	lab_set_fast_path(e->l, ENI_D, false);
	streams();
}

Test(peering, udp_and_echo)
{
	struct connection c4, c6;

	allow_all(SG_D);
	c4 = datagrams(A4, B4, 4000);
	c6 = datagrams(A6, B6, 4000);
	for (int i = 0; i < 20; i++) {
		cr_expect(edge_talk(c4.client, c4.server));
		cr_expect(edge_talk(c6.server, c6.client));
	}
	edge_run(e, NS_WORKLOAD, "ping -q -c 2 -i 0.01 -W 5 " B4 " >/dev/null");
	edge_run(e, NS_WORKLOAD, "ping -q -c 2 -i 0.01 -W 5 " B6 " >/dev/null");
}

/* The other way nobody may. */
Test(peering, stateful)
{
	struct connection c;
	int fd;

	allow_all(SG_D);
	c = datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.server, c.client), "B answers");
	fd = sender(NS_WORKLOAD2, B4);
	cr_expect(REFUSED(ENI_A, VPC_DROP_NO_INGRESS_RULE, edge_send(fd, A4, 4000, "x")), "B opens nothing");
	cr_expect(nothing(c.client));
}

Test(peering, fragments)
{
	static char out[4000], in[4000];
	struct connection c;

	allow_all(SG_D);
	memset(out, 'x', sizeof(out));
	for (int i = 0; i < 2; i++) {
		c = datagrams(i ? A6 : A4, i ? B6 : B4, 4000);
		cr_expect_eq(send(c.client, out, sizeof(out), 0), (ssize_t)sizeof(out));
		cr_expect_eq(recv(c.server, in, sizeof(in), 0), (ssize_t)sizeof(in), "there, IPv%d", i ? 6 : 4);
		cr_expect_eq(send(c.server, out, sizeof(out), 0), (ssize_t)sizeof(out));
		cr_expect_eq(recv(c.client, in, sizeof(in), 0), (ssize_t)sizeof(in), "and back, IPv%d", i ? 6 : 4);
	}
}

/* --- ICMP errors ------------------------------------------------------------------------------------------------- */

/* The error that a connected UDP socket gets; 0: none within five seconds. */
static int error_of(int fd)
{
	char byte;

	for (int i = 0; i < 500; i++) {
		if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
			return errno;
		usleep(10000);
	}
	return 0;
}

static int to_closed_port(const char *src, const char *dst)
{
	int fd = sender(NS_WORKLOAD, src);

	cr_assert(edge_connect(fd, dst, 9));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	return error_of(fd);
}

Test(peering, a_closed_port_is_told)
{
	allow_all(SG_D);
	cr_expect_eq(to_closed_port(A4, B4), ECONNREFUSED);
	cr_expect_eq(to_closed_port(A6, B6), ECONNREFUSED);
}

/* The sender's gateway tells the MTU of the receiver. */
static void path_mtu(const char *src, const char *dst)
{
	struct connection c = connection(NS_WORKLOAD, src, NS_WORKLOAD2, dst, 80);
	uint64_t before = edge_drops(e, ENI_A, VPC_DROP_TOO_BIG);

	cr_expect(edge_stream(c.client, c.server, 1000000), "%s", dst);
	cr_expect_neq(edge_drops(e, ENI_A, VPC_DROP_TOO_BIG), before);
	cr_expect(edge_stream(c.server, c.client, 1000000));
}

Test(peering, path_mtu)
{
	allow_all(SG_D);
	lab_eni_row(e->l, ENI_D)->mtu = 1300;
	lab_commit(e->l);
	path_mtu(A4, B4);
	path_mtu(A6, B6);
	edge_run(e, NS_WORKLOAD, "ip route get " B4 " | grep -q 'mtu 1300'");
}

/* Two gateways count a hop each. */
Test(peering, hops)
{
	int ttl, fd, server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);
	struct edge_peer from;

	allow_all(SG_D);
	fd = sender(NS_WORKLOAD, A4);
	ttl = 2;
	cr_assert_eq(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	cr_expect(REFUSED(ENI_A, VPC_DROP_HOP_LIMIT, edge_send(fd, B4, 4000, "two")));
	ttl = 3;
	cr_assert_eq(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	cr_expect(edge_send(fd, B4, 4000, "three"));
	cr_expect(edge_receive(server, "three", &from), "and the packet with two did not arrive");
	edge_run(e, NS_WORKLOAD, "ping -c 1 -W 5 -t 1 " B4 " | grep -q 'From 10.0.0.1'");
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

Test(peering, groups_of_the_other_vpc)
{
	struct connection c, other;
	uint32_t row;

	row = allow_group(SG_D, SG_A);
	c = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	edge_allow(e, SG_D, VPC_SLOT_TCP, 81, A4 "/32");
	lab_commit(e->l);
	other = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 81);
	cr_expect(edge_talk(c.client, c.server));
	lab_revoke(e->l, row);
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_D, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)), "revoked");
	cr_expect(nothing(c.server));
	cr_expect(edge_talk(other.client, other.server), "and nothing else");
}

/* Who leaves the group is out, and who sends to it needs it as a peer. */
Test(peering, membership)
{
	struct connection c;

	allow_group(SG_D, SG_A);
	c = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	cr_expect(edge_talk(c.client, c.server));
	lab_allow_all(e->l, SG_C, VPC_EGRESS, 4);
	lab_join(e->l, ENI_A, true, GROUPS(SG_C));
	lab_raise(e->l, SG_D, true); /* as vpcd does for each group whose rules name the group that is left */
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_D, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(nothing(c.server));
	lab_join(e->l, ENI_A, false, GROUPS(SG_A));
	lab_raise(e->l, SG_D, false);
	lab_commit(e->l);
	c = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 81);
	cr_expect(edge_talk(c.client, c.server));
}

/* Egress rules name the receiver's groups. */
Test(peering, egress_to_a_group)
{
	struct connection c;
	uint32_t row;
	int fd;

	allow_all(SG_D);
	lab_join(e->l, ENI_A, true, GROUPS(SG_B));
	row = lab_allow(e->l, &(struct rule_spec){.sg = SG_B, .direction = VPC_EGRESS, .peer_sg = SG_D});
	lab_commit(e->l);
	c = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	cr_expect(edge_talk(c.client, c.server));
	lab_revoke(e->l, row);
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_A, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)));
	fd = sender(NS_WORKLOAD, A4);
	cr_expect(REFUSED(ENI_A, VPC_DROP_NO_EGRESS_RULE, edge_send(fd, B4, 4000, "x")));
}

/* --- who isn't peered -------------------------------------------------------------------------------------------- */

/* Routes are blackholes before the peering is accepted, and after it is deleted. */
Test(peering, not_accepted)
{
	struct connection c;
	int fd;

	allow_all(SG_D);
	allow_all(SG_A);
	c = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	cr_expect(edge_talk(c.client, c.server));
	route(1, "10.2.0.0/16", 0);
	route(2, "10.0.0.0/16", 0);
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_A, VPC_DROP_BLACKHOLE, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(REFUSED(ENI_D, VPC_DROP_BLACKHOLE, send(c.server, "x", 1, MSG_NOSIGNAL)));
	fd = sender(NS_WORKLOAD, A4);
	cr_expect(REFUSED(ENI_A, VPC_DROP_BLACKHOLE, edge_send(fd, B4, 4000, "x")));
	lab_space(e->l, 1)->flags &= ~(VPC_SPACE_PEERED | VPC_SPACE_ROUTED_OUT);
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, B4, 4000, "x")));
	cr_expect(nothing(c.server));
	cr_expect(nothing(c.client));
}

/* A route of one side alone carries nothing, in neither direction, also of a flow that there was. */
Test(peering, a_route_of_one_side)
{
	struct connection c, udp;
	int fd, server;

	allow_all(SG_D);
	allow_all(SG_A);
	c = connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	udp = datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.client, c.server));
	route(2, "10.0.0.0/16", 0);
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_D, VPC_DROP_BLACKHOLE, send(udp.client, "x", 1, 0)), "dropped at who has no way back");
	cr_expect(REFUSED(ENI_D, VPC_DROP_BLACKHOLE, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(nothing(c.server));
	cr_expect(nothing(udp.server));
	fd = sender(NS_WORKLOAD, A4);
	server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4001);
	cr_expect(REFUSED(ENI_D, VPC_DROP_BLACKHOLE, edge_send(fd, B4, 4001, "x")));
	cr_expect(nothing(server));
	route(2, "10.0.0.0/16", 1);
	lab_commit(e->l);
	udp = datagrams(A4, B4, 4002);
	cr_expect(edge_talk(udp.client, udp.server));
}

/* VPC 3 has a route to VPC 1, which has the same addresses as VPC 2 and no route back: VPC 1's leads to VPC 2. */
Test(peering, a_stranger_with_the_same_addresses)
{
	struct connection c;
	int fd, server, honest;
	struct edge_peer from;

	allow_all(SG_A);
	allow_all(SG_D);
	stranger(B4);
	peered(3);
	route(3, "10.0.0.0/16", 1);
	lab_commit(e->l);
	c = datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.client, c.server));
	fd = edge_socket(e, NS_WORKLOAD3, SOCK_DGRAM, B4, 4000);
	cr_expect(REFUSED(ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, A4, 4000, "twin")), "into the other's flow");
	server = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, A4, 4001);
	cr_expect(REFUSED(ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, A4, 4001, "twin")), "or as a new one");
	honest = sender(NS_WORKLOAD2, B4);
	cr_expect(edge_send(honest, A4, 4001, "mine"));
	cr_expect(edge_receive(server, "mine", &from));
	cr_expect(nothing(fd));
	cr_expect(edge_talk(c.client, c.server));
	cr_expect(nothing(c.client));
}

/* An ENI that has another's number and address isn't who the flow was opened with. */
Test(peering, an_eni_that_is_replaced)
{
	struct connection c;

	allow_group(SG_D, SG_A);
	c = datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.client, c.server));
	lab_eni_row(e->l, ENI_A)->incarnation++;
	lab_allow_all(e->l, SG_C, VPC_EGRESS, 4);
	lab_join(e->l, ENI_A, true, GROUPS(SG_C));
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_D, VPC_DROP_NO_INGRESS_RULE, send(c.client, "x", 1, 0)));
	cr_expect(nothing(c.server));
}

/* --- not transitive ---------------------------------------------------------------------------------------------- */

static void both_peered_with_the_second(void)
{
	allow_all(SG_A);
	allow_all(SG_D);
	stranger(C4);
	allow_all(SG_C);
	peered(3);
	route(1, "10.3.0.0/16", 2);
	route(2, "10.3.0.0/16", 3);
	route(3, "10.2.0.0/16", 2);
	route(3, "10.0.0.0/16", 2);
	lab_commit(e->l);
}

Test(peering, not_over_another_peering)
{
	struct edge_peer from;
	int server, fd;

	both_peered_with_the_second();
	server = edge_socket(e, NS_WORKLOAD3, SOCK_DGRAM, C4, 4000);
	fd = sender(NS_WORKLOAD, A4);
	cr_expect(REFUSED(ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, C4, 4000, "x")));
	fd = sender(NS_WORKLOAD2, B4);
	cr_expect(edge_send(fd, C4, 4000, "neighbour"));
	cr_expect(edge_receive(server, "neighbour", &from));
	/* Even if both led to each other, each sees who the other is. */
	route(1, "10.3.0.0/16", 3);
	lab_commit(e->l);
	fd = sender(NS_WORKLOAD, A4);
	cr_expect(REFUSED(ENI_C, VPC_DROP_NO_ROUTE, edge_send(fd, C4, 4000, "x")), "its answers would go to VPC 2");
	cr_expect(nothing(server));
}

/* Neither its gateways, nor its router, nor what it publishes. */
Test(peering, not_to_the_others_gateways)
{
	int fd, server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);

	allow_all(SG_D);
	edge_nat_gateway(e, 2, VPC_NAT_HOST_ADDRESS, 1);
	edge_route_of(e, 2, "0.0.0.0/0", VPC_TARGET_NAT, 2);
	route(1, "0.0.0.0/0", 2);
	lab_commit(e->l);
	fd = sender(NS_WORKLOAD, A4);
	cr_expect(REFUSED(ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, WORLD, 53, "x")));
	cr_expect(REFUSED(ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, HOST, 53, "x")));
	cr_expect(REFUSED(ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, "10.2.0.1", 53, "x")));
	cr_expect(REFUSED(ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, "10.2.7.7", 53, "x")));
	cr_expect(nothing(server));
	cr_expect_eq(edge_translations(e), 0);
}

/* --- forged frames ----------------------------------------------------------------------------------------------- */

static void inject(enum edge_ns where, const char *device, struct packet_spec spec)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	struct frame f;
	int fd;

	spec.proto = IPPROTO_UDP;
	spec.sport = spec.dport = 4000;
	frame_build(&f, &spec);
	edge_enter(e, where);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex(device);
	edge_enter(e, NS_VPC);
	cr_assert_eq(sendto(fd, f.data, f.length, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)f.length);
	close(fd);
}

/* What a workload writes into its frames: another's address, and the MACs that only programs write. */
Test(peering, forged_by_a_workload)
{
	static const uint8_t way[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PEERING, 0, 0, 2};
	struct packet_spec p = {.src = B4, .dst = B4, .smac = lab_mac(ENI_A), .dmac = lab_gateway_mac()};
	int server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);

	allow_all(SG_D);
	cr_expect(REFUSED(ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = "10.0.0.77";
	cr_expect(REFUSED(ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = A4;
	p.dmac = way;
	cr_expect(REFUSED(ENI_A, VPC_DROP_WRONG_DESTINATION, inject(NS_WORKLOAD, "eth0", p)));
	cr_expect(nothing(server));
}

/* An appliance, which may send from any address in its VPC, carries nothing through it. */
Test(peering, by_an_appliance)
{
	struct packet_spec p = {.src = "192.0.2.9", .dst = B4, .smac = lab_mac(ENI_A), .dmac = lab_gateway_mac()};
	int fd, server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);
	struct edge_peer from;

	allow_all(SG_D);
	lab_eni_row(e->l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = "10.2.0.77";
	cr_expect(REFUSED(ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = "10.0.0.77";
	cr_expect(REFUSED(ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	fd = sender(NS_WORKLOAD, A4);
	cr_expect(edge_send(fd, B4, 4000, "own"));
	cr_expect(edge_receive(server, "own", &from));
}

/* A frame on an uplink that names a sender whose address it doesn't have, or one of the VPC itself, enters nothing: the
 * program there doesn't take the other one's word for it. */
Test(peering, forged_on_an_uplink)
{
	uint8_t to_b[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PEERING, 0, 0, 2};
	uint8_t from[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PEERING, 0, ENI_A >> 8, ENI_A & 0xff};
	struct packet_spec p = {.src = "10.0.0.77", .dst = B4, .smac = from, .dmac = to_b};
	int server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);
	struct edge_peer sent;

	allow_all(SG_D);
	cr_expect(REFUSED(0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "an address of nobody");
	p.src = B4;
	cr_expect(REFUSED(0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "an address of its own VPC");
	p.src = A4;
	from[4] = ENI_D >> 8;
	from[5] = ENI_D & 0xff;
	cr_expect(REFUSED(0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "of an ENI of its own");
	from[2] = VPC_EDGE_NAT;
	from[4] = ENI_A >> 8;
	from[5] = ENI_A & 0xff;
	cr_expect(REFUSED(0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "of no peering");
	cr_expect(nothing(server));
	from[2] = VPC_EDGE_PEERING;
	inject(NS_VPC, "uplink1", p);
	cr_expect(edge_receive(server, "", &sent), "the right one does");
}

/* --- the fast path ----------------------------------------------------------------------------------------------- */

/* Whether some exchange takes the fast path alone, at both ends. The first packets of a flow don't. */
static bool becomes_fast(const struct connection *c)
{
	for (int i = 0; i < 1000; i++) {
		cr_assert(edge_talk(c->client, c->server));
		lab_slow_path(e->l);
		cr_assert(edge_talk(c->client, c->server));
		if (!lab_slow_path(e->l))
			return true;
		usleep(1000);
	}
	return false;
}

/* One of several flows, since two entries of one flow may want the same place of the flow cache. */
static struct connection fast_one(bool tcp)
{
	struct connection c;

	for (uint16_t port = 4000; port < 4004; port++) {
		c = tcp ? connection(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, port) : datagrams(A6, B6, port);
		if (becomes_fast(&c))
			return c;
	}
	cr_assert_fail("no flow takes the fast path");
	return c;
}

/* Packets of a known flow take the fast path until the next commit, and what is cut then is cut for them, too. */
static void fast_and_cut(bool tcp)
{
	uint32_t row = allow_group(SG_D, SG_A);
	struct connection c = fast_one(tcp);

	lab_commit(e->l);
	lab_slow_path(e->l);
	cr_assert(edge_talk(c.client, c.server));
	cr_expect(lab_slow_path(e->l), "routes are asked again after a commit");
	cr_expect(becomes_fast(&c));
	lab_revoke(e->l, row);
	lab_commit(e->l);
	cr_expect(REFUSED(ENI_D, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(nothing(c.server));
}

static void begin_fast(void)
{
	if (!lab_fast_path())
		cr_skip_test("without the fast path");
	lab_stay();
}

Test(peering, fast_tcp)
{
	begin_fast();
	fast_and_cut(true);
}

Test(peering, fast_udp6)
{
	begin_fast();
	fast_and_cut(false);
}

/* Another VPC has the same addresses: what is remembered of one's flow is not the other's. */
Test(peering, fast_twin)
{
	struct connection c;
	int fd;

	begin_fast();
	allow_all(SG_A);
	allow_all(SG_D);
	stranger(B4);
	peered(3);
	route(3, "10.0.0.0/16", 1);
	lab_commit(e->l);
	c = datagrams(A4, B4, 4000);
	fd = edge_socket(e, NS_WORKLOAD3, SOCK_DGRAM, B4, 4000);
	for (int i = 0; i < 100; i++)
		cr_assert(edge_talk(c.client, c.server));
	cr_expect(REFUSED(ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, A4, 4000, "twin")));
	cr_expect(nothing(c.client));
	cr_expect(edge_talk(c.client, c.server));
}
