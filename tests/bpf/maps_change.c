/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prepare, undo, publish, retire: a change takes effect at once and wholly (P3), and its room is bounded (P8). Needs
 * root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "tests/bpf/maps_util.h"

TestSuite(maps_change, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

static bool row_visible(struct maps *t, const struct plan_row *r)
{
	uint32_t n = kernel_row(t, r);

	return n && visible(row_at(t, n)->born, row_at(t, n)->died, maps_epoch(t));
}

Test(maps_change, nothing_counts_before_the_store_and_all_after_it)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct maps_change *c;
	char first[512];

	cr_assert_eq(maps_epoch(t), 7);
	tp_base(&tp);
	c = maps_prepared(t, &tp);
	cr_assert_eq(maps_epoch(t), 7);
	for (size_t i = 0; i < tp.p.n_rows; i++) {
		cr_assert(kernel_row(t, &tp.rows[i]), "row %zu is not in place", i);
		cr_assert(!row_visible(t, &tp.rows[i]), "row %zu counts before the store", i);
	}
	cr_assert_eq(versioned_value(&eni_at(t, VPC_ENI_FIRST + 1)->set, maps_epoch(t)), 0);
	cr_assert_eq(maps_publish(t, c), 8);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_retire(t, c);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_close(t);
}

/* The state of tp_base(), of which a row is dead and not retired. */
static struct maps_change *dead_row(struct maps *t)
{
	struct maps_change *dead;
	struct test_plan tp;

	tp_base(&tp);
	maps_apply(t, &tp);
	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 101);
	dead = maps_prepared(t, &tp);
	maps_publish(t, dead);
	return dead;
}

Test(maps_change, undo_leaves_every_byte_as_it_was)
{
	struct maps *t = maps_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0), e1b = eni_rec(1, 2, 3), e2 = eni_rec(2, 1, 2), e3 = eni_rec(3, 3, 0);
	struct test_plan tp;
	struct maps_change *c, *dead;
	struct dump before, after;

	dead = dead_row(t); /* the change adds its key again */
	before = maps_dump(t);

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 201);
	tp_row(&tp, false, 1, 444, 1, 102);
	tp_all(&tp, false, 1, 100);
	for (uint16_t i = 0; i < 100; i++) /* by the batch */
		tp_row(&tp, true, 3, (uint16_t)(1000 + i), 7, 300u + i);
	tp_peer(&tp, true, 1, 445, 2, 401); /* a mask group that is there gets new hints */
	tp_eni(&tp, &e1, &e1b);
	tp_eni(&tp, &e2, NULL);
	tp_eni(&tp, NULL, &e3);
	tp_addr(&tp, false, 5, 1);
	tp_addr(&tp, true, 5, 3);
	tp_addr(&tp, true, 9, 1);
	c = maps_prepared(t, &tp);
	after = maps_dump(t);
	cr_assert(!dump_equal(&before, &after), "the change wrote nothing");
	/* The grace period of the first change may pass while this one is prepared. */
	maps_retire(t, dead);
	maps_undo(t, c);
	free(after.at);
	/* Undo let the retiring run: the same without it must be equal. */
	after = maps_dump(t);
	cr_assert(!dump_equal(&before, &after), "the dead row was retired");
	free(before.at);
	before = after;
	c = maps_prepared(t, &tp);
	maps_undo(t, c);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after));
	free(before.at);
	free(after.at);
	maps_close(t);
}

Test(maps_change, undo_gives_a_dead_row_its_key_back)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct maps_change *c, *dead;
	struct dump before, after;

	dead = dead_row(t);
	before = maps_dump(t);
	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 201);
	c = maps_prepared(t, &tp);
	maps_undo(t, c);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after));
	maps_retire(t, dead);
	cr_assert_eq(kernel_row(t, &tp.rows[0]), 0);
	free(before.at);
	free(after.at);
	maps_close(t);
}

