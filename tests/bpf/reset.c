/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sure RST ends its flow at once, and no other does (lib/packet/reset.h; P1, P6, P8). Who sends it is a real socket
 * behind a real port of ENI_A: TCP_REPAIR gives it a connection and any numbers, without anybody at the other end.
 */
#include "tests/bpf/tcp_path_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEQ 5000

static struct lab *l;
static uint32_t row;

static void mac_text(const uint8_t *m, char ret[18])
{
	snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* The workload behind A's port, lab0, has lab1, the other end of the veth pair. The kernel sends nothing by itself
 * afterwards. */
static void workload_open(void)
{
	char command[1024], a[18], b[18], gateway[18];

	mac_text(lab_mac(ENI_A), a);
	mac_text(lab_mac(ENI_B), b);
	mac_text(lab_gateway_mac(), gateway);
	snprintf(command, sizeof(command),
		 "cd /proc/sys/net/ipv6/conf/lab1 && echo 1 >mldv2_unsolicited_report_interval && echo 0 >accept_ra && "
		 "ip link set lab1 addrgenmode none && ip link set lab0 addrgenmode none && "
		 "ip link set lab1 address %s && ip link set lab0 up && ip link set lab1 up && "
		 "ip addr add 10.0.0.10/24 dev lab1 && ip addr add fd00:1::10/64 dev lab1 nodad && "
		 "ip neigh replace 10.0.0.11 lladdr %s dev lab1 && ip neigh replace fd00:1::11 lladdr %s dev lab1 && "
		 "ip neigh replace 10.0.0.1 lladdr %s dev lab1 && ip route add default via 10.0.0.1 && sleep 0.1",
		 a, b, b, gateway);
	cr_assert_eq(system(command), 0);
}

static void setup(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ENI_A, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	l = tcp_lab_open(&row);
	lab_allow_all(l, SG_C, VPC_INGRESS, 4);
	lab_commit(l);
	workload_open();
	opts.prog_fd = lab_program_fd(l, l->skel->progs.from_workload);
	cr_assert_eq(bpf_tc_hook_create(&hook), 0);
	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(reset, .init = setup, .fini = teardown);

/* --- the workload's sockets --------------------------------------------------------------------------------------- */

static socklen_t socket_address(const char *text, uint16_t port, int family, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		in->sin_port = htons(port);
		cr_assert_eq(inet_pton(AF_INET, text, &in->sin_addr), 1);
		return sizeof(*in);
	}
	in6->sin6_port = htons(port);
	cr_assert_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	return sizeof(*in6);
}

static void option(int fd, int name, const void *value, socklen_t length)
{
	cr_assert_eq(setsockopt(fd, IPPROTO_TCP, name, value, length), 0, "%d: %s", name, strerror(errno));
}

static void set(int fd, int name, int value)
{
	option(fd, name, &value, sizeof(value));
}

/* A connection whose next number is SEQ, and of whose bytes the last `pending` are not acknowledged. window: what the
 * other end takes. It will be closed by a RST. */
static int connection(int family, const char *src, uint16_t sport, const char *dst, uint16_t dport, int pending,
		      uint32_t window)
{
	struct tcp_repair_window w = {
		.snd_wl1 = 1, .snd_wnd = window, .max_window = 65535, .rcv_wnd = 1000, .rcv_wup = 1};
	struct linger linger = {.l_onoff = 1};
	struct sockaddr_storage from, to;
	socklen_t length = socket_address(src, sport, family, &from);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	static const char bytes[100];

	cr_assert_geq(fd, 0);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	set(fd, TCP_REPAIR, TCP_REPAIR_ON);
	set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	set(fd, TCP_QUEUE_SEQ, 1);
	set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	set(fd, TCP_QUEUE_SEQ, SEQ - pending);
	cr_assert_eq(bind(fd, (struct sockaddr *)&from, length), 0, "%s", strerror(errno));
	length = socket_address(dst, dport, family, &to);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, length), 0, "%s", strerror(errno));
	option(fd, TCP_REPAIR_WINDOW, &w, sizeof(w));
	if (pending)
		cr_assert_eq(send(fd, bytes, (size_t)pending, 0), pending, "%s", strerror(errno));
	set(fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
	return fd;
}

/* Waits for the program: what is sent goes through the other device's queue. The laboratory doesn't know of it. */
static void wait_for_sent(uint64_t before)
{
	for (int i = 0; i < 1000 && lab_packets(l, ENI_A, true) == before; i++)
		usleep(1000);
	cr_assert_gt(lab_packets(l, ENI_A, true), before, "nothing came to the port, or it was dropped");
	usleep(1000);
	for (uint32_t i = 0; i < LAB_PORTS_MAX; i++)
		l->received[i] = lab_packets(l, LAB_ENI(i), false);
}

