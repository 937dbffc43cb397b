/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the maps of flows are divided between VPCs, and between the ENIs of one: who takes too much hurts nobody else. */
#include "share_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define SYN 0x02
#define RST 0x04
#define ACK 0x10

LAB_SUITE(share, share_lab());

static struct packet_spec packet(uint32_t number, uint8_t proto, uint16_t port)
{
	return (struct packet_spec){
		.src = share_address(number), .dst = "198.51.100.1", .proto = proto, .sport = port, .dport = 4000};
}

static struct packet_spec answer(struct packet_spec p)
{
	struct packet_spec a = p;

	a.src = p.dst, a.dst = p.src, a.sport = p.dport, a.dport = p.sport;
	return a;
}

/* A connection to outside the VPC. Returns why it isn't established. */
static int connect_out(uint32_t number, uint16_t port)
{
	struct packet_spec p = packet(number, IPPROTO_TCP, port), a = answer(p);
	int reason;

	p.tcp_flags = SYN;
	reason = lab_send(l, number, p).reason;
	if (reason)
		return reason;
	a.tcp_flags = SYN | ACK;
	cr_assert_eq(lab_deliver(l, number, 0, a).reason, 0);
	p.tcp_flags = ACK;
	cr_assert_eq(lab_send(l, number, p).reason, 0);
	return 0;
}

static unsigned connect_many(uint32_t number, unsigned n)
{
	unsigned made = 0;

	for (unsigned i = 0; i < n; i++)
		made += connect_out(number, (uint16_t)(1000 + i)) == 0;
	return made;
}

static void share_flow(uint32_t guaranteed, uint32_t pool)
{
	lab_host_flows(l)->flow_guaranteed = guaranteed;
	lab_host_flows(l)->flow_pool = pool;
}

static void share_new(uint32_t guaranteed, uint32_t pool)
{
	lab_host_flows(l)->new_guaranteed = guaranteed;
	lab_host_flows(l)->new_pool = pool;
}

/* --- established flows --- */

/* One VPC takes what it can get; the other still has what it is guaranteed, and a part of the rest. */
Test(share, vpcs_leave_each_other_their_part)
{
	unsigned made[2], others;

	share_flow(100, 200);
	made[0] = connect_many(ENI_A, 400);
	made[1] = connect_many(ENI_C, 400);
	cr_expect_leq(made[0] + made[1], 100 + 200 * 7 / 8, "%u and %u", made[0], made[1]);
	cr_expect_geq(made[0] + made[1], 150, "beyond what is guaranteed: %u and %u", made[0], made[1]);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, made[0] + made[1]);
	cr_expect_eq(lab_host_flows(l)->pool_used, made[0] + made[1] - 100);
	cr_expect_eq(connect_out(ENI_A, 900), VPC_DROP_FLOW_BUDGET);
	cr_expect_gt(lab_drops(l, ENI_A, VPC_DROP_FLOW_BUDGET), 0);
	others = connect_many(ENI_D, 400);
	cr_expect_geq(others, 35, "a lone ENI has at least a third of its VPC's hundred: %u", others);
	cr_expect_leq(lab_vpc_flows(l, 1)->total + lab_vpc_flows(l, 2)->total, 100 + 100 + 200);
}

Test(share, enis_leave_each_other_a_part)
{
	unsigned hog, other;

	share_flow(300, 0);
	hog = connect_many(ENI_A, 400);
	cr_expect(hog >= 110 && hog <= 130, "%u", hog);
	other = connect_many(ENI_B, 400);
	cr_expect_geq(other, 18, "%u", other);
	cr_expect_geq(connect_many(ENI_C, 18), 18, "whoever has few finds room, however many came before");
	cr_expect_eq(lab_eni_flows(l, ENI_A)->opened, hog);
}

