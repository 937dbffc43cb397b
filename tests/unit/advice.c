/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules were seen to allow: boxes that hold every flow, gaps, and shares of VPCs. */
#include <criterion/criterion.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "observe/advice.h"

#define MAX 8u

static struct advice *a;

static void open_advice(void)
{
	cr_assert_eq(advice_new(MAX, &a), 0);
	cr_assert_eq(advice_begin(a, 1, 1000, 50, 0), 0);
}

static void close_advice(void)
{
	advice_free(a);
}

TestSuite(advice, .init = open_advice, .fini = close_advice);

static struct advice_box flow(int16_t protocol, uint16_t port, const char *peer)
{
	struct advice_box box = {.protocol = protocol, .from = port, .to = port};

	if (peer) {
		cr_assert_eq(ip_parse(peer, &box.peer.addr), 0);
		box.peer.plen = box.peer.addr.family == 4 ? 32 : 128;
	}
	return box;
}

static void note(struct advice_rule *r, int16_t protocol, uint16_t port, const char *peer)
{
	struct advice_box box = flow(protocol, port, peer);

	advice_note(r, &box);
}

static bool holds(const struct advice_rule *r, const struct advice_box *box)
{
	for (uint8_t i = 0; i < r->n; i++)
		if (advice_contains(&r->box[i], box))
			return true;
	return false;
}

Test(advice, flows_are_remembered_once)
{
	struct advice_rule *r = advice_add(a, 1, 60, 0, true, 2000);

	note(r, IPPROTO_TCP, 443, "10.0.1.5");
	note(r, IPPROTO_TCP, 443, "10.0.1.5");
	note(r, IPPROTO_TCP, 443, "10.0.1.6");
	note(r, IPPROTO_UDP, 443, "10.0.1.5");
	cr_assert_eq(r->n, 3);
	cr_assert(!r->merged);
	cr_assert_eq(advice_find(a, 60), r);
	cr_assert_null(advice_find(a, 61));
}

Test(advice, what_is_merged_is_the_smallest_box_of_both)
{
	struct advice_box x = flow(IPPROTO_TCP, 80, "10.0.1.5"), y = flow(IPPROTO_TCP, 443, "10.0.1.9"),
			  z = flow(IPPROTO_ICMP, 2048, "10.0.1.5"), v = flow(IPPROTO_TCP, 80, "fd00::1"),
			  w = flow(IPPROTO_TCP, 80, "fd00::3"), m = advice_merge(&x, &y);
	char text[CIDR_STRLEN];

	cr_assert_eq(m.from, 80);
	cr_assert_eq(m.to, 443);
	cr_assert_str_eq(cidr_format(&m.peer, text), "10.0.1.0/28");
	m = advice_merge(&x, &z);
	cr_assert_eq(m.protocol, -1);
	cr_assert(advice_contains(&m, &x) && advice_contains(&m, &z));
	m = advice_merge(&v, &w);
	cr_assert_str_eq(cidr_format(&m.peer, text), "fd00::/126");
	x.peer = y.peer = (struct cidr){0};
	m = advice_merge(&x, &y);
	cr_assert_eq(m.peer.addr.family, 0);
}

/* Whatever comes in whatever order: no flow is lost, and there are never more boxes. */
Test(advice, no_flow_is_lost_by_merging)
{
	static struct advice_box all[3000];
	struct advice_rule *r = advice_add(a, 1, 60, 0, true, 2000);
	unsigned seed = 7;

	for (size_t i = 0; i < 3000; i++) {
		unsigned x = (unsigned)rand_r(&seed);
		char peer[32];

		snprintf(peer, sizeof(peer), "10.%u.%u.%u", x % 3, x >> 4 & 7, x >> 8 & 0xff);
		all[i] = flow(x >> 16 & 1 ? IPPROTO_TCP : IPPROTO_UDP, (uint16_t)rand_r(&seed), peer);
		advice_note(r, &all[i]);
		cr_assert_leq(r->n, ADVICE_BOXES);
	}
	for (size_t i = 0; i < 3000; i++)
		cr_assert(holds(r, &all[i]), "flow %zu", i);
	cr_assert(r->merged);
}

