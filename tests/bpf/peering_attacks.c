/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is not let through by a peering: VPCs that are not peered, or not with each other; forged frames (P5, P7). */
#include "peering_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

EDGE_SUITE(peering_attacks, peering_open());

/* --- who isn't peered -------------------------------------------------------------------------------------------- */

/* Routes are blackholes before the peering is accepted, and after it is deleted. */
Test(peering_attacks, not_accepted)
{
	struct peering_pair c;
	int fd;

	peering_allow_all(SG_D);
	peering_allow_all(SG_A);
	c = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	cr_expect(edge_talk(c.client, c.server));
	peering_route(1, "10.2.0.0/16", 0);
	peering_route(2, "10.0.0.0/16", 0);
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_BLACKHOLE, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_BLACKHOLE, send(c.server, "x", 1, MSG_NOSIGNAL)));
	fd = peering_sender(NS_WORKLOAD, A4);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_BLACKHOLE, edge_send(fd, B4, 4000, "x")));
	lab_space(e->l, 1)->flags &= ~(VPC_SPACE_PEERED | VPC_SPACE_ROUTED_OUT);
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, B4, 4000, "x")));
	cr_expect(peering_nothing(c.server));
	cr_expect(peering_nothing(c.client));
}

/* A route of one side alone carries nothing, in neither direction, also of a flow that there was. */
Test(peering_attacks, a_route_of_one_side)
{
	struct peering_pair c, udp;
	int fd, server;

	peering_allow_all(SG_D);
	peering_allow_all(SG_A);
	c = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	udp = peering_datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.client, c.server));
	peering_route(2, "10.0.0.0/16", 0);
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_BLACKHOLE, send(udp.client, "x", 1, 0)),
		  "dropped at who has no way back");
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_BLACKHOLE, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(peering_nothing(c.server));
	cr_expect(peering_nothing(udp.server));
	fd = peering_sender(NS_WORKLOAD, A4);
	server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4001);
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_BLACKHOLE, edge_send(fd, B4, 4001, "x")));
	cr_expect(peering_nothing(server));
	peering_route(2, "10.0.0.0/16", 1);
	lab_commit(e->l);
	udp = peering_datagrams(A4, B4, 4002);
	cr_expect(edge_talk(udp.client, udp.server));
}

/* VPC 3 has a route to VPC 1, which has the same addresses as VPC 2 and no route back: VPC 1's leads to VPC 2. */
Test(peering_attacks, a_stranger_with_the_same_addresses)
{
	struct peering_pair c;
	int fd, server, honest;
	struct edge_peer from;

	peering_allow_all(SG_A);
	peering_allow_all(SG_D);
	peering_stranger(B4);
	peering_active(3);
	peering_route(3, "10.0.0.0/16", 1);
	lab_commit(e->l);
	c = peering_datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.client, c.server));
	fd = edge_socket(e, NS_WORKLOAD3, SOCK_DGRAM, B4, 4000);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, A4, 4000, "twin")),
		  "into the other's flow");
	server = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, A4, 4001);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, A4, 4001, "twin")), "or as a new one");
	honest = peering_sender(NS_WORKLOAD2, B4);
	cr_expect(edge_send(honest, A4, 4001, "mine"));
	cr_expect(edge_receive(server, "mine", &from));
	cr_expect(peering_nothing(fd));
	cr_expect(edge_talk(c.client, c.server));
	cr_expect(peering_nothing(c.client));
}

/* An ENI that has another's number and address isn't who the flow was opened with. */
Test(peering_attacks, an_eni_that_is_replaced)
{
	struct peering_pair c;

	peering_allow_group(SG_D, SG_A);
	c = peering_datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.client, c.server));
	lab_eni_row(e->l, ENI_A)->incarnation++;
	lab_allow_all(e->l, SG_C, VPC_EGRESS, 4);
	lab_join(e->l, ENI_A, true, GROUPS(SG_C));
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_NO_INGRESS_RULE, send(c.client, "x", 1, 0)));
	cr_expect(peering_nothing(c.server));
}

/* --- not transitive ---------------------------------------------------------------------------------------------- */

static void both_peered_with_the_second(void)
{
	peering_allow_all(SG_A);
	peering_allow_all(SG_D);
	peering_stranger(C4);
	peering_allow_all(SG_C);
	peering_active(3);
	peering_route(1, "10.3.0.0/16", 2);
	peering_route(2, "10.3.0.0/16", 3);
	peering_route(3, "10.2.0.0/16", 2);
	peering_route(3, "10.0.0.0/16", 2);
	lab_commit(e->l);
}