/* Nobody's own connections are refused for what others open to him, and nobody fills the answering side for others. */
Test(share, flows_count_to_who_opens_them)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_TCP, .dport = 80};

	for (uint32_t i = 0; i < 3; i++)
		lab_eni_row(l, LAB_ENI(i))->flow_budget = 32;
	for (p.sport = 1; p.sport <= 40; p.sport++) {
		int reason;

		p.tcp_flags = SYN;
		reason = lab_cross(l, ENI_A, ENI_B, p).reason;
		cr_expect_eq(reason, p.sport <= 32 ? 0 : VPC_DROP_FLOW_BUDGET, "%u", p.sport);
		if (reason)
			continue;
		p.tcp_flags = SYN | ACK;
		cr_assert_eq(lab_cross(l, ENI_B, ENI_A, answer(p)).reason, 0);
		p.tcp_flags = ACK;
		cr_assert_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
	}
	cr_expect_eq(lab_eni_flows(l, ENI_A)->opened, 32);
	cr_expect_eq(lab_eni_flows(l, ENI_B)->opened, 0);
	cr_expect_eq(lab_eni_flows(l, ENI_B)->answered, 32);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 32, "once");
	cr_expect_eq(connect_out(ENI_B, 1), 0);
	p.src = "10.0.1.12", p.tcp_flags = SYN, p.sport = 1;
	cr_expect_eq(lab_cross(l, ENI_C, ENI_B, p).reason, 0, "who has few may, where as many are answered as may be");
}

/* What comes from outside counts to who answers it. */
Test(share, from_outside_it_counts_to_who_answers)
{
	struct packet_spec p = {.src = "198.51.100.1", .dst = "10.0.0.11", .proto = IPPROTO_TCP, .dport = 80}, a;

	lab_eni_row(l, ENI_B)->flow_budget = 3;
	for (p.sport = 1; p.sport <= 4; p.sport++) {
		p.tcp_flags = SYN;
		cr_expect_eq(lab_deliver(l, ENI_B, 0, p).reason, p.sport <= 3 ? 0 : VPC_DROP_FLOW_BUDGET);
		a = answer(p), a.tcp_flags = SYN | ACK;
		p.tcp_flags = ACK;
		if (p.sport <= 3)
			cr_expect(!lab_send(l, ENI_B, a).reason && !lab_deliver(l, ENI_B, 0, p).reason);
	}
	cr_expect_eq(lab_eni_flows(l, ENI_B)->opened, 3);
	cr_expect_eq(lab_eni_flows(l, ENI_B)->answered, 0);
}

/* A SYN flood of one VPC leaves the others' half-open connections their place. */
Test(share, half_open_ones_are_few_by_vpc)
{
	struct packet_spec p = packet(ENI_A, IPPROTO_TCP, 0), d = packet(ENI_D, IPPROTO_TCP, 1);

	p.tcp_flags = d.tcp_flags = SYN;
	for (p.sport = 1; p.sport <= 200; p.sport++)
		cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_half_open(l), 100);
	cr_expect_eq(lab_flows(l, true), 100);
	cr_expect_eq(lab_send(l, ENI_D, d).reason, 0);
	cr_expect_eq(lab_vpc_flows(l, 2)->half_open, 1);
	cr_expect_eq(lab_flows(l, true), 101);
}

/* Nor does it take the room of the other ENIs of its own. */
Test(share, half_open_ones_leave_room)
{
	struct packet_spec p = packet(ENI_A, IPPROTO_TCP, 0);

	share_flow(90, 0);
	p.tcp_flags = SYN;
	for (p.sport = 1; p.sport <= 200; p.sport++)
		cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_leq(lab_half_open(l), 31);
	cr_expect_geq(connect_many(ENI_B, 100), 5);
}

/* Everything that an entry counts for is given back when it goes, whichever way. */
Test(share, what_goes_is_given_back)
{
	struct packet_spec rst = packet(ENI_A, IPPROTO_TCP, 1000);

	share_flow(5, 1000);
	cr_assert_eq(connect_many(ENI_A, 20), 20);
	cr_expect_eq(lab_host_flows(l)->pool_used, 15);
	rst.tcp_flags = RST;
	cr_expect_eq(lab_send(l, ENI_A, rst).reason, 0);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 19);
	cr_expect_eq(lab_host_flows(l)->pool_used, 14);
	rst.tcp_flags = ACK;
	cr_expect_eq(lab_send(l, ENI_A, rst).reason, 0);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 20, "back again");
	lab_age(l, 500000);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 20);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 0);
	cr_expect_eq(lab_vpc_flows(l, 1)->half_open, 0);
	cr_expect_eq(lab_host_flows(l)->pool_used, 0);
	cr_expect_eq(lab_eni_flows(l, ENI_A)->opened, 0);
	cr_assert_eq(connect_many(ENI_A, 20), 20);
	lab_sweep(l, VPC_SWEEP_CUT, 0);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 0);
	cr_expect_eq(lab_host_flows(l)->pool_used, 0);
}

