/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What somebody else does to our devices is told, reported and put right. Root. */
#include <criterion/criterion.h>

#include "tests/bpf/net_util.h"

static void setup(void)
{
	nettest_enter();
}

TestSuite(net_drift, .init = setup, .timeout = 120);

#define IN	"ip -n nettest-vpc-7 "
#define NSENTER "nsenter --net=/run/netns/nettest-vpc-7 "

/* What is done; a word of the report about it; whether an event tells of it. */
static const struct tampering {
	const char *command;
	const char *report;
	bool event;
} tamperings[] = {
	{IN "link set port0 down", "port0 is down", true},
	{IN "link set br0 down", "br0 is down", true},
	{IN "link del br1", "br1, the bridge", true},
	{IN "link set port0 nomaster", "not in its bridge", true},
	{IN "link set port0 master br1", "not in its bridge", true},
	{IN "link set port0 down name other && " IN "link set other up", "is named other", true},
	{IN "link set port0 alias nothing && " IN "link set port0 alias vpcd:nettest:eni-9", "alias", true},
	{IN "link set port0 mtu 1400", "MTU is 1400", true},
	{IN "link set br0 address 06:00:00:00:00:99", "MAC", true},
	{IN "link set br0 type bridge mcast_snooping 1", "multicast snooping", true},
	{IN "link set br0 type bridge stp_state 1", "stp", true},
	{IN "link set port0 type bridge_slave learning on", "learning", true},
	{IN "link set port0 type bridge_slave flood on mcast_flood on bcast_flood on", "flood", true},
	{IN "link set port0 type bridge_slave isolated on", "isolated", true},
	{IN "addr del 10.0.0.1/24 dev br0", "address 10.0.0.1/24", true},
	{IN "addr del fe80::1/64 dev br0", "address fe80::1/64", true},
	{IN "addr add 10.0.0.77/24 dev br0", "10.0.0.77", true},
	{IN "addr add 192.0.2.1/32 dev port0", "192.0.2.1", true},
	{IN "route del 10.0.0.0/24 dev br0", "route 10.0.0.0/24", true},
	{IN "-6 route del fd00::/64 dev br0", "route fd00::/64", true},
	{IN "route add 198.51.100.0/24 dev br0", "198.51.100.0", true},
	{IN "neigh del 10.0.0.10 dev br0", "neighbour 10.0.0.10", true},
	{IN "neigh del fd00::10 dev br0", "neighbour fd00::10", true},
	{IN "neigh replace 10.0.0.10 lladdr 02:00:00:00:01:01 dev br0", "neighbour 10.0.0.10", true},
	{IN "neigh replace 10.0.0.99 lladdr 02:00:00:00:01:01 nud permanent dev br0", "10.0.0.99", false},
	{"bridge -n nettest-vpc-7 fdb replace 02:00:00:00:01:00 dev port1 master static", "02:00:00:00:01:00", true},
	{"tc -n nettest-vpc-7 qdisc del dev br0 clsact", NULL, true},
	{"tc -n nettest-vpc-7 filter del dev br0 egress", NULL, true},
	{"tc -n nettest-vpc-7 filter add dev br0 egress prio 9 protocol all bpf bytecode '1,6 0 0 0'", NULL, true},
	{"bridge -n nettest-vpc-7 fdb add 02:00:00:00:07:07 dev port1 master static", "02:00:00:00:07:07", true},
	{"tc -n nettest-vpc-7 qdisc del dev port0 clsact", NULL, true}, /* put back before anybody can look */
	{"tc -n nettest-vpc-7 filter del dev port0 ingress", NULL, true},
	{"tc -n nettest-vpc-7 filter add dev port0 ingress prio 9 protocol all bpf bytecode '1,6 0 0 0'", NULL, true},
	{NSENTER "sysctl -qw net.ipv4.conf.all.rp_filter=0", "rp_filter", true},
	{NSENTER "sysctl -qw net.ipv6.conf.all.forwarding=0", "forwarding", true},
	{NSENTER "sysctl -qw net.bridge.bridge-nf-call-iptables=1", "bridge-nf-call-iptables", false},
	{NSENTER "nft delete table inet vpcd", "ruleset", true},
	{NSENTER "nft insert rule inet vpcd input accept", "ruleset", true},
	{IN "link add extra type bridge && " IN "link set extra alias vpcd:nettest:eni-55", "extra", false},
	{"umount /run/netns/nettest-vpc-7 && rm /run/netns/nettest-vpc-7", "namespace", false},
	{"rm /run/bpf/nettest/v*/links/1030-in", "tcx link", false},
	{"bpftool link detach pinned /run/bpf/nettest/v*/links/1030-in", "tcx link", false},
};

