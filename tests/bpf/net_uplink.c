/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The uplink of a VPC: a veth pair from its namespace to vpcd's own, which is the test's here. Root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "tests/bpf/net_util.h"

#define NETNS	 "nettest-vpc-7"
#define HOST_END "vu-vpc-7"
#define PINS	 3 /* of its tcx links: one in the VPC, two in the host */
#define VPC_END	 (VPC_UPLINK_FIRST + 7)

static struct {
	struct net_uplink uplink;
	bool usable;
	unsigned calls;
} told;

static void on_uplink(uint32_t vpc, const struct net_uplink *uplink, void *userdata)
{
	(void)userdata;
	cr_assert_eq(vpc, 7);
	told.calls++;
	told.usable = uplink != NULL;
	if (uplink)
		told.uplink = *uplink;
}

static void setup(void)
{
	nettest_enter();
	cr_assert_eq(nettest_sh("ip link set lo up"), 0);
}

TestSuite(net_uplink, .init = setup, .timeout = 120);

/* Programs that let everything pass stand for those of the edge: what they do is not net's business. */
static void init(struct nettest *t, bool tcx)
{
	nettest_init_edge(t, tcx, on_uplink);
	t->vpc.routed_out = true;
	told.calls = 0;
	told.usable = false;
}

static void ensure(struct nettest *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct plan p = nettest_plan(t, 0, false);

	cr_assert_eq(net_ensure(t->net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	nettest_plan_free(&p);
	net_report_clear(&report);
}

/* As when the last gateway goes, or the first one comes. */
static void route_out(struct nettest *t, bool routed_out)
{
	struct plan p = nettest_plan(t, 0, true);

	p.n_subnets = 0;
	p.vpcs[0].has_after = true;
	p.vpcs[0].after = t->vpc;
	p.vpcs[0].after.routed_out = routed_out;
	nettest_remove(t, &p); /* applies any plan */
	nettest_plan_free(&p);
	t->vpc.routed_out = routed_out;
}

static void end(struct nettest *t, size_t n_ports)
{
	struct plan p = nettest_plan(t, n_ports, true);

	nettest_remove(t, &p);
	nettest_plan_free(&p);
	cr_expect_neq(nettest_sh("ip link show " HOST_END " >/dev/null 2>&1"), 0, "its host end is left");
	cr_expect_eq(nettest_lines("find /run/bpf/nettest -type f 2>/dev/null"), 0, "pins are left");
	nettest_end(t);
}

static void check_made(int pins)
{
	cr_expect_eq(nettest_lines("ip -o link show " HOST_END " up | grep -w 'mtu 65535'"), 1);
	cr_expect_eq(nettest_lines("ip link show " HOST_END " | grep -w 'alias vpcd:nettest:vpc-7'"), 1);
	cr_expect_eq(nettest_lines("ip -o addr show dev " HOST_END), 0, "the kernel gave it an address");
	cr_expect_eq(nettest_lines("ip -o route show dev " HOST_END), 0);
	cr_expect_eq(nettest_in(NETNS, "ip -o link show uplink | grep -q '^%u: uplink@.*mtu 65535.*UP'", VPC_END), 0);
	cr_expect_eq(nettest_lines("nsenter --net=/run/netns/" NETNS " ip -o addr show dev uplink"), 0);
	cr_expect_eq(nettest_lines("tc filter show dev " HOST_END " ingress | grep -w from-vpc"), 1);
	cr_expect_eq(nettest_lines("tc filter show dev " HOST_END " egress | grep -w to-host"), 1);
	cr_expect_eq(nettest_lines("nsenter --net=/run/netns/" NETNS
				   " tc filter show dev uplink ingress | grep -w from-uplink"),
		     1);
	cr_expect_eq(nettest_lines("nsenter --net=/run/netns/" NETNS " tc filter show dev uplink egress"), 0);
	cr_expect_eq(nettest_lines("find /run/bpf/nettest -type f -path '*/links/*'"), pins);
	cr_expect_eq(nettest_sh("grep -qx 0 /proc/sys/net/ipv4/conf/" HOST_END "/rp_filter"), 0);
	cr_expect_eq(nettest_sh("grep -qx 0 /proc/sys/net/ipv4/conf/all/route_localnet"), 0, "not our device's alone");
	cr_expect(told.usable);
	cr_expect_eq(told.uplink.ifindex, VPC_END);
	cr_expect_eq(told.uplink.host_ifindex, if_nametoindex(HOST_END));
}

static void run(bool tcx)
{
	struct nettest t;

	init(&t, tcx);
	nettest_build(&t, 1); /* with a port beside it, which has two pins */
	cr_expect(told.usable, "it is used before its tcx links are there");
	nettest_attach_links(&t);
	check_made(tcx ? PINS + 2 : 0);
	nettest_clean(&t, 1, "after it was made");
	nettest_loop(&t);
	cr_expect_eq(t.n_events, 0, "our own changes look like somebody else's");

	route_out(&t, false);
	cr_expect(!told.usable);
	cr_expect_neq(nettest_sh("ip link show " HOST_END " >/dev/null 2>&1"), 0);
	nettest_clean(&t, 1, "after it was removed");
	route_out(&t, true);
	nettest_attach_links(&t);
	check_made(tcx ? PINS + 2 : 0);
	nettest_clean(&t, 1, "after it was made again");
	nettest_loop(&t);
	cr_expect_eq(t.n_events, 0, "our own changes look like somebody else's");
	end(&t, 1);
}

Test(net_uplink, is_made_and_removed_with_clsact)
{
	run(false);
}

Test(net_uplink, is_made_and_removed_with_tcx)
{
	run(true);
}

/* P6: what vpcd left when it ended goes on as it is. */
Test(net_uplink, a_start_adopts_it)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;
	struct net_uplink before;
	struct nettest t;
	struct plan p;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	before = told.uplink;
	net_free(t.net);
	cr_expect(told.usable, "the end of vpcd is not the end of the uplink");
	check_made(PINS);
	cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0, "%s", error.message);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0, "%s", error.message);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	cr_assert_eq(nettest_sh("tc monitor >/run/tc.log & echo $! >/run/tc.pid"), 0);
	cr_assert_eq(nettest_sh("ip monitor link >/run/link.log & echo $! >/run/link.pid"), 0);
	cr_assert_eq(nettest_sh("sleep 0.3"), 0);
	ensure(&t);
	p = nettest_plan(&t, 0, false);
	cr_assert_eq(net_prune(t.net, &p), 0);
	nettest_plan_free(&p);
	cr_assert_eq(nettest_sh("sleep 0.3; kill $(cat /run/tc.pid) $(cat /run/link.pid)"), 0);
	cr_expect_eq(nettest_lines("grep -i deleted /run/tc.log /run/link.log"), 0, "something was taken off");
	cr_expect_eq(told.uplink.host_ifindex, before.host_ifindex, "it was made again");
	check_made(PINS);
	nettest_clean(&t, 0, "after a restart");
	end(&t, 0);
}