Test(advice, few_hosts_and_ports_stay_apart_from_a_scan)
{
	struct advice_rule *r = advice_add(a, 1, 60, 0, true, 2000);
	struct advice_box far = flow(IPPROTO_TCP, 443, "10.9.0.1"), near = flow(IPPROTO_TCP, 22, "10.9.0.1");

	advice_note(r, &far);
	for (unsigned port = 1; port < 4000; port++)
		note(r, IPPROTO_UDP, (uint16_t)port, "10.1.0.1");
	cr_assert(holds(r, &far));
	cr_assert(!holds(r, &near));
}

Test(advice, a_flow_that_was_counted_and_not_told_is_a_gap)
{
	struct advice_rule *young = advice_add(a, 1, 50, 1, true, 2000), *old = advice_add(a, 1, 49, 7, true, 2000);

	cr_assert_eq(young->gap_ns, 0);
	cr_assert_eq(old->gap_ns, 1000, "since the watch began");
	young->told = old->told = 1;
	advice_look(young, 1, 3000);
	advice_look(old, 7, 3000);
	cr_assert(!young->doubted && !old->doubted);
	/* counted a moment before it is told */
	advice_look(young, 2, 3000);
	cr_assert(young->doubted && advice_is_behind(young, 2));
	young->told++;
	advice_look(young, 2, 3500);
	cr_assert(!young->doubted && young->gap_ns == 0);
	/* never told */
	advice_look(young, 4, 4000);
	advice_look(young, 4, 5000);
	cr_assert_eq(young->gap_ns, 5000);
	cr_assert_eq(young->untold, 2);
	cr_assert(!advice_is_behind(young, 4));
	/* the same gap isn't told twice */
	advice_look(young, 4, 6000);
	advice_look(young, 4, 7000);
	cr_assert_eq(young->gap_ns, 5000);
}

Test(advice, what_was_counted_before_the_rule_was_made_here_and_never_told)
{
	struct advice_rule *r = advice_add(a, 1, 50, 3, true, 2000);

	r->told = 1;
	advice_look(r, 3, 3000);
	advice_look(r, 3, 4000);
	cr_assert_eq(r->gap_ns, 4000, "a rule that is newer than the watch should have been told of");
}

Test(advice, an_old_rule_after_a_loss_is_known_from_then_on)
{
	advice_lost(a, 1500);
	cr_assert_eq(advice_add(a, 1, 49, 7, true, 2000)->gap_ns, 2000);
}

Test(advice, each_vpc_has_its_share)
{
	cr_assert_eq(advice_begin(a, 2, 1000, 0, 0), 0);
	for (uint32_t i = 0; i < 2 * MAX; i++)
		advice_add(a, 1, 100 + i, 0, true, 2000);
	cr_assert_eq(advice_count(a), MAX / 2);
	cr_assert(advice_vpc_find(a, 1)->full);
	cr_assert(!advice_vpc_find(a, 2)->full);
	cr_assert_not_null(advice_add(a, 2, 300, 0, true, 2000));
	cr_assert_null(advice_add(a, 3, 400, 0, true, 2000), "nobody watches it");
	advice_end(a, 1);
	cr_assert_eq(advice_count(a), 1);
	cr_assert_null(advice_vpc_find(a, 1));
	cr_assert_null(advice_find(a, 100));
}

Test(advice, all_are_looked_at_in_turn)
{
	uint32_t sum = 0;

	cr_assert_null(advice_next(a));
	for (uint32_t i = 0; i < 3; i++)
		advice_add(a, 1, 100 + i, 0, true, 2000);
	for (uint32_t i = 0; i < 3; i++)
		sum += advice_next(a)->rule;
	cr_assert_eq(sum, 303);
	advice_next(a);
	advice_forget(a, advice_find(a, 101));
	cr_assert_eq(advice_next(a)->rule, 102, "also if the next one is forgotten");
}
