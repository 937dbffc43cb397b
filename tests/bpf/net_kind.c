/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kind of device that only tests have (tests/kind/probe_device.c) is made, watched, compared, mended and removed.
 * Root. */
#include <criterion/criterion.h>

#include "tests/bpf/net_util.h"

static void setup(void)
{
	nettest_enter();
}

TestSuite(net_kind, .init = setup, .timeout = 60);

#define IN "ip -n nettest-vpc-7 "

static void ensure(struct nettest *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct plan p = nettest_plan(t, 0, false);
	struct net_report report = NET_REPORT_INIT;

	cr_assert_eq(net_ensure(t->net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	cr_expect_eq(report.n_troubles, 0);
	net_report_clear(&report);
	nettest_plan_free(&p);
}

/* The subnets 0 and 1 have the probes r0 and r1, with the addresses 192.0.2.3 and 192.0.2.4. */
static void expect_probes(const char *when)
{
	cr_expect_eq(nettest_lines(IN "-d link show r0 | grep -e 'alias vpcd:nettest:subnet-0' -e 'mtu 1450'"), 2, "%s",
		     when);
	cr_expect_eq(nettest_lines(IN "addr show dev r0 | grep 'inet 192.0.2.3/32'"), 1, "%s", when);
	cr_expect_eq(nettest_lines(IN "addr show dev r1 | grep 'inet 192.0.2.4/32'"), 1, "%s", when);
}

Test(net_kind, made_and_removed)
{
	struct nettest t;
	struct plan p;

	nettest_init(&t, true);
	nettest_build(&t, 0);
	expect_probes("made");
	nettest_clean(&t, 0, "made");
	p = nettest_plan(&t, 0, true);
	p.n_vpcs = 0;
	nettest_remove(&t, &p);
	nettest_plan_free(&p);
	cr_expect_eq(nettest_lines(IN "-o link show | grep -v ': lo:'"), 0);
	nettest_end(&t);
}

Test(net_kind, tampering_is_told_reported_and_mended)
{
	static const char *const tamperings[][2] = {
		{IN "link del r0", "r0, the probe"},
		{IN "link set r0 down", "r0 is down"},
		{IN "link set r0 down name other && " IN "link set other up", "is named other"},
		{IN "link set r0 alias other", "alias"},
		{IN "link set r0 mtu 1400", "MTU is 1400"},
		{IN "addr del 192.0.2.3/32 dev r0", "192.0.2.3"},
		{IN "addr add 192.0.2.9/32 dev r0", "192.0.2.9"},
	};
	struct nettest t;

	nettest_init(&t, true);
	nettest_build(&t, 0);
	nettest_loop(&t);
	for (size_t i = 0; i < ARRAY_SIZE(tamperings); i++) {
		_cleanup_free_ char *text = NULL;
		json_t *report;

		t.n_events = 0;
		cr_assert_eq(nettest_sh("%s", tamperings[i][0]), 0);
		report = nettest_verify(&t, 0);
		text = json_dumps(report, 0);
		json_decref(report);
		cr_expect(strstr(text, tamperings[i][1]), "%s: %s", tamperings[i][0], text);
		NETTEST_UNTIL(&t, t.n_events > 0);
		cr_expect_gt(t.n_events, 0, "%s: no event", tamperings[i][0]);
		ensure(&t);
		expect_probes(tamperings[i][0]);
		nettest_clean(&t, 0, tamperings[i][0]);
		nettest_loop(&t);
	}
	nettest_end(&t);
}

/* vpcd was killed between the creation of a device and its alias, and its object is gone since. */
Test(net_kind, one_that_was_never_finished_is_removed)
{
	struct nettest t;

	nettest_init(&t, true);
	nettest_build(&t, 0);
	cr_assert_eq(nettest_sh(IN "link add r77 index $((2 * 0x100000 + 77)) type bridge"), 0);
	cr_assert_eq(nettest_sh(IN "link add r78 index 4711 type bridge"), 0);
	ensure(&t);
	cr_expect_eq(nettest_lines(IN "-o link show | grep r77:"), 0, "ours stays");
	cr_expect_eq(nettest_lines(IN "-o link show | grep r78:"), 1, "somebody else's is gone");
	nettest_end(&t);
}
