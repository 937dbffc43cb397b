/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prepare, undo, publish, retire: DESIGN.md P3 (atomic), P8 (bounded). Needs root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "tests/bpf/maps_util.h"

TestSuite(tables_change, .init = tables_setup, .fini = tables_teardown, .timeout = 60);

/* A state with a bit of everything. */
static void base(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 2);

	tp_init(tp);
	tp_vpc(tp, true, 1);
	tp_all(tp, true, 1, 100);
	for (uint16_t i = 0; i < 5; i++)
		tp_row(tp, true, 1, (uint16_t)(443 + i), i, 101u + i);
	tp_peer(tp, true, 2, 22, 1, 110);
	tp_eni(tp, NULL, &e1);
	tp_eni(tp, NULL, &e2);
	tp_addr(tp, true, 5, 1);
	tp_addr(tp, true, 6, 2);
}

static bool row_visible(struct tables *t, const struct plan_row *r)
{
	uint32_t n = kernel_row(t, r);

	return n && visible(row_at(t, n)->born, row_at(t, n)->died, tables_epoch(t));
}

Test(tables_change, nothing_counts_before_the_store_and_all_after_it)
{
	struct tables *t = tables_small(false);
	struct test_plan tp;
	struct tables_change *c;
	char first[512];

	cr_assert_eq(tables_epoch(t), 7);
	base(&tp);
	c = tables_prepared(t, &tp);
	cr_assert_eq(tables_epoch(t), 7);
	for (size_t i = 0; i < tp.p.n_rows; i++) {
		cr_assert(kernel_row(t, &tp.rows[i]), "row %zu is not in place", i);
		cr_assert(!row_visible(t, &tp.rows[i]), "row %zu counts before the store", i);
	}
	cr_assert_eq(versioned_value(&eni_at(t, VPC_ENI_FIRST + 1)->set, tables_epoch(t)), 0);
	cr_assert_eq(tables_publish(t, c), 8);
	cr_assert_eq(tables_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	tables_retire(t, c);
	cr_assert_eq(tables_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	tables_close(t);
}

Test(tables_change, undo_leaves_every_byte_as_it_was)
{
	struct tables *t = tables_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0), e1b = eni_rec(1, 2, 3), e2 = eni_rec(2, 1, 2), e3 = eni_rec(3, 3, 0);
	struct test_plan tp;
	struct tables_change *c, *dead;
	struct dump before, after;

	base(&tp);
	tables_apply(t, &tp);
	/* A dead row that is not retired: the change adds its key again. */
	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 101);
	dead = tables_prepared(t, &tp);
	tables_publish(t, dead);
	before = tables_dump(t);

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 201);
	tp_row(&tp, false, 1, 444, 1, 102);
	tp_all(&tp, false, 1, 100);
	for (uint16_t i = 0; i < 100; i++) /* by the batch */
		tp_row(&tp, true, 3, (uint16_t)(1000 + i), 7, 300u + i);
	tp_peer(&tp, true, 1, 445, 2, 401); /* a class that is there gets new hints */
	tp_eni(&tp, &e1, &e1b);
	tp_eni(&tp, &e2, NULL);
	tp_eni(&tp, NULL, &e3);
	tp_addr(&tp, false, 5, 1);
	tp_addr(&tp, true, 5, 3);
	tp_addr(&tp, true, 9, 1);
	c = tables_prepared(t, &tp);
	after = tables_dump(t);
	cr_assert(!dump_equal(&before, &after), "the change wrote nothing");
	/* The grace period of the first change may pass while this one is prepared. */
	tables_retire(t, dead);
	tables_undo(t, c);
	free(after.at);
	/* Undo let the retiring run: the same without it must be equal. */
	after = tables_dump(t);
	cr_assert(!dump_equal(&before, &after), "the dead row was retired");
	free(before.at);
	before = after;
	c = tables_prepared(t, &tp);
	tables_undo(t, c);
	after = tables_dump(t);
	cr_assert(dump_equal(&before, &after));
	free(before.at);
	free(after.at);
	tables_close(t);
}

Test(tables_change, undo_gives_a_dead_row_its_key_back)
{
	struct tables *t = tables_small(false);
	struct test_plan tp;
	struct tables_change *c, *dead;
	struct dump before, after;

	base(&tp);
	tables_apply(t, &tp);
	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 101);
	dead = tables_prepared(t, &tp);
	tables_publish(t, dead);
	before = tables_dump(t);
	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 201);
	c = tables_prepared(t, &tp);
	tables_undo(t, c);
	after = tables_dump(t);
	cr_assert(dump_equal(&before, &after));
	tables_retire(t, dead);
	cr_assert_eq(kernel_row(t, &tp.rows[0]), 0);
	free(before.at);
	free(after.at);
	tables_close(t);
}

