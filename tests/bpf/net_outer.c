/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interfaces that lead to the world: which they are, and how vpcd's program stands beside those of others. Root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "tests/bpf/net_util.h"

#define TCX_INGRESS 46
#define FILTER	    "vpcd:nettest:from-world"

static struct {
	unsigned calls;
	size_t n_outers, n_addresses;
	struct net_outer outers[4];
	char left_out[16];
} told;

static void on_edge(const struct net_edge *edge, void *userdata)
{
	(void)userdata;
	told.calls++;
	told.n_outers = edge->n_outers;
	told.n_addresses = edge->n_addresses;
	for (size_t i = 0; i < edge->n_outers && i < ARRAY_SIZE(told.outers); i++)
		told.outers[i] = edge->outers[i];
	snprintf(told.left_out, sizeof(told.left_out), "%s", edge->left_out);
}

static void on_uplink(uint32_t vpc, const struct net_uplink *uplink, void *userdata)
{
	(void)vpc, (void)uplink, (void)userdata;
}

static void setup(void)
{
	nettest_enter();
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(nettest_sh("ip link add out%d type bridge && ip link set out%d up", i, i), 0);
		cr_assert_eq(nettest_sh("ip addr add 192.0.%d.5/24 dev out%d", i + 2, i), 0);
	}
	cr_assert_eq(nettest_sh("ip route add default via 192.0.2.1"), 0);
}

TestSuite(net_outer, .init = setup, .timeout = 120);

static void open_net(struct nettest *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	net_free(t->net);
	t->config.on_edge = on_edge;
	cr_assert_eq(net_new(&t->config, NULL, NULL, &t->net, &error), 0, "%s", error.message);
}

static void init(struct nettest *t, bool tcx)
{
	nettest_init_edge(t, tcx, on_uplink);
	open_net(t);
	t->vpc.routed_out = true;
	memset(&told, 0, sizeof(told));
}

static void end(struct nettest *t)
{
	struct plan p = nettest_plan(t, 0, true);

	nettest_remove(t, &p);
	nettest_plan_free(&p);
	cr_expect_eq(nettest_lines("find /run/bpf/nettest -type f 2>/dev/null"), 0, "pins are left");
	cr_expect_eq(nettest_lines("for i in out0 out1; do tc filter show dev $i ingress; done | grep -w " FILTER), 0,
		     "filters are left");
	cr_expect_eq(told.n_outers, 0);
	nettest_end(t);
}

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.id;
}

/* Place of a program among the tcx links of an interface, from 1; 0: it isn't there. */
static unsigned tcx_place(const char *name, int fd)
{
	uint32_t ids[8], n = ARRAY_SIZE(ids), flags;

	if (bpf_prog_query((int)if_nametoindex(name), TCX_INGRESS, 0, &flags, ids, &n) < 0)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id_of(fd))
			return i + 1;
	return 0;
}

static bool has_filter(const char *name)
{
	return nettest_lines("tc filter show dev %s ingress | grep -w " FILTER, name) == 1;
}

static bool has_qdisc(const char *name)
{
	return nettest_lines("tc qdisc show dev %s | grep clsact", name) == 1;
}

#define ONLY_TCX(t, name)    (tcx_place(name, (t)->config.prog_from_world) && !has_filter(name) && !has_qdisc(name))
#define ONLY_FILTER(t, name) (!tcx_place(name, (t)->config.prog_from_world) && has_filter(name))
#define NOTHING(t, name)     (!tcx_place(name, (t)->config.prog_from_world) && !has_filter(name) && !has_qdisc(name))

Test(net_outer, the_default_routes_interface_has_a_program_while_there_is_an_uplink)
{
	struct nettest t;

	init(&t, true);
	cr_expect(NOTHING(&t, "out0"));
	nettest_build(&t, 0);
	cr_expect(ONLY_FILTER(&t, "out0"), "it serves at once");
	nettest_attach_links(&t);
	cr_expect(ONLY_TCX(&t, "out0"));
	cr_expect(NOTHING(&t, "out1"));
	cr_assert_eq(told.n_outers, 1);
	cr_expect_str_eq(told.outers[0].name, "out0");
	cr_expect_eq(told.outers[0].ifindex, if_nametoindex("out0"));
	cr_expect_eq(told.outers[0].addr4, inet_addr("192.0.2.5"));
	cr_expect_eq(told.outers[0].mtu, 1500);
	cr_expect_eq(told.n_addresses, 1);
	nettest_clean(&t, 0, "with an outer interface");
	end(&t);
	cr_expect_eq(nettest_lines("tc qdisc show dev out0 | grep clsact"), 0);
}