Test(maps_change, a_dead_row_added_again_gets_another_number)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct maps_change *dead, *again;
	uint32_t first;

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 101);
	maps_apply(t, &tp);
	first = kernel_row(t, &tp.rows[0]);
	tp.rows[0].add = false;
	dead = maps_prepared(t, &tp);
	maps_publish(t, dead);
	tp.rows[0].add = true;
	again = maps_prepared(t, &tp);
	cr_assert_neq(kernel_row(t, &tp.rows[0]), first);
	maps_publish(t, again);
	cr_assert(row_visible(t, &tp.rows[0]));
	maps_retire(t, dead);
	cr_assert(row_visible(t, &tp.rows[0]), "retiring the dead row took the living one's key");
	cr_assert_eq(row_at(t, first)->born, 0);
	maps_retire(t, again);
	cr_assert(row_visible(t, &tp.rows[0]));
	maps_close(t);
}

Test(maps_change, a_row_lives_while_one_rule_wants_it)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct rule_counters counters;
	uint32_t n;

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 11);
	tp_row(&tp, true, 1, 443, 0, 12);
	maps_apply(t, &tp);
	n = kernel_row(t, &tp.rows[0]);
	cr_assert_eq(row_at(t, n)->rule, 11u + (row_at(t, n)->rule == 12));
	stat_at(t, n)->packets = 5;
	cr_assert_eq(maps_rule_counters(t, 12, &counters), 0);
	cr_assert_eq(counters.packets, 5);

	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 11);
	maps_apply(t, &tp);
	cr_assert(row_visible(t, &tp.rows[0]));
	cr_assert_eq(row_at(t, n)->rule, 12);
	cr_assert_eq(maps_rule_counters(t, 11, &counters), -ENOENT);

	/* Given up and taken in one plan: it stands, as the same row. */
	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 13);
	tp_row(&tp, false, 1, 443, 0, 12);
	maps_apply(t, &tp);
	cr_assert_eq(kernel_row(t, &tp.rows[0]), n);
	cr_assert(row_visible(t, &tp.rows[0]));
	cr_assert_eq(row_at(t, n)->rule, 13);

	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 13);
	maps_apply(t, &tp);
	cr_assert_eq(kernel_row(t, &tp.rows[0]), 0);
	cr_assert_eq(t->mirror.mask_group_numbers.used, 0);
	cr_assert_eq(sg_at(t, 1)->dir[0].port_plens[VPC_SLOT_TCP], 0);
	maps_close(t);
}

Test(maps_change, everything_taken_back_leaves_empty_maps)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct plan empty = {}, plan;
	struct vpc_error error = VPC_ERROR_INIT;
	struct dump before, after;
	struct maps_change *c;

	before = maps_dump(t);
	tp_base(&tp);
	for (uint16_t i = 0; i < 100; i++)
		tp_row(&tp, true, 3, (uint16_t)(1000 + i), 7, 300u + i);
	maps_apply(t, &tp);
	cr_assert_eq(maps_diff(t, &empty, &plan, &error), 0);
	cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0);
	maps_publish(t, c);
	maps_retire(t, c);
	epoch_store(t, 7);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after));
	cr_assert_eq(t->mirror.row_numbers.used + t->mirror.mask_group_numbers.used + t->mirror.set_numbers.used +
			     t->mirror.addr_numbers.used,
		     0);
	plan_clear(&plan);
	free(before.at);
	free(after.at);
	maps_close(t);
}

Test(maps_change, what_is_in_force_is_no_difference)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct plan plan;
	struct vpc_error error = VPC_ERROR_INIT;

	tp_base(&tp);
	maps_apply(t, &tp);
	cr_assert_eq(maps_diff(t, &tp.p, &plan, &error), 0);
	cr_assert_eq(plan.n_rows + plan.n_enis + plan.n_addrs + plan.n_vpcs, 0);
	plan_clear(&plan);
	maps_close(t);
}

Test(maps_change, an_address_moves_between_two_enis)
{
	struct maps *t = maps_small(false);
	struct vpc_addr_key key;
	struct maps_change *c;
	struct test_plan tp;
	uint32_t old, new;

	tp_base(&tp);
	maps_apply(t, &tp);
	addr_key_of(1, &tp.addrs[0].ip, &key);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ADDR].fd, &key, &old), 0);
	tp_init(&tp);
	tp_addr(&tp, true, 5, 2);
	tp_addr(&tp, false, 5, 1);
	c = maps_prepared(t, &tp);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ADDR].fd, &key, &new), 0);
	cr_assert_eq(new, old, "before the store the address is the old one's");
	maps_publish(t, c);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ADDR].fd, &key, &new), 0);
	cr_assert_eq(addr_at(t, new)->eni, VPC_ENI_FIRST + 2);
	cr_assert(visible(addr_at(t, new)->born, addr_at(t, new)->died, maps_epoch(t)));
	maps_retire(t, c);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ADDR].fd, &key, &new), 0);
	cr_assert_eq(addr_at(t, old)->born, 0);
	maps_close(t);
}

