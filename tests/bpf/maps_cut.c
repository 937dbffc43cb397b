/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows a change cuts: found before it is published, after it, and a little at a time. Needs root and `ip`. */
#include <criterion/criterion.h>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <vpc/abi/flow_tag.h>

#include "datapath/maps/state.h"
#include "tests/bpf/grace_util.h"

TestSuite(maps_cut, .init = grace_setup, .fini = grace_teardown, .timeout = 120);

static int count_cut(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	(void)key, (void)flow;
	cr_assert(established);
	++*(unsigned *)userdata;
	return 0;
}

/* What the thread and the event loop find together. */
static unsigned found_cut(struct maps_change *c, unsigned *steps)
{
	_cleanup_(maps_cut_search_freep) struct maps_cut_search *x = NULL;
	unsigned n = 0;
	int r = MAPS_CUT_SEARCH_READ;

	cr_assert_eq(maps_cut_search_new(grace_maps, c, true, &x), 0);
	while (x && r != MAPS_CUT_SEARCH_END) {
		if (r == MAPS_CUT_SEARCH_READ)
			cr_assert_eq(maps_cut_search_read(x), 0);
		r = maps_cut_search_step(grace_maps, x, count_cut, &n);
		cr_assert_geq(r, 0);
		++*steps;
	}
	if (x)
		cr_assert_eq(maps_cut_search_last(grace_maps, c, count_cut, &n), 0);
	return n;
}

static unsigned cut_by(struct maps_change *c)
{
	unsigned before = 0, after = 0, found, steps = 0;

	cr_assert_eq(maps_cut_flows(grace_maps, c, monotonic_ns(), count_cut, &before), 0);
	maps_publish(grace_maps, c);
	cr_assert_eq(maps_cut_flows(grace_maps, c, monotonic_ns(), count_cut, &after), 0);
	cr_expect_eq(before, after, "a dry run says %u, and the change %u", before, after);
	found = found_cut(c, &steps);
	cr_expect_eq(found, after, "and %u are found", found);
	maps_retire(grace_maps, c);
	return after;
}

/* A few at a time, and each once. */
Test(maps_cut, many_flows_are_cut)
{
	struct maps_change *c;
	struct test_plan tp;
	unsigned steps = 0, found;

	grace_proto = IPPROTO_UDP;
	tp_init(&tp);
	tp_row(&tp, true, GRACE_SERVER, 0, 0, 7);
	tp.rows[0].slot = VPC_SLOT_UDP;
	tp.rows[0].port_plen = 0;
	grace_commit(maps_prepared(grace_maps, &tp));
	for (uint16_t n = 0; n < 90; n++)
		cr_assert(grace_opens(1, n) && grace_lives(n));
	tp.rows[0].add = false;
	c = maps_prepared(grace_maps, &tp);
	maps_publish(grace_maps, c);
	cr_expect(!grace_lives(3), "before anybody looks");
	found = found_cut(c, &steps);
	cr_expect_eq(found, 90, "%u", found);
	maps_retire(grace_maps, c);
}

Test(maps_cut, which_flows_a_change_cuts)
{
	struct eni_record server = eni_rec(2, 0, 0), moved = eni_rec(2, GRACE_EMPTY, 0);
	struct maps_change *c;
	struct test_plan tp;
	unsigned n = 0, steps = 0;

	grace_proto = IPPROTO_TCP;
	for (uint16_t i = 0; i < 3; i++)
		grace_rule(true, i, FLOWS_CUT);
	for (uint16_t i = 0; i < 3; i++)
		cr_assert(grace_opens(1, i));
	cr_expect_eq(cut_by(grace_rule_change(GRACE_SERVER, false, 0, FLOWS_CUT, 0)), 1);
	cr_expect_eq(cut_by(grace_rule_change(GRACE_SERVER, false, 1, FLOWS_CUT, 0)), 1,
		     "not again what is cut already, and idle");
	grace_rule(false, 2, FLOWS_KEEP);
	grace_rule(true, 3, FLOWS_CUT);
	cr_expect_eq(cut_by(grace_rule_change(GRACE_SERVER, false, 3, FLOWS_CUT, 0)), 0, "another rule");
	tp_init(&tp);
	tp_eni(&tp, &server, &moved);
	c = maps_prepared(grace_maps, &tp);
	maps_publish(grace_maps, c);
	cr_assert_eq(maps_cut_flows(grace_maps, c, monotonic_ns(), count_cut, &n), 0);
	cr_expect_eq(n, 1, "the kept one, whose server lost the group");
	cr_expect_eq(found_cut(c, &steps), 1);
	maps_retire(grace_maps, c);
}

static int take_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	*(struct vpc_young *)userdata = (struct vpc_young){.key = *key, .flow = *flow};
	cr_assert(established);
	return 0;
}

/* Puts the only flow, an established connection, into its slot, as if it had begun there. */
static void make_young(void)
{
	struct vpc_young y = {};

	cr_assert_eq(maps_each_flow(grace_maps, 0, take_flow, &y), 0);
	cr_assert_eq(y.flow.flags, VPC_FLOW_BUDGETED);
	cr_assert_eq(bpf_map_delete_elem(grace_maps->map[MAP_FLOW].fd, &y.key), 0);
	y.flow.flags = 0;
	*young_at(grace_maps, VPC_YOUNG_SLOT(vpc_flow_tag(&y.key))) = y;
	vpc_flows_at(grace_maps, y.key.vpc)->total--;
	eni_flows_at(grace_maps, y.flow.eni[0])->opened--;
	eni_flows_at(grace_maps, y.flow.eni[1])->answered--;
	cr_assert_eq(maps_established(grace_maps), 0);
}

/* The only connection of the ENI, which counts to nobody yet, is told as others are. */
Test(maps_cut, a_young_connection_is_cut)
{
	struct maps_change *c;
	unsigned steps = 0, found;

	grace_proto = IPPROTO_TCP;
	grace_rule(true, 1, FLOWS_CUT);
	cr_assert(grace_opens(1, 1));
	make_young();
	c = grace_rule_change(GRACE_SERVER, false, 1, FLOWS_CUT, 0);
	maps_publish(grace_maps, c);
	found = found_cut(c, &steps);
	cr_expect_eq(found, 1, "%u", found);
	maps_retire(grace_maps, c);
	cr_expect(!grace_lives(1));
}

Test(maps_cut, a_young_connection_is_spared)
{
	grace_proto = IPPROTO_TCP;
	grace_rule(true, 1, FLOWS_CUT);
	cr_assert(grace_opens(1, 1));
	make_young();
	grace_rule(false, 1, FLOWS_KEEP);
	cr_expect(grace_lives(1));
	cr_expect(!grace_opens(1, 2));
}
