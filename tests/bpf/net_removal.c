/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Detaching: what goes at once, what the worker deletes, attaching again meanwhile; no descriptor and no link stays.
 * Root. */
#include <criterion/criterion.h>
#include <errno.h>
#include <vpc/clock.h>

#include "datapath/net/removal.h"
#include "tests/bpf/net_util.h"

static void setup(void)
{
	nettest_enter();
}

TestSuite(net_removal, .init = setup, .timeout = 120);

static bool removal_has(const struct net_removal *r, uint32_t vpc, uint32_t ifindex, uint64_t ns_ino)
{
	const struct net_removal_match match = {.vpc = vpc, .ifindex = ifindex, .ns_ino = ns_ino};

	return net_removal_has(r, &match);
}

static int neighbours(const char *address)
{
	char command[128];

	snprintf(command, sizeof(command), "ip -n nettest-vpc-7 neigh | grep -F '%s '", address);
	return nettest_lines(command);
}

/* Publishing asks for nothing that waits for the kernel's lock of all network configuration. What another port wants by
 * then stays. */
Test(net_removal, neighbours_of_a_removed_port_go_with_it)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;
	struct nettest t;
	struct plan gone, moved;

	nettest_init(&t, false);
	t.ports[0].n_ips = 3; /* .50 */
	nettest_build(&t, 2);
	gone = nettest_port_plan(&t, 0, true);
	cr_assert_eq(net_prepare(t.net, &gone, NULL, 0, &change, &error), 0, "%s", error.message);
	cr_assert_eq(net_publish(t.net, change, &removal), 0);
	cr_assert_eq(neighbours("10.0.0.10"), 1);
	cr_assert_eq(neighbours("10.0.0.50"), 1);

	moved = nettest_port_plan(&t, 1, true);
	moved.ports[0].has_after = true;
	t.ips[2][0] = t.ports[1].ips[0];
	t.ips[2][1] = t.ports[1].ips[1];
	t.ips[2][2] = t.ips[0][2];
	t.ports[1].ips = t.ips[2];
	t.ports[1].n_ips = 3;
	moved.ports[0].after = t.ports[1];
	cr_assert_eq(net_prepare(t.net, &moved, NULL, 0, &change, &error), 0, "%s", error.message);
	{
		struct net_removal *far_end = NULL;

		cr_assert_eq(net_publish(t.net, change, &far_end), 0);
		cr_assert_eq(net_removal_run(far_end), 0);
		net_removal_free(t.net, far_end);
	}
	cr_assert_eq(net_removal_run(removal), 0);
	net_removal_take_objects(t.net, removal);
	cr_assert_eq(neighbours("10.0.0.10"), 0);
	cr_assert_eq(neighbours("10.0.0.50"), 1, "it is the other port's");
	net_removal_free(t.net, removal);
	cr_assert_eq(neighbours("10.0.0.50"), 1);
	nettest_plan_free(&gone);
	nettest_plan_free(&moved);
	nettest_end(&t);
}

/* The same number again, while the worker has not come to deleting the old link. */
Test(net_removal, attaching_again_before_the_removal_ran)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;
	struct workload w = WORKLOAD_INIT;
	struct nettest t;
	struct plan gone, back;
	uint64_t ino;

	nettest_init(&t, true);
	nettest_build(&t, 1);
	nettest_attach_links(&t);
	ino = t.ports[0].attachment.ns_ino;
	gone = nettest_port_plan(&t, 0, true);
	cr_assert_eq(net_prepare(t.net, &gone, NULL, 0, &change, &error), 0);
	cr_assert_eq(net_publish(t.net, change, &removal), 0);
	cr_assert_not_null(removal);
	cr_assert(removal_has(removal, 0, 0, ino));
	cr_assert(removal_has(removal, t.vpc.number, t.ports[0].eni, ino));
	cr_assert(!removal_has(removal, 0, 0, ino + 1));
	cr_assert(!removal_has(removal, 0, t.ports[0].eni + 1, 0));
	cr_assert(!removal_has(removal, t.vpc.number + 1, 0, 0));

	cr_assert_eq(nettest_sh("ip netns add other"), 0);
	{
		struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .netns = (char *)"other"};

		cr_assert_eq(workload_open(&spec, 0, &w, &error), 0, "%s", error.message);
		w.eni = t.ports[0].eni;
	}
	back = nettest_port_plan(&t, 0, false);
	cr_assert_eq(net_prepare(t.net, &back, &w, 1, &change, &error), 0, "%s", error.message);
	cr_assert_eq(nettest_lines("ip -n w0 -o link | grep eth0"), 0, "the old one is gone");
	{
		struct net_removal *none = NULL;

		cr_assert_eq(net_publish(t.net, change, &none), 0);
		cr_assert_null(none);
	}
	cr_assert_eq(net_removal_run(removal), 0);
	net_removal_free(t.net, removal);
	nettest_attach_links(&t);
	/* verify looks into the workload, too: it is in the other one now */
	free(t.ports[0].attachment.path);
	t.ports[0].attachment.path = strdup(w.path);
	t.ports[0].attachment.ns_dev = w.ns_dev;
	t.ports[0].attachment.ns_ino = w.ns_ino;
	nettest_clean(&t, 1, "the new one is untouched by the removal");
	cr_assert_eq(nettest_lines("ip -n other -o link | grep eth0"), 1);
	workload_clear(&w);
	nettest_plan_free(&gone);
	nettest_plan_free(&back);
	nettest_end(&t);
}

