/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counts of flow logs: packets at a port, and what was counted of them. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <vpc/abi/abi.h>

#include "datapath/maps/flows/count.h"
#include "tests/bpf/maps_util.h"

#define PORT (VPC_ENI_FIRST + 1)

static struct flow_count *counts;

/* TEST_RUN takes skb->ifindex only of a device that is there. */
static void set_up(void)
{
	char command[128];

	maps_setup();
	snprintf(command, sizeof(command), "ip link add p1 index %u type veth peer name q1", PORT);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(flow_count_open(4, &counts), 0);
}

static void tear_down(void)
{
	counts = flow_count_close(counts);
	maps_teardown();
}

TestSuite(maps_count, .init = set_up, .fini = tear_down, .timeout = 60);

/* A TCP packet of 50 bytes from 10.0.0.5 to 10.0.0.6 that comes by a device. TEST_RUN takes the Ethernet header away,
 * which a packet socket has. */
static void packet(unsigned ifindex, uint16_t sport, uint16_t dport, uint8_t flags)
{
	unsigned char frame[64] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	unsigned char *ip = frame + 14;
	struct __sk_buff skb = {.ifindex = ifindex};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
			    .ctx_size_in = sizeof(skb));

	ip[0] = 0x45;
	ip[3] = 50;
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	ip[12] = ip[16] = 10;
	ip[15] = 5;
	ip[19] = 6;
	sport = htons(sport);
	dport = htons(dport);
	memcpy(ip + 20, &sport, 2);
	memcpy(ip + 22, &dport, 2);
	ip[32] = 0x50;
	ip[33] = flags;
	cr_assert_eq(bpf_prog_test_run_opts(flow_count_prog(counts), &opts), 0, "%m");
	cr_assert_eq(opts.retval, 0, "nothing goes to the socket");
}

static struct {
	struct vpc_flow_count_key key;
	struct vpc_flow_count count;
} seen[16];
static unsigned n_seen;

static int note(const struct vpc_flow_count_key *key, const struct vpc_flow_count *count, void *userdata)
{
	(void)userdata;
	cr_assert_lt(n_seen, ARRAY_SIZE(seen));
	seen[n_seen].key = *key;
	seen[n_seen++].count = *count;
	return 0;
}

static uint64_t read_counts(void)
{
	uint64_t lost = 0;

	n_seen = 0;
	cr_assert_eq(flow_count_read(counts, note, NULL, &lost), 0);
	return lost;
}

Test(maps_count, packets_are_counted_once_by_flow_with_bytes_flags_and_times)
{
	packet(PORT, 4000, 5000, 2);
	packet(PORT, 4000, 5000, 16);
	packet(PORT, 4000, 5000, 17);
	packet(PORT, 4001, 5000, 2);
	cr_assert_eq(read_counts(), 0);
	cr_assert_eq(n_seen, 2);
	for (unsigned i = 0; i < n_seen; i++) {
		bool first = seen[i].key.sport == htons(4000);

		cr_expect_eq(seen[i].key.ifindex, PORT);
		cr_expect_eq(seen[i].key.proto, IPPROTO_TCP);
		cr_expect_eq(seen[i].key.dport, htons(5000));
		cr_expect_eq(seen[i].key.src[2], htonl(0xffff));
		cr_expect_eq(seen[i].key.src[3], htonl(0x0a000005));
		cr_expect_eq(seen[i].key.dst[3], htonl(0x0a000006));
		cr_expect_eq(seen[i].count.packets, first ? 3 : 1);
		cr_expect_eq(seen[i].count.bytes, first ? 150 : 50);
		cr_expect_eq(seen[i].count.tcp_flags, first ? 19 : 2);
		cr_expect_leq(seen[i].count.first_ns, seen[i].count.last_ns);
	}
	cr_assert_eq(read_counts(), 0);
	cr_expect_eq(n_seen, 0, "each packet once");
	packet(PORT, 4000, 5000, 16);
	read_counts();
	cr_assert_eq(n_seen, 1);
	cr_expect_eq(seen[0].count.packets, 1);
}

Test(maps_count, devices_that_are_no_ports_are_left_out)
{
	packet(1, 4000, 5000, 2);
	read_counts();
	cr_expect_eq(n_seen, 0);
	packet(PORT, 4000, 5000, 2);
	read_counts();
	cr_expect_eq(n_seen, 1);
}

Test(maps_count, what_finds_no_room_is_told)
{
	for (uint16_t i = 0; i < 8; i++)
		packet(PORT, (uint16_t)(4000 + i), 5000, 2);
	cr_expect_eq(read_counts(), 8 - n_seen);
	cr_expect_gt(n_seen, 0);
	cr_expect_lt(n_seen, 8);
	packet(PORT, 4000, 5000, 2);
	cr_expect_eq(read_counts(), 0);
	cr_expect_eq(n_seen, 1);
}
