/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers on a real wire: BPF_PROG_TEST_RUN doesn't carry out redirects. Ports LAB_ENI(0) and LAB_ENI(1) are one
 * veth pair: the programs sit on the first, the test plays the workload behind it on the second. */
#include "lab_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

/* datapath/net/net.h, which doesn't go with the laboratory's names */
int net_fast_path_test(int prog_probe);
enum { NET_EDGE_NOT, NET_EDGE_TRANSMIT, NET_EDGE_PEER };
int net_edge_test(int prog_peer, int prog_neigh);

static struct lab *l;
static int wire = -1;

static void link_up(const char *name)
{
	struct ifreq r = {};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	cr_assert_eq(ioctl(s, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags |= IFF_UP;
	cr_assert_eq(ioctl(s, SIOCSIFFLAGS, &r), 0);
	close(s);
}

static void attach(enum bpf_tc_attach_point side, const struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)LAB_ENI(0), .attach_point = side);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = lab_program_fd(l, prog), .handle = 1, .priority = 1);

	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0);
}

/* Waits for a frame with this ethertype and this byte at that place, for a second. */
static bool receive(struct frame *f, const uint8_t *ethertype, size_t at, uint8_t value)
{
	struct pollfd p = {.fd = wire, .events = POLLIN};

	while (poll(&p, 1, 1000) == 1) {
		struct sockaddr_ll from;
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(wire, f->data, sizeof(f->data), 0, (struct sockaddr *)&from, &length);

		cr_assert_geq(n, 14);
		f->length = (size_t)n;
		if (from.sll_pkttype != PACKET_OUTGOING && !memcmp(f->data + 12, ethertype, 2) && f->data[at] == value)
			return true;
	}
	return false;
}

/* Sends until there is an answer. */
static bool exchange(const struct frame *f, struct frame *reply, const uint8_t *ethertype, size_t at, uint8_t value)
{
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(send(wire, f->data, f->length, 0), (ssize_t)f->length);
		if (receive(reply, ethertype, at, value))
			return true;
	}
	return false;
}

/* A question for B's address, as A's workload asks it. */
static bool arp_exchange(struct frame *reply)
{
	static const uint8_t request[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
	struct frame f = {.length = 42};

	memset(f.data, 0xff, 6);
	memcpy(f.data + 6, lab_mac(ENI_A), 6);
	memcpy(f.data + 12, request, sizeof(request));
	memcpy(f.data + 22, lab_mac(ENI_A), 6);
	inet_pton(AF_INET, "10.0.0.10", f.data + 28);
	inet_pton(AF_INET, "10.0.0.11", f.data + 38);
	return exchange(&f, reply, request, 21, 2);
}

static void setup(void)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(0x0003), .sll_ifindex = (int)LAB_ENI(1)};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)LAB_ENI(0), .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct frame reply;

	l = lab_usual();
	cr_assert_eq(bpf_tc_hook_create(&hook), 0);
	attach(BPF_TC_INGRESS, l->skel->progs.from_workload);
	attach(BPF_TC_EGRESS, l->skel->progs.to_workload);
	link_up("lab0");
	link_up("lab1");
	wire = socket(AF_PACKET, SOCK_RAW, 0);
	cr_assert_geq(wire, 0);
	cr_assert_eq(bind(wire, (struct sockaddr *)&to, sizeof(to)), 0);
	/* the kernel's worker makes the link run some time after its carrier came: frames are lost until then */
	cr_assert(arp_exchange(&reply), "the link does not come up");
}

static void teardown(void)
{
	close(wire);
	lab_close(l);
}

TestSuite(wire, .init = setup, .fini = teardown);

Test(wire, arp)
{
	struct frame reply;

	cr_assert(arp_exchange(&reply), "no reply");
	cr_expect_arr_eq(reply.data, lab_mac(ENI_A), 6);
	cr_expect_arr_eq(reply.data + 22, lab_mac(ENI_B), 6);
}

Test(wire, neighbour_solicitation)
{
	static const uint8_t ipv6[] = {0x86, 0xdd};
	uint8_t message[24] = {135};
	struct frame f, reply;
	uint32_t sum = 58 + sizeof(message);

	inet_pton(AF_INET6, "fd00:1::11", message + 8);
	struct packet_spec p = {.src = "fd00:1::10",
				.dst = "ff02::1:ff00:11",
				.smac = lab_mac(ENI_A),
				.dmac = (const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 0x11},
				.proto = IPPROTO_ICMPV6,
				.ttl = 255,
				.raw = message,
				.raw_length = sizeof(message)};

	frame_build(&f, &p);
	for (size_t i = 22; i < f.length; i += 2)
		sum += (uint32_t)f.data[i] << 8 | f.data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	f.data[56] = (uint8_t)(~sum >> 8);
	f.data[57] = (uint8_t)~sum;
	cr_assert(exchange(&f, &reply, ipv6, 54, 136), "no advertisement");
	cr_expect_eq(reply.length, 86, "longer than what was asked");
	cr_expect_arr_eq(reply.data + 80, lab_mac(ENI_B), 6);
}

