/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Young connections (lib/flow/young.h): each way into a slot and out of it. tcp_fast_path_scripts.c compares them with
 * other connections by random packets.
 */
#include "tests/bpf/tcp_path_util.h"
#include "tests/bpf/young_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <vpc/abi/flow_tag.h>

static uint32_t row;

LAB_SUITE(young, tcp_lab_open(&row));

static void fill_syn_cache(void)
{
	young_use(l, 0);
	tcp_fill_syn_cache();
	young_use(l, VPC_YOUNG_SLOTS);
}

/* Makes the connections in slots new: a test that is held up for a second shouldn't find them old. */
static void stay_young(void)
{
	for (uint32_t i = 0; i < VPC_YOUNG_SLOTS; i++)
		if (l->young[i].flow.state != VPC_FLOW_NONE)
			l->young[i].flow.created_ns = lab_now_ns() - 20000000;
}

static void expect_fast(const char *what, uint32_t from, struct packet_spec p)
{
	stay_young();
	tcp_expect_fast(what, from, p);
}

static void expect_in_maps(unsigned established, unsigned others)
{
	cr_expect_eq(young_count(l), 0);
	cr_expect_eq(lab_flows(l, true), established);
	cr_expect_eq(lab_flows(l, false), others);
}

static void expect_in_slot(void)
{
	cr_expect_eq(young_count(l), 1);
	cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 0);
	tcp_expect_nothing_counted();
}

/* The key of A's connection from this port. */
static struct vpc_flow_key key_of(uint16_t sport)
{
	struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP, .port = {htons(sport), htons(80)}};
	unsigned plen;

	lab_parse_cidr("10.0.0.10", key.addr[0], &plen, true);
	lab_parse_cidr("10.0.0.11", key.addr[1], &plen, true);
	return key;
}

static uint32_t slot_of(uint16_t sport)
{
	struct vpc_flow_key key = key_of(sport);

	return VPC_YOUNG_SLOT(vpc_flow_tag(&key));
}

Test(young, a_connection_is_in_a_slot_until_it_is_over)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	expect_in_slot();
	cr_expect_eq(young_the_slot(l) - l->young, slot_of(PORTS_FROM));
	expect_fast("data", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	expect_fast("B's FIN", ENI_B, tcp_from_b(PORTS_FROM, FIN | ACK, 1, 1));
	expect_fast("A's FIN", ENI_A, tcp_from_a(PORTS_FROM, FIN | ACK, 1, 2));
	expect_in_slot();
	expect_fast("the last ACK", ENI_B, tcp_from_b(PORTS_FROM, ACK, 2, 2));
	expect_in_maps(0, 0);
	tcp_expect_drop("behind it", ENI_B, tcp_from_b(PORTS_FROM, ACK, 2, 2), VPC_DROP_NO_FLOW);
	tcp_handshake(PORTS_FROM);
	expect_in_slot();
}

Test(young, of_ipv6_too)
{
	struct packet_spec p = tcp_syn(PORTS_FROM);

	young_use(l, VPC_YOUNG_SLOTS);
	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	tcp_expect_slow("the first SYN", ENI_A, p);
	p.sport++;
	expect_fast("the second", ENI_A, p);
	cr_expect_eq(young_count(l), 1);
}

Test(young, what_is_older_than_a_second_counts)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	stay_young();
	lab_age_ms(l, 500);
	tcp_expect_fast("not yet", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	expect_in_slot();
	lab_age_ms(l, 600);
	tcp_expect_slow("older", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	expect_in_maps(1, 0);
	cr_expect_eq(tcp_the_flow(true).flags, VPC_FLOW_BUDGETED);
	cr_expect_eq(lab_established(l, ENI_A), 1);
	cr_expect_eq(lab_established(l, ENI_B), 1);
	expect_fast("from `flow`", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1));
}

