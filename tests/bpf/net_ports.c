/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attaching: traffic, adoption, undoing, changes, redirect eligibility. Root. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "datapath/net/redirect.h"
#include "tests/bpf/net_util.h"

static void setup(void)
{
	nettest_enter();
}

TestSuite(net_ports, .init = setup, .timeout = 120);

static void check_traffic(void)
{
	/* nothing answers ARP between workloads here: the programs of these tests only let pass */
	cr_assert_eq(nettest_sh("ip -n w0 neigh replace 10.0.0.11 lladdr 02:00:00:00:01:01 dev eth0"), 0);
	cr_assert_eq(nettest_sh("ip -n w1 neigh replace 10.0.0.10 lladdr 02:00:00:00:01:00 dev eth0"), 0);
	cr_assert_eq(nettest_sh("ip -n w0 neigh replace fd00::b lladdr 02:00:00:00:01:01 dev eth0"), 0);
	/* nor ND with the gateway, which the namespace itself must not do */
	cr_assert_eq(nettest_sh("ip -n w0 neigh replace fe80::1 lladdr 06:00:00:00:00:03 dev eth0"), 0);
	cr_assert_eq(nettest_sh("ip -n w3 neigh replace fe80::1 lladdr 06:00:00:00:00:04 dev eth0"), 0);
	cr_assert_eq(nettest_in("w0", "ping -c1 -W2 -q 10.0.0.1 >/dev/null"), 0, "gateway");
	cr_assert_eq(nettest_in("w0", "ping -c1 -W2 -q 10.0.0.11 >/dev/null"), 0, "neighbour in the subnet");
	cr_assert_eq(nettest_in("w0", "ping -c1 -W2 -q 10.0.1.13 >/dev/null"), 0, "other subnet, by the router");
	cr_assert_eq(nettest_in("w0", "ping -6 -c1 -W2 -q fe80::1%%eth0 >/dev/null"), 0, "IPv6 gateway");
	cr_assert_eq(nettest_in("w0", "ping -6 -c1 -W2 -q fd00:0:0:1::13 >/dev/null"), 0, "IPv6 other subnet");
}

static bool is_eligible(const struct nettest *t, size_t i)
{
	struct link_info info;

	return link_get(net_find_vpc(t->net, t->vpc.number)->ns.rtnl, t->ports[i].eni, NULL, &info) >= 0 &&
	       redirect_ok(&info);
}

static void run(bool tcx)
{
	struct nettest t;
	struct plan p;

	nettest_init(&t, tcx);
	cr_assert_str_eq(net_attach_mode(t.net), tcx ? "tcx" : "clsact");
	nettest_build(&t, NETTEST_PORTS);
	nettest_attach_links(&t);
	check_traffic();
	nettest_clean(&t, NETTEST_PORTS, "after attaching");
	cr_assert(is_eligible(&t, 0));
	nettest_loop(&t);
	cr_assert_eq(t.n_events, 0, "our own changes look like somebody else's");
	cr_assert_eq(nettest_sh("ip -n w0 link set eth0 down"), 0);
	cr_assert(!is_eligible(&t, 0));

	p = nettest_plan(&t, NETTEST_PORTS, true);
	nettest_remove(&t, &p);
	nettest_plan_free(&p);
	nettest_loop(&t);
	cr_assert_eq(t.n_events, 0);
	cr_assert_neq(nettest_sh("test -e /run/netns/nettest-vpc-7"), 0);
	cr_assert_eq(nettest_lines("ip -n w0 -o link | grep eth0"), 0);
	cr_assert_eq(nettest_lines("find /run/bpf/nettest -type f 2>/dev/null"), 0);
	nettest_end(&t);
}

Test(net_ports, traffic_passes_with_clsact)
{
	run(false);
}

Test(net_ports, traffic_passes_with_tcx)
{
	run(true);
}