Test(tables_change, a_dead_row_added_again_gets_another_number)
{
	struct tables *t = tables_small(false);
	struct test_plan tp;
	struct tables_change *dead, *again;
	uint32_t first;

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 101);
	tables_apply(t, &tp);
	first = kernel_row(t, &tp.rows[0]);
	tp.rows[0].add = false;
	dead = tables_prepared(t, &tp);
	tables_publish(t, dead);
	tp.rows[0].add = true;
	again = tables_prepared(t, &tp);
	cr_assert_neq(kernel_row(t, &tp.rows[0]), first);
	tables_publish(t, again);
	cr_assert(row_visible(t, &tp.rows[0]));
	tables_retire(t, dead);
	cr_assert(row_visible(t, &tp.rows[0]), "retiring the dead row took the living one's key");
	cr_assert_eq(row_at(t, first)->born, 0);
	tables_retire(t, again);
	cr_assert(row_visible(t, &tp.rows[0]));
	tables_close(t);
}

Test(tables_change, a_row_lives_while_one_rule_wants_it)
{
	struct tables *t = tables_small(false);
	struct test_plan tp;
	struct rule_counters counters;
	uint32_t n;

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 11);
	tp_row(&tp, true, 1, 443, 0, 12);
	tables_apply(t, &tp);
	n = kernel_row(t, &tp.rows[0]);
	cr_assert_eq(row_at(t, n)->rule, 11u + (row_at(t, n)->rule == 12));
	stat_at(t, n)->packets = 5;
	cr_assert_eq(tables_rule_counters(t, 12, &counters), 0);
	cr_assert_eq(counters.packets, 5);

	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 11);
	tables_apply(t, &tp);
	cr_assert(row_visible(t, &tp.rows[0]));
	cr_assert_eq(row_at(t, n)->rule, 12);
	cr_assert_eq(tables_rule_counters(t, 11, &counters), -ENOENT);

	/* Given up and taken in one plan: it stands, as the same row. */
	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 13);
	tp_row(&tp, false, 1, 443, 0, 12);
	tables_apply(t, &tp);
	cr_assert_eq(kernel_row(t, &tp.rows[0]), n);
	cr_assert(row_visible(t, &tp.rows[0]));
	cr_assert_eq(row_at(t, n)->rule, 13);

	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 13);
	tables_apply(t, &tp);
	cr_assert_eq(kernel_row(t, &tp.rows[0]), 0);
	cr_assert_eq(t->class_numbers.used, 0);
	cr_assert_eq(sg_at(t, 1)->dir[0].port_plens[VPC_SLOT_TCP], 0);
	tables_close(t);
}

Test(tables_change, everything_taken_back_leaves_empty_tables)
{
	struct tables *t = tables_small(false);
	struct test_plan tp;
	struct plan empty = {}, plan;
	struct vpc_error error = VPC_ERROR_INIT;
	struct dump before, after;
	struct tables_change *c;

	before = tables_dump(t);
	base(&tp);
	for (uint16_t i = 0; i < 100; i++)
		tp_row(&tp, true, 3, (uint16_t)(1000 + i), 7, 300u + i);
	tables_apply(t, &tp);
	cr_assert_eq(tables_diff(t, &empty, &plan, &error), 0);
	cr_assert_eq(tables_prepare(t, &plan, &c, &error), 0);
	tables_publish(t, c);
	tables_retire(t, c);
	store64(&ctl_at(t, 0)->epoch, 7);
	after = tables_dump(t);
	cr_assert(dump_equal(&before, &after));
	cr_assert_eq(t->row_numbers.used + t->class_numbers.used + t->set_numbers.used + t->addr_numbers.used, 0);
	plan_clear(&plan);
	free(before.at);
	free(after.at);
	tables_close(t);
}

Test(tables_change, what_is_in_force_is_no_difference)
{
	struct tables *t = tables_small(false);
	struct test_plan tp;
	struct plan plan;
	struct vpc_error error = VPC_ERROR_INIT;

	base(&tp);
	tables_apply(t, &tp);
	cr_assert_eq(tables_diff(t, &tp.p, &plan, &error), 0);
	cr_assert_eq(plan.n_rows + plan.n_enis + plan.n_addrs + plan.n_vpcs, 0);
	plan_clear(&plan);
	tables_close(t);
}

