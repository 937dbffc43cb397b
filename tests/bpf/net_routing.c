/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source routing in a workload's namespace: whoever has the default route, answers leave by the ENI they are from. */
#include "tests/bpf/net_util.h"

#include <criterion/criterion.h>

#include "datapath/net/device/workload_routing.h"
#include "datapath/net/netlink/link.h"

TestSuite(net_routing, .init = nettest_enter, .timeout = 60);

/* Port 3, of the other subnet, goes into w0 as eth1. Returns its socket there in *ret. */
static void attach_second(struct nettest *t, struct workload *ret)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .netns = (char *)"w0"};
	struct attachment *a = &t->ports[3].attachment;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;
	struct plan p;

	cr_assert_eq(workload_open(&spec, 0, ret, &error), 0, "%s", error.message);
	free(a->path);
	a->path = strdup(ret->path);
	ret->eni = t->ports[3].eni;
	a->ns_dev = ret->ns_dev;
	a->ns_ino = ret->ns_ino;
	memcpy(a->boot_id, ret->boot_id, sizeof(a->boot_id));
	strcpy(a->ifname, "eth1");
	p = nettest_port_plan(t, 3, false);
	cr_assert_eq(net_prepare(t->net, &p, ret, 1, &change, &error), 0, "%s", error.message);
	cr_assert_eq(net_publish(t->net, change, &removal), 0);
	net_removal_free(t->net, removal);
	nettest_plan_free(&p);
}

static uint32_t ifindex_in(const struct workload *w, const char *name)
{
	struct link_info info;

	cr_assert_eq(link_get(w->rtnl, 0, name, &info), 0);
	return info.ifindex;
}

static int rules(void)
{
	return nettest_lines("ip -n w0 rule | grep -w 10000:; ip -n w0 -6 rule | grep -w 10000:");
}

Test(net_routing, a_namespace_with_one_interface_has_no_rules)
{
	struct nettest t;

	nettest_init(&t, true);
	nettest_build(&t, 1);
	cr_assert_eq(rules(), 0, "they would cost each packet a look into several tables");
	nettest_end(&t);
}

Test(net_routing, two_enis_answer_each_by_itself)
{
	struct workload w = WORKLOAD_INIT;
	struct nettest t;
	struct plan gone;

	nettest_init(&t, true);
	nettest_build(&t, 1);
	attach_second(&t, &w);
	cr_assert_eq(rules(), 4, "IPv4 and IPv6 of both");
	/* the first one's default route counts */
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 | grep 'dev eth0'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 -6 route get 2001:db8::1 | grep 'dev eth0'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 from 10.0.1.13 | grep 'via 10.0.1.1 dev eth1'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 from 10.0.0.10 | grep 'via 10.0.0.1 dev eth0'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 -6 route get 2001:db8::1 from fd00:0:0:1::13 | grep 'dev eth1'"), 1);
	/* a client in the first one's subnet talks to the second one's address */
	cr_assert_eq(nettest_lines("ip -n w0 route get 10.0.0.77 from 10.0.1.13 | grep 'via 10.0.1.1 dev eth1'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 route get 10.0.1.77 from 10.0.1.13 | grep via"), 0);

	cr_assert_eq(routing_check(w.rtnl, &t.ports[3], ifindex_in(&w, "eth1")), 1);
	cr_assert_eq(nettest_sh("ip -n w0 rule del from 10.0.1.13"), 0);
	cr_assert_eq(routing_check(w.rtnl, &t.ports[3], ifindex_in(&w, "eth1")), 0);
	cr_assert_eq(routing_put_rules(w.rtnl, false), 0);
	cr_assert_eq(routing_check(w.rtnl, &t.ports[3], ifindex_in(&w, "eth1")), 1);
	cr_assert_eq(nettest_sh("ip -n w0 route flush table %u", 86000 + ifindex_in(&w, "eth1")), 0);
	cr_assert_eq(routing_check(w.rtnl, &t.ports[3], ifindex_in(&w, "eth1")), 0);

	/* what leads to an ENI goes with it */
	gone = nettest_port_plan(&t, 3, true);
	nettest_remove(&t, &gone);
	nettest_plan_free(&gone);
	cr_assert_eq(nettest_lines("ip -n w0 rule | grep 10.0.1.13; ip -n w0 -6 rule | grep fd00:0:0:1::13"), 0);
	cr_assert_eq(rules(), 2);
	workload_clear(&w);
	nettest_end(&t);
}

