/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows a change has judged again. Needs root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "tests/bpf/maps_util.h"

TestSuite(maps_generations, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

static uint32_t set_of(struct maps *t, uint32_t n)
{
	return versioned_value(&eni_at(t, VPC_ENI_FIRST + n)->set, maps_epoch(t));
}

static uint64_t set_revoke(struct maps *t, uint32_t n)
{
	return set_at(t, set_of(t, n))->gen_revoke;
}

static uint64_t set_any(struct maps *t, uint32_t n)
{
	return set_at(t, set_of(t, n))->gen_any;
}

static uint64_t eni_revoke(struct maps *t, uint32_t n)
{
	return eni_at(t, VPC_ENI_FIRST + n)->gen_revoke;
}

/* ENI 1: group 1; ENI 2: groups 1 and 2; ENI 3: group 3. Group 3 has a rule naming group 2. */
static struct maps *with_enis(void)
{
	struct maps *t = maps_small(false);
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 2), e3 = eni_rec(3, 3, 0);
	struct test_plan tp;

	tp_init(&tp);
	tp_row(&tp, true, 1, 443, 0, 1);
	tp_row(&tp, true, 2, 444, 0, 2);
	tp_peer(&tp, true, 3, 22, 2, 3);
	tp_eni(&tp, NULL, &e1);
	tp_eni(&tp, NULL, &e2);
	tp_eni(&tp, NULL, &e3);
	tp_addr(&tp, true, 1, 1);
	tp_addr(&tp, true, 2, 2);
	maps_apply(t, &tp);
	return t;
}

Test(maps_generations, a_rule_taken_away_touches_the_sets_of_its_group_only)
{
	struct maps *t = with_enis();
	struct test_plan tp;
	uint64_t epoch;

	tp_init(&tp);
	tp_row(&tp, false, 2, 444, 0, 2);
	maps_apply(t, &tp);
	epoch = maps_epoch(t);
	cr_assert_eq(set_revoke(t, 2), epoch);
	cr_assert_eq(set_any(t, 2), epoch);
	cr_assert_lt(set_revoke(t, 1), epoch);
	cr_assert_lt(set_revoke(t, 3), epoch);
	cr_assert_lt(eni_revoke(t, 2), epoch);
	maps_close(t);
}

Test(maps_generations, a_rule_added_judges_no_flow_again_but_wakes_tombstones)
{
	struct maps *t = with_enis();
	struct test_plan tp;

	tp_init(&tp);
	tp_row(&tp, true, 1, 445, 0, 9);
	maps_apply(t, &tp);
	cr_assert_eq(set_any(t, 1), maps_epoch(t));
	cr_assert_eq(set_any(t, 2), maps_epoch(t));
	cr_assert_lt(set_any(t, 3), maps_epoch(t));
	cr_assert_lt(set_revoke(t, 1), maps_epoch(t));
	maps_close(t);
}

Test(maps_generations, generations_are_raised_before_the_epoch_is_stored)
{
	struct maps *t = with_enis();
	struct maps_change *c;
	struct test_plan tp;

	/* Seen from a reader: never an epoch whose revocation is not there yet. Checked at the halfway point. */
	tp_init(&tp);
	tp_row(&tp, false, 2, 444, 0, 2);
	c = maps_prepared(t, &tp);
	generations_raise(t, c);
	cr_assert_eq(set_revoke(t, 2), maps_epoch(t) + 1);
	maps_publish(t, c);
	maps_retire(t, c);
	maps_close(t);
}

Test(maps_generations, leaving_a_group)
{
	struct maps *t = with_enis();
	struct eni_record e2 = eni_rec(2, 1, 2), e2b = eni_rec(2, 1, 0);
	struct test_plan tp;

	tp_init(&tp);
	tp_eni(&tp, &e2, &e2b);
	maps_apply(t, &tp);
	cr_assert_eq(set_of(t, 2), set_of(t, 1), "one combination, one set");
	cr_assert_eq(eni_revoke(t, 2), maps_epoch(t));
	cr_assert_eq(set_revoke(t, 3), maps_epoch(t), "group 3 names the group that was left");
	cr_assert_lt(set_revoke(t, 1), maps_epoch(t), "others with the same set keep their flows");
	cr_assert_lt(eni_revoke(t, 1), maps_epoch(t));
	maps_close(t);
}

Test(maps_generations, joining_a_group)
{
	struct maps *t = with_enis();
	struct eni_record e1 = eni_rec(1, 1, 0), e1b = eni_rec(1, 1, 2);
	struct test_plan tp;

	tp_init(&tp);
	tp_eni(&tp, &e1, &e1b);
	maps_apply(t, &tp);
	cr_assert_eq(set_any(t, 3), maps_epoch(t));
	cr_assert_lt(set_revoke(t, 3), maps_epoch(t));
	cr_assert_lt(eni_revoke(t, 1), maps_epoch(t));
	cr_assert_eq(eni_at(t, VPC_ENI_FIRST + 1)->gen_any, maps_epoch(t));
	maps_close(t);
}

/* A flow judged at epoch 5 under set A; A loses a rule at 8; the ENI goes to set B, which only adds a group, at 9. B
 * never lost anything, and the flow must be judged again all the same. */
