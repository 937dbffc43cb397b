/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd's side of young connections (datapath/maps/flows/young.h): it finds them, moves them, and keeps flow_stored. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include <vpc/abi/flow_tag.h>

#include "datapath/maps/flows/young.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_young, .init = maps_setup_without_judging, .fini = maps_teardown);

#define NOW_NS (1000000 * 1000000000ull)

static struct maps *world(void)
{
	struct maps *t = maps_with_enis((const uint32_t[]){1, 1}, 2);

	shares_update(t);
	return t;
}

static struct vpc_flow_key key_of(uint16_t sport)
{
	return (struct vpc_flow_key){
		.vpc = 1,
		.addr = {{0, 0, htonl(0xffff), htonl(0x0a000001)}, {0, 0, htonl(0xffff), htonl(0x0a000002)}},
		.port = {htons(sport), htons(80)},
		.proto = 6};
}

/* A connection of ENI 1 to ENI 2 in its slot, as the programs leave it. */
static void begin(struct maps *t, uint16_t sport, uint64_t created_ns)
{
	struct vpc_flow_key key = key_of(sport);
	uint64_t tag = vpc_flow_tag(&key);

	*young_at(t, VPC_YOUNG_SLOT(tag)) = (struct vpc_young){
		.key = key,
		.flow = {.tag = tag,
			 .epoch = 1,
			 .created_ns = created_ns,
			 .last_seen_ns = created_ns,
			 .eni = {VPC_ENI_FIRST + 1, VPC_ENI_FIRST + 2},
			 .incarnation = {1, 1},
			 .timeout_s = 432000,
			 .state = VPC_FLOW_ESTABLISHED,
			 .icmp_type = 9},
	};
}

static bool in_slot(const struct maps *t, uint16_t sport)
{
	struct vpc_flow_key key = key_of(sport);
	struct vpc_flow flow;

	return young_find(t, &key, &flow);
}

static bool in_map(const struct maps *t, uint16_t sport, struct vpc_flow *ret)
{
	struct vpc_flow_key key = key_of(sport);

	return bpf_map_lookup_elem(t->map[MAP_FLOW].fd, &key, ret) == 0;
}

static uint8_t *cell_of(const struct maps *t, uint16_t sport)
{
	struct vpc_flow_key key = key_of(sport);

	return &stored_at(t, 0)->round[VPC_STORED_CELL(vpc_flow_tag(&key))];
}

static int count_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	(void)key, (void)flow;
	*(unsigned *)userdata += established;
	return 0;
}

Test(maps_young, old_ones_are_moved)
{
	struct maps *t = world();
	struct vpc_flow flow;

	begin(t, 1, NOW_NS - 1);
	begin(t, 2, NOW_NS);
	cr_assert_eq(young_flush(t, NOW_NS), 0);
	cr_expect(!in_slot(t, 1));
	cr_assert(in_map(t, 1, &flow));
	cr_expect_eq(flow.flags, VPC_FLOW_BUDGETED);
	cr_expect_eq(flow.icmp_type, 0);
	cr_expect_eq(vpc_flows_at(t, 1)->total, 1);
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 1)->opened, 1);
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 2)->answered, 1);
	cr_expect_eq(*cell_of(t, 1), host_flows_at(t, 0)->stored_round);
	cr_expect(in_slot(t, 2));
	cr_expect(!in_map(t, 2, &flow));
	maps_close(t);
}

/* More than one run of the sweep takes. */
Test(maps_young, whoever_walks_all_flows_sees_them)
{
	struct maps *t = world();
	unsigned n = 0, begun = 0;
	struct vpc_flow flow;

	for (uint16_t sport = 1; begun < 3 * VPC_SWEEP_MAX; sport++) {
		struct vpc_flow_key key = key_of(sport);

		if (young_at(t, VPC_YOUNG_SLOT(vpc_flow_tag(&key)))->flow.state != VPC_FLOW_NONE)
			continue;
		begin(t, sport, NOW_NS);
		begun++;
	}
	cr_assert_eq(maps_each_flow(t, 0, count_flow, &n), 0);
	cr_expect_eq(n, begun);
	cr_expect(!in_slot(t, 1) && in_map(t, 1, &flow));
	maps_close(t);
}

Test(maps_young, a_packet_finds_its_flow)
{
	struct vpc_flow_key key = key_of(7);
	struct maps *t = world();
	struct vpc_flow flow;
	bool from_opener;

	cr_expect_lt(maps_find_flow(t, 1, 6, key.addr[1], key.addr[0], key.port[1], key.port[0], &flow, &from_opener),
		     0);
	begin(t, 7, NOW_NS);
	cr_assert_eq(maps_find_flow(t, 1, 6, key.addr[1], key.addr[0], key.port[1], key.port[0], &flow, &from_opener),
		     0);
	cr_expect(!from_opener);
	cr_expect_eq(flow.eni[1], VPC_ENI_FIRST + 2);
	cr_expect(in_slot(t, 7), "it only looked");
	maps_close(t);
}

/* Whether the cell's number is one of those that the programs take for "may be stored". */
static bool is_noted(const struct maps *t, uint16_t sport)
{
	uint32_t round = host_flows_at(t, 0)->stored_round, noted = *cell_of(t, sport);

	return noted && (noted <= round ? round - noted : round + VPC_STORED_LAST - noted) < VPC_STORED_ROUNDS;
}

/* Also when the number of the round begins again. */
Test(maps_young, what_is_in_a_map_stays_noted)
{
	struct maps *t = world();
	struct maps_expiry *x = NULL;
	struct vpc_flow_key key = key_of(1);

	cr_assert_eq(maps_expiry_new(t, 16384, &x), 0);
	host_flows_at(t, 0)->stored_round = 250;
	begin(t, 1, NOW_NS);
	begin(t, 2, NOW_NS);
	cr_assert_eq(young_flush(t, UINT64_MAX), 0);
	for (unsigned i = 0; i < 10; i++) {
		maps_expiry_round(t, x, NOW_NS);
		cr_expect(is_noted(t, 1), "after %u rounds", i);
	}
	cr_expect_eq(host_flows_at(t, 0)->stored_round, 4, "the first round has the number that it found");
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_FLOW].fd, &key), 0);
	for (unsigned i = 0; i < VPC_STORED_ROUNDS + 1; i++)
		maps_expiry_round(t, x, NOW_NS);
	cr_expect(!is_noted(t, 1), "nothing has it any more");
	cr_expect(is_noted(t, 2));
	maps_expiry_free(x);
	maps_close(t);
}

/* vpcd dies again and again before a round is over. */
Test(maps_young, a_round_that_was_not_ended_does_not_count)
{
	struct maps *t = world();

	begin(t, 1, NOW_NS);
	cr_assert_eq(young_flush(t, UINT64_MAX), 0);
	for (unsigned i = 0; i < 2 * VPC_STORED_ROUNDS; i++) {
		struct maps_expiry *x = NULL;

		cr_assert_eq(maps_expiry_new(t, 16384, &x), 0);
		maps_expiry_plan(t, x, NOW_NS);
		cr_assert_eq(maps_expiry_read(x), 0);
		*cell_of(t, 1) = 1; /* as if it were not read yet */
		maps_expiry_free(x);
	}
	cr_expect(is_noted(t, 1));
	maps_close(t);
}