Test(young, vpcd_moves_it_as_it_is)
{
	struct vpc_flow before, after;

	fill_syn_cache();
	expect_fast("SYN", ENI_A, tcp_syn(PORTS_FROM));
	before = young_the_slot(l)->flow;
	young_flush_all(l);
	expect_in_maps(1, 0);
	cr_expect_eq(lab_half_open(l), 1);
	after = tcp_the_flow(true);
	before.icmp_type = 0; /* the slot's count */
	cr_expect_eq(memcmp(&before, &after, sizeof(after)), 0);
	expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	expect_fast("ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(lab_half_open(l), 0);
	cr_expect_eq(lab_established(l, ENI_A), 1);
}

Test(young, there_is_no_room_in_flow_for_what_is_flushed)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	lab_eni_row(l, ENI_A)->flow_budget = 0;
	young_flush_all(l);
	expect_in_maps(0, 1);
	tcp_expect_nothing_counted();
	cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1)).reason, 0);
}

Test(young, a_revocation_cuts_it)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	lab_revoke(l, row);
	lab_commit(l);
	tcp_expect_drop("of A", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
	tcp_expect_drop("of B", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
	expect_in_maps(1, 0);
	cr_expect_eq(tcp_the_flow(true).state, VPC_FLOW_TOMBSTONE);
	tcp_expect_nothing_counted();
}

Test(young, vpcd_cuts_it)
{
	struct vpc_flow_key key = key_of(PORTS_FROM);

	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	cr_expect_eq(young_sweep(l, VPC_SWEEP_CUT, &key), VPC_SWEPT_DONE);
	expect_in_maps(1, 0);
	tcp_expect_drop("of B", ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1), VPC_DROP_REVOKED);
}

Test(young, another_eni_at_the_port_has_no_part_in_it)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	lab_eni_row(l, ENI_B)->incarnation++;
	cr_expect_neq(lab_send(l, ENI_B, tcp_from_b(PORTS_FROM, ACK, 1, 1)).reason, 0);
}

Test(young, a_connection_has_one_entry)
{
	fill_syn_cache();
	expect_fast("SYN", ENI_A, tcp_syn(PORTS_FROM));
	tcp_expect_slow("again", ENI_A, tcp_syn(PORTS_FROM));
	expect_in_maps(1, 0);
	tcp_expect_slow("and again", ENI_A, tcp_syn(PORTS_FROM));
	expect_in_maps(1, 0);
	tcp_handshake(PORTS_FROM + 1);
	young_use(l, 0); /* none may begin in a slot, but one is in it */
	tcp_expect_slow("of one in a slot", ENI_A, tcp_syn(PORTS_FROM + 1));
	expect_in_maps(2, 0);
	cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(PORTS_FROM + 1, RST, 1, 1)).reason, 0);
	lab_age(l, 31);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	expect_in_maps(1, 0);
	young_use(l, VPC_YOUNG_SLOTS);
	/* an unsure RST moves it to flow_new */
	cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(PORTS_FROM, RST, 1, 1)).reason, 0);
	expect_in_maps(0, 1);
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM)).reason, 0);
	cr_expect_eq(young_count(l), 0);
	cr_expect_eq(lab_flows(l, true) + lab_flows(l, false), 1);
}

/* What the last three rounds of flow_stored noted may be in a map. */
Test(young, what_a_round_noted_is_looked_for)
{
	static const struct {
		uint8_t noted, round;
		bool young;
	} cases[] = {{0, 1, true},   {0, 255, true},  {7, 7, false},  {6, 7, false},   {5, 7, false},
		     {4, 7, true},   {8, 7, true},    {1, 1, false},  {255, 1, false}, {254, 1, false},
		     {253, 1, true}, {255, 2, false}, {254, 2, true}, {2, 2, false},   {255, 255, false}};
	struct vpc_flow_stored *stored = lab_map_memory(l->skel->maps.flow_stored);
	uint16_t sport = PORTS_FROM;

	fill_syn_cache();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++, sport++) {
		struct vpc_flow_key key = key_of(sport);

		lab_host_flows(l)->stored_round = cases[i].round;
		stored->round[VPC_STORED_CELL(vpc_flow_tag(&key))] = cases[i].noted;
		expect_fast("SYN", ENI_A, tcp_syn(sport));
		cr_expect_eq(young_count(l), cases[i].young, "noted in round %u, now %u", cases[i].noted,
			     cases[i].round);
		young_flush_all(l);
		cr_expect_eq(stored->round[VPC_STORED_CELL(vpc_flow_tag(&key))], cases[i].round);
	}
}