static void count_object(const char *object, void *userdata)
{
	(void)object;
	++*(size_t *)userdata;
}

/* A failure is of its own removal alone: lo stands for a link that can't be deleted. */
Test(net_removal, removals_of_several_changes_run_together)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_removal *removals[4] = {};
	const struct device_ops *ops;
	size_t left = 0, gone = 0;
	struct net_vpc *vpc;
	struct nettest t;
	int results[4];

	nettest_init(&t, true);
	nettest_build(&t, 3);
	vpc = net_find_vpc(t.net, t.vpc.number);
	ops = net_find_device(vpc, t.ports[0].eni)->ops;
	nettest_attach_links(&t);
	for (size_t i = 0; i < 3; i++) {
		struct plan p = nettest_port_plan(&t, i, true);
		struct net_change *change = NULL;

		cr_assert_eq(net_prepare(t.net, &p, NULL, 0, &change, &error), 0, "%s", error.message);
		cr_assert_eq(net_publish(t.net, change, &removals[i]), 0);
		nettest_plan_free(&p);
	}
	cr_assert_eq(removal_new(t.net, &removals[3]), 0);
	cr_assert_eq(removal_add_link(removals[3], vpc, ops, 1, "eni-lo", 0), 0);
	net_removals_run(removals, 4, results);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(results[i], 0);
		net_removal_each(removals[i], true, count_object, &gone);
		net_removal_each(removals[i], false, count_object, &left);
	}
	cr_assert_eq(gone, 3);
	cr_assert_eq(left, 0);
	cr_assert_eq(results[3], -EOPNOTSUPP);
	net_removal_each(removals[3], false, count_object, &left);
	cr_assert_eq(left, 1, "it is left to be tried again");
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link show lo | grep -v ,UP"), 1, "and lowered");
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link | grep port"), 0);
	cr_assert_eq(nettest_lines("find /run/bpf -path '*/links/*'"), 0);
	for (size_t i = 0; i < 4; i++)
		net_removal_free(t.net, removals[i]);
	nettest_clean(&t, 0, "after the removals");
	nettest_end(&t);
}

Test(net_removal, a_hundred_rounds_keep_no_descriptor_and_no_link)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	uint64_t attach_ns = 0, remove_ns = 0;
	unsigned fds = 0;
	struct nettest t;

	nettest_init(&t, true);
	nettest_build(&t, 0);
	for (int i = 0; i < 101; i++) {
		struct workload w = WORKLOAD_INIT;
		struct net_removal *removal = NULL;
		struct net_change *change = NULL;
		uint64_t begin_ns;
		struct plan make, gone;

		nettest_open_workload(&t, 0, &w);
		make = nettest_port_plan(&t, 0, false);
		gone = nettest_port_plan(&t, 0, true);
		begin_ns = monotonic_ns();
		cr_assert_eq(net_prepare(t.net, &make, &w, 1, &change, &error), 0, "%s", error.message);
		cr_assert_eq(net_publish(t.net, change, &removal), 0);
		attach_ns += monotonic_ns() - begin_ns;
		cr_assert_null(removal);
		workload_clear(&w);
		if (i % 4 == 0)
			nettest_attach_links(&t);
		cr_assert_eq(net_prepare(t.net, &gone, NULL, 0, &change, &error), 0);
		begin_ns = monotonic_ns();
		cr_assert_eq(net_publish(t.net, change, &removal), 0);
		cr_assert_eq(net_removal_run(removal), 0);
		remove_ns += monotonic_ns() - begin_ns;
		net_removal_free(t.net, removal);
		nettest_loop(&t);
		nettest_plan_free(&make);
		nettest_plan_free(&gone);
		if (i == 0)
			fds = nettest_count_fds();
	}
	cr_assert_eq(nettest_count_fds(), fds);
	cr_assert_eq(t.n_events, 0);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link"), 3);
	nettest_clean(&t, 0, "after a hundred rounds");
	printf("attach %.2f ms, removal %.2f ms on average\n", (double)attach_ns / 101e6, (double)remove_ns / 101e6);
	nettest_end(&t);
}