/* The self-test that decides whether the fast path is used says yes only where a frame comes out at the other end. */
Test(wire, fast_path_test)
{
	cr_expect_eq(net_fast_path_test(lab_program_fd(l, l->skel->progs.fast_path_probe)), 1);
	cr_expect_eq(net_fast_path_test(lab_program_fd(l, l->skel->progs.from_workload)), 0, "one that drops");
	cr_expect_eq(net_fast_path_test(lab_program_fd(l, l->skel->progs.sweep)), 0, "one that redirects nothing");
	cr_expect_lt(net_fast_path_test(-1), 0, "couldn't be tried");
	cr_expect_eq(net_edge_test(lab_program_fd(l, l->skel->progs.fast_path_probe),
				   lab_program_fd(l, l->skel->progs.edge_probe)),
		     NET_EDGE_PEER);
	cr_expect_eq(
		net_edge_test(lab_program_fd(l, l->skel->progs.sweep), lab_program_fd(l, l->skel->progs.edge_probe)),
		NET_EDGE_TRANSMIT, "one that redirects nothing at the port");
	cr_expect_eq(net_edge_test(lab_program_fd(l, l->skel->progs.fast_path_probe),
				   lab_program_fd(l, l->skel->progs.sweep)),
		     NET_EDGE_NOT, "one that redirects nothing at the host end");
	cr_expect_lt(net_edge_test(-1, -1), 0, "couldn't be tried");
}

/* What isn't an answer of the port: nothing without a rule gets out to the workload. */
Test(wire, closed)
{
	static const uint8_t ipv4[] = {8, 0};
	struct frame f, got;
	struct packet_spec p = {.src = "192.0.2.1",
				.dst = "10.0.0.10",
				.smac = lab_gateway_mac(),
				.dmac = lab_mac(ENI_A),
				.proto = IPPROTO_UDP,
				.sport = 1,
				.dport = 2};
	struct sockaddr_ll port = {.sll_family = AF_PACKET, .sll_ifindex = (int)LAB_ENI(0), .sll_halen = 6};
	int s = socket(AF_PACKET, SOCK_RAW, 0);

	frame_build(&f, &p);
	sendto(s, f.data, f.length, 0, (struct sockaddr *)&port, sizeof(port));
	cr_expect_not(receive(&got, ipv4, 23, IPPROTO_UDP));
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_NO_INGRESS_RULE), 1);
	lab_allow_all(l, SG_A, VPC_INGRESS, 4);
	lab_commit(l);
	sendto(s, f.data, f.length, 0, (struct sockaddr *)&port, sizeof(port));
	cr_expect(receive(&got, ipv4, 23, IPPROTO_UDP), "the rule opens it");
	close(s);
}

/* Both the answer and the router's advertisement, to whom asks for the gateway when the last one is long ago. */
Test(wire, advertisement_beside_the_answer)
{
	static const uint8_t ipv6[] = {0x86, 0xdd};
	uint8_t message[24] = {135};
	struct vpc_address_config template = {.incarnation = 1};
	__u32 number = ENI_A;
	struct frame f, reply;
	bool advertised = false;
	struct packet_spec p = {.src = "fd00:1::10",
				.dst = "ff02::1:ff00:1",
				.smac = lab_mac(ENI_A),
				.dmac = (const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 1},
				.proto = IPPROTO_ICMPV6,
				.ttl = 255,
				.raw = message,
				.raw_length = sizeof(message)};

	inet_pton(AF_INET6, "fe80::1", message + 8);
	frame_build(&f, &p);
	for (int i = 0; i < 5 && !advertised; i++) { /* as in exchange() */
		template.advertised_ns = lab_now_ns() - 700ull * 1000000000ull;
		cr_assert_eq(
			bpf_map_update_elem(bpf_map__fd(l->skel->maps.address_config), &number, &template, BPF_ANY), 0);
		cr_assert(exchange(&f, &reply, ipv6, 54, 136), "no answer");
		cr_expect_eq(reply.length, 86);
		cr_expect_arr_eq(reply.data + 80, lab_gateway_mac(), 6);
		advertised = receive(&reply, ipv6, 54, 134);
	}
	cr_assert(advertised, "no advertisement");
	cr_expect_arr_eq(reply.data, lab_mac(ENI_A), 6);
	cr_expect_eq(reply.length, 118);
}

/* --- checksums that others are to complete ------------------------------------------------------------------------ */