/* What verify says of the second ENI's routing. */
static int told(struct nettest *t)
{
	json_t *report = nettest_verify(t, NETTEST_PORTS), *entry;
	int n = 0;
	size_t i;

	json_array_foreach (report, i, entry)
		n += !strcmp(json_string_value(json_object_get(entry, "object")), t->ports[3].eni_id) &&
		     strstr(json_string_value(json_object_get(entry, "detail")),
			    "eth1: its routing table or its rules") != NULL;
	json_decref(report);
	return n;
}

/* verify tells what is missing, and the mending of a workload's end puts it back. */
Test(net_routing, what_is_missing_is_told_and_put_back)
{
	struct workload w = WORKLOAD_INIT;
	struct nettest t;
	struct plan plan;
	uint32_t kernel_map;
	/* its rule of IPv4, of IPv6, its table, the gateway alone, IPv6's table, a rule of an address that is no more
	 */
	const char *const damages[] = {
		"ip -n w0 rule del from 10.0.1.13",
		"ip -n w0 -6 rule del from fd00:0:0:1::13",
		"ip -n w0 route flush table %u",
		"ip -n w0 route del default table %u",
		"ip -n w0 -6 route flush table %u",
		"ip -n w0 rule add from 10.0.1.99 priority 10000 protocol 86 table %u",
	};

	nettest_init(&t, true);
	nettest_build(&t, 1);
	attach_second(&t, &w);
	nettest_attach_links(&t);
	kernel_map = 86000 + ifindex_in(&w, "eth1");
	cr_assert_eq(told(&t), 0);
	plan = nettest_port_plan(&t, 3, false);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		_cleanup_(workload_clear) struct workload again = WORKLOAD_INIT;
		char command[120];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(command, sizeof(command), damages[i], kernel_map);
#pragma GCC diagnostic pop
		cr_assert_eq(nettest_sh("%s", command), 0, "%s", command);
		cr_assert_eq(told(&t), 1, "%s", command);
		cr_assert_eq(workload_reopen(&t.ports[3].attachment, &again), 0);
		cr_assert_eq(net_workload_mend(&plan, &again, false), 0, "%s", command);
		cr_assert_eq(told(&t), 0, "after %s", command);
		cr_assert_eq(rules(), 4);
	}
	nettest_plan_free(&plan);
	workload_clear(&w);
	nettest_end(&t);
}

Test(net_routing, whose_default_route_counts)
{
	struct workload w = WORKLOAD_INIT;
	struct nettest t;

	nettest_init(&t, true);
	t.ports[3].attachment.has_default_route = t.ports[3].attachment.default_route = true;
	nettest_build(&t, 1);
	attach_second(&t, &w);
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 | grep 'dev eth1'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 -6 route get 2001:db8::1 | grep 'dev eth1'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 from 10.0.0.10 | grep 'dev eth0'"), 1);
	workload_clear(&w);
	nettest_end(&t);
}

Test(net_routing, no_default_route_of_its_own)
{
	struct workload w = WORKLOAD_INIT;
	struct nettest t;

	nettest_init(&t, true);
	t.ports[0].attachment.has_default_route = true;
	t.ports[3].attachment.has_default_route = true;
	nettest_build(&t, 1);
	cr_assert_eq(nettest_lines("ip -n w0 route show default; ip -n w0 -6 route show default"), 0);
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 from 10.0.0.10 | grep 'via 10.0.0.1 dev eth0'"), 1,
		     "it answers all the same");
	attach_second(&t, &w);
	cr_assert_eq(nettest_lines("ip -n w0 route show default; ip -n w0 -6 route show default"), 0);
	cr_assert_eq(nettest_lines("ip -n w0 route get 192.0.2.1 from 10.0.1.13 | grep 'dev eth1'"), 1);
	workload_clear(&w);
	nettest_end(&t);
}

/* Another's interface counts too: its default route may be the namespace's. */
Test(net_routing, beside_an_interface_of_a_container_engine)
{
	struct nettest t;

	nettest_init(&t, true);
	cr_assert_eq(
		nettest_sh("ip -n w0 link add own type veth peer name own2 && ip -n w0 addr add 192.0.2.1/24 dev own "
			   "&& ip -n w0 link set own up && ip -n w0 link set own2 up && "
			   "ip -n w0 route add default via 192.0.2.2"),
		0);
	nettest_build(&t, 1);
	cr_assert_eq(nettest_lines("ip -n w0 route get 198.51.100.1 | grep 'dev own'"), 1);
	cr_assert_eq(nettest_lines("ip -n w0 route get 198.51.100.1 from 10.0.0.10 | grep 'dev eth0'"), 1);
	nettest_end(&t);
}