/* A kill between making the pair and naming it. */
Test(net_uplink, one_that_was_never_finished_is_finished)
{
	unsigned host_end;
	struct nettest t;

	init(&t, true);
	nettest_build(&t, 0);
	host_end = if_nametoindex(HOST_END);
	cr_assert_eq(nettest_sh("ip link set " HOST_END " down alias ''"), 0);
	cr_assert_eq(nettest_sh("tc qdisc del dev " HOST_END " clsact"), 0);
	cr_assert_eq(nettest_in(NETNS, "ip link set uplink down alias ''"), 0);
	ensure(&t);
	nettest_attach_links(&t);
	check_made(PINS);
	cr_expect_eq(if_nametoindex(HOST_END), host_end);
	nettest_clean(&t, 0, "after it was finished");
	end(&t, 0);
}

static void expect_mended(struct nettest *t, const char *what)
{
	t->n_events = 0;
	NETTEST_UNTIL(t, t->n_events > 0);
	cr_expect_gt(t->n_events, 0, "%s: nobody noticed", what);
	ensure(t);
	nettest_attach_links(t);
	nettest_clean(t, 0, what);
	cr_expect(told.usable, "%s", what);
	nettest_loop(t);
	t->n_events = 0;
	nettest_loop(t);
	cr_expect_eq(t->n_events, 0, "%s: mending it looks like somebody else's change", what);
}

