/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When sets have classifiers, and that these follow the rules: P3 through undo and crashes, P8 when full. Root. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/bpf/maps_util.h"

static struct maps *t;
static struct test_plan tp;

static void all_sets(void)
{
	setenv("VPCD_TEST_CLASSIFIER", "yes", 1);
	maps_setup_without_judging();
	t = maps_small(true);
	tp_two_sets(&tp);
	maps_apply(t, &tp);
}

static void close_maps(void)
{
	maps_close(t);
	maps_teardown();
}

TestSuite(maps_classifier, .init = all_sets, .fini = close_maps, .timeout = 60);

static uint32_t in_force(uint32_t set, unsigned dir)
{
	return versioned_value(&set_at(t, set)->classifier[dir], maps_epoch(t));
}

static void expect_clean(const struct test_plan *all)
{
	char first[512];

	cr_expect_eq(maps_differences(t, all, first, sizeof(first)), 0, "%s", first);
}

static void one_row(struct test_plan *ret, bool add)
{
	tp_init(ret);
	tp_row(ret, add, 1, 80, 7, 102);
}

Test(maps_classifier, a_change_of_a_group_makes_its_sets_classifiers_anew)
{
	struct test_plan change;
	uint32_t ingress[2] = {in_force(1, VPC_INGRESS), in_force(2, VPC_INGRESS)}, egress = in_force(1, VPC_EGRESS);
	uint32_t used = t->mirror.blocks.used;

	cr_assert(ingress[0] && ingress[1] && egress);
	one_row(&change, true);
	maps_apply(t, &change);
	cr_expect_neq(in_force(1, VPC_INGRESS), ingress[0]);
	cr_expect_neq(in_force(2, VPC_INGRESS), ingress[1]);
	cr_expect_eq(in_force(1, VPC_EGRESS), egress, "the other direction stays");
	tp_row(&tp, true, 1, 80, 7, 102);
	expect_clean(&tp);
	one_row(&change, false);
	maps_apply(t, &change);
	cr_expect_eq(t->mirror.blocks.used, used, "nothing is lost");
	cr_expect_eq(maps_walked(t), 0);
}

Test(maps_classifier, undo_leaves_the_tables_of_before)
{
	struct eni_record e3 = eni_rec(3, 2, 3), e1 = eni_rec(1, 1, 0);
	uint32_t used = t->mirror.blocks.used, runs = t->mirror.blocks.runs;
	struct dump before = maps_dump(t), after;
	struct test_plan change;

	one_row(&change, true);
	tp_row(&change, true, 3, 81, 7, 103);
	tp_eni(&change, NULL, &e3);
	tp_eni(&change, &e1, NULL);
	maps_undo(t, maps_prepared(t, &change));
	after = maps_dump(t);
	cr_expect(dump_equal(&before, &after));
	cr_expect_eq(t->mirror.blocks.used, used);
	cr_expect_eq(t->mirror.blocks.runs, runs);
	expect_clean(&tp);
	maps_apply(t, &change);
	maps_apply(t, &(struct test_plan){}); /* nothing */
	cr_expect_eq(t->mirror.sets[1].users, 0, "and its blocks went with it");
	cr_expect_eq(t->mirror.blocks.runs, runs, "one set less, one more");
	free(before.at);
	free(after.at);
}

/* Two changes before the first one's grace period has passed, retired in either order. */
Test(maps_classifier, blocks_go_after_their_grace_period)
{
	for (unsigned turn = 0; turn < 2; turn++) {
		uint32_t used = t->mirror.blocks.used, first = in_force(1, VPC_INGRESS), before;
		struct maps_change *c[2];
		struct test_plan change;

		for (unsigned i = 0; i < 2; i++) {
			one_row(&change, i == 0);
			before = in_force(1, VPC_INGRESS);
			c[i] = maps_prepared(t, &change);
			cr_expect_eq(in_force(1, VPC_INGRESS), before, "not before its epoch");
			maps_publish(t, c[i]);
			cr_expect_neq(in_force(1, VPC_INGRESS), before);
			cr_expect_neq(in_force(1, VPC_INGRESS), first, "its blocks may still be read");
		}
		maps_wait_grace_period();
		maps_retire(t, c[turn]);
		maps_retire(t, c[!turn]);
		cr_expect_eq(t->mirror.blocks.used, used);
		expect_clean(&tp);
	}
}

Test(maps_classifier, a_start_keeps_right_tables_and_makes_wrong_ones)
{
	uint32_t at[2] = {in_force(1, VPC_INGRESS), in_force(2, VPC_EGRESS)};
	struct test_plan change;

	block_at(t, at[1])[1].word[0] ^= 1;
	one_row(&change, true);
	maps_prepared(t, &change); /* and dies */
	maps_close(t);
	t = maps_small(true);
	cr_assert(t->adopted);
	cr_expect_eq(in_force(1, VPC_INGRESS), at[0]);
	cr_expect_neq(in_force(2, VPC_EGRESS), 0);
	expect_clean(&tp);
	maps_apply(t, &change);
	tp_row(&tp, true, 1, 80, 7, 102);
	expect_clean(&tp);
}