static void close_by_reset(int fd)
{
	uint64_t before = lab_packets(l, ENI_A, true);

	close(fd);
	wait_for_sent(before);
}

/* --- flows -------------------------------------------------------------------------------------------------------- */

/* The same connection to the programs. */
static void established(const char *src, uint16_t sport, uint32_t to, const char *dst, uint16_t dport)
{
	struct packet_spec there = {.src = src, .dst = dst, .proto = IPPROTO_TCP, .sport = sport, .dport = dport};
	struct packet_spec back = {.src = dst, .dst = src, .proto = IPPROTO_TCP, .sport = dport, .dport = sport};

	there.tcp_flags = SYN;
	back.tcp_flags = SYN | ACK;
	cr_assert_eq(lab_send(l, ENI_A, there).reason, 0);
	cr_assert_eq(lab_send(l, to, back).reason, 0);
	there.tcp_flags = ACK;
	cr_assert_eq(lab_send(l, ENI_A, there).reason, 0);
	cr_assert_eq(lab_flows(l, true), 1);
	cr_assert_eq(lab_established(l, ENI_A), 1);
}

static void expect_ended(const char *what)
{
	cr_expect_eq(lab_flows(l, true), 0, "%s", what);
	cr_expect_eq(lab_flows(l, false), 0, "%s", what);
	cr_expect_eq(lab_half_open(l), 0, "%s", what);
	cr_expect_eq(lab_established(l, ENI_A), 0, "%s", what);
	cr_expect_eq(lab_eni_flows(l, ENI_B)->answered, 0, "%s", what);
	cr_expect_eq(lab_eni_flows(l, ENI_C)->answered, 0, "%s", what);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 0, "%s", what);
}

static void expect_reset(const char *what)
{
	cr_expect_eq(lab_flows(l, true), 0, "%s", what);
	cr_expect(lab_flow_state(l, VPC_FLOW_RESET, false), "%s", what);
	lab_age(l, 31);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	expect_ended(what);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

Test(reset, sure)
{
	for (uint16_t port = 4000; port < 4003; port++) {
		int fd = connection(AF_INET, "10.0.0.10", port, "10.0.0.11", 80, 0, 1000);

		established("10.0.0.10", port, ENI_B, "10.0.0.11", 80);
		lab_slow_path(l);
		close_by_reset(fd);
		cr_expect_not(lab_slow_path(l));
		expect_ended("IPv4");
	}
	established("fd00:1::10", 4000, ENI_B, "fd00:1::11", 80);
	close_by_reset(connection(AF_INET6, "fd00:1::10", 4000, "fd00:1::11", 80, 0, 1000));
	expect_ended("IPv6");
	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	close_by_reset(connection(AF_INET6, "::ffff:10.0.0.10", 4000, "::ffff:10.0.0.11", 80, 0, 1000));
	expect_ended("IPv4 by a socket of IPv6");
	established("10.0.0.10", 4000, ENI_C, "10.0.1.12", 80);
	lab_slow_path(l);
	close_by_reset(connection(AF_INET, "10.0.0.10", 4000, "10.0.1.12", 80, 0, 1000));
	cr_expect_not(lab_slow_path(l));
	expect_ended("another subnet");
}

/* A packet cache that knows the flow forgets it. */
Test(reset, caches)
{
	uint32_t version = 0, at, value;
	struct vpc_flow_key key;
	struct vpc_flow f;

	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	usleep(LAB_TICK_US);
	tcp_expect_fast("stored", ENI_A, tcp_from_a(4000, ACK, 1, 1));
	cr_assert(lab_flow(l, true, &key, &f));
	at = (uint32_t)f.tag >> 1 & (VPC_FLOW_VERSIONS - 1);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.flow_version), &at, &version), 0);
	close_by_reset(connection(AF_INET, "10.0.0.10", 4000, "10.0.0.11", 80, 0, 1000));
	expect_ended("after a tick");
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.flow_version), &at, &value), 0);
	cr_expect_neq(value, version);
	tcp_expect_drop("its flow is over", ENI_A, tcp_from_a(4000, ACK, 1, 1), VPC_DROP_NO_FLOW);
}