/* P1: between somebody's tearing off a program and our putting it back. */
Test(net_ports, a_port_without_its_program_is_closed)
{
	struct nettest t;
	struct plan p;

	nettest_init(&t, false);
	nettest_build(&t, NETTEST_PORTS);
	check_traffic();
	cr_assert_eq(nettest_in("nettest-vpc-7", "tc qdisc del dev %s clsact", t.ports[0].host_ifname), 0);
	cr_assert_neq(nettest_in("w0", "ping -c1 -W1 -q 10.0.0.11 >/dev/null"), 0, "neighbour in the subnet");
	cr_assert_neq(nettest_in("w0", "ping -c1 -W1 -q 10.0.1.13 >/dev/null"), 0, "other subnet");
	cr_assert_neq(nettest_in("w0", "ping -c1 -W1 -q 10.0.0.1 >/dev/null"), 0, "gateway");
	p = nettest_plan(&t, NETTEST_PORTS, true);
	nettest_remove(&t, &p);
	nettest_plan_free(&p);
	nettest_end(&t);
}

Test(net_ports, preparing_again_adopts_what_is_there)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;
	struct netns ns = NETNS_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct nettest t;
	struct plan p;

	nettest_init(&t, true);
	nettest_build(&t, 2);
	nettest_attach_links(&t);
	net_free(t.net); /* the daemon stops; what it made stays */
	cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0, "%s", error.message);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0, "%s", error.message);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	p = nettest_plan(&t, 2, false);
	cr_assert_eq(net_ensure(t.net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	cr_assert_eq(report.n_lost, 0);
	net_report_clear(&report);
	nettest_clean(&t, 2, "after a restart");
	cr_assert_eq(net_prepare(t.net, &p, NULL, 0, &change, &error), 0, "%s", error.message);
	net_undo(t.net, change);
	nettest_clean(&t, 2, "undoing does not delete what was adopted");
	cr_assert_eq(net_prepare(t.net, &p, NULL, 0, &change, &error), 0, "%s", error.message);
	cr_assert_eq(net_publish(t.net, change, &removal), 0);
	cr_assert_null(removal);
	nettest_clean(&t, 2, "after publishing again");
	nettest_plan_free(&p);
	nettest_end(&t);
}

/* New programs, as after an upgrade: filters and links are pointed to them. */
Test(net_ports, a_start_with_new_programs_replaces_them)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;
	struct net_report found = NET_REPORT_INIT;
	struct nettest t;
	struct plan p;
	json_t *report;

	nettest_init(&t, true);
	nettest_build(&t, 1);
	nettest_attach_links(&t);
	net_free(t.net);
	close(t.prog_from);
	close(t.prog_to);
	t.config.prog_from_workload = t.config.prog_from_router = t.prog_from = nettest_deliver();
	t.config.prog_to_workload = t.prog_to = nettest_program();
	report = nettest_verify(&t, 1);
	cr_assert_eq(json_array_size(report), 6, "two filters, two links and two bridges have the old programs");
	json_decref(report);
	cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	p = nettest_plan(&t, 1, false);
	cr_assert_eq(net_ensure(t.net, &p, NULL, 0, &found, &error), 0, "%s", error.message);
	nettest_clean(&t, 1, "after ensure");
	/* configured without tcx, the links go and the fallback filter stays */
	net_free(t.net);
	t.config.use_tcx = false;
	cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	cr_assert_eq(net_ensure(t.net, &p, NULL, 0, &found, &error), 0, "%s", error.message);
	cr_assert_eq(nettest_lines("find /run/bpf/nettest -type f"), 0);
	nettest_clean(&t, 1, "clsact only");
	net_report_clear(&found);
	nettest_plan_free(&p);
	nettest_end(&t);
}