/* --- capacity --- */

static void expect_refusal(struct maps *t, const struct test_plan *tp, const char *map)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_change *c = NULL;
	struct dump before = maps_dump(t), after;
	uint32_t rows = t->mirror.row_numbers.used, mask_groups = t->mirror.mask_group_numbers.used,
		 sets = t->mirror.set_numbers.used;
	int r = maps_prepare(t, &tp->p, &c, &error);

	cr_assert_lt(r, 0, "%s", map);
	cr_assert_neq(r, -EBUSY, "%s", map);
	cr_assert_eq(error.code, VPC_E_RESOURCE_LIMIT_EXCEEDED, "%s: %s", map, error.message);
	cr_assert_not_null(strstr(error.message, map), "%s: %s", map, error.message);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after), "%s: something was touched", map);
	cr_assert_eq(t->mirror.row_numbers.used, rows);
	cr_assert_eq(t->mirror.mask_group_numbers.used, mask_groups);
	cr_assert_eq(t->mirror.set_numbers.used, sets);
	free(before.at);
	free(after.at);
}

Test(maps_change, what_does_not_fit_is_refused_whole)
{
	struct maps *t = maps_small(false);
	struct eni_record e;
	struct test_plan tp;

	tp_base(&tp);
	maps_apply(t, &tp);
	tp_init(&tp);
	for (uint32_t i = 0; i < 450; i++)
		tp_row(&tp, true, 4, 80, i, 1000 + i);
	expect_refusal(t, &tp, "'row'");
	tp_init(&tp);
	for (uint16_t i = 0; i < 320; i++)
		tp_row(&tp, true, 4, (uint16_t)(80 + i), 1, 1000u + i);
	expect_refusal(t, &tp, "'mask_group'");
	tp_init(&tp);
	for (uint32_t i = 0; i < 9; i++) {
		e = eni_rec(3 + i, 5 + i, 0);
		tp_eni(&tp, NULL, &e);
	}
	expect_refusal(t, &tp, "'set'");
	tp_init(&tp);
	e = eni_rec(16, 1, 0);
	tp_eni(&tp, NULL, &e);
	expect_refusal(t, &tp, "'eni'");
	tp_init(&tp);
	e = eni_rec(3, 33, 0);
	tp_eni(&tp, NULL, &e);
	expect_refusal(t, &tp, "'sg'");
	tp_init(&tp);
	tp_row(&tp, true, 33, 80, 1, 1000);
	expect_refusal(t, &tp, "'sg'");
	tp_init(&tp);
	for (uint32_t i = 0; i < 11 + t->limits.enis; i++)
		tp_addr(&tp, true, 50 + i, 1);
	expect_refusal(t, &tp, "'addr'");
	tp_init(&tp);
	tp_vpc(&tp, true, 5);
	expect_refusal(t, &tp, "'vpc'");
	maps_close(t);
}

Test(maps_change, a_number_that_waits_is_busy_not_full)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps *t = maps_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0);
	struct test_plan tp, more;
	struct maps_change *c, *d = NULL;

	tp_init(&tp);
	for (uint32_t i = 0; i < 400; i++)
		tp_row(&tp, true, 4, 80, i, 1000 + i);
	tp_eni(&tp, NULL, &e1);
	maps_apply(t, &tp);
	tp_init(&tp);
	tp_row(&tp, false, 4, 80, 0, 1000);
	tp_eni(&tp, &e1, NULL);
	c = maps_prepared(t, &tp);
	maps_publish(t, c);

	tp_init(&more);
	tp_row(&more, true, 4, 80, 500, 2000);
	cr_assert_eq(maps_prepare(t, &more.p, &d, &error), -EBUSY);
	tp_row(&more, true, 4, 80, 501, 2001);
	expect_refusal(t, &more, "'row'");
	tp_init(&tp);
	tp_eni(&tp, NULL, &e1);
	cr_assert_eq(maps_prepare(t, &tp.p, &d, &error), -EBUSY);

	maps_retire(t, c);
	more.p.n_rows = 1;
	maps_apply(t, &more);
	maps_apply(t, &tp);
	maps_close(t);
}