/* Two ports whose connections want the same slot. */
static void two_of_a_slot(uint16_t *first, uint16_t *second)
{
	static uint16_t port[VPC_YOUNG_SLOTS];

	for (uint16_t sport = PORTS_FROM;; sport++) {
		uint32_t slot = slot_of(sport);

		cr_assert_lt(sport, 60000);
		if (!port[slot]) {
			port[slot] = sport;
			continue;
		}
		*first = port[slot];
		*second = sport;
		return;
	}
}

Test(young, a_slot_has_one_connection)
{
	uint16_t first, second;

	two_of_a_slot(&first, &second);
	fill_syn_cache();
	tcp_handshake(first);
	tcp_handshake(second);
	cr_expect_eq(young_count(l), 1);
	cr_expect_eq(lab_flows(l, true), 1);
	cr_expect_eq(lab_established(l, ENI_A), 1);
	expect_fast("of the first", ENI_B, tcp_from_b(first, ACK, 1, 1));
	expect_fast("of the second", ENI_B, tcp_from_b(second, ACK, 1, 1));
	young_flush_all(l);
	expect_in_maps(2, 0);
	cr_expect_eq(lab_established(l, ENI_A), 2);
}

/* It may be filled with this very connection, for some nanoseconds: two entries would be one too many. */
Test(young, somebody_fills_the_slot)
{
	fill_syn_cache();
	l->young[slot_of(PORTS_FROM)].flow.opener = VPC_YOUNG_HELD;
	tcp_expect_drop("SYN", ENI_A, tcp_syn(PORTS_FROM), VPC_DROP_TRY_AGAIN);
	expect_in_maps(0, 0);
	l->young[slot_of(PORTS_FROM)].flow.opener = 0;
	tcp_handshake(PORTS_FROM);
	expect_in_maps(1, 0);
}

/* As if the sweep were interrupted: whoever comes next moves the connection. */
Test(young, somebody_moves_the_connection)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	young_the_slot(l)->flow.opener |= VPC_YOUNG_HELD;
	tcp_expect_slow("a FIN", ENI_B, tcp_from_b(PORTS_FROM, FIN | ACK, 1, 1));
	expect_in_maps(1, 0);
	cr_expect_eq(tcp_the_flow(true).opener, 0);
	cr_expect_eq(tcp_the_flow(true).flags, VPC_FLOW_BUDGETED | VPC_FLOW_FIN_RESPONDER);
}

/* The slow path takes some of the connection's packets, and each of its connections would have to be flushed. */
Test(young, a_connection_that_the_slow_path_sees_has_no_slot)
{
	fill_syn_cache();
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_TAP;
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM)).reason, 0);
	cr_expect_eq(young_count(l), 0, "the receiver's port is a tap");
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_TAP;
	lab_eni_row(l, ENI_A)->flags |= VPC_ENI_TAP;
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM + 1)).reason, 0);
	cr_expect_eq(young_count(l), 0, "the opener's port is a tap");
	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_TAP;
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM + 2)).reason, 0);
	cr_expect_eq(young_count(l), 0, "the receiver is an appliance");
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_SOURCE_DEST_CHECK;
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM + 3)).reason, 0);
	cr_expect_eq(young_count(l), 1);
}

/* A CPU that establishes the connection stores the timeout after the state. */
Test(young, the_timeout_follows_from_the_state)
{
	uint32_t timeout_s;

	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	timeout_s = young_the_slot(l)->flow.timeout_s;
	young_the_slot(l)->flow.timeout_s = 60;
	young_flush_all(l);
	cr_expect_eq(tcp_the_flow(true).timeout_s, timeout_s);
}