/* Each port goes to the workload that carries its ENI's number, whatever the order of the list. */
Test(net_ports, workloads_are_matched_by_eni)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w[3] = {WORKLOAD_INIT, WORKLOAD_INIT, WORKLOAD_INIT};
	struct net_report report = NET_REPORT_INIT;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;
	struct nettest t;
	struct plan p;

	nettest_init(&t, true);
	nettest_build(&t, 0);
	for (size_t i = 0; i < 3; i++)
		nettest_open_workload(&t, i, &w[2 - i]);
	p = nettest_plan(&t, 3, false);
	cr_assert_eq(net_prepare(t.net, &p, w, 3, &change, &error), 0, "%s", error.message);
	cr_assert_eq(net_publish(t.net, change, &removal), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(nettest_lines("ip -n w%d -o -4 addr show eth0 | grep -w 10.0.0.%d", i, 10 + i), 1);
	nettest_attach_links(&t);
	nettest_clean(&t, 3, "prepared from a list in another order");

	/* ports 0 and 1 are missing, and only the workload of port 1 is given */
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(nettest_sh("ip -n w%u link del eth0", i), 0);
	cr_assert_eq(net_ensure(t.net, &p, &w[1], 1, &report, &error), 0, "%s", error.message);
	cr_assert_eq(report.n_lost, 1);
	cr_assert_eq(report.lost[0], t.ports[0].eni);
	cr_assert_eq(nettest_lines("ip -n w1 -o -4 addr show eth0 | grep -w 10.0.0.11"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 -o link | grep eth0"), 0);
	net_report_clear(&report);
	nettest_plan_free(&p);
	for (size_t i = 0; i < 3; i++)
		workload_clear(&w[i]);
	nettest_end(&t);
}

Test(net_ports, undo_leaves_nothing)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_change *change = NULL;
	struct netns ns = NETNS_INIT;
	struct workload w[2] = {WORKLOAD_INIT, WORKLOAD_INIT};
	struct nettest t;
	struct plan p;

	nettest_init(&t, true);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0, "%s", error.message);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	for (size_t i = 0; i < 2; i++)
		nettest_open_workload(&t, i, &w[i]);
	p = nettest_plan(&t, 2, false);
	cr_assert_eq(net_prepare(t.net, &p, w, 2, &change, &error), 0, "%s", error.message);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link"), 5, "lo, two bridges, two ports");
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link | grep port | grep state.DOWN"), 2,
		     "down until published");
	net_undo(t.net, change);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 -o link | grep eth0"), 0);

	/* the second port fails: the first is undone */
	cr_assert_eq(nettest_sh("ip -n w1 link add eth0 type veth peer name other"), 0);
	cr_assert_lt(net_prepare(t.net, &p, w, 2, &change, &error), 0);
	cr_assert_eq(error.code, VPC_E_ATTACHMENT_FAILED, "%s", error.message);
	cr_assert(strstr(error.message, "eth0"), "%s", error.message);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 -o link"), 1);
	cr_assert_eq(nettest_lines("ip -n w1 -o link | grep eth0"), 2, "the workload's own is untouched");
	nettest_loop(&t);
	cr_assert_eq(t.n_events, 0);
	nettest_plan_free(&p);
	workload_clear(&w[0]);
	workload_clear(&w[1]);
	nettest_end(&t);
}

Test(net_ports, the_workload_end_is_configured_and_leaves_a_default_route_alone)
{
	struct nettest t;

	nettest_init(&t, true);
	cr_assert_eq(
		nettest_sh("ip -n w0 link add own type veth peer name own2 && ip -n w0 addr add 192.0.2.1/24 dev own "
			   "&& ip -n w0 link set own up && ip -n w0 link set own2 up && "
			   "ip -n w0 route add default via 192.0.2.2"),
		0);
	/* a container engine's habit */
	cr_assert_eq(nettest_in("w1", "sysctl -qw net.ipv6.conf.default.disable_ipv6=1"), 0);
	t.ports[0].n_ips = 3;
	nettest_build(&t, 2);
	cr_assert_eq(nettest_lines("ip -n w0 -o route show default"), 2);
	cr_assert_eq(nettest_lines("ip -n w0 -o route show default | head -1 | grep 192.0.2.2"), 1);
	cr_assert_eq(
		nettest_lines("ip -n w0 -o addr show eth0 | grep -E '10.0.0.10/24|10.0.0.50/32|fd00::10/64|fe80::'"),
		4);
	cr_assert_eq(nettest_lines("ip -n w0 -o link show eth0 | grep 'mtu 1450' | grep 02:00:00:00:01:00"), 1);
	cr_assert_eq(nettest_lines("ip -n w1 -o addr show eth0 | grep fd00::11/64"), 1);
	cr_assert_eq(nettest_lines("ip -n w1 -6 -o route show default | grep fe80::1"), 1);
	cr_assert_eq(nettest_in("w1", "sysctl -n net.ipv6.conf.eth0.accept_ra | grep -qx 0"), 0);
	nettest_end(&t);
}

