/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Totals of flows: both ways, later flows of the same tuple, shares of VPCs, and what is lost. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "observe/flow_totals.h"

#define MAX 8u
#define A   1024u /* ENIs */
#define B   1025u

static struct flow_totals *t;

static void open_totals(void)
{
	cr_assert_eq(flow_totals_new(MAX, &t), 0);
	cr_assert_eq(flow_totals_begin(t, 1, 100), 0);
}

static void close_totals(void)
{
	flow_totals_free(t);
}

TestSuite(flow_totals, .init = open_totals, .fini = close_totals);

static void mapped(__be32 addr[4], uint32_t ip)
{
	addr[2] = htonl(0xffff);
	addr[3] = htonl(ip);
}

/* What `from` sends to `to` by a device. */
static struct flow_total sent_by(uint32_t ifindex, uint32_t from, uint32_t to, uint16_t sport, uint16_t dport)
{
	struct flow_total f = {
		.key = {.ifindex = ifindex, .sport = htons(sport), .dport = htons(dport), .proto = IPPROTO_TCP},
		.vpc = 1,
		.created_ns = 200,
		.packets = 10,
		.bytes = 1000,
	};

	mapped(f.key.src, from);
	mapped(f.key.dst, to);
	return f;
}

/* A flow that 10.0.0.1:5000 opens to 10.0.0.2:443, or the other way round. */
static struct flow_counts counts_of(unsigned opener, uint32_t src_eni, uint32_t dst_eni, uint64_t created_ns)
{
	struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP, .port = {htons(5000), htons(443)}};
	struct vpc_flow flow = {.opener = (__u8)opener, .eni = {src_eni, dst_eni}, .created_ns = created_ns};

	mapped(key.addr[0], 0x0a000001);
	mapped(key.addr[1], 0x0a000002);
	return flow_totals_of(t, &key, &flow);
}

Test(flow_totals, both_ways_as_the_opener_sees_them)
{
	struct flow_total forth = sent_by(A, 0x0a000001, 0x0a000002, 5000, 443);
	struct flow_total back = sent_by(B, 0x0a000002, 0x0a000001, 443, 5000);
	struct flow_counts c;

	back.packets = 7;
	back.bytes = 70000;
	flow_totals_add(t, &forth, 300);
	flow_totals_add(t, &forth, 400);
	flow_totals_add(t, &back, 400);
	c = counts_of(0, A, B, 200);
	cr_assert(c.known && c.complete);
	cr_expect_eq(c.packets_sent, 20);
	cr_expect_eq(c.bytes_sent, 2000);
	cr_expect_eq(c.packets_received, 7);
	cr_expect_eq(c.bytes_received, 70000);
	c = counts_of(1, B, A, 200);
	cr_expect_eq(c.packets_sent, 7);
	cr_expect_eq(c.packets_received, 20);
}

Test(flow_totals, an_end_outside_comes_by_the_uplink_and_by_nothing_else)
{
	struct flow_total forth = sent_by(A, 0x0a000001, 0x0a000002, 5000, 443);
	struct flow_total back = sent_by(VPC_UPLINK_FIRST + 1, 0x0a000002, 0x0a000001, 443, 5000);
	struct flow_total forged = sent_by(B, 0x0a000002, 0x0a000001, 443, 5000);

	flow_totals_add(t, &forth, 300);
	flow_totals_add(t, &forged, 300);
	cr_expect_eq(counts_of(0, A, 0, 200).packets_received, 0);
	flow_totals_add(t, &back, 300);
	cr_expect_eq(counts_of(0, A, 0, 200).packets_received, 10);
}

Test(flow_totals, a_later_flow_of_the_same_tuple_begins_at_nothing)
{
	struct flow_total forth = sent_by(A, 0x0a000001, 0x0a000002, 5000, 443);

	flow_totals_add(t, &forth, 300);
	cr_expect_not(counts_of(0, A, B, 500).known);
	forth.created_ns = 500;
	flow_totals_add(t, &forth, 600);
	cr_expect_eq(counts_of(0, A, B, 500).packets_sent, 10);
	cr_expect_not(counts_of(0, A, B, 200).known);
	cr_expect_eq(flow_totals_count(t), 1);
}

Test(flow_totals, older_than_the_counting_or_than_a_loss_is_incomplete)
{
	struct flow_total forth = sent_by(A, 0x0a000001, 0x0a000002, 5000, 443);

	forth.created_ns = 50;
	flow_totals_add(t, &forth, 300);
	cr_expect(counts_of(0, A, B, 50).known);
	cr_expect_not(counts_of(0, A, B, 50).complete);
	forth.created_ns = 200;
	flow_totals_add(t, &forth, 300);
	cr_expect(counts_of(0, A, B, 200).complete);
	flow_totals_lost(t, 2, 300);
	cr_expect(counts_of(0, A, B, 200).complete);
	flow_totals_lost(t, 0, 300);
	cr_expect_not(counts_of(0, A, B, 200).complete);
}

/* Fills VPC 2 with more flows than there is room for. */
static void flood(void)
{
	for (uint16_t i = 0; i < 3 * MAX; i++) {
		struct flow_total f = sent_by(A + 100, 0x0a000001, 0x0a000002, (uint16_t)(1000 + i), 443);

		f.vpc = 2;
		flow_totals_add(t, &f, 300);
	}
}

Test(flow_totals, one_vpc_cant_take_the_room_of_another)
{
	struct flow_total forth = sent_by(A, 0x0a000001, 0x0a000002, 5000, 443);

	cr_assert_eq(flow_totals_begin(t, 2, 100), 0);
	flood();
	cr_expect_eq(flow_totals_count(t), MAX / 2);
	cr_expect_eq(flow_totals_refused(t), 3 * MAX - MAX / 2);
	flow_totals_add(t, &forth, 300);
	cr_expect_eq(counts_of(0, A, B, 200).packets_sent, 10);
	cr_expect(counts_of(0, A, B, 200).complete);
	flow_totals_end(t, 2);
	cr_expect_eq(flow_totals_count(t), 1);
}

Test(flow_totals, where_nothing_is_observed_nothing_is_known)
{
	struct flow_total forth = sent_by(A, 0x0a000001, 0x0a000002, 5000, 443);

	forth.vpc = 3;
	flow_totals_add(t, &forth, 300);
	cr_expect_eq(flow_totals_count(t), 0);
	cr_expect_eq(flow_totals_refused(t), 0);
	forth.vpc = 1;
	flow_totals_add(t, &forth, 300);
	flow_totals_end(t, 1);
	cr_expect_not(flow_totals_observes(t, 1));
	cr_expect_not(counts_of(0, A, B, 200).known);
}

Test(flow_totals, entries_are_looked_after_in_turn_and_freed_when_their_flow_is_gone)
{
	struct flow_total copy[MAX], again[MAX];

	for (uint16_t i = 0; i < 5; i++) {
		struct flow_total f = sent_by(A, 0x0a000001, 0x0a000002, (uint16_t)(5000 + i), 443);

		flow_totals_add(t, &f, 300);
	}
	cr_expect_eq(flow_totals_next(t, copy, 3), 3);
	cr_expect_eq(flow_totals_next(t, again, 2), 2);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 2; k++)
			cr_expect_neq(copy[i].key.sport, again[k].key.sport);
	flow_totals_gone(t, &copy[0]);
	copy[1].created_ns++; /* a later flow has it by now */
	flow_totals_gone(t, &copy[1]);
	cr_expect_eq(flow_totals_count(t), 4);
	cr_expect_eq(flow_totals_next(t, again, MAX), 4);
}