/* Flows of who has too many are ended early, when they have been idle for a minute. */
Test(share, ended_early)
{
	struct packet_spec p = packet(ENI_A, IPPROTO_TCP, 1001);

	cr_assert_eq(connect_many(ENI_A, 3), 3);
	lab_age(l, 58);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_END, 0), 0, "not idle for long enough");
	p.tcp_flags = ACK;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	lab_age(l, 3);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_END, 0), 2);
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 1);
	cr_expect_eq(lab_eni_flows(l, ENI_A)->opened, 1);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "the active one lives");
	p.sport = 1000;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_NO_FLOW);
	p.tcp_flags = SYN;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	lab_age(l, 61);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_END, 0), 1, "only established ones");
}

/* --- the others --- */

static void flood(uint32_t number, unsigned n)
{
	struct packet_spec p = packet(number, IPPROTO_UDP, 0);

	for (unsigned i = 0; i < n; i++) {
		p.sport = (uint16_t)(1000 + i);
		cr_assert_eq(lab_send(l, number, p).reason, 0, "a flood is carried like anything else");
	}
}

static void expect_answered(uint32_t number, const char *when)
{
	struct packet_spec p = packet(number, IPPROTO_UDP, 53);

	cr_expect_eq(lab_deliver(l, number, 0, answer(p)).reason, 0, "%s", when);
}

/* The scan of one ENI makes nobody else's answers fail. */
Test(share, a_flood_evicts_only_its_own)
{
	static const uint32_t others[] = {ENI_B, ENI_C, ENI_D};

	share_new(100, 200);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(lab_send(l, others[i], packet(others[i], IPPROTO_UDP, 53)).reason, 0);
	flood(ENI_A, SHARE_MANY);
	cr_expect_leq(lab_flows(l, false), 100 + 200, "%u", lab_flows(l, false));
	cr_expect_geq(lab_flows(l, false), 100, "%u", lab_flows(l, false));
	cr_expect_gt(lab_overflow(l), 0);
	for (size_t i = 0; i < 3; i++)
		expect_answered(others[i], "seen before the flood");
	flood(ENI_B, 20);
	flood(ENI_D, 40);
	cr_expect_eq(lab_eni_flows(l, ENI_D)->unconfirmed[0].now & 0xffffffff, 41, "others have room still");
	for (size_t i = 0; i < 3; i++)
		expect_answered(others[i], "afterwards");
}

/* A flow of who has more than his share works as any other, as long as nobody evicts it. */
Test(share, beyond_the_share_flows_work)
{
	struct packet_spec p = packet(ENI_A, IPPROTO_UDP, 53), a = answer(p);

	share_new(0, 0);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_overflow(l), 1);
	cr_expect_eq(lab_flows(l, false), 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, a).reason, 0);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_overflow(l), 0);
	cr_expect(lab_flow_state(l, VPC_FLOW_STREAM, true), "established, it moves like any other");
	cr_expect_eq(lab_vpc_flows(l, 1)->total, 1);
	lab_age(l, 200);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_flows(l, true), 0, "the expired one was replaced");
	cr_expect_eq(lab_overflow(l), 1);
	share_new(100, 0);
	lab_age(l, 31);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_overflow(l), 0, "and there is one of it");
	cr_expect_eq(lab_flows(l, false), 1);
	share_new(0, 0);
	lab_age(l, 31);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_overflow(l), 1);
	cr_expect_eq(lab_flows(l, false), 0);
	lab_sweep(l, VPC_SWEEP_CUT, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, a).reason, VPC_DROP_REVOKED, "a cut one is cut");
	lab_age(l, 1000);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_EXPIRE, 0), 1);
	cr_expect_eq(lab_overflow(l), 0);
}

/* A connection without an established place, and one that is over, are remembered in the same way. */
Test(share, beyond_the_share_connections_work)
{
	struct packet_spec p = packet(ENI_A, IPPROTO_TCP, 1000);

	share_new(0, 0);
	lab_ctl(l)->half_open_max = 0;
	cr_expect_eq(connect_out(ENI_A, 1000), 0);
	cr_expect_eq(lab_flows(l, true), 1);
	cr_expect_eq(lab_overflow(l), 0);
	p.tcp_flags = RST;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_flows(l, true), 0);
	cr_expect_eq(lab_overflow(l), 1);
	p.tcp_flags = ACK;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_expect_eq(lab_flows(l, true), 1, "it was none");
	cr_expect_eq(lab_overflow(l), 0);
}

