/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The edge in the maps: from any random state to any other, with an undo, the audit and an adoption in between. Needs
 * root. */
#include <criterion/criterion.h>

#include "tests/bpf/maps_util.h"

TestSuite(maps_edge_random, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

static uint32_t seed = 4711;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* A random state. ENIs and addresses stay. */
static void random_state(struct test_plan *tp)
{
	static const uint32_t kinds[] = {VPC_TARGET_IGW, VPC_TARGET_NAT, VPC_TARGET_BLACKHOLE, VPC_TARGET_ENI};
	static const uint8_t hosts[] = {0, 5, 6};
	uint8_t used = 0;

	tp_routed_enis(tp);
	tp_all(tp, true, 1, 100);
	for (uint32_t i = 0; i < 24; i++) {
		struct route_record r = i % 2 ? route4_rec(1 + i % 3, i, kinds[draw(4)], draw(4))
					      : route6_rec(1 + i % 3, i, kinds[draw(4)], draw(4));

		if (draw(2))
			tp_route(tp, NULL, &r);
	}
	for (uint32_t i = 1; i < 6; i++)
		tp_association(tp, i, 0, draw(4));
	for (uint32_t i = 1; i <= 4; i++) {
		struct nat_record nat = {.number = i, .vpc = 1, .incarnation = 1 + draw(9), .eip = 1 + draw(8)};

		if (draw(2))
			tp_nat(tp, NULL, &nat);
	}
	for (uint32_t i = 1; i <= 8; i++) {
		uint8_t host = hosts[draw(3)];
		struct eip_record eip;

		if (!draw(3) || (host && used & 1u << (host - 5)))
			continue;
		used |= host ? (uint8_t)(1u << (host - 5)) : 0;
		eip = eip_rec(i, (uint8_t)i, host ? host - 4u : 0, host);
		tp_eip(tp, NULL, &eip);
	}
	for (uint32_t i = 1; i < 5; i++) {
		uint16_t start = (uint16_t)(i * 1000 + draw(30)), n = (uint16_t)draw(40);
		struct publish_record p = publish_rec(i, 1 + draw(2), 5, start, (uint16_t)(start + n));

		if (draw(2))
			tp_publish(tp, NULL, &p);
	}
	/* An association with nothing is not in a plan. */
	for (size_t i = 0; i < tp->p.n_associations;) {
		if (tp->associations[i].has_after)
			i++;
		else
			tp->associations[i] = tp->associations[--tp->p.n_associations];
	}
}

static void nothing_found(struct maps *t)
{
	struct maps_audit *a;
	struct maps_finding finding;

	cr_assert_eq(maps_audit_new(&a), 0);
	cr_assert_eq(maps_audit_step(t, a, 100000, &finding), 0, "%s: %s", finding.map, finding.detail);
	maps_audit_free(a);
}

Test(maps_edge_random, any_state_becomes_any_other)
{
	struct maps *t = maps_small(true);
	static struct test_plan states[2];
	struct test_plan *now = &states[0], *next = &states[1];
	struct vpc_error error = VPC_ERROR_INIT;
	char first[512];

	random_state(now);
	maps_apply(t, now);
	for (int i = 0; i < 60; i++) {
		struct dump before = maps_dump(t), after;
		struct maps_change *c = NULL;
		struct plan plan;

		random_state(next);
		cr_assert_eq(maps_diff(t, &next->p, &plan, &error), 0);
		cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0, "%d: %s", i, error.message);
		maps_undo(t, c);
		after = maps_dump(t);
		cr_assert(dump_equal(&before, &after), "%d: undone", i);
		cr_assert_eq(maps_differences(t, now, first, sizeof(first)), 0, "%d: %s", i, first);
		cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0, "%d: %s", i, error.message);
		maps_publish(t, c);
		cr_assert_eq(maps_differences(t, next, first, sizeof(first)), 0, "%d: %s", i, first);
		nothing_found(t);
		if (i % 9)
			maps_retire(t, c);
		if (i % 9 == 0) {
			maps_close(t);
			t = maps_small(true);
			cr_assert_eq(maps_differences(t, next, first, sizeof(first)), 0, "%d: %s", i, first);
		}
		nothing_found(t);
		plan_clear(&plan);
		free(before.at);
		free(after.at);
		now = next;
		next = now == &states[0] ? &states[1] : &states[0];
	}
	maps_close(t);
}
