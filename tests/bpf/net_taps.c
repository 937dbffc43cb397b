/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports that are taps: made, adopted, compared, opened. Root. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/bpf/net_util.h"

static void setup(void)
{
	nettest_enter();
}

TestSuite(net_taps, .init = setup, .timeout = 60);

static void make_tap(struct port_record *p, uint32_t queues)
{
	p->attachment = (struct attachment){.kind = ATTACHMENT_TAP, .queues = queues, .owner_uid = 4711};
}

static void init(struct nettest *t)
{
	nettest_init(t, true);
	for (size_t i = 0; i < 2; i++)
		make_tap(&t->ports[i], (uint32_t)i + 1);
	nettest_build(t, 2);
	nettest_attach_links(t);
}

static int open_tap(struct nettest *t, size_t i, int *ret_fds, size_t n)
{
	struct net_tap tap = NET_TAP_INIT;
	int r = net_tap_begin(t->net, t->vpc.number, t->ports[i].eni, &tap);

	cr_assert_eq(r, 0);
	r = net_tap_open(&tap, t->ports[i].attachment.queues > 1, ret_fds, n);
	net_tap_clear(&tap);
	return r;
}

static void ensure(struct nettest *t, const char *what)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct plan all = nettest_plan(t, 2, false);
	struct net_report report = NET_REPORT_INIT;

	cr_assert_eq(net_ensure(t->net, &all, NULL, 0, &report, &error), 0, "%s: %s", what, error.message);
	cr_assert_eq(report.n_lost, 0, "%s", what);
	net_report_clear(&report);
	nettest_plan_free(&all);
	nettest_attach_links(t);
	nettest_clean(t, 2, what);
}

Test(net_taps, made_and_adopted)
{
	struct nettest t;
	unsigned fds;

	init(&t);
	nettest_clean(&t, 2, "after attaching");
	nettest_loop(&t);
	cr_assert_eq(t.n_events, 0, "our own changes look like somebody else's");
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -d -o link show port0 | grep '^1030: ' | grep UP | "
				   "grep 'type tap pi off vnet_hdr on persist on user 4711' | grep 'mtu 1450'"),
		     1);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -d -o link show port0 | grep multi_queue"), 0);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -d -o link show port1 | grep multi_queue"), 1);
	fds = nettest_count_fds();
	ensure(&t, "what is right is adopted");
	cr_assert_eq(nettest_count_fds(), fds);
	nettest_end(&t);
}

Test(net_taps, opened_once_and_closed)
{
	struct nettest t;
	int fds[3];

	init(&t);
	cr_assert(!net_tap_is_open(t.net, t.vpc.number, t.ports[0].eni));
	cr_assert_eq(open_tap(&t, 0, fds, 1), 0);
	cr_assert(net_tap_is_open(t.net, t.vpc.number, t.ports[0].eni));
	cr_assert_eq(open_tap(&t, 0, &fds[1], 1), -EBUSY);
	cr_assert_eq(fds[1], -1);
	nettest_clean(&t, 2, "while it is open");
	close(fds[0]);
	cr_assert(!net_tap_is_open(t.net, t.vpc.number, t.ports[0].eni));
	cr_assert_eq(open_tap(&t, 0, fds, 1), 0);
	close(fds[0]);
	/* the other has two queues, and whoever comes second gets none of them */
	cr_assert_eq(open_tap(&t, 1, fds, 2), 0);
	cr_assert_eq(open_tap(&t, 1, &fds[2], 1), -EBUSY);
	close(fds[0]);
	close(fds[1]);
	/* one queue can't be opened twice: none stays open */
	cr_assert_lt(open_tap(&t, 0, fds, 2), 0);
	cr_assert(!net_tap_is_open(t.net, t.vpc.number, t.ports[0].eni));
	nettest_end(&t);
}

Test(net_taps, a_tap_that_is_gone_is_not_made_by_opening_it)
{
	struct net_tap tap = NET_TAP_INIT;
	struct nettest t;
	int fd;

	init(&t);
	cr_assert_eq(net_tap_begin(t.net, t.vpc.number, t.ports[0].eni, &tap), 0);
	cr_assert_eq(nettest_sh("ip -n nettest-vpc-7 link del port0"), 0);
	cr_assert_eq(net_tap_open(&tap, false, &fd, 1), -ENODEV);
	cr_assert_eq(nettest_sh("ip -n nettest-vpc-7 tuntap add dev port0 mode tap"), 0, "somebody else's");
	cr_assert_eq(net_tap_open(&tap, false, &fd, 1), -ENODEV);
	net_tap_clear(&tap);
	nettest_end(&t);
}

Test(net_taps, what_differs_is_mended)
{
	static const char *const changes[] = {
		"ip -n nettest-vpc-7 link del port0",
		"ip -n nettest-vpc-7 link set port0 address 02:00:00:00:01:01",
		"ip -n nettest-vpc-7 link set port0 nomaster",
		/* left over from another attachment */
		"ip -n nettest-vpc-7 link del port0 && "
		"ip -n nettest-vpc-7 link add port0 index 1030 type veth peer name other",
		"ip -n nettest-vpc-7 link del port1 && ip -n nettest-vpc-7 link add port1 index 1031 type veth peer "
		"other",
	};
	struct nettest t;

	init(&t);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		json_t *report;

		cr_assert_eq(nettest_sh("%s", changes[i]), 0, "%s", changes[i]);
		report = nettest_verify(&t, 2);
		cr_assert_gt(json_array_size(report), 0, "%s", changes[i]);
		json_decref(report);
		nettest_loop(&t);
		cr_assert_gt(t.n_events, 0, "%s", changes[i]);
		t.n_events = 0;
		nettest_sh("ip -n nettest-vpc-7 link del other 2>/dev/null");
		ensure(&t, changes[i]);
		nettest_loop(&t);
	}
	nettest_end(&t);
}

Test(net_taps, refused_changes_leave_nothing)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_change *change = NULL;
	struct nettest t;
	struct plan p;

	init(&t);
	make_tap(&t.ports[2], 1);
	p = nettest_port_plan(&t, 2, false);
	cr_assert_eq(net_prepare(t.net, &p, NULL, 0, &change, &error), 0, "%s", error.message);
	net_undo(t.net, change);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link show port2 2>/dev/null"), 0);
	cr_assert_eq(nettest_sh("ip -n nettest-vpc-7 link add name foreign index 1032 type veth peer name other"), 0);
	cr_assert_lt(net_prepare(t.net, &p, NULL, 0, &change, &error), 0);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link show port2 2>/dev/null"), 0);
	nettest_plan_free(&p);
	nettest_end(&t);
}