/* Who resets connections to fill flow_new comes no further than by any other flood. */
Test(share, reset_connections_count_too)
{
	struct packet_spec p = packet(ENI_A, IPPROTO_TCP, 0);

	share_new(60, 0);
	cr_assert_eq(lab_send(l, ENI_D, packet(ENI_D, IPPROTO_UDP, 53)).reason, 0);
	for (unsigned i = 0; i < SHARE_MANY; i++) {
		p.sport = (uint16_t)(1000 + i);
		cr_assert_eq(connect_out(ENI_A, p.sport), 0);
		p.tcp_flags = RST;
		cr_assert_eq(lab_send(l, ENI_A, p).reason, 0);
	}
	cr_expect_leq(lab_flows(l, false), 61);
	expect_answered(ENI_D, "after the flood");
}

/* Entries that are kept alive count as long as they are. */
Test(share, kept_alive)
{
	struct vpc_window *w = &lab_eni_flows(l, ENI_A)->unconfirmed[0];
	uint64_t count;

	lab_eni_row(l, ENI_A)->udp_idle_s = 60;
	flood(ENI_A, 10);
	count = w->now & 0xffffffff;
	flood(ENI_A, 10);
	cr_expect_eq(w->now & 0xffffffff, count, "once in a window");
	lab_age(l, 40);
	flood(ENI_A, 10);
	cr_expect_geq((w->now & 0xffffffff) + (w->before & 0xffffffff), count + 10, "again in another");
	cr_expect_eq(lab_flows(l, false), 10);
	share_new(5, 0);
	w->now -= 2ull << 32; /* the window is over, the share became smaller */
	lab_vpc_flows(l, 1)->unconfirmed[0].now -= 2ull << 32;
	lab_age(l, 40);
	flood(ENI_A, 10);
	cr_expect_leq(lab_flows(l, false), 5, "what is beyond the share moves out");
	cr_expect_eq(lab_flows(l, false) + lab_overflow(l), 10);
	for (uint16_t i = 0; i < 10; i++)
		cr_expect_eq(lab_deliver(l, ENI_A, 0, answer(packet(ENI_A, IPPROTO_UDP, (uint16_t)(1000 + i)))).reason,
			     0, "and works");
}

/* What an ENI gets from outside doesn't take the place of what it sends. */
Test(share, flows_from_outside_are_counted_apart)
{
	struct packet_spec p = {.src = "198.51.100.9", .dst = "10.0.0.11", .proto = IPPROTO_UDP, .dport = 53};

	share_new(100, 100);
	cr_assert_eq(lab_send(l, ENI_B, packet(ENI_B, IPPROTO_UDP, 53)).reason, 0);
	for (unsigned i = 0; i < SHARE_MANY; i++) {
		p.sport = (uint16_t)(1000 + i);
		cr_assert_eq(lab_deliver(l, ENI_B, 0, p).reason, 0);
	}
	cr_expect_leq(lab_flows(l, false), 101, "%u", lab_flows(l, false));
	expect_answered(ENI_B, "after the flood");
	flood(ENI_B, 50);
	cr_expect_geq(lab_eni_flows(l, ENI_B)->unconfirmed[0].now & 0xffffffff, 51);
}

/* What was counted fades within two windows. */
Test(share, windows_end)
{
	struct vpc_eni_flows *n = lab_eni_flows(l, ENI_A);
	struct vpc_vpc_flows *v = lab_vpc_flows(l, 1);

	share_new(30, 0);
	flood(ENI_A, 100);
	cr_expect_leq(lab_flows(l, false), 30);
	cr_expect_gt(lab_overflow(l), 0);
	n->unconfirmed[0].now -= 2ull << 32;
	v->unconfirmed[0].now -= 2ull << 32;
	cr_expect_eq(lab_send(l, ENI_A, packet(ENI_A, IPPROTO_UDP, 53)).reason, 0);
	cr_expect_eq(n->unconfirmed[0].now & 0xffffffff, 1, "as if nothing had been");
}
