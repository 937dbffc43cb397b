/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peerings on real devices: VPC 1 (10.0.0.10) and VPC 2 (10.2.0.10) with routes to each other; VPC 3 (10.3.0.10, or the
 * addresses of VPC 2) is a stranger. Each test runs with redirects to the peers of devices and, with
 * VPCD_TEST_FAST_PATH=no, without.
 */
#include "peering_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

EDGE_SUITE(peering, peering_open());

/* --- both may ---------------------------------------------------------------------------------------------------- */

static void streams(void)
{
	struct peering_pair c4 = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	struct peering_pair c6 = peering_connect(NS_WORKLOAD, A6, NS_WORKLOAD2, B6, 80);

	cr_expect(edge_stream(c4.client, c4.server, 1000000));
	cr_expect(edge_stream(c4.server, c4.client, 1000000));
	cr_expect(edge_stream(c6.client, c6.server, 1000000));
	cr_expect(edge_stream(c6.server, c6.client, 1000000));
}

Test(peering, tcp)
{
	peering_allow_all(SG_D);
	streams();
	cr_expect_eq(edge_translations(e), 0);
}

/* By the bridges and routers of both, as where vpcd doesn't use redirects. */
Test(peering, tcp_without_redirects)
{
	edge_peer_redirect(e, false);
	peering_allow_all(SG_D);
	streams();
}

/* Only one of the two has redirects. */
Test(peering, tcp_half_without_redirects)
{
	peering_allow_all(SG_D);
	lab_set_fast_path(e->l, ENI_D, false);
	streams();
}

Test(peering, udp_and_echo)
{
	struct peering_pair c4, c6;

	peering_allow_all(SG_D);
	c4 = peering_datagrams(A4, B4, 4000);
	c6 = peering_datagrams(A6, B6, 4000);
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
	struct peering_pair c;
	int fd;

	peering_allow_all(SG_D);
	c = peering_datagrams(A4, B4, 4000);
	cr_expect(edge_talk(c.server, c.client), "B answers");
	fd = peering_sender(NS_WORKLOAD2, B4);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_NO_INGRESS_RULE, edge_send(fd, A4, 4000, "x")), "B opens nothing");
	cr_expect(peering_nothing(c.client));
}

Test(peering, fragments)
{
	static char out[4000], in[4000];
	struct peering_pair c;

	peering_allow_all(SG_D);
	memset(out, 'x', sizeof(out));
	for (int i = 0; i < 2; i++) {
		c = peering_datagrams(i ? A6 : A4, i ? B6 : B4, 4000);
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
	int fd = peering_sender(NS_WORKLOAD, src);

	cr_assert(edge_connect(fd, dst, 9));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	return error_of(fd);
}

Test(peering, a_closed_port_is_told)
{
	peering_allow_all(SG_D);
	cr_expect_eq(to_closed_port(A4, B4), ECONNREFUSED);
	cr_expect_eq(to_closed_port(A6, B6), ECONNREFUSED);
}

/* The sender's gateway tells the MTU of the receiver. */
static void path_mtu(const char *src, const char *dst)
{
	struct peering_pair c = peering_connect(NS_WORKLOAD, src, NS_WORKLOAD2, dst, 80);
	uint64_t before = edge_drops(e, ENI_A, VPC_DROP_TOO_BIG);

	cr_expect(edge_stream(c.client, c.server, 1000000), "%s", dst);
	cr_expect_neq(edge_drops(e, ENI_A, VPC_DROP_TOO_BIG), before);
	cr_expect(edge_stream(c.server, c.client, 1000000));
}

Test(peering, path_mtu)
{
	peering_allow_all(SG_D);
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

	peering_allow_all(SG_D);
	fd = peering_sender(NS_WORKLOAD, A4);
	ttl = 2;
	cr_assert_eq(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_HOP_LIMIT, edge_send(fd, B4, 4000, "two")));
	ttl = 3;
	cr_assert_eq(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	cr_expect(edge_send(fd, B4, 4000, "three"));
	cr_expect(edge_receive(server, "three", &from), "and the packet with two did not arrive");
	edge_run(e, NS_WORKLOAD, "ping -c 1 -W 5 -t 1 " B4 " | grep -q 'From 10.0.0.1'");
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

Test(peering, groups_of_the_other_vpc)
{
	struct peering_pair c, other;
	uint32_t row;

	row = peering_allow_group(SG_D, SG_A);
	c = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	edge_allow(e, SG_D, VPC_SLOT_TCP, 81, A4 "/32");
	lab_commit(e->l);
	other = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 81);
	cr_expect(edge_talk(c.client, c.server));
	lab_revoke(e->l, row);
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)), "revoked");
	cr_expect(peering_nothing(c.server));
	cr_expect(edge_talk(other.client, other.server), "and nothing else");
}