/* Sends the frame as one whose checksum is to be summed up from `start` and written `offset` bytes behind that. */
static void send_partial(const struct frame *f, uint16_t start, uint16_t offset)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)LAB_ENI(1)};
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = start, .csum_offset = offset};
	struct iovec iov[2] = {{.iov_base = &header, .iov_len = sizeof(header)},
			       {.iov_base = (void *)(uintptr_t)f->data, .iov_len = f->length}};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2};
	int s = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	cr_assert_eq(setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	cr_assert_eq(sendmsg(s, &m, 0), (ssize_t)(sizeof(header) + f->length), "%s", strerror(errno));
	close(s);
}

/* Waits for the programs: what is sent goes through the other device's queue. */
static bool is_dropped(uint32_t number, int reason, uint64_t before)
{
	for (int i = 0; i < 100; i++) {
		if (lab_drops(l, number, reason) > before)
			return true;
		usleep(1000);
	}
	return false;
}

static bool is_refused(const struct frame *f, uint16_t start, uint16_t offset)
{
	uint64_t before = lab_drops(l, ENI_A, VPC_DROP_MALFORMED);

	send_partial(f, start, offset);
	return is_dropped(ENI_A, VPC_DROP_MALFORMED, before);
}

/* Nothing may enter B, so its counter tells of what the port of A let through. */
static bool is_judged(const struct frame *f, uint16_t start, uint16_t offset)
{
	uint64_t before = lab_drops(l, ENI_B, VPC_DROP_NO_INGRESS_RULE);

	send_partial(f, start, offset);
	return is_dropped(ENI_B, VPC_DROP_NO_INGRESS_RULE, before);
}

/* 6.1 doesn't let programs know where the checksum is to be written. */
static bool kernel_tells_the_place(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 && (major > 6 || minor >= 2);
}

static struct frame packet_to_b(uint8_t proto, bool six)
{
	struct packet_spec p = {.src = six ? "fd00:1::10" : "10.0.0.10",
				.dst = six ? "fd00:1::11" : "10.0.0.11",
				.smac = lab_mac(ENI_A),
				.dmac = lab_mac(ENI_B),
				.proto = proto,
				.sport = 1000,
				.dport = 2000,
				.tcp_flags = 2,
				.icmp_type = six ? 128 : 8,
				.payload = 64};
	struct frame f;

	frame_build(&f, &p);
	return f;
}

/* P4, P7: whoever completes the checksum writes 16 bits, chosen by the payload. Not over an address, a port or flags.
 */
Test(wire, checksum_elsewhere)
{
	struct frame f = packet_to_b(IPPROTO_UDP, false);

	/* newer kernels refuse sums that begin before 20 or 40 themselves */
	for (uint16_t place = 20; kernel_tells_the_place() && place < 40; place++)
		cr_expect(is_refused(&f, 20, (uint16_t)(place - 20)), "UDP, %u", place);
	cr_expect(is_judged(&f, 34, 6), "where it belongs");
	cr_expect(is_judged(&f, 50, 6), "in what it carries, which may be another packet");
	f = packet_to_b(IPPROTO_TCP, false);
	for (uint16_t place = 0; kernel_tells_the_place() && place < 16; place++)
		cr_expect(is_refused(&f, 34, place), "TCP, %u", place);
	cr_expect(is_judged(&f, 34, 16));
	f = packet_to_b(IPPROTO_ICMP, false);
	cr_expect(is_refused(&f, 34, 2));
	cr_expect(is_refused(&f, 34, 30), "what an error quotes");
}

Test(wire, checksum_elsewhere6)
{
	struct frame f = packet_to_b(IPPROTO_UDP, true);

	for (uint16_t place = 40; kernel_tells_the_place() && place < 60; place++)
		cr_expect(is_refused(&f, 40, (uint16_t)(place - 40)), "UDP, %u", place);
	cr_expect(is_judged(&f, 54, 6));
	f = packet_to_b(IPPROTO_TCP, true);
	cr_expect(!kernel_tells_the_place() || is_refused(&f, 54, 13), "flags");
	cr_expect(is_judged(&f, 54, 16));
}

static bool is_sent(const struct frame *f, uint16_t start, uint16_t offset)
{
	uint64_t before = lab_packets(l, ENI_A, true);

	send_partial(f, start, offset);
	for (int i = 0; i < 100 && lab_packets(l, ENI_A, true) == before; i++)
		usleep(1000);
	return lab_packets(l, ENI_A, true) == before + 1;
}

/* The fast path too. */
Test(wire, checksum_elsewhere_of_a_known_flow)
{
	struct frame f = packet_to_b(IPPROTO_UDP, false);

	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_commit(l);
	for (uint64_t sent = 0; sent < 4; sent++)
		cr_expect(is_sent(&f, 34, 6));
	if (!kernel_tells_the_place())
		return;
	cr_expect(is_refused(&f, 34, 2), "the port");
	cr_expect(is_refused(&f, 26, 0), "the sender");
	cr_expect(is_sent(&f, 34, 6));
}