/* On the slow path too: here because of an ACL that might decide. */
Test(reset, sure_by_the_slow_path)
{
	lab_eni_row(l, ENI_A)->flags |= VPC_ENI_ACL;
	established("10.0.0.10", 4000, ENI_C, "10.0.1.12", 80);
	lab_slow_path(l);
	close_by_reset(connection(AF_INET, "10.0.0.10", 4000, "10.0.1.12", 80, 0, 1000));
	cr_expect(lab_slow_path(l));
	expect_ended("slow path");
	established("10.0.0.10", 4000, ENI_C, "10.0.1.12", 80);
	close_by_reset(connection(AF_INET, "10.0.0.10", 4000, "10.0.1.12", 80, 10, 1000));
	expect_reset("slow path, not sure");
}

/* The last 10 bytes are not acknowledged: the RST may arrive before them. With a window that has shrunk, the RST has
 * the number of the first of them. */
Test(reset, unacknowledged)
{
	for (uint32_t window = 0; window <= 1000; window += 1000) {
		established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
		close_by_reset(connection(AF_INET, "10.0.0.10", 4000, "10.0.0.11", 80, 10, window));
		expect_reset(window ? "behind them" : "before them");
	}
}

/* The right number, but not by the socket that knows it. */
Test(reset, not_by_the_connections_own_socket)
{
	struct packet_spec spec = tcp_from_a(4000, RST, 0, 0);
	struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)ENI_B, .sll_halen = 6};
	struct sockaddr_storage to;
	socklen_t length = socket_address("10.0.0.11", 0, AF_INET, &to);
	int owner = connection(AF_INET, "10.0.0.10", 4000, "10.0.0.11", 80, 0, 1000), one = 1;
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	int packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint64_t before;
	struct frame f;

	spec.tcp_seq = SEQ;
	spec.smac = lab_mac(ENI_A);
	spec.dmac = lab_mac(ENI_B);
	frame_build(&f, &spec);
	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	before = lab_packets(l, ENI_A, true);
	cr_assert_eq(sendto(packets, f.data, f.length, 0, (struct sockaddr *)&link, sizeof(link)), (ssize_t)f.length);
	wait_for_sent(before);
	expect_reset("a packet socket");

	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	cr_assert_eq(setsockopt(raw, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one)), 0);
	cr_assert_eq(connect(raw, (struct sockaddr *)&to, length), 0);
	before = lab_packets(l, ENI_A, true);
	cr_assert_eq(send(raw, f.data + 14, f.length - 14, 0), (ssize_t)(f.length - 14));
	wait_for_sent(before);
	expect_reset("a raw socket");

	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	cr_expect_eq(lab_send(l, ENI_A, spec).reason, 0);
	expect_reset("BPF_PROG_TEST_RUN");

	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	close_by_reset(owner);
	expect_ended("its own");
	close(raw);
	close(packets);
}

/* The other end's own program looks the flow up after this one. */
Test(reset, seen_again)
{
	lab_set_fast_path(l, ENI_B, false);
	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	close_by_reset(connection(AF_INET, "10.0.0.10", 4000, "10.0.0.11", 80, 0, 1000));
	expect_reset("the other end's program");
}

/* A network is between the two, and may lose it. */
Test(reset, to_the_world)
{
	struct packet_spec there = {.src = "10.0.0.10",
				    .dst = "192.0.2.1",
				    .proto = IPPROTO_TCP,
				    .sport = 4000,
				    .dport = 80,
				    .tcp_flags = SYN};
	int fd = connection(AF_INET, "10.0.0.10", 4000, "192.0.2.1", 80, 0, 1000);

	cr_assert_eq(lab_send(l, ENI_A, there).reason, 0);
	cr_assert_eq(lab_flows(l, true), 1);
	close_by_reset(fd);
	expect_reset("the world");
}

static void expect_revoked(int fd)
{
	uint64_t before = lab_drops(l, ENI_A, VPC_DROP_REVOKED);

	close(fd);
	for (int i = 0; i < 1000 && lab_drops(l, ENI_A, VPC_DROP_REVOKED) == before; i++)
		usleep(1000);
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_REVOKED), before + 1);
	cr_expect(lab_flow_state(l, VPC_FLOW_TOMBSTONE, true));
}

/* P2: what is revoked becomes a tombstone, and stays one. */
Test(reset, revoked)
{
	established("10.0.0.10", 4000, ENI_B, "10.0.0.11", 80);
	lab_revoke(l, row);
	lab_commit(l);
	expect_revoked(connection(AF_INET, "10.0.0.10", 4000, "10.0.0.11", 80, 0, 1000));
	expect_revoked(connection(AF_INET, "10.0.0.10", 4000, "10.0.0.11", 80, 0, 1000));
}