Test(net_ports, addresses_of_an_attached_port_change)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;
	struct nettest t;
	struct plan p;

	nettest_init(&t, false);
	t.ports[0].n_ips = 3; /* .50 */
	nettest_build(&t, 1);
	p = nettest_port_plan(&t, 0, true);
	p.ports[0].has_after = true;
	t.ips[1][3] = t.ips[0][0];
	t.ips[1][0] = t.ips[0][0];
	t.ips[1][1] = t.ips[0][1];
	t.ips[1][2] = t.ips[0][3]; /* .90 instead */
	t.ports[0].ips = t.ips[1];
	p.ports[0].after = t.ports[0];
	cr_assert_eq(net_prepare(t.net, &p, NULL, 0, &change, &error), 0, "%s", error.message);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 neigh | grep -E '10.0.0.(50|90) '"), 2);
	net_undo(t.net, change);
	cr_assert_eq(nettest_lines("ip -n nettest-vpc-7 neigh | grep -E '10.0.0.(50|90) '"), 1);
	cr_assert_eq(net_prepare(t.net, &p, NULL, 0, &change, &error), 0, "%s", error.message);
	cr_assert_eq(net_publish(t.net, change, &removal), 0);
	cr_assert_eq(net_removal_run(removal), 0);
	net_removal_free(t.net, removal);
	nettest_clean(&t, 1, "after the change");
	cr_assert_eq(nettest_lines("ip -n w0 -o addr show eth0 | grep -E '10.0.0.(10|90)/'"), 2);
	cr_assert_eq(nettest_lines("ip -n w0 -o addr show eth0 | grep -E '10.0.0.50/'"), 0);
	nettest_loop(&t);
	cr_assert_eq(t.n_events, 0);
	nettest_plan_free(&p);
	nettest_end(&t);
}

/* --- the fast path ---------------------------------------------------------------------------------------------- */

/* What was told last of the port whose number is `eni`, and of any other. */
static struct {
	uint32_t eni;
	bool it, other;
} eligible;

static void on_port(uint32_t eni, bool peer_ok, void *userdata)
{
	(void)userdata;
	*(eni == eligible.eni ? &eligible.it : &eligible.other) = peer_ok;
}

/* Gives a workload's eth0 an XDP program in the driver's mode that lets all pass; or takes it away. */
static int set_xdp(void *data)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const bool *on = data;
	_cleanup_close_ int fd = -1;

	if (*on) {
		fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, ARRAY_SIZE(pass), NULL);
		if (fd < 0)
			return fd;
	}
	return bpf_xdp_attach((int)if_nametoindex("eth0"), fd, XDP_FLAGS_DRV_MODE, NULL);
}

static void workload_xdp(const char *netns, bool on)
{
	_cleanup_close_ int ns = open(netns, O_RDONLY | O_CLOEXEC);

	cr_assert_geq(ns, 0);
	cr_assert_eq(netns_run(ns, set_xdp, &on), 0);
}

/* Redirect eligibility is told when it changes, and taken back before a port goes down. */
Test(net_ports, tells_which_ports_are_eligible_for_redirect)
{
	struct nettest t;
	struct plan p;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	nettest_init(&t, false);
	net_free(t.net);
	t.config.on_port = on_port;
	cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0, "%s", error.message);
	eligible.eni = t.ports[0].eni;
	nettest_build(&t, NETTEST_PORTS);
	NETTEST_UNTIL(&t, eligible.it && eligible.other);
	cr_expect(eligible.it && eligible.other, "raised");
	cr_assert_eq(nettest_sh("ip -n w0 link set eth0 down"), 0);
	NETTEST_UNTIL(&t, !eligible.it);
	cr_expect_not(eligible.it, "its workload's end is down");
	cr_expect(eligible.other);
	cr_assert_eq(nettest_sh("ip -n w0 link set eth0 up"), 0);
	NETTEST_UNTIL(&t, eligible.it);
	cr_expect(eligible.it, "up again");
	workload_xdp("/run/netns/w0", true);
	NETTEST_UNTIL(&t, !eligible.it);
	cr_expect_not(eligible.it, "its own XDP program wouldn't see what is redirected");
	cr_expect(eligible.other);
	workload_xdp("/run/netns/w0", false);
	NETTEST_UNTIL(&t, eligible.it);
	cr_expect(eligible.it, "without it again");
	eligible.it = false;
	cr_assert_eq(net_report_ports(t.net, 0), 0);
	cr_expect(eligible.it, "told again when asked");
	p = nettest_plan(&t, NETTEST_PORTS, true);
	nettest_remove(&t, &p);
	nettest_plan_free(&p);
	cr_expect_not(eligible.it, "removed");
	nettest_loop(&t);
	cr_expect_not(eligible.it, "late news of a port that is gone");
	nettest_end(&t);
}