Test(net_outer, without_tcx_it_is_a_filter)
{
	struct nettest t;

	init(&t, false);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect(ONLY_FILTER(&t, "out0"));
	nettest_clean(&t, 0, "with an outer interface");
	end(&t);
	cr_expect_eq(nettest_lines("tc qdisc show dev out0 | grep clsact"), 0, "the qdisc that was made for it");
}

Test(net_outer, programs_of_others_stay_in_front)
{
	int strange = nettest_program(), link;
	struct nettest t;

	init(&t, true);
	link = bpf_link_create(strange, (int)if_nametoindex("out0"), TCX_INGRESS, NULL);
	cr_assert_geq(link, 0);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect_eq(tcx_place("out0", strange), 1);
	cr_expect_eq(tcx_place("out0", t.config.prog_from_world), 2);
	end(&t);
	cr_expect_eq(tcx_place("out0", strange), 1);
	close(link);
	close(strange);
}

#define STRANGE "protocol all bpf bytecode '1,6 0 0 0'"

Test(net_outer, behind_filters_of_others_it_is_the_last_filter)
{
	struct nettest t;

	cr_assert_eq(nettest_sh("tc qdisc add dev out0 clsact && tc filter add dev out0 ingress prio 9 " STRANGE), 0);
	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect(ONLY_FILTER(&t, "out0"));
	cr_expect_eq(nettest_lines("tc filter show dev out0 ingress | grep pref.9.*handle"), 1);
	cr_expect_eq(nettest_lines("tc filter show dev out0 ingress | grep handle | tail -n1 | grep " FILTER), 1);
	nettest_clean(&t, 0, "with filters of others");

	/* theirs goes: a link has no need of a qdisc; the qdisc is theirs */
	cr_assert_eq(nettest_sh("tc filter del dev out0 ingress prio 9"), 0);
	NETTEST_UNTIL(&t, (nettest_attach_links(&t), tcx_place("out0", t.config.prog_from_world)));
	cr_expect(tcx_place("out0", t.config.prog_from_world) && !has_filter("out0") && has_qdisc("out0"));
	/* and comes again */
	cr_assert_eq(nettest_sh("tc filter add dev out0 ingress prio 9 " STRANGE), 0);
	NETTEST_UNTIL(&t, has_filter("out0"));
	cr_expect(ONLY_FILTER(&t, "out0"));
	nettest_clean(&t, 0, "with filters of others again");
	end(&t);
	cr_expect_eq(nettest_lines("tc filter show dev out0 ingress | grep pref.9.*handle"), 1);
}

Test(net_outer, an_ingress_qdisc_of_others_serves_too)
{
	struct nettest t;

	cr_assert_eq(nettest_sh("tc qdisc add dev out0 ingress && tc filter add dev out0 parent ffff: prio 9 " STRANGE),
		     0);
	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect_eq(nettest_lines("tc filter show dev out0 parent ffff: | grep -w " FILTER), 1);
	end(&t);
	cr_expect_eq(nettest_lines("tc filter show dev out0 parent ffff: | grep pref.9.*handle"), 1);
	cr_expect_eq(nettest_lines("tc filter show dev out0 parent ffff: | grep -w " FILTER), 0);
}