static bool mentions(const json_t *report, const char *word)
{
	_cleanup_free_ char *text = json_dumps(report, 0);

	return text && strstr(text, word);
}

static void ensure(struct nettest *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct plan p = nettest_plan(t, 2, false);
	struct net_report report = NET_REPORT_INIT;

	cr_assert_eq(net_ensure(t->net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	cr_assert_eq(report.n_lost, 0);
	net_report_clear(&report);
	nettest_plan_free(&p);
	nettest_attach_links(t);
}

static void tamper(struct nettest *t, const struct tampering *what)
{
	json_t *report;

	cr_assert_eq(nettest_sh("%s", what->command), 0, "%s", what->command);
	if (what->report) {
		report = nettest_verify(t, 2);
		cr_expect(mentions(report, what->report), "%s: the report lacks \"%s\": %s", what->command,
			  what->report, json_dumps(report, 0));
		json_decref(report);
	}
	t->n_events = 0;
	NETTEST_UNTIL(t, t->n_events > 0 || !what->event);
	cr_expect_eq(t->n_events > 0, what->event, "%s: %zu events", what->command, t->n_events);
	if (!what->report)
		nettest_clean(t, 2, what->command);
	ensure(t);
	nettest_clean(t, 2, what->command);
	t->n_events = 0;
	nettest_loop(t);
	cr_expect_eq(t->n_events, 0, "%s: putting it right looks like tampering", what->command);
}

Test(net_drift, every_tampering_is_reported_and_put_right)
{
	struct nettest t;

	nettest_init(&t, true);
	nettest_build(&t, 2);
	nettest_attach_links(&t);
	nettest_loop(&t);
	for (size_t i = 0; i < ARRAY_SIZE(tamperings); i++)
		tamper(&t, &tamperings[i]);
	nettest_end(&t);
}

/* The fallback filter goes while nobody runs: the next start puts it back. */
Test(net_drift, a_start_puts_programs_back)
{
	struct nettest t;
	json_t *report;

	nettest_init(&t, false);
	nettest_build(&t, 2);
	nettest_loop(&t);
	cr_assert_eq(nettest_sh("tc -n nettest-vpc-7 qdisc del dev port0 clsact"), 0);
	report = nettest_verify(&t, 2);
	cr_assert(mentions(report, "from-workload filter"));
	cr_assert(mentions(report, "to-workload filter"));
	json_decref(report);
	ensure(&t);
	nettest_clean(&t, 2, "programs");
	cr_assert_eq(nettest_sh("tc -n nettest-vpc-7 filter add dev port0 egress prio 1 handle 7 protocol all bpf "
				"bytecode '1,6 0 0 0'"),
		     0);
	report = nettest_verify(&t, 2);
	cr_assert(mentions(report, "filters that aren't vpcd's"));
	json_decref(report);
	ensure(&t);
	nettest_clean(&t, 2, "a foreign filter");
	nettest_end(&t);
}

Test(net_drift, a_foreign_link_is_reported_and_left_alone)
{
	struct nettest t;
	json_t *report;

	nettest_init(&t, false);
	nettest_build(&t, 2);
	cr_assert_eq(nettest_sh(IN "link add foreign type bridge"), 0);
	ensure(&t);
	cr_assert_eq(nettest_lines(IN "-o link show foreign"), 1);
	report = nettest_verify(&t, 2);
	cr_assert(mentions(report, "isn't vpcd's"));
	json_decref(report);
	nettest_end(&t);
}

Test(net_drift, a_workload_that_vanishes_is_told_and_its_port_is_lost)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w[2] = {WORKLOAD_INIT, WORKLOAD_INIT};
	struct net_report found = NET_REPORT_INIT;
	struct nettest t;
	struct plan p;
	json_t *report;

	nettest_init(&t, true);
	nettest_build(&t, 2);
	nettest_attach_links(&t);
	nettest_loop(&t);
	cr_assert_eq(nettest_sh("ip netns del w0"), 0);
	for (int i = 0; i < 200 && t.n_events == 0; i++)
		sd_event_run(t.event, 50000);
	cr_assert_geq(t.n_events, 1);
	cr_assert_eq(t.events[0].vpc, 7);
	cr_assert_eq(t.events[0].port, t.ports[0].eni);
	report = nettest_verify(&t, 2);
	cr_assert(mentions(report, "port0, the port"));
	json_decref(report);

	p = nettest_plan(&t, 2, false);
	cr_assert_eq(net_ensure(t.net, &p, w, 2, &found, &error), 0, "%s", error.message);
	cr_assert_eq(found.n_lost, 1);
	cr_assert_eq(found.lost[0], t.ports[0].eni);
	/* with somewhere to go it is made again */
	cr_assert_eq(nettest_sh("ip netns add w0"), 0);
	nettest_open_workload(&t, 0, &w[0]);
	cr_assert_eq(net_ensure(t.net, &p, w, 2, &found, &error), 0, "%s", error.message);
	cr_assert_eq(found.n_lost, 0);
	net_report_clear(&found);
	workload_clear(&w[0]);
	nettest_attach_links(&t);
	nettest_clean(&t, 2, "made again");
	nettest_plan_free(&p);
	nettest_end(&t);
}

Test(net_drift, the_namespace_lets_nothing_in_but_echo_to_the_own_gateway)
{
	struct nettest t;

	nettest_init(&t, false);
	nettest_build(&t, NETTEST_PORTS);
	cr_assert_eq(nettest_in("w0", "ping -c1 -W1 -q 10.0.0.1 >/dev/null"), 0);
	cr_assert_neq(nettest_in("w0", "ping -c1 -W1 -q 10.0.1.1 >/dev/null"), 0, "another subnet's gateway");
	/* a closed port would answer with a reset at once: nothing may answer at all */
	cr_assert_eq(nettest_in("w0", "timeout 1 bash -c 'exec 3<>/dev/tcp/10.0.0.1/22' 2>/dev/null"), 124);
	nettest_end(&t);
}

static bool exists(const char *name)
{
	return nettest_sh("test -e /run/netns/%s", name) == 0;
}

Test(net_drift, pruning_and_purging_take_ours_and_nothing_else)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;
	struct vpc_record other = {.number = 8, .id = "vpc-8", .netns = "nettest-vpc-8", .mtu = 1500};
	struct vpc_record another = {.number = 9, .id = "vpc-9", .netns = "another-vpc-9", .mtu = 1500};
	struct nettest t;
	struct plan p;
	json_t *report;
	int r;

	nettest_init(&t, false);
	nettest_build(&t, 2);
	cr_assert_eq(netns_make(&other, "nettest", &ns, &error), 0, "%s", error.message);
	netns_clear(&ns);
	cr_assert_eq(netns_make(&another, "another", &ns, &error), 0, "%s", error.message);
	netns_clear(&ns);
	report = nettest_verify(&t, 2);
	cr_assert(mentions(report, "nettest-vpc-8"));
	cr_assert(!mentions(report, "another"));
	json_decref(report);
	p = nettest_plan(&t, 2, false);
	cr_assert_eq(net_prune(t.net, &p), 0);
	nettest_plan_free(&p);
	cr_assert(exists("nettest-vpc-7"));
	cr_assert(!exists("nettest-vpc-8"));
	cr_assert(exists("another-vpc-9"));
	nettest_clean(&t, 2, "after pruning");
	cr_assert_eq(net_purge("nettest"), 0);
	cr_assert(!exists("nettest-vpc-7"));
	cr_assert(exists("another-vpc-9"));
	cr_assert(exists("w0"));
	cr_assert_eq(nettest_lines("ip -n w0 -o link | grep eth0"), 0);

	/* neither a foreign namespace of that name, nor one of another VPC, is taken over or removed */
	cr_assert_eq(nettest_sh("ip netns add nettest-vpc-8"), 0);
	cr_assert_eq(netns_make(&other, "nettest", &ns, &error), -EEXIST);
	cr_assert_eq(error.code, VPC_E_DATAPATH_UNAVAILABLE);
	cr_assert_eq(netns_remove("nettest-vpc-8", "nettest", "vpc-8"), 1);
	cr_assert_eq(netns_remove("another-vpc-9", "nettest", "vpc-9"), 1);
	/* who isn't let in doesn't know whose it is */
	cr_assert_eq(seteuid(65534), 0);
	r = netns_remove("another-vpc-9", "another", "vpc-9");
	cr_assert_eq(seteuid(0), 0);
	cr_assert_eq(r, -EPERM);
	cr_assert_eq(netns_remove("nettest-nothing", "nettest", "vpc-1"), 0);
	cr_assert_eq(netns_remove("another-vpc-9", "another", "vpc-9"), 0);
	cr_assert(exists("nettest-vpc-8"));
	nettest_end(&t);
}