static struct packet_spec segment_to_b(uint16_t sport, uint8_t flags)
{
	return (struct packet_spec){.src = "10.0.0.10",
				    .dst = "10.0.0.11",
				    .smac = lab_mac(ENI_A),
				    .dmac = lab_mac(ENI_B),
				    .proto = IPPROTO_TCP,
				    .sport = sport,
				    .dport = 2000,
				    .tcp_flags = flags};
}

static bool takes_the_tcp_fast_path(struct packet_spec p)
{
	struct frame f;

	frame_build(&f, &p);
	lab_slow_path(l);
	return is_sent(&f, 34, 16) && !lab_slow_path(l);
}

/* The kernel itself sends nothing any more that would be taken for the test's; and the link is up. */
static void be_quiet(void)
{
	struct frame f = packet_to_b(IPPROTO_ICMP, false);
	FILE *switches = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "we");

	cr_assert(switches && fputs("1", switches) >= 0 && fclose(switches) == 0);
	for (int i = 0; i < 100 && !is_refused(&f, 34, 2); i++)
		;
}

/* The TCP fast path (lib/fast/tcp.h) too: of a SYN whose like was allowed, and of a known one's segment.
 */
Test(wire, checksum_elsewhere_of_a_connection)
{
	struct frame f;

	lab_stay();
	lab_set_fast_path(l, ENI_B, true);
	lab_ctl(l)->half_open_max = 100;
	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_commit(l);
	be_quiet();
	frame_build(&f, (struct packet_spec[]){segment_to_b(1000, 0x02)});
	cr_expect(is_sent(&f, 34, 16));
	cr_expect(takes_the_tcp_fast_path(segment_to_b(1000, 0x10)));
	cr_expect(takes_the_tcp_fast_path(segment_to_b(1001, 0x02)));
	if (!kernel_tells_the_place())
		return;
	frame_build(&f, (struct packet_spec[]){segment_to_b(1000, 0x10)});
	cr_expect(is_refused(&f, 34, 2), "the port");
	frame_build(&f, (struct packet_spec[]){segment_to_b(1002, 0x02)});
	cr_expect(is_refused(&f, 34, 12), "flags");
	cr_expect(takes_the_tcp_fast_path(segment_to_b(1002, 0x02)));
}

/* A request for an address, as a client's that has it: with a UDP socket. The length of UDP is at 38. */
static struct frame dhcp_renewal(void)
{
	uint8_t message[8 + 240 + 4] = {0, 68, 0, 67, 0, sizeof(message)};
	struct packet_spec p = {.src = "10.0.0.10",
				.dst = "10.0.0.1",
				.smac = lab_mac(ENI_A),
				.dmac = lab_gateway_mac(),
				.proto = IPPROTO_UDP,
				.raw = message,
				.raw_length = sizeof(message)};
	struct frame f;

	memcpy(message + 8, (const uint8_t[]){1, 1, 6, 0, 1, 2, 3, 4}, 8);
	inet_pton(AF_INET, "10.0.0.10", message + 8 + 12);
	memcpy(message + 8 + 28, lab_mac(ENI_A), 6);
	memcpy(message + 8 + 236, (const uint8_t[]){0x63, 0x82, 0x53, 0x63, 53, 1, 3, 255}, 8);
	frame_build(&f, &p);
	return f;
}

static uint16_t dhcp_answer_checksum(struct frame *reply)
{
	static const uint8_t ipv4[] = {8, 0};

	/* the server's port: not what was sent */
	cr_assert(receive(reply, ipv4, 35, 67), "no answer");
	cr_expect_eq(reply->data[282 + 2], 5, "ACK");
	return (uint16_t)(reply->data[40] << 8 | reply->data[41]);
}

/* The answer to a request whose checksum is still to be completed is made of the same skb, and completed too: what
 * stands there must be what it begins with, the sum of the pseudo header. */
Test(wire, unfinished_checksums_stay_unfinished)
{
	struct vpc_address_config template = {.incarnation = 1, .advertised_ns = lab_now_ns()};
	struct frame f = dhcp_renewal(), reply;
	__u32 number = ENI_A, sum;

	inet_pton(AF_INET, "10.0.0.10", &template.ip4);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.address_config), &number, &template, BPF_ANY), 0);
	cr_assert_eq(send(wire, f.data, f.length, 0), (ssize_t)f.length);
	cr_expect_eq(dhcp_answer_checksum(&reply), 0, "a finished one is answered without");
	send_partial(&f, 34, 6);
	sum = dhcp_answer_checksum(&reply);
	cr_expect_eq(sum, 0x0a00u + 10 + 0x0a00 + 1 + IPPROTO_UDP + (__u32)(reply.data[38] << 8 | reply.data[39]));
}