Test(tables_change, an_address_moves_between_two_enis)
{
	struct tables *t = tables_small(false);
	struct vpc_addr_key key;
	struct tables_change *c;
	struct test_plan tp;
	uint32_t old, new;

	base(&tp);
	tables_apply(t, &tp);
	addr_key_of(1, &tp.addrs[0].ip, &key);
	cr_assert_eq(bpf_map_lookup_elem(t->table[TABLE_ADDR].fd, &key, &old), 0);
	tp_init(&tp);
	tp_addr(&tp, true, 5, 2);
	tp_addr(&tp, false, 5, 1);
	c = tables_prepared(t, &tp);
	cr_assert_eq(bpf_map_lookup_elem(t->table[TABLE_ADDR].fd, &key, &new), 0);
	cr_assert_eq(new, old, "before the store the address is the old one's");
	tables_publish(t, c);
	cr_assert_eq(bpf_map_lookup_elem(t->table[TABLE_ADDR].fd, &key, &new), 0);
	cr_assert_eq(addr_at(t, new)->eni, VPC_ENI_FIRST + 2);
	cr_assert(visible(addr_at(t, new)->born, addr_at(t, new)->died, tables_epoch(t)));
	tables_retire(t, c);
	cr_assert_eq(bpf_map_lookup_elem(t->table[TABLE_ADDR].fd, &key, &new), 0);
	cr_assert_eq(addr_at(t, old)->born, 0);
	tables_close(t);
}

/* --- capacity --- */

static void expect_refusal(struct tables *t, const struct test_plan *tp, const char *table)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct tables_change *c = NULL;
	struct dump before = tables_dump(t), after;
	uint32_t rows = t->row_numbers.used, classes = t->class_numbers.used, sets = t->set_numbers.used;
	int r = tables_prepare(t, &tp->p, &c, &error);

	cr_assert_lt(r, 0, "%s", table);
	cr_assert_neq(r, -EBUSY, "%s", table);
	cr_assert_eq(error.code, VPC_E_RESOURCE_LIMIT_EXCEEDED, "%s: %s", table, error.message);
	cr_assert_not_null(strstr(error.message, table), "%s: %s", table, error.message);
	after = tables_dump(t);
	cr_assert(dump_equal(&before, &after), "%s: something was touched", table);
	cr_assert_eq(t->row_numbers.used, rows);
	cr_assert_eq(t->class_numbers.used, classes);
	cr_assert_eq(t->set_numbers.used, sets);
	free(before.at);
	free(after.at);
}

Test(tables_change, what_does_not_fit_is_refused_whole)
{
	struct tables *t = tables_small(false);
	struct eni_record e;
	struct test_plan tp;

	base(&tp);
	tables_apply(t, &tp);
	tp_init(&tp);
	for (uint32_t i = 0; i < 450; i++)
		tp_row(&tp, true, 4, 80, i, 1000 + i);
	expect_refusal(t, &tp, "'row'");
	tp_init(&tp);
	for (uint16_t i = 0; i < 320; i++)
		tp_row(&tp, true, 4, (uint16_t)(80 + i), 1, 1000u + i);
	expect_refusal(t, &tp, "'class'");
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
	tables_close(t);
}

Test(tables_change, a_number_that_waits_is_busy_not_full)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct tables *t = tables_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0);
	struct test_plan tp, more;
	struct tables_change *c, *d = NULL;

	tp_init(&tp);
	for (uint32_t i = 0; i < 400; i++)
		tp_row(&tp, true, 4, 80, i, 1000 + i);
	tp_eni(&tp, NULL, &e1);
	tables_apply(t, &tp);
	tp_init(&tp);
	tp_row(&tp, false, 4, 80, 0, 1000);
	tp_eni(&tp, &e1, NULL);
	c = tables_prepared(t, &tp);
	tables_publish(t, c);

	tp_init(&more);
	tp_row(&more, true, 4, 80, 500, 2000);
	cr_assert_eq(tables_prepare(t, &more.p, &d, &error), -EBUSY);
	tp_row(&more, true, 4, 80, 501, 2001);
	expect_refusal(t, &more, "'row'");
	tp_init(&tp);
	tp_eni(&tp, NULL, &e1);
	cr_assert_eq(tables_prepare(t, &tp.p, &d, &error), -EBUSY);

	tables_retire(t, c);
	more.p.n_rows = 1;
	tables_apply(t, &more);
	tables_apply(t, &tp);
	tables_close(t);
}