Test(maps_change, a_plan_without_effect_is_no_change)
{
	struct maps *t = maps_small(false);
	struct maps_change *c = (void *)t;
	struct vpc_error error = VPC_ERROR_INIT;
	struct test_plan tp;

	tp_init(&tp);
	cr_assert_eq(maps_prepare(t, &tp.p, &c, &error), 0);
	cr_assert_null(c);
	tp_row(&tp, false, 1, 443, 0, 1); /* there is no such row */
	cr_assert_eq(maps_prepare(t, &tp.p, &c, &error), 0);
	cr_assert_null(c);
	cr_assert_eq(maps_publish(t, NULL), 7);
	maps_undo(t, NULL);
	maps_retire(t, NULL);
	maps_close(t);
}

Test(maps_change, counters_of_a_number_start_at_zero)
{
	struct maps *t = maps_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0);
	uint32_t number = e1.number, index = number * VPC_DROP_REASONS_MAX + 3;
	struct eni_counters counters;
	struct test_plan tp;
	struct vpc_eni_flows flows = {.opened = 7, .answered = 7};
	uint64_t seven = 7;

	cr_assert_eq(bpf_map_update_elem(t->map[MAP_DROP].fd, &index, &seven, 0), 0);
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_ENI_FLOWS].fd, &number, &flows, 0), 0);
	cr_assert_eq(maps_eni_counters(t, number, &counters), 0);
	cr_assert_eq(counters.drops[3], 7);
	tp_init(&tp);
	tp_eni(&tp, NULL, &e1);
	maps_apply(t, &tp);
	cr_assert_eq(maps_eni_counters(t, number, &counters), 0);
	cr_assert_eq(counters.drops[3], 0);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ENI_FLOWS].fd, &number, &flows), 0);
	cr_assert_eq(flows.opened, 0);
	cr_assert_eq(flows.answered, 0);

	/* Flags of the port are the port's, whatever a plan says. */
	maps_eni_set_flags(t, number, VPC_ENI_TAP, 0);
	tp_init(&tp);
	e1.mtu = 9000;
	e1.flags = 0;
	tp_eni(&tp, &e1, &e1);
	maps_apply(t, &tp);
	cr_assert_eq(eni_at(t, number)->flags, VPC_ENI_TAP);
	cr_assert_eq(eni_at(t, number)->mtu, 9000);
	maps_close(t);
}

/* The kernel refuses in the middle: somebody filled the hash by hand. */
Test(maps_change, a_refusal_by_the_kernel_midway_undoes_all)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps *t = maps_small(false);
	struct vpc_rule_key junk = {.mask_group = 299, .kind = 99};
	struct eni_record e3 = eni_rec(3, 3, 0);
	struct maps_change *c = NULL;
	struct dump before, after;
	struct test_plan tp;
	uint32_t number = 399;

	tp_base(&tp);
	maps_apply(t, &tp);
	/* Room for 30 more. */
	for (uint32_t i = 0; i < 400 - 6 - 30; i++) {
		junk.addr[0] = i;
		cr_assert_eq(bpf_map_update_elem(t->map[MAP_RULE].fd, &junk, &number, 0), 0);
	}
	for (unsigned n = 40; n <= 120; n += 80) { /* one by one, and by the batch */
		before = maps_dump(t);
		tp_init(&tp);
		tp_row(&tp, false, 1, 444, 1, 102);
		tp_eni(&tp, NULL, &e3);
		for (uint32_t i = 0; i < n; i++)
			tp_row(&tp, true, 3, (uint16_t)(1000 + i % 9), i, 300u + i);
		cr_assert_lt(maps_prepare(t, &tp.p, &c, &error), 0);
		cr_assert_eq(error.code, VPC_E_DATAPATH_UNAVAILABLE);
		after = maps_dump(t);
		cr_assert(dump_equal(&before, &after), "%u rows", n);
		free(before.at);
		free(after.at);
	}
	tp.p.n_rows = 10;
	maps_apply(t, &tp);
	maps_close(t);
}