Test(peering_attacks, not_over_another_peering)
{
	struct edge_peer from;
	int server, fd;

	both_peered_with_the_second();
	server = edge_socket(e, NS_WORKLOAD3, SOCK_DGRAM, C4, 4000);
	fd = peering_sender(NS_WORKLOAD, A4);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, C4, 4000, "x")));
	fd = peering_sender(NS_WORKLOAD2, B4);
	cr_expect(edge_send(fd, C4, 4000, "neighbour"));
	cr_expect(edge_receive(server, "neighbour", &from));
	/* Even if both led to each other, each sees who the other is. */
	peering_route(1, "10.3.0.0/16", 3);
	lab_commit(e->l);
	fd = peering_sender(NS_WORKLOAD, A4);
	cr_expect(PEERING_REFUSED(e, ENI_C, VPC_DROP_NO_ROUTE, edge_send(fd, C4, 4000, "x")),
		  "its answers would go to VPC 2");
	cr_expect(peering_nothing(server));
}

/* Neither its gateways, nor its router, nor what it publishes. */
Test(peering_attacks, not_to_the_others_gateways)
{
	int fd, server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);

	peering_allow_all(SG_D);
	edge_nat_gateway(e, 2, VPC_NAT_HOST_ADDRESS, 1);
	edge_route_of(e, 2, "0.0.0.0/0", VPC_TARGET_NAT, 2);
	peering_route(1, "0.0.0.0/0", 2);
	lab_commit(e->l);
	fd = peering_sender(NS_WORKLOAD, A4);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, WORLD, 53, "x")));
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, HOST, 53, "x")));
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, "10.2.0.1", 53, "x")));
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_UNKNOWN_DESTINATION, edge_send(fd, "10.2.7.7", 53, "x")));
	cr_expect(peering_nothing(server));
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
Test(peering_attacks, forged_by_a_workload)
{
	static const uint8_t gateway[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PEERING, 0, 0, 2};
	struct packet_spec p = {.src = B4, .dst = B4, .smac = lab_mac(ENI_A), .dmac = lab_gateway_mac()};
	int server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);

	peering_allow_all(SG_D);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = "10.0.0.77";
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = A4;
	p.dmac = gateway;
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_WRONG_DESTINATION, inject(NS_WORKLOAD, "eth0", p)));
	cr_expect(peering_nothing(server));
}

/* An appliance, which may send from any address in its VPC, carries nothing through it. */
Test(peering_attacks, by_an_appliance)
{
	struct packet_spec p = {.src = "192.0.2.9", .dst = B4, .smac = lab_mac(ENI_A), .dmac = lab_gateway_mac()};
	int fd, server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);
	struct edge_peer from;

	peering_allow_all(SG_D);
	lab_eni_row(e->l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = "10.2.0.77";
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	p.src = "10.0.0.77";
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_FORGED_SOURCE, inject(NS_WORKLOAD, "eth0", p)));
	fd = peering_sender(NS_WORKLOAD, A4);
	cr_expect(edge_send(fd, B4, 4000, "own"));
	cr_expect(edge_receive(server, "own", &from));
}

/* A frame on an uplink that names a sender whose address it doesn't have, or one of the VPC itself, enters nothing: the
 * program there doesn't take the other one's word for it. */
Test(peering_attacks, forged_on_an_uplink)
{
	uint8_t to_b[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PEERING, 0, 0, 2};
	uint8_t from[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PEERING, 0, ENI_A >> 8, ENI_A & 0xff};
	struct packet_spec p = {.src = "10.0.0.77", .dst = B4, .smac = from, .dmac = to_b};
	int server = edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, B4, 4000);
	struct edge_peer sent;

	peering_allow_all(SG_D);
	cr_expect(PEERING_REFUSED(e, 0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "an address of nobody");
	p.src = B4;
	cr_expect(PEERING_REFUSED(e, 0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)),
		  "an address of its own VPC");
	p.src = A4;
	from[4] = ENI_D >> 8;
	from[5] = ENI_D & 0xff;
	cr_expect(PEERING_REFUSED(e, 0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "of an ENI of its own");
	from[2] = VPC_EDGE_NAT;
	from[4] = ENI_A >> 8;
	from[5] = ENI_A & 0xff;
	cr_expect(PEERING_REFUSED(e, 0, VPC_DROP_FORGED_SOURCE, inject(NS_VPC, "uplink1", p)), "of no peering");
	cr_expect(peering_nothing(server));
	from[2] = VPC_EDGE_PEERING;
	inject(NS_VPC, "uplink1", p);
	cr_expect(edge_receive(server, "", &sent), "the right one does");
}
