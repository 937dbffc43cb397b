/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpcd is killed at each step of a change with keep or drain (rule 8), and flows are opened while the change looks at
 * them: for whoever changes something later, it is as if vpcd had never stopped. Needs root and `ip`.
 */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <unistd.h>

#include "tests/bpf/grace_util.h"

TestSuite(maps_grace_kill, .init = grace_setup, .fini = grace_teardown, .timeout = 280);

/* --- killed --- */

enum kill_at { KILL_RAISED, KILL_GIVEN, KILL_STORED, KILL_FINISHED, KILLS };

/* What maps_publish does, up to where vpcd is killed; the maps are opened again as a start does. */
static void publish_and_kill(struct maps_change *c, enum kill_at at)
{
	grace_unretired(c);
	generations_raise(grace_maps, c);
	if (at >= KILL_GIVEN)
		cr_assert_eq(grace_give(grace_maps, c), 0);
	if (at >= KILL_STORED)
		epoch_store(grace_maps, c->epoch);
	if (at >= KILL_FINISHED) {
		write_published(grace_maps, c);
		mirror_publish(&grace_maps->mirror, &c->mirror);
		cr_assert_eq(grace_finish(grace_maps), 0);
	}
	grace_reopen();
}

/* Rule 0 of the server goes with keep while vpcd is killed. Flow 0 lives; what was cut before, here and elsewhere, does
 * not come back; and it all is as if nothing had happened to whoever changes something later. */
static void kill_at(enum kill_at at, bool cut_later)
{
	uint64_t epoch;

	grace_rule(true, 0, FLOWS_CUT);
	grace_rule(true, 1, FLOWS_CUT);
	grace_commit(grace_rule_change(GRACE_OTHER, true, 2, FLOWS_CUT, 0));
	cr_assert(grace_opens(1, 0));
	cr_assert(grace_opens(1, 1));
	if (grace_proto != IPPROTO_ICMP)
		cr_assert(grace_opens(3, 2));
	grace_rule(false, 1, FLOWS_CUT);
	grace_commit(grace_rule_change(GRACE_OTHER, false, 2, FLOWS_CUT, 0));

	struct maps_change *c = grace_rule_change(GRACE_SERVER, false, 0, FLOWS_KEEP, 0);

	epoch = maps_change_epoch(c);
	publish_and_kill(c, at);
	if (maps_epoch(grace_maps) < epoch) {
		grace_rule(false, 0, FLOWS_KEEP); /* what the reconcile finds, with what the store says */
	} else {
		cr_assert_eq(maps_epoch(grace_maps), epoch);
		cr_assert_eq(maps_resume_sweep(grace_maps, FLOWS_KEEP, 0), 0);
	}
	if (cut_later)
		grace_egress(false, FLOWS_CUT);
	cr_expect_eq(grace_lives(0), !cut_later, "protocol %d, killed at %d", grace_proto, at);
	cr_expect(!grace_lives(1), "protocol %d, killed at %d", grace_proto, at);
	if (grace_proto != IPPROTO_ICMP)
		cr_expect(!grace_lives_of(3, 2), "protocol %d, killed at %d", grace_proto, at);
	/* Twice is as good as once. */
	cr_assert_eq(maps_resume_sweep(grace_maps, FLOWS_KEEP, 0), 0);
	cr_expect_eq(grace_lives(0), !cut_later);
	cr_expect(!grace_lives(1));
}

Test(maps_grace_kill, killed_about_a_keep)
{
	static const int protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (unsigned p = 0; p < 3; p++)
		for (int at = 0; at < KILLS; at++)
			for (int later = 0; later < 2; later++) {
				grace_proto = protos[p];
				kill_at((enum kill_at)at, later);
				grace_start_over();
			}
}

/* A drain doesn't begin anew. */
Test(maps_grace_kill, killed_about_a_drain)
{
	uint64_t until_ns = 0;
	unsigned seconds = 3;
	bool lived = false;

	grace_proto = IPPROTO_TCP;
	/* again, should it have ended before it was looked at */
	for (; !lived && monotonic_ns() >= until_ns && seconds <= 24; seconds *= 2) {
		if (until_ns)
			grace_start_over();
		grace_rule(true, 0, FLOWS_CUT);
		cr_assert(grace_opens(1, 0));
		until_ns = monotonic_ns() + seconds * 1000000000ull;
		publish_and_kill(grace_rule_change(GRACE_SERVER, false, 0, FLOWS_DRAIN, seconds), KILL_STORED);
		cr_assert_eq(maps_resume_sweep(grace_maps, FLOWS_DRAIN, until_ns), 0);
		lived = grace_lives(0);
	}
	cr_assert(lived);
	while (monotonic_ns() < until_ns + 200000000)
		usleep(10000);
	cr_assert(!grace_lives(0));
}

/* --- meanwhile --- */

/* Opened after the flows were looked at and before the epoch is stored: allowed until that very change. */
static void opened_meanwhile(bool killed)
{
	struct maps_change *c;

	grace_proto = IPPROTO_TCP;
	grace_rule(true, 0, FLOWS_CUT);
	c = grace_rule_change(GRACE_SERVER, false, 0, FLOWS_KEEP, 0);
	grace_unretired(c);
	generations_raise(grace_maps, c);
	cr_assert_eq(grace_give(grace_maps, c), 0);
	cr_assert(grace_opens(1, 0));
	epoch_store(grace_maps, c->epoch);
	if (killed) {
		grace_reopen();
		cr_assert_eq(maps_resume_sweep(grace_maps, FLOWS_KEEP, 0), 0);
	} else {
		write_published(grace_maps, c);
		mirror_publish(&grace_maps->mirror, &c->mirror);
		grace_maps->prepared = NULL;
		cr_assert_eq(grace_finish(grace_maps), 0);
	}
	cr_assert(grace_lives(0));
	cr_assert(!grace_packet(1, false, 0, GRACE_SYN), "new ones are refused");
	grace_egress(false, FLOWS_CUT);
	cr_assert(!grace_lives(0));
}

Test(maps_grace_kill, opened_while_the_flows_are_read)
{
	opened_meanwhile(false);
}

Test(maps_grace_kill, opened_while_the_flows_are_read_and_killed_then)
{
	opened_meanwhile(true);
}