/* Who leaves the group is out, and who sends to it needs it as a peer. */
Test(peering, membership)
{
	struct peering_pair c;

	peering_allow_group(SG_D, SG_A);
	c = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	cr_expect(edge_talk(c.client, c.server));
	lab_allow_all(e->l, SG_C, VPC_EGRESS, 4);
	lab_join(e->l, ENI_A, true, GROUPS(SG_C));
	lab_raise(e->l, SG_D, true); /* as vpcd does for each group whose rules name the group that is left */
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(peering_nothing(c.server));
	lab_join(e->l, ENI_A, false, GROUPS(SG_A));
	lab_raise(e->l, SG_D, false);
	lab_commit(e->l);
	c = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 81);
	cr_expect(edge_talk(c.client, c.server));
}

/* Egress rules name the receiver's groups. */
Test(peering, egress_to_a_group)
{
	struct peering_pair c;
	uint32_t row;
	int fd;

	peering_allow_all(SG_D);
	lab_join(e->l, ENI_A, true, GROUPS(SG_B));
	row = lab_allow(e->l, &(struct rule_spec){.sg = SG_B, .direction = VPC_EGRESS, .peer_sg = SG_D});
	lab_commit(e->l);
	c = peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, 80);
	cr_expect(edge_talk(c.client, c.server));
	lab_revoke(e->l, row);
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)));
	fd = peering_sender(NS_WORKLOAD, A4);
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_NO_EGRESS_RULE, edge_send(fd, B4, 4000, "x")));
}

/* --- the fast path ----------------------------------------------------------------------------------------------- */

/* Whether some exchange takes the fast path alone, at both ends. The first packets of a flow don't. */
static bool becomes_fast(const struct peering_pair *c)
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
static struct peering_pair fast_one(bool tcp)
{
	struct peering_pair c;

	for (uint16_t port = 4000; port < 4004; port++) {
		c = tcp ? peering_connect(NS_WORKLOAD, A4, NS_WORKLOAD2, B4, port) : peering_datagrams(A6, B6, port);
		if (becomes_fast(&c))
			return c;
	}
	cr_assert_fail("no flow takes the fast path");
	return c;
}

/* Packets of a known flow take the fast path until the next commit, and what is cut then is cut for them, too. */
static void fast_and_cut(bool tcp)
{
	uint32_t row = peering_allow_group(SG_D, SG_A);
	struct peering_pair c = fast_one(tcp);

	lab_commit(e->l);
	lab_slow_path(e->l);
	cr_assert(edge_talk(c.client, c.server));
	cr_expect(lab_slow_path(e->l), "routes are asked again after a commit");
	cr_expect(becomes_fast(&c));
	lab_revoke(e->l, row);
	lab_commit(e->l);
	cr_expect(PEERING_REFUSED(e, ENI_D, VPC_DROP_REVOKED, send(c.client, "x", 1, MSG_NOSIGNAL)));
	cr_expect(peering_nothing(c.server));
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
	struct peering_pair c;
	int fd;

	begin_fast();
	peering_allow_all(SG_A);
	peering_allow_all(SG_D);
	peering_stranger(B4);
	peering_active(3);
	peering_route(3, "10.0.0.0/16", 1);
	lab_commit(e->l);
	c = peering_datagrams(A4, B4, 4000);
	fd = edge_socket(e, NS_WORKLOAD3, SOCK_DGRAM, B4, 4000);
	for (int i = 0; i < 100; i++)
		cr_assert(edge_talk(c.client, c.server));
	cr_expect(PEERING_REFUSED(e, ENI_A, VPC_DROP_NO_ROUTE, edge_send(fd, A4, 4000, "twin")));
	cr_expect(peering_nothing(c.client));
	cr_expect(edge_talk(c.client, c.server));
}