Test(net_outer, it_follows_the_default_route_and_addresses)
{
	struct nettest t;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_assert_eq(nettest_sh("ip route replace default via 192.0.3.1"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 1 && strcmp(told.outers[0].name, "out1") == 0);
	nettest_attach_links(&t);
	cr_expect(NOTHING(&t, "out0"));
	cr_expect(ONLY_TCX(&t, "out1"));
	cr_assert_eq(nettest_sh("ip route add default via 192.0.2.1 metric 100"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 2);
	nettest_attach_links(&t);
	cr_expect(ONLY_TCX(&t, "out0") && ONLY_TCX(&t, "out1"));
	cr_expect_eq(told.n_addresses, 2);
	/* as by DHCP */
	cr_assert_eq(nettest_sh("ip addr add 198.51.100.7/24 dev out1 && ip addr del 192.0.3.5/24 dev out1"), 0);
	cr_assert_eq(nettest_sh("ip route replace default via 198.51.100.1"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 2 && (told.outers[0].addr4 == inet_addr("198.51.100.7") ||
						 told.outers[1].addr4 == inet_addr("198.51.100.7")));
	cr_expect_eq(told.n_addresses, 2);
	cr_assert_eq(nettest_sh("ip link set out0 mtu 1400"), 0);
	NETTEST_UNTIL(&t, told.outers[0].mtu == 1400 || told.outers[1].mtu == 1400);
	cr_expect(told.outers[0].mtu == 1400 || told.outers[1].mtu == 1400);
	cr_assert_eq(nettest_sh("ip link del out0"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 1);
	cr_expect_str_eq(told.outers[0].name, "out1");
	cr_assert_eq(nettest_sh("ip route del default"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 0);
	cr_expect_eq(told.n_outers, 0);
	cr_expect(NOTHING(&t, "out1"));
	nettest_clean(&t, 0, "without a default route");
	cr_assert_eq(nettest_sh("ip link add out0 type bridge"), 0);
	end(&t);
}

Test(net_outer, names_of_the_configuration_come_before_the_default_route)
{
	struct nettest t;

	nettest_init_edge(&t, true, on_uplink);
	t.config.outer = "out1,late0";
	open_net(&t);
	t.vpc.routed_out = true;
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_assert_eq(told.n_outers, 1);
	cr_expect(NOTHING(&t, "out0"));
	cr_expect(ONLY_TCX(&t, "out1"));
	cr_assert_eq(nettest_sh("ip link add late0 type bridge"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 2);
	nettest_attach_links(&t);
	cr_expect(ONLY_TCX(&t, "late0"));
	cr_assert_eq(nettest_sh("ip link del late0"), 0);
	NETTEST_UNTIL(&t, told.n_outers == 1);
	cr_expect_eq(told.n_outers, 1);
	end(&t);
}

Test(net_outer, names_of_pools_come_beside_the_default_route)
{
	struct nettest t;

	nettest_init_edge(&t, true, on_uplink);
	t.config.pool_uplinks = "out1,out0";
	open_net(&t);
	t.vpc.routed_out = true;
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect_eq(told.n_outers, 2);
	cr_expect(ONLY_TCX(&t, "out0") && ONLY_TCX(&t, "out1"));
	end(&t);
}

Test(net_outer, what_is_not_ethernet_is_left_out)
{
	struct nettest t;

	cr_assert_eq(
		nettest_sh(
			"ip tuntap add dev tun7 mode tun && ip link set tun7 up && ip addr add 10.7.0.1/24 dev tun7"),
		0);
	cr_assert_eq(nettest_sh("ip route replace default dev tun7"), 0);
	init(&t, true);
	nettest_build(&t, 0);
	cr_expect_eq(told.n_outers, 0);
	cr_expect_str_eq(told.left_out, "tun7");
	end(&t);
}

static void ensure(struct nettest *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct plan p = nettest_plan(t, 0, false);

	cr_assert_eq(net_ensure(t->net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	cr_assert_eq(net_prune(t->net, &p), 0);
	nettest_plan_free(&p);
	net_report_clear(&report);
}

/* P6 */
Test(net_outer, a_start_adopts_what_is_there)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;
	struct nettest t;
	unsigned calls;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	calls = told.calls;
	net_free(t.net);
	t.net = NULL;
	cr_expect_eq(told.calls, calls, "the end of vpcd is not the end of its programs");
	cr_expect(ONLY_TCX(&t, "out0"));
	/* the route moved meanwhile */
	cr_assert_eq(nettest_sh("ip route add default via 192.0.3.1 metric 100"), 0);
	open_net(&t);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0, "%s", error.message);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	cr_assert_eq(nettest_sh("tc monitor >/run/tc.log & echo $! >/run/tc.pid; sleep 0.3"), 0);
	ensure(&t);
	cr_assert_eq(nettest_sh("sleep 0.2; kill $(cat /run/tc.pid)"), 0);
	cr_expect_eq(nettest_lines("grep -w out0 /run/tc.log"), 0, "it was touched");
	nettest_attach_links(&t);
	cr_expect(ONLY_TCX(&t, "out0") && ONLY_TCX(&t, "out1"));
	cr_expect_eq(told.n_outers, 2);
	/* and where the last uplink went while vpcd was down, nothing stays */
	net_free(t.net);
	t.net = NULL;
	open_net(&t);
	cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0, "%s", error.message);
	cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
	t.vpc.routed_out = false;
	ensure(&t);
	NETTEST_UNTIL(&t, NOTHING(&t, "out0") && NOTHING(&t, "out1"));
	cr_expect(NOTHING(&t, "out0") && NOTHING(&t, "out1"));
	end(&t);
}

static bool audit_mends(struct nettest *t)
{
	struct net_audit *a;
	uint32_t after = 0;

	cr_assert_eq(net_audit_begin(t->net, &after, 8, &a), 0);
	cr_assert_eq(net_audit_run(a), 0);
	net_audit_mend_outers(t->net, a);
	net_audit_free(a);
	return has_filter("out0");
}

Test(net_outer, what_is_torn_off_comes_back)
{
	char path[128];
	struct nettest t;
	int fd;

	init(&t, true);
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect(!audit_mends(&t), "it mends what is right");
	/* the pin */
	cr_assert_eq(nettest_sh("rm /run/bpf/nettest/*/links/outer/*-in"), 0);
	cr_expect_eq(net_check_links(t.net, 8), 1);
	cr_expect(has_filter("out0"), "it serves until there is a link");
	nettest_attach_links(&t);
	cr_expect(ONLY_TCX(&t, "out0"));
	/* the link, by force */
	snprintf(path, sizeof(path), "/run/bpf/nettest/v%d/links/outer/%u-in", VPC_ABI_VERSION, if_nametoindex("out0"));
	fd = bpf_obj_get(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(bpf_link_detach(fd), 0);
	close(fd);
	cr_expect(audit_mends(&t));
	nettest_attach_links(&t);
	cr_expect(ONLY_TCX(&t, "out0"));
	nettest_clean(&t, 0, "after its link was made again");
	end(&t);

	/* the filter */
	init(&t, false);
	nettest_build(&t, 0);
	cr_assert_eq(nettest_sh("tc filter del dev out0 ingress"), 0);
	NETTEST_UNTIL(&t, has_filter("out0"));
	cr_expect(has_filter("out0"));
	cr_assert_eq(nettest_sh("tc qdisc del dev out0 clsact"), 0);
	NETTEST_UNTIL(&t, has_filter("out0"));
	cr_expect(has_filter("out0"));
	end(&t);
}

/* Two instances on one host, with an outer interface of both. */
Test(net_outer, instances_stand_side_by_side)
{
	struct nettest t, other;
	struct plan p;

	init(&t, true);
	nettest_init_edge(&other, true, on_uplink);
	other.config.instance = "other";
	other.config.pin_dir = "/run/bpf/other";
	open_net(&other);
	snprintf(other.vpc.id, sizeof(other.vpc.id), "vpc-8");
	snprintf(other.vpc.netns, sizeof(other.vpc.netns), "other-vpc-8");
	other.vpc.routed_out = true;
	nettest_build(&t, 0);
	nettest_build_as(&other, "other", 0);
	cr_expect_eq(nettest_lines("tc filter show dev out0 ingress | grep -w from-world"), 2);
	nettest_attach_links(&t);
	nettest_attach_links(&other);
	cr_expect(tcx_place("out0", t.config.prog_from_world) && tcx_place("out0", other.config.prog_from_world));
	nettest_clean(&t, 0, "beside another instance");
	p = nettest_plan(&other, 0, true);
	nettest_remove(&other, &p);
	nettest_plan_free(&p);
	cr_expect(!tcx_place("out0", other.config.prog_from_world));
	cr_expect(tcx_place("out0", t.config.prog_from_world) != 0);
	nettest_end(&other);
	told.n_outers = 1;
	end(&t);
}

Test(net_outer, a_purge_removes_it)
{
	struct nettest t;

	init(&t, false);
	nettest_build(&t, 0);
	cr_expect(has_filter("out0"));
	cr_assert_eq(net_purge("nettest"), 0);
	cr_expect(!has_filter("out0") && !has_qdisc("out0"));
	nettest_end(&t);
}
