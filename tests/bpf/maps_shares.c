/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd's side of the shares: what VPCs are guaranteed, counts that are wrong, flows that are ended early. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include <vpc/abi/flow_tag.h>

#include "tests/bpf/maps_util.h"

TestSuite(maps_shares, .init = maps_setup_without_judging, .fini = maps_teardown);

#define NOW_NS (1000000 * 1000000000ull)

/* ENIs 1, 2 in VPC 1, 3 in VPC 2. */
static struct maps *world(void)
{
	return maps_with_enis((const uint32_t[]){1, 1, 2}, 3);
}

/* An established flow that ENI n opened, idle for so long; counted as the programs do. */
static void add_flow(struct maps *t, uint32_t n, uint32_t nth, uint32_t idle_s)
{
	uint32_t number = VPC_ENI_FIRST + n, vpc = n == 3 ? 2 : 1;
	struct vpc_flow_key key = {.vpc = vpc, .addr[0][3] = nth, .proto = 6};
	struct vpc_flow flow = {.tag = vpc_flow_tag(&key),
				.last_seen_ns = NOW_NS - idle_s * 1000000000ull,
				.eni = {number},
				.incarnation = {1},
				.timeout_s = 432000,
				.state = VPC_FLOW_ESTABLISHED,
				.flags = VPC_FLOW_BUDGETED};

	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW].fd, &key, &flow, BPF_NOEXIST), 0);
	eni_flows_at(t, number)->opened++;
	vpc_flows_at(t, vpc)->total++;
}

static bool has_flow(struct maps *t, uint32_t n, uint32_t nth)
{
	struct vpc_flow_key key = {.vpc = n == 3 ? 2 : 1, .addr[0][3] = nth, .proto = 6};
	struct vpc_flow flow;

	return bpf_map_lookup_elem(t->map[MAP_FLOW].fd, &key, &flow) == 0;
}

Test(maps_shares, sum_is_less_than_the_map)
{
	struct maps *t = world();
	struct vpc_host_flows *h = host_flows_at(t, 0);

	shares_update(t);
	cr_expect_eq(h->flow_guaranteed, 1024 / 2 / 2, "two VPCs have an ENI");
	cr_expect_lt(2 * h->flow_guaranteed + h->flow_pool, 1024);
	cr_expect_eq(h->new_guaranteed, 1024 / 4 / 2);
	cr_expect_leq(2 * h->new_guaranteed + h->new_pool, 1024 / 2);
	for (uint32_t i = 0; i < 300; i++)
		add_flow(t, 1, i, 0);
	shares_update(t);
	cr_expect_eq(h->pool_used, 300 - 256, "counted anew");
	maps_close(t);
}

Test(maps_shares, wrong_counts_are_put_right)
{
	struct maps *t = world();
	struct maps_expiry *x = NULL;

	cr_assert_eq(maps_expiry_new(t, 16384, &x), 0);
	for (uint32_t i = 0; i < 50; i++)
		add_flow(t, 1, i, 0);
	eni_flows_at(t, VPC_ENI_FIRST + 1)->opened += 500;
	eni_flows_at(t, VPC_ENI_FIRST + 2)->answered -= 3;
	vpc_flows_at(t, 1)->total += 70;
	vpc_flows_at(t, 2)->half_open += 5;
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 1)->opened, 550, "perhaps a packet is about to count");
	eni_flows_at(t, VPC_ENI_FIRST + 2)->answered--; /* as a packet does */
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 1)->opened, 50);
	cr_expect_eq(vpc_flows_at(t, 1)->total, 50);
	cr_expect_eq(vpc_flows_at(t, 2)->half_open, 0);
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 2)->answered, -4, "one that changes is not judged");
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 2)->answered, 0);
	maps_expiry_free(x);
	maps_close(t);
}

Test(maps_shares, idle_longest_of_who_holds_most)
{
	struct maps *t = world();
	struct maps_expiry *x = NULL;

	cr_assert_eq(maps_expiry_new(t, 16384, &x), 0);
	for (uint32_t i = 0; i < 100; i++)
		add_flow(t, 3, i, 1000); /* below its share */
	for (uint32_t i = 0; i < 40; i++)
		add_flow(t, 2, 1000 + i, 2000); /* of the same VPC, but few */
	for (uint32_t i = 0; i < 200; i++)
		add_flow(t, 1, i, i < 100 ? 61 + i : 30);
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(t->evicted, 0, "there is room");
	t->mirror.enis[VPC_ENI_FIRST + 1].row.flow_budget = 210; /* it has nearly as many as it may */
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(t->evicted, 200 / 8 + 1);
	cr_expect(!has_flow(t, 1, 99) && !has_flow(t, 1, 99 - 25), "those first that have been idle longest");
	cr_expect(has_flow(t, 1, 99 - 26) && has_flow(t, 1, 0) && has_flow(t, 1, 150));
	cr_expect(has_flow(t, 3, 5) && has_flow(t, 2, 1005));
	cr_expect_eq(eni_flows_at(t, VPC_ENI_FIRST + 1)->opened, 200 - 26);
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(t->evicted, 26, "it has room again");
	maps_expiry_free(x);
	maps_close(t);
}

Test(maps_shares, vpcs_that_take_most_of_the_pool)
{
	struct maps *t = world();
	struct maps_expiry *x = NULL;

	cr_assert_eq(maps_expiry_new(t, 16384, &x), 0);
	for (uint32_t i = 0; i < 100; i++)
		add_flow(t, 3, i, 1000);
	for (uint32_t i = 0; i < 650; i++)
		add_flow(t, i % 2 + 1, i, 100 + i);
	for (unsigned i = 0; i < 20; i++)
		cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_gt(t->evicted, 50);
	cr_expect_lt(host_flows_at(t, 0)->pool_used, host_flows_at(t, 0)->flow_pool * 3 / 4);
	cr_expect_eq(vpc_flows_at(t, 2)->total, 100, "nothing of who is within his share");
	cr_expect(has_flow(t, 1, 0) && !has_flow(t, 2, 649));
	maps_expiry_free(x);
	maps_close(t);
}

/* An empty flow_overflow costs no lookup. */
Test(maps_shares, overflow_is_found_empty)
{
	struct maps *t = world();
	struct maps_expiry *x = NULL;
	struct vpc_host_flows *h = host_flows_at(t, 0);
	struct vpc_flow_key key = {.vpc = 1};
	struct vpc_flow flow = {.last_seen_ns = NOW_NS, .timeout_s = 30};

	cr_assert_eq(maps_expiry_new(t, 16384, &x), 0);
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW_OVERFLOW].fd, &key, &flow, BPF_ANY), 0);
	h->overflow_ns = NOW_NS - 100 * 1000000000ull;
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_neq(h->overflow_ns, 0, "it isn't");
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_FLOW_OVERFLOW].fd, &key), 0);
	h->overflow_ns = NOW_NS - 1000000000ull;
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_neq(h->overflow_ns, 0, "somebody may be about to put something there");
	h->overflow_ns = NOW_NS - 100 * 1000000000ull;
	cr_assert_eq(maps_expiry_round(t, x, NOW_NS), 0);
	cr_expect_eq(h->overflow_ns, 0);
	maps_expiry_free(x);
	maps_close(t);
}
