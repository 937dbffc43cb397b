/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers on a real wire: BPF_PROG_TEST_RUN doesn't carry out redirects. Ports LAB_ENI(0) and LAB_ENI(1) are one
 * veth pair: the programs sit on the first, the test plays the workload behind it on the second. */
#include "lab_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* datapath/net.h, which doesn't go with the laboratory's names */
int net_fast_path_test(int prog_probe);

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
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = 1, .priority = 1);

	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0);
}

static void setup(void)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(0x0003), .sll_ifindex = (int)LAB_ENI(1)};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)LAB_ENI(0), .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	l = lab_usual();
	cr_assert_eq(bpf_tc_hook_create(&hook), 0);
	attach(BPF_TC_INGRESS, l->skel->progs.from_workload);
	attach(BPF_TC_EGRESS, l->skel->progs.to_workload);
	link_up("lab0");
	link_up("lab1");
	wire = socket(AF_PACKET, SOCK_RAW, 0);
	cr_assert_geq(wire, 0);
	cr_assert_eq(bind(wire, (struct sockaddr *)&to, sizeof(to)), 0);
}

static void teardown(void)
{
	close(wire);
	lab_close(l);
}

TestSuite(wire, .init = setup, .fini = teardown);

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

/* Sends until there is an answer: a frame may be lost while the link is still coming up. */
static bool exchange(const struct frame *f, struct frame *reply, const uint8_t *ethertype, size_t at, uint8_t value)
{
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(send(wire, f->data, f->length, 0), (ssize_t)f->length);
		if (receive(reply, ethertype, at, value))
			return true;
	}
	return false;
}

Test(wire, arp)
{
	static const uint8_t request[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
	struct frame f = {.length = 42}, reply;

	memset(f.data, 0xff, 6);
	memcpy(f.data + 6, lab_mac(ENI_A), 6);
	memcpy(f.data + 12, request, sizeof(request));
	memcpy(f.data + 22, lab_mac(ENI_A), 6);
	inet_pton(AF_INET, "10.0.0.10", f.data + 28);
	inet_pton(AF_INET, "10.0.0.11", f.data + 38);
	cr_assert(exchange(&f, &reply, request, 21, 2), "no reply");
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
	cr_expect_eq(net_fast_path_test(bpf_program__fd(l->skel->progs.fast_path_probe)), 1);
	cr_expect_eq(net_fast_path_test(bpf_program__fd(l->skel->progs.from_workload)), 0, "one that drops");
	cr_expect_eq(net_fast_path_test(bpf_program__fd(l->skel->progs.sweep)), 0, "one that redirects nothing");
	cr_expect_lt(net_fast_path_test(-1), 0, "couldn't be tried");
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
	struct vpc_boot template = {.incarnation = 1};
	__u32 number = ENI_A;
	struct frame f, reply;
	struct packet_spec p = {.src = "fd00:1::10",
				.dst = "ff02::1:ff00:1",
				.smac = lab_mac(ENI_A),
				.dmac = (const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 1},
				.proto = IPPROTO_ICMPV6,
				.ttl = 255,
				.raw = message,
				.raw_length = sizeof(message)};

	template.advertised_ns = lab_now_ns() - 700ull * 1000000000ull;
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.boot), &number, &template, BPF_ANY), 0);
	inet_pton(AF_INET6, "fe80::1", message + 8);
	frame_build(&f, &p);
	cr_assert_eq(send(wire, f.data, f.length, 0), (ssize_t)f.length);
	cr_assert(receive(&reply, ipv6, 54, 136), "no answer");
	cr_expect_eq(reply.length, 86);
	cr_expect_arr_eq(reply.data + 80, lab_gateway_mac(), 6);
	cr_assert(receive(&reply, ipv6, 54, 134), "no advertisement");
	cr_expect_arr_eq(reply.data, lab_mac(ENI_A), 6);
	cr_expect_eq(reply.length, 118);
}