static void expect_found(const char *problem)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_finding finding;
	char first[512];

	cr_expect_eq(maps_audited(t, &finding), 1);
	cr_expect_gt(maps_differences(t, &tp, first, sizeof(first)), 0);
	cr_expect(strstr(first, "classifier") && strstr(first, problem), "expected %s: %s", problem, first);
	cr_assert_eq(maps_reread(t, &error), 0, "%s", error.message);
	maps_mend(t, &tp);
	expect_clean(&tp);
	cr_expect_neq(in_force(1, VPC_INGRESS), 0);
	cr_expect_eq(maps_audited(t, &finding), 0, "%s", finding.detail);
}

Test(maps_classifier, verify_finds_what_was_changed)
{
	struct vpc_versioned *v = &set_at(t, 1)->classifier[VPC_INGRESS];
	uint32_t blocks = t->mirror.sets[1].classifier[VPC_INGRESS].blocks;

	for (uint32_t i = 0; i < blocks; i++) {
		block_at(t, in_force(1, VPC_INGRESS))[i].word[5] ^= 0x100;
		expect_found("differs");
	}
	v->slot[0] = v->slot[1] = 0;
	expect_found("missing");
	v->slot[0] = v->slot[1] = maps_epoch(t) << VPC_VERSIONED_SHIFT | (t->map[MAP_CLASSIFIER].n + 1);
	expect_found("differs");
	/* one set's classifier as another's: they overlap */
	v->slot[0] = v->slot[1] = maps_epoch(t) << VPC_VERSIONED_SHIFT | in_force(2, VPC_INGRESS);
	expect_found("differs");
}

/* No room for a classifier: the rules are walked, nothing is refused, and status says so. */
Test(maps_classifier, without_room_the_rules_are_walked)
{
	uint32_t rest = t->mirror.blocks.size - 1 - t->mirror.blocks.used, at = extents_take(&t->mirror.blocks, rest);
	_cleanup_(json_decrefp) json_t *status = NULL, *again = NULL;
	struct test_plan change;

	cr_assert_neq(at, 0);
	one_row(&change, true);
	maps_apply(t, &change);
	cr_expect_eq(in_force(1, VPC_INGRESS), 0);
	cr_expect_neq(in_force(1, VPC_EGRESS), 0);
	cr_expect_eq(maps_walked(t), 2, "ingress of both sets");
	status = maps_status(t);
	cr_expect_eq(json_integer_value(json_object_get(json_object_get(status, "classifier"), "walked")), 2);
	tp_row(&tp, true, 1, 80, 7, 102);
	expect_clean(&tp);
	extents_give(&t->mirror.blocks, at, rest);
	tp_init(&change);
	tp_row(&change, true, 1, 81, 7, 103);
	maps_undo(t, maps_prepared(t, &change));
	cr_expect_eq(maps_walked(t), 2);
	maps_apply(t, &change);
	cr_expect_eq(maps_walked(t), 0);
	cr_expect_neq(in_force(1, VPC_INGRESS), 0);
	tp_row(&tp, true, 1, 81, 7, 103);
	expect_clean(&tp);
}

/* --- which sets --- */

static void usual_sets(void)
{
	unsetenv("VPCD_TEST_CLASSIFIER");
	maps_setup_without_judging();
	t = maps_small(true);
}

TestSuite(maps_bound, .init = usual_sets, .fini = close_maps, .timeout = 60);

static struct plan_row *add_row(struct test_plan *p, struct plan_row row)
{
	row.add = true;
	row.rule = 100 + (uint32_t)p->p.n_rows;
	p->rows[p->p.n_rows] = row;
	return &p->rows[p->p.n_rows++];
}

static unsigned mask_group_probes(const struct mask_group *mask_group)
{
	uint64_t plens4 = 0;
	unsigned n6 = 0, groups = 0;
	bool plens6[129] = {};

	for (uint32_t i = mask_group->rows; i; i = t->mirror.rows[i].mask_group_next) {
		const struct vpc_rule_key *key = &t->mirror.rows[i].key;

		if (key->kind == VPC_PEER_CIDR4)
			plens4 |= 1ull << key->plen;
		if (key->kind == VPC_PEER_CIDR6 && !plens6[key->plen])
			n6 += plens6[key->plen] = true;
		if (key->kind == VPC_PEER_SG)
			groups = VPC_GROUPS_PER_ENI;
	}
	return 1 + groups + ((unsigned)__builtin_popcountll(plens4) > n6 ? (unsigned)__builtin_popcountll(plens4) : n6);
}