/* As if another CPU had inserted it from the same slot: nothing counts twice, and the entry stays as it is. */
Test(young, a_map_has_it_already)
{
	struct vpc_flow_key key = key_of(PORTS_FROM);
	struct vpc_young copy;
	struct vpc_flow f;

	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	copy = *young_the_slot(l);
	young_flush_all(l);
	f = tcp_the_flow(true);
	l->young[slot_of(PORTS_FROM)] = copy;
	young_sweep(l, VPC_SWEEP_FLUSH, &key);
	expect_in_maps(1, 0);
	cr_expect_eq(lab_established(l, ENI_A), 1);
	cr_expect_eq(tcp_the_flow(true).created_ns, f.created_ns);
}

static _Atomic bool flushing;

static void *flush_always(void *userdata)
{
	unsigned long n = 0;

	young_go_elsewhere();
	while (flushing)
		for (uint32_t i = 0; i < VPC_YOUNG_SLOTS; i++)
			if (l->young[i].flow.state != VPC_FLOW_NONE) {
				struct vpc_flow_key key = l->young[i].key;

				young_sweep(l, VPC_SWEEP_FLUSH, &key);
				n++;
			}
	*(unsigned long *)userdata = n;
	return NULL;
}

/* vpcd flushes connections while their packets pass: none is refused, none stays, and every count is right. */
Test(young, flushed_at_any_instant)
{
	unsigned long flushed = 0;
	pthread_t thread;

	fill_syn_cache();
	flushing = true;
	cr_assert_eq(pthread_create(&thread, NULL, flush_always, &flushed), 0);
	for (unsigned i = 0; i < 3000; i++) {
		uint16_t sport = (uint16_t)(PORTS_FROM + i);

		cr_expect_eq(lab_send(l, ENI_A, tcp_syn(sport)).reason, 0);
		cr_expect_eq(lab_send(l, ENI_B, tcp_from_b(sport, SYN | ACK, 0, 1)).reason, 0);
		cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(sport, ACK, 1, 1)).reason, 0);
		cr_expect_eq(lab_send(l, ENI_B, tcp_from_b(sport, FIN | ACK, 1, 1)).reason, 0);
		cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(sport, FIN | ACK, 1, 2)).reason, 0);
		cr_expect_eq(lab_send(l, ENI_B, tcp_from_b(sport, ACK, 2, 2)).reason, 0);
	}
	flushing = false;
	pthread_join(thread, NULL);
	young_flush_all(l);
	cr_expect_gt(flushed, 100ul, "only %lu were flushed", flushed);
	expect_in_maps(0, 0);
	tcp_expect_nothing_counted();
}

Test(young, shares_are_asked_at_the_SYN)
{
	fill_syn_cache();
	lab_eni_row(l, ENI_A)->flow_budget = 0;
	tcp_expect_drop("A is full", ENI_A, tcp_syn(PORTS_FROM), VPC_DROP_FLOW_BUDGET);
	expect_in_maps(0, 0);
}

/* Attack: SYNs that nobody answers. Where two want a slot, the second counts to the VPC's half-open connections, and
 * when these are too many none begins in a slot. So a VPC can't take all slots. */
Test(young, a_flood_of_syns)
{
	fill_syn_cache();
	tcp_handshake(PORTS_FROM);
	for (uint16_t i = 0; i < 4000; i++)
		cr_assert_eq(lab_send(l, ENI_A, tcp_syn(10000 + i)).reason, 0);
	cr_expect_leq(lab_half_open(l), 100);
	cr_expect_lt(young_count(l), VPC_YOUNG_SLOTS / 2);
	cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1)).reason, 0);
	young_flush_all(l);
	cr_expect_leq(lab_half_open(l), 100);
	cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1)).reason, 0);
}