Test(net_uplink, what_others_change_is_noticed_and_mended)
{
	static const char *const at_the_host[] = {
		"ip link set " HOST_END " down",
		"ip link set " HOST_END " alias stranger",
		"ip link set " HOST_END " down name stranger",
		"ip link set " HOST_END " mtu 1500",
		"ip link set " HOST_END " master strange0",
		"ip link del " HOST_END,
		"tc qdisc del dev " HOST_END " clsact",
		"tc filter del dev " HOST_END " ingress",
		"tc filter add dev " HOST_END " egress prio 7 protocol all bpf bytecode '1,6 0 0 0'",
	};
	static const char *const at_the_vpc[] = {
		"ip link set uplink down",
		"ip link set uplink mtu 1500",
		"ip link del uplink",
		"ip addr add 10.9.9.9/24 dev uplink",
		"tc qdisc del dev uplink clsact",
		"tc filter add dev uplink egress prio 7 protocol all bpf bytecode '1,6 0 0 0'",
	};
	struct nettest t;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_assert_eq(nettest_sh("ip link add strange0 type bridge && ip link set strange0 up"), 0);
	nettest_loop(&t);
	for (size_t i = 0; i < ARRAY_SIZE(at_the_host); i++) {
		cr_assert_eq(nettest_sh("%s", at_the_host[i]), 0, "%s", at_the_host[i]);
		expect_mended(&t, at_the_host[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(at_the_vpc); i++) {
		cr_assert_eq(nettest_in(NETNS, "%s", at_the_vpc[i]), 0, "%s", at_the_vpc[i]);
		expect_mended(&t, at_the_vpc[i]);
	}
	end(&t, 0);
}

/* It is not used while it is down, and a removed filter is back before anybody is told. */
Test(net_uplink, it_is_usable_only_while_it_is_up)
{
	struct nettest t;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_assert_eq(nettest_sh("ip link set " HOST_END " down"), 0);
	NETTEST_UNTIL(&t, !told.usable);
	cr_expect(!told.usable);
	cr_assert_eq(nettest_sh("tc qdisc del dev " HOST_END " clsact"), 0);
	t.n_events = 0;
	NETTEST_UNTIL(&t, t.n_events > 0);
	cr_expect_eq(nettest_lines("tc filter show dev " HOST_END " ingress | grep -w from-vpc"), 1);
	ensure(&t);
	cr_expect(told.usable);
	end(&t, 0);
}

static bool audit_finds(struct nettest *t)
{
	struct net_audit *a;
	uint32_t after = 0;
	bool found = false;
	int n = 0;

	cr_assert_eq(net_audit_begin(t->net, &after, 8, &a), 0);
	cr_assert_eq(net_audit_run(a), 0);
	net_audit_each(a, nettest_count, &n);
	found = n > 0;
	net_audit_free(a);
	return found;
}

/* What sends no event is the audit's. */
Test(net_uplink, torn_links_and_silent_sysctls_are_found)
{
	struct nettest t;
	json_t *report;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect(!audit_finds(&t));
	cr_assert_eq(nettest_sh("echo 0 >/proc/sys/net/ipv4/conf/" HOST_END "/accept_local"), 0);
	cr_expect(audit_finds(&t));
	report = nettest_verify(&t, 0);
	cr_expect_eq(json_array_size(report), 1, "verify doesn't see it");
	json_decref(report);
	ensure(&t);
	cr_expect(!audit_finds(&t));
	cr_assert_eq(nettest_sh("rm /run/bpf/nettest/*/links/host/*-in"), 0);
	cr_expect_eq(net_check_links(t.net, 8), 1);
	ensure(&t);
	nettest_attach_links(&t);
	nettest_clean(&t, 0, "after its link was made again");
	cr_expect(!audit_finds(&t));
	end(&t, 0);
}

/* A link that somebody holds without its pin keeps the program's place: what failed says so, and is tried again. */
Test(net_uplink, a_link_that_cannot_be_made_is_tried_again)
{
	struct nettest t;
	char pin[128];
	int fd;

	init(&t, true);
	nettest_build(&t, 1);
	nettest_attach_links(&t);
	snprintf(pin, sizeof(pin), "%s/v%u/links/host/%u-in", t.config.pin_dir, VPC_ABI_VERSION,
		 if_nametoindex(HOST_END));
	fd = bpf_obj_get(pin);
	cr_assert_geq(fd, 0, "%s", pin);
	cr_assert_eq(unlink(pin), 0);
	cr_expect_eq(net_check_links(t.net, 8), 1);
	cr_expect_eq(nettest_try_links(&t), -EEXIST);
	cr_expect_str_eq(t.failed, "vpc-7");
	cr_expect_eq(nettest_try_links(&t), 0, "it was tried although nobody asked for it");
	cr_expect_str_eq(t.failed, "");
	cr_expect(net_attach_again(t.net, "vpc-7"));
	cr_expect_eq(nettest_try_links(&t), -EEXIST);
	cr_expect(!net_attach_again(t.net, t.ports[0].eni_id), "the port has its links");
	cr_expect(!net_attach_again(t.net, "vpc-8"));
	cr_assert_eq(close(fd), 0);
	cr_expect(net_attach_again(t.net, "vpc-7"));
	nettest_attach_links(&t);
	check_made(PINS + 2);
	nettest_clean(&t, 1, "after its link was made again");
	end(&t, 1);
}

/* The name is taken by a device of somebody else's, which stays. */
Test(net_uplink, a_device_of_others_is_left_alone)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct nettest t;
	struct plan p;

	init(&t, true);
	t.vpc.routed_out = false;
	nettest_build(&t, 0);
	cr_assert_eq(nettest_sh("ip link add " HOST_END " type bridge"), 0);
	t.vpc.routed_out = true;
	p = nettest_plan(&t, 0, false);
	cr_expect_neq(net_ensure(t.net, &p, NULL, 0, &report, &error), 0);
	cr_assert_eq(report.n_troubles, 1);
	cr_expect_str_eq(report.troubles[0].object, "vpc-7");
	cr_expect(strstr(report.troubles[0].reason, HOST_END), "%s", report.troubles[0].reason);
	cr_expect(!told.usable);
	cr_expect_eq(nettest_lines("ip -o -d link show " HOST_END " | grep -w bridge"), 1);
	cr_assert_eq(nettest_sh("ip link del " HOST_END), 0);
	cr_assert_eq(net_ensure(t.net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	nettest_plan_free(&p);
	net_report_clear(&report);
	nettest_attach_links(&t);
	check_made(PINS);
	end(&t, 0);
}

/* Left over when a namespace was torn away from vpcd: a start removes it, and so does a purge; not another's. */
Test(net_uplink, what_is_left_over_is_removed)
{
	struct nettest t;
	json_t *report;
	struct plan p;

	init(&t, true);
	nettest_build(&t, 0);
	cr_assert_eq(nettest_sh("ip link add vu-left type veth peer name x1 && ip link set vu-left alias " NETTEST_ALIAS
				"left"),
		     0);
	cr_assert_eq(
		nettest_sh("ip link add vu-other type veth peer name x2 && ip link set vu-other alias vpcd:other:left"),
		0);
	nettest_attach_links(&t);
	report = nettest_verify(&t, 0);
	cr_assert_eq(json_array_size(report), 1);
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(report, 0), "object")), "vu-left");
	json_decref(report);
	p = nettest_plan(&t, 0, false);
	cr_assert_eq(net_prune(t.net, &p), 0);
	nettest_plan_free(&p);
	nettest_clean(&t, 0, "after pruning");
	cr_assert_eq(net_purge("nettest"), 0);
	cr_expect_eq(nettest_lines("ip -o link | grep -E 'vu-vpc-7|vu-left'"), 0);
	cr_expect_eq(nettest_lines("ip -o link | grep -c vu-other"), 1);
	nettest_end(&t);
}

/* Without the programs of the edge there is no uplink, and the VPC says why. */
Test(net_uplink, without_programs_it_is_not_made)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct nettest t;
	struct plan p;

	nettest_init(&t, true);
	nettest_build(&t, 0);
	t.vpc.routed_out = true;
	p = nettest_plan(&t, 0, false);
	cr_expect_neq(net_ensure(t.net, &p, NULL, 0, &report, &error), 0);
	cr_assert_eq(report.n_troubles, 1);
	cr_expect_str_eq(report.troubles[0].object, "vpc-7");
	cr_expect_neq(nettest_sh("ip link show " HOST_END " >/dev/null 2>&1"), 0);
	net_report_clear(&report);
	nettest_plan_free(&p);
	t.vpc.routed_out = false;
	end(&t, 0);
}