Test(tables_change, a_plan_without_effect_is_no_change)
{
	struct tables *t = tables_small(false);
	struct tables_change *c = (void *)t;
	struct vpc_error error = VPC_ERROR_INIT;
	struct test_plan tp;

	tp_init(&tp);
	cr_assert_eq(tables_prepare(t, &tp.p, &c, &error), 0);
	cr_assert_null(c);
	tp_row(&tp, false, 1, 443, 0, 1); /* there is no such row */
	cr_assert_eq(tables_prepare(t, &tp.p, &c, &error), 0);
	cr_assert_null(c);
	cr_assert_eq(tables_publish(t, NULL), 7);
	tables_undo(t, NULL);
	tables_retire(t, NULL);
	tables_close(t);
}

Test(tables_change, counters_of_a_number_start_at_zero)
{
	struct tables *t = tables_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0);
	uint32_t number = e1.number, index = number * VPC_DROP_REASONS_MAX + 3;
	struct eni_counters counters;
	struct test_plan tp;
	struct vpc_eni_flows flows = {.opened = 7, .answered = 7};
	uint64_t seven = 7;

	cr_assert_eq(bpf_map_update_elem(t->table[TABLE_DROP].fd, &index, &seven, 0), 0);
	cr_assert_eq(bpf_map_update_elem(t->table[TABLE_ENI_FLOWS].fd, &number, &flows, 0), 0);
	cr_assert_eq(tables_eni_counters(t, number, &counters), 0);
	cr_assert_eq(counters.drops[3], 7);
	tp_init(&tp);
	tp_eni(&tp, NULL, &e1);
	tables_apply(t, &tp);
	cr_assert_eq(tables_eni_counters(t, number, &counters), 0);
	cr_assert_eq(counters.drops[3], 0);
	cr_assert_eq(bpf_map_lookup_elem(t->table[TABLE_ENI_FLOWS].fd, &number, &flows), 0);
	cr_assert_eq(flows.opened, 0);
	cr_assert_eq(flows.answered, 0);

	/* Flags of the port are the port's, whatever a plan says. */
	tables_eni_set_flags(t, number, VPC_ENI_TAP, 0);
	tp_init(&tp);
	e1.mtu = 9000;
	e1.flags = 0;
	tp_eni(&tp, &e1, &e1);
	tables_apply(t, &tp);
	cr_assert_eq(eni_at(t, number)->flags, VPC_ENI_TAP);
	cr_assert_eq(eni_at(t, number)->mtu, 9000);
	tables_close(t);
}

/* The kernel refuses in the middle: somebody filled the hash by hand. */
Test(tables_change, a_refusal_by_the_kernel_midway_undoes_all)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct tables *t = tables_small(false);
	struct vpc_rule_key junk = {.class = 299, .kind = 99};
	struct eni_record e3 = eni_rec(3, 3, 0);
	struct tables_change *c = NULL;
	struct dump before, after;
	struct test_plan tp;
	uint32_t number = 399;

	base(&tp);
	tables_apply(t, &tp);
	/* Room for 30 more. */
	for (uint32_t i = 0; i < 400 - 6 - 30; i++) {
		junk.addr[0] = i;
		cr_assert_eq(bpf_map_update_elem(t->table[TABLE_RULE].fd, &junk, &number, 0), 0);
	}
	for (unsigned n = 40; n <= 120; n += 80) { /* one by one, and by the batch */
		before = tables_dump(t);
		tp_init(&tp);
		tp_row(&tp, false, 1, 444, 1, 102);
		tp_eni(&tp, NULL, &e3);
		for (uint32_t i = 0; i < n; i++)
			tp_row(&tp, true, 3, (uint16_t)(1000 + i % 9), i, 300u + i);
		cr_assert_lt(tables_prepare(t, &tp.p, &c, &error), 0);
		cr_assert_eq(error.code, VPC_E_DATAPATH_UNAVAILABLE);
		after = tables_dump(t);
		cr_assert(dump_equal(&before, &after), "%u rows", n);
		free(before.at);
		free(after.at);
	}
	tp.p.n_rows = 10;
	tables_apply(t, &tp);
	tables_close(t);
}
