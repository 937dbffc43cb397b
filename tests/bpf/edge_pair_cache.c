/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a CPU keeps for a tick of the clock (lib/route/pair_cache.h) ends with the tick and with every commit. By
 * BPF_PROG_TEST_RUN on the devices of edge_util.h. */
#include "edge_util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#define ROUNDS 20 /* how often both packets should fall into one tick */

static struct edge_lab *e;

static void setup(void)
{
	e = edge_open();
	lab_stay();
}

static void teardown(void)
{
	edge_close(e);
}

TestSuite(edge_pair_cache, .init = setup, .fini = teardown);

/* Runs a program on a frame as if it came in by that device. Returns what the program ends with. */
static int run(enum edge_ns where, struct bpf_program *program, uint32_t ifindex, const struct packet_spec *p)
{
	struct __sk_buff ctx = {.ifindex = ifindex};
	struct frame f;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	frame_build(&f, p);
	frame_checksum4(&f);
	opts.data_in = f.data;
	opts.data_size_in = (__u32)f.length;
	edge_enter(e, where);
	cr_assert_eq(bpf_prog_test_run_opts(lab_program_fd(e->l, program), &opts), 0);
	return (int)opts.retval;
}

static const int reasons[] = {VPC_DROP_NO_ROUTE, VPC_DROP_BLACKHOLE, VPC_DROP_NO_INGRESS_RULE,
			      VPC_DROP_UNKNOWN_DESTINATION, VPC_DROP_FORGED_SOURCE};

/* The same. Returns the reason for which the packet is dropped, or 0. */
static int judge(enum edge_ns where, struct bpf_program *program, uint32_t ifindex, const struct packet_spec *p)
{
	uint64_t before[ARRAY_SIZE(reasons)];
	int action;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		before[i] = edge_drops(e, ENI_A, reasons[i]) + edge_drops(e, 0, reasons[i]);
	action = run(where, program, ifindex, p); /* a packet that is dropped may have become the error about it */
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (edge_drops(e, ENI_A, reasons[i]) + edge_drops(e, 0, reasons[i]) > before[i])
			return reasons[i];
	return action == TC_ACT_REDIRECT ? 0 : -1;
}

#define SYN 0x02
#define ACK 0x10

/* A segment of the workload to the world. It is unanswered, so no other cache ever has its flow. Returns why it is
 * dropped, or 0. */
static int leaves(uint8_t flags)
{
	return judge(NS_VPC, e->l->skel->progs.from_workload, ENI_A,
		     &(struct packet_spec){.src = WORKLOAD,
					   .dst = WORLD,
					   .smac = lab_mac(ENI_A),
					   .dmac = lab_gateway_mac(),
					   .proto = IPPROTO_TCP,
					   .tcp_flags = flags,
					   .sport = 1000,
					   .dport = 80});
}

/* One of the world that comes in by a gateway (VPC_EDGE_…), of another flow each time. */
static int arrives(uint8_t gateway, uint16_t port)
{
	static uint16_t sport = 1000;

	return judge(NS_VPC, e->l->skel->progs.from_uplink, VPC_UPLINK_FIRST + 1,
		     &(struct packet_spec){.src = WORLD,
					   .dst = WORKLOAD,
					   .dmac = (const uint8_t[]){VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, gateway, 0, 0, 0},
					   .proto = IPPROTO_UDP,
					   .sport = ++sport,
					   .dport = port});
}

Test(edge_pair_cache, commit_ends_the_way_out)
{
	for (int i = 0; i < ROUNDS; i++) {
		edge_route(e, "0.0.0.0/0", VPC_TARGET_NAT, EDGE_NAT);
		lab_commit(e->l);
		cr_assert_eq(leaves(SYN), 0);
		cr_assert_eq(leaves(ACK), 0);
		edge_route(e, "0.0.0.0/0", VPC_TARGET_BLACKHOLE, 0);
		lab_commit(e->l);
		cr_assert_eq(leaves(ACK), VPC_DROP_BLACKHOLE);
	}
}

Test(edge_pair_cache, tick_ends_the_way_out)
{
	cr_assert_eq(leaves(SYN), 0);
	cr_assert_eq(leaves(ACK), 0);
	lab_space(e->l, 1)->flags &= ~(uint32_t)VPC_SPACE_ROUTED_OUT;
	usleep(LAB_TICK_US);
	cr_expect_eq(leaves(ACK), VPC_DROP_NO_ROUTE);
}

static void open_inward(void)
{
	edge_route(e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	edge_allow(e, SG_A, VPC_SLOT_UDP, 53, WORLD "/32");
	lab_commit(e->l);
}

Test(edge_pair_cache, commit_ends_the_way_in)
{
	for (int i = 0; i < ROUNDS; i++) {
		open_inward();
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), 0);
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), 0);
		edge_route(e, "0.0.0.0/0", 0, 0);
		lab_commit(e->l);
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), VPC_DROP_NO_ROUTE);
	}
}

Test(edge_pair_cache, commit_takes_the_address_away)
{
	for (int i = 0; i < ROUNDS; i++) {
		open_inward();
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), 0);
		lab_addr_remove(e->l, 1, WORKLOAD);
		lab_commit(e->l);
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), VPC_DROP_UNKNOWN_DESTINATION);
		lab_addr(e->l, 1, WORKLOAD, ENI_A);
		lab_commit(e->l);
	}
}

/* By another gateway the same addresses are another matter. */
Test(edge_pair_cache, gateway_is_compared)
{
	open_inward();
	for (int i = 0; i < ROUNDS; i++) {
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), 0);
		cr_assert_eq(arrives(VPC_EDGE_EIGW, 53), VPC_DROP_NO_ROUTE);
	}
}

Test(edge_pair_cache, rules_judge_each_packet)
{
	open_inward();
	for (int i = 0; i < ROUNDS; i++) {
		cr_assert_eq(arrives(VPC_EDGE_IGW, 53), 0);
		cr_assert_eq(arrives(VPC_EDGE_IGW, 54), VPC_DROP_NO_INGRESS_RULE);
	}
}

/* An address becomes one of the host's own: nobody in the world sends from it. No commit tells. */
Test(edge_pair_cache, tick_ends_what_the_world_may_send)
{
	struct vpc_public own = {.kind = VPC_PUBLIC_OWN};
	struct vpc_public_key key = {.addr = {0, 0, htonl(0xffff), inet_addr(WORLD)}};
	struct packet_spec p = {.src = WORLD,
				.dst = HOST,
				.dmac = (const uint8_t[]){2, 0, 0, 0, 0, 0x77},
				.proto = IPPROTO_TCP,
				.tcp_flags = SYN,
				.sport = 1,
				.dport = 8080};

	edge_run(e, NS_HOST, "exec ip link set wan address 02:00:00:00:00:77");
	edge_publish(e, NULL, IPPROTO_TCP, 8080, 1, 1, ENI_A, 80);
	lab_commit(e->l);
	for (int i = 0; i < 3; i++) {
		p.sport++;
		cr_assert_eq(judge(NS_HOST, e->l->skel->progs.from_world, e->wan, &p), 0);
	}
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(e->l->skel->maps.public), &key, &own, BPF_ANY), 0);
	usleep(LAB_TICK_US);
	cr_expect_eq(judge(NS_HOST, e->l->skel->progs.from_world, e->wan, &p), VPC_DROP_FORGED_SOURCE);
}