Test(maps_generations, what_the_old_set_had_pending_follows_the_eni)
{
	struct maps *t = with_enis();
	struct eni_record e1 = eni_rec(1, 1, 0), e1b = eni_rec(1, 1, 2);
	uint64_t judged = maps_epoch(t), revoked;
	struct test_plan tp;

	tp_init(&tp);
	tp_row(&tp, true, 1, 446, 1, 8);
	maps_apply(t, &tp);
	tp_init(&tp);
	tp_row(&tp, false, 1, 446, 1, 8);
	maps_apply(t, &tp);
	revoked = maps_epoch(t);
	/* B is there already, and forgets: as if it had been made long ago. */
	store64(&set_at(t, set_of(t, 2))->gen_revoke, 0);
	tp_init(&tp);
	tp_eni(&tp, &e1, &e1b);
	maps_apply(t, &tp);
	cr_assert_eq(set_of(t, 1), set_of(t, 2));
	cr_assert_lt(set_revoke(t, 1), judged);
	cr_assert_geq(eni_revoke(t, 1), revoked);
	maps_close(t);
}

Test(maps_generations, an_address_taken_away)
{
	struct maps *t = with_enis();
	struct test_plan tp;

	tp_init(&tp);
	tp_addr(&tp, false, 2, 2);
	maps_apply(t, &tp);
	cr_assert_eq(eni_revoke(t, 2), maps_epoch(t));
	cr_assert_eq(set_revoke(t, 3), maps_epoch(t));
	cr_assert_lt(eni_revoke(t, 1), maps_epoch(t));
	tp_addr(&tp, true, 2, 2);
	tp.p.addrs++;
	tp.p.n_addrs = 1;
	maps_apply(t, &tp);
	cr_assert_eq(set_any(t, 3), maps_epoch(t));
	cr_assert_lt(set_revoke(t, 3), maps_epoch(t));
	maps_close(t);
}

/* A grace is for rules: nobody keeps an address. */
Test(maps_generations, an_address_taken_away_with_keep)
{
	struct maps *t = with_enis();
	struct maps_change *c;
	struct test_plan tp;

	tp_init(&tp);
	tp_addr(&tp, false, 2, 2);
	tp.p.flows = FLOWS_KEEP;
	c = maps_prepared(t, &tp);
	generations_raise(t, c);
	cr_assert_eq(eni_revoke(t, 2), maps_change_epoch(c));
	cr_assert_lt(set_revoke(t, 3), maps_change_epoch(c), "who names its group waits for the graces");
	maps_publish(t, c);
	cr_assert_eq(set_revoke(t, 3), maps_epoch(t));
	maps_retire(t, c);
	maps_close(t);
}

/* With keep and drain gen_any is raised before the epoch is stored, gen_revoke after it. */
Test(maps_generations, keep_raises_them_later)
{
	struct maps *t = with_enis();
	struct maps_change *c;
	struct test_plan tp;
	uint64_t epoch;

	tp_init(&tp);
	tp_row(&tp, false, 2, 444, 0, 2);
	tp.p.flows = FLOWS_KEEP;
	c = maps_prepared(t, &tp);
	epoch = maps_change_epoch(c);
	generations_raise(t, c);
	cr_assert_eq(grace_give(t, c), 0);
	cr_assert(maps_sweep_pending(t));
	cr_assert_eq(set_any(t, 2), epoch);
	cr_assert_lt(set_revoke(t, 2), epoch);
	cr_assert_eq(maps_publish(t, c), epoch);
	cr_assert(!maps_sweep_pending(t));
	cr_assert_eq(set_revoke(t, 2), epoch);
	cr_assert_lt(set_revoke(t, 1), epoch);
	cr_assert_lt(eni_revoke(t, 2), epoch);
	maps_retire(t, c);

	/* A change that takes nothing away raises nothing later. */
	tp_init(&tp);
	tp_row(&tp, true, 1, 80, 0, 9);
	tp.p.flows = FLOWS_DRAIN;
	tp.p.drain_s = 5;
	maps_apply(t, &tp);
	cr_assert_lt(set_revoke(t, 1), maps_epoch(t));
	cr_assert_eq(set_any(t, 1), maps_epoch(t));
	maps_close(t);
}

/* The flows couldn't be read: they keep what they have, and the next change sees to it first. */
Test(maps_generations, keep_that_failed_is_made_up_for)
{
	struct maps *t = with_enis();
	struct eni_record e1 = eni_rec(1, 1, 0), e1b = eni_rec(1, 1, 2);
	struct test_plan tp;
	uint64_t epoch;

	tp_init(&tp);
	tp_row(&tp, false, 1, 443, 0, 1);
	tp.p.flows = FLOWS_KEEP;
	maps_apply(t, &tp);
	epoch = maps_epoch(t);
	t->grace.pending = true; /* as if */
	store64(&set_at(t, set_of(t, 1))->gen_revoke, 0);
	tp_init(&tp);
	tp_eni(&tp, &e1, &e1b);
	maps_apply(t, &tp);
	cr_assert(!maps_sweep_pending(t));
	cr_assert_eq(set_revoke(t, 2), epoch);
	cr_assert_geq(eni_revoke(t, 1), epoch, "and takes it along");
	maps_close(t);
}