/* What a packet to this port would really have to look for. */
static unsigned walk_probes(uint32_t set, unsigned dir, unsigned slot, uint32_t port)
{
	unsigned probes = 0;

	for (uint32_t i = 1; i < t->mirror.mask_group_numbers.fresh; i++) {
		const struct mask_group *mask_group = &t->mirror.mask_groups[i];

		if (!mask_group->used || mask_group->key.dir != dir ||
		    !set_has(&t->mirror.sets[set], mask_group->key.sg) ||
		    (mask_group->key.slot != VPC_SLOT_ANY && mask_group->key.slot != slot))
			continue;
		/* A port prefix length that is in use is asked for, whether the group has this port or not. */
		probes += mask_group->key.port == (port & (0xffff0000u >> mask_group->key.plen) & 0xffff)
				  ? mask_group_probes(mask_group)
				  : 0;
	}
	return probes;
}

Test(maps_bound, no_walk_takes_more)
{
	static struct test_plan change;
	struct eni_record e = eni_rec(1, 1, 2);
	unsigned most = 0;

	srand(7);
	tp_init(&change);
	tp_eni(&change, NULL, &e);
	maps_apply(t, &change);
	for (unsigned round = 0; round < 30; round++) {
		tp_init(&change);
		for (unsigned i = 0; i < 10; i++) {
			uint8_t plen = (uint8_t)(rand() % 17), kind = rand() % 3 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
			struct plan_row *row =
				add_row(&change, (struct plan_row){.slot = (uint8_t)(rand() % 3),
								   .port_plen = plen,
								   .port = (uint16_t)(80 & (0xffff0000u >> plen)),
								   .sg = 1u + (uint32_t)rand() % 2,
								   .peer_kind = kind});

			row->rule = 100 + round * 10 + i;
			row->peer_plen = (uint8_t)(rand() % (kind == VPC_PEER_CIDR4 ? 33 : 129));
			if (rand() % 20 == 0)
				*row = (struct plan_row){.add = true,
							 .slot = VPC_SLOT_TCP,
							 .port_plen = 16,
							 .port = 80,
							 .sg = 1,
							 .peer_kind = VPC_PEER_SG,
							 .peer = {5},
							 .rule = row->rule};
		}
		maps_apply(t, &change);
		most = walk_probes(1, VPC_INGRESS, VPC_SLOT_TCP, 80);
		cr_assert_geq(t->mirror.sets[1].classifier[VPC_INGRESS].max_probes, most);
		cr_assert_eq(t->mirror.sets[1].classifier[VPC_INGRESS].at != 0,
			     t->mirror.sets[1].classifier[VPC_INGRESS].max_probes >= MAPS_CLASSIFIER_FROM);
		cr_assert_eq(t->mirror.sets[1].classifier[VPC_EGRESS].at, 0);
	}
	cr_assert_gt(most, MAPS_CLASSIFIER_FROM, "it got there");
}

/* 17 port prefixes with as many lengths of IPv4 prefixes as it takes; then one less. */
Test(maps_bound, a_set_gets_its_table_at_the_limit)
{
	static struct test_plan change;
	struct eni_record e = eni_rec(1, 1, 0);
	struct plan_row last;

	tp_init(&change);
	tp_eni(&change, NULL, &e);
	for (uint8_t plen = 0; plen <= 16; plen++)
		for (uint8_t peer = 1; peer <= (plen < 11 ? 3 : 2); peer++) /* 17 + 45, and one for the group */
			add_row(&change, (struct plan_row){.slot = VPC_SLOT_TCP,
							   .port_plen = plen,
							   .sg = 1,
							   .peer_kind = VPC_PEER_CIDR4,
							   .peer_plen = peer});
	maps_apply(t, &change);
	cr_expect_eq(t->mirror.sets[1].classifier[VPC_INGRESS].max_probes, MAPS_CLASSIFIER_FROM - 1);
	cr_expect_eq(in_force(1, VPC_INGRESS), 0);
	tp_init(&change);
	last = *add_row(&change,
			(struct plan_row){.slot = VPC_SLOT_TCP, .sg = 1, .peer_kind = VPC_PEER_CIDR4, .peer_plen = 6});
	change.rows[0].rule = last.rule = 999;
	maps_undo(t, maps_prepared(t, &change));
	cr_expect_eq(in_force(1, VPC_INGRESS), 0);
	maps_apply(t, &change);
	cr_expect_eq(t->mirror.sets[1].classifier[VPC_INGRESS].max_probes, MAPS_CLASSIFIER_FROM);
	cr_expect_neq(in_force(1, VPC_INGRESS), 0);
	cr_expect_eq(in_force(1, VPC_EGRESS), 0);
	/* the bound is above the truth until a start; then it is walked again */
	tp_init(&change);
	last.add = false;
	change.rows[change.p.n_rows++] = last;
	maps_apply(t, &change);
	maps_close(t);
	t = maps_small(true);
	cr_expect_eq(t->mirror.sets[1].classifier[VPC_INGRESS].max_probes, MAPS_CLASSIFIER_FROM - 1);
	cr_expect_eq(in_force(1, VPC_INGRESS), 0);
	cr_expect_eq(t->mirror.blocks.used, 0);
}
