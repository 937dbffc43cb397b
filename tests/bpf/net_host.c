/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host itself sends to elastic IPs and published ports: routes and neighbours on host ends, and the nftables
 * tables of the host's namespace, which is the test's here. Root. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/net/host_objects.h"
#include "model/address.h"
#include "tests/bpf/net_util.h"

#define HOST_END "vu-vpc-7"
#define TABLE	 "ip vpcd-nettest"

static struct plan_eip eip;
static struct plan_publish publications[3];

static void on_uplink(uint32_t vpc, const struct net_uplink *uplink, void *userdata)
{
	(void)vpc, (void)uplink, (void)userdata;
}

static void setup(void)
{
	nettest_enter();
	cr_assert_eq(nettest_sh("ip link set lo up; ip addr add 192.0.2.5/24 dev lo"), 0);
	eip = (struct plan_eip){.has_after = true,
				.after = {.number = 3,
					  .address = inet_addr("203.0.113.9"),
					  .target = VPC_EIP_ENI << VPC_TARGET_SHIFT | NETTEST_FIRST_ENI,
					  .vpc = 7}};
	publications[0] = (struct plan_publish){
		.has_after = true,
		.after = {.number = 1, .vpc = 7, .protocol = IPPROTO_TCP, .host_first = 8080, .host_last = 8080}};
	publications[1] = (struct plan_publish){
		.has_after = true,
		.after = {.number = 2, .vpc = 7, .protocol = IPPROTO_UDP, .host_first = 5000, .host_last = 5009}};
	publications[2] = (struct plan_publish){.has_after = true,
						.after = {.number = 3,
							  .vpc = 7,
							  .protocol = IPPROTO_TCP,
							  .host_address = inet_addr("192.0.2.5"),
							  .host_first = 443,
							  .host_last = 443}};
}

TestSuite(net_host, .init = setup, .timeout = 120);

static void build(struct nettest *t)
{
	nettest_init_edge(t, true, on_uplink);
	t->vpc.routed_out = true;
	nettest_build(t, 0);
	nettest_attach_links(t);
}

/* Adds or removes the elastic IP and the first n publications. */
static void change(struct nettest *t, bool with_eip, size_t n, bool add)
{
	struct plan_publish changed[ARRAY_SIZE(publications)];
	struct plan_eip e = eip;
	struct plan p = {.eips = &e, .n_eips = with_eip, .publishes = changed, .n_publishes = n};

	for (size_t i = 0; i < n; i++) {
		changed[i] = publications[i];
		if (!add)
			changed[i] = (struct plan_publish){.has_before = true, .before = publications[i].after};
	}
	if (!add)
		e = (struct plan_eip){.has_before = true, .before = eip.after};
	nettest_remove(t, &p); /* applies any plan */
}

static struct plan whole(const struct nettest *t, bool with_eip, size_t n)
{
	struct plan p = nettest_plan(t, 0, false);

	p.eips = &eip;
	p.n_eips = with_eip;
	p.publishes = publications;
	p.n_publishes = n;
	return p;
}

static void expect_clean(struct nettest *t, bool with_eip, size_t n, size_t differences, const char *when)
{
	struct plan p = whole(t, with_eip, n);
	json_t *report = json_array();
	char *text;

	cr_assert_eq(net_verify(&t->config, &p, report), 0, "%s", when);
	text = json_dumps(report, JSON_INDENT(1));
	cr_expect_eq(json_array_size(report), differences, "%s: %s", when, text);
	free(text);
	json_decref(report);
	nettest_plan_free(&p);
}

static void ensure(struct nettest *t, bool with_eip, size_t n)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_report report = NET_REPORT_INIT;
	struct plan p = whole(t, with_eip, n);

	cr_assert_eq(net_ensure(t->net, &p, NULL, 0, &report, &error), 0, "%s", error.message);
	nettest_plan_free(&p);
	net_report_clear(&report);
}

static const char *transit(void)
{
	static char text[INET_ADDRSTRLEN];
	uint32_t address = host_transit("nettest", 7);

	return inet_ntop(AF_INET, &address, text, sizeof(text));
}

static int routes(const char *address)
{
	return nettest_lines("ip route show %s dev " HOST_END, address);
}

static int table_lines(const char *pattern)
{
	return nettest_lines("nft list ruleset 2>/dev/null | grep -E '%s'", pattern);
}

static void end(struct nettest *t)
{
	struct plan p = nettest_plan(t, 0, true);

	nettest_remove(t, &p);
	nettest_plan_free(&p);
	cr_expect_eq(table_lines("vpcd-nettest"), 0);
	nettest_end(t);
}

Test(net_host, an_elastic_ip_is_routed_while_an_eni_has_it)
{
	struct nettest t;

	build(&t);
	cr_expect_eq(routes("203.0.113.9"), 0);
	change(&t, true, 0, true);
	cr_expect_eq(routes("203.0.113.9"), 1);
	cr_expect_eq(nettest_lines("ip neigh show 203.0.113.9 dev " HOST_END " | grep PERMANENT"), 1);
	cr_expect_eq(table_lines("vpcd"), 0, "no port is published");
	expect_clean(&t, true, 0, 0, "with an elastic IP");
	/* it is given to a NAT gateway: nobody reaches that */
	eip.has_before = true;
	eip.before = eip.after;
	eip.after.target = VPC_EIP_NAT << VPC_TARGET_SHIFT | 1;
	eip.after.vpc = 0;
	change(&t, true, 0, true);
	cr_expect_eq(routes("203.0.113.9"), 0);
	cr_expect_eq(nettest_lines("ip neigh show dev " HOST_END), 0);
	change(&t, true, 0, false);
	nettest_loop(&t);
	cr_expect_eq(t.n_events, 0);
	end(&t);
}

Test(net_host, published_ports_lead_to_the_transit_address)
{
	struct nettest t;

	build(&t);
	cr_assert_eq(nettest_sh("nft 'add table ip strange; add chain ip strange c'"), 0);
	change(&t, false, 3, true);
	cr_expect_eq(routes(transit()), 1);
	cr_expect_eq(table_lines("fib daddr type local dnat to tcp dport map"), 1);
	cr_expect_eq(table_lines("fib daddr type local dnat to udp dport map"), 1);
	cr_expect_eq(table_lines("ip daddr 192.0.2.5 tcp dport 443 dnat to 169.254"), 1);
	expect_clean(&t, false, 3, 0, "with three publications");
	change(&t, false, 3, false);
	cr_expect_eq(routes(transit()), 0);
	cr_expect_eq(table_lines("vpcd-nettest"), 0, "the table of the last one is left");
	expect_clean(&t, false, 0, 0, "without publications");
	cr_expect_eq(table_lines("table ip strange"), 1, "somebody else's is gone");
	end(&t);
}

static struct overlap {
	bool there;
	struct cidr cidr, network;
} overlap;

static void on_overlap(const char *vpc_id, const struct cidr *cidr, const struct cidr *network, void *userdata)
{
	(void)userdata;
	cr_expect_str_eq(vpc_id, "vpc-7");
	overlap = (struct overlap){.there = cidr};
	if (cidr) {
		overlap.cidr = *cidr;
		overlap.network = *network;
	}
}

static struct cidr cidr_of(const char *text)
{
	struct cidr c;

	cr_assert_eq(cidr_parse(text, &c), 0);
	return c;
}

static bool overlaps(const char *cidr, const char *network)
{
	struct cidr c = cidr_of(cidr), n = cidr_of(network);

	return overlap.there && memcmp(&overlap.cidr, &c, sizeof(c)) == 0 &&
	       memcmp(&overlap.network, &n, sizeof(n)) == 0;
}

/* No route of a VPC with host access takes a network of the host's away, and it is told. */
Test(net_host, a_network_of_the_host_keeps_its_route)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct nettest t;

	nettest_init_edge(&t, true, on_uplink);
	net_free(t.net);
	t.config.on_overlap = on_overlap;
	cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0, "%s", error.message);
	t.vpc.routed_out = true;
	t.vpc.host_access[t.vpc.n_host_access++] = cidr_of("192.0.2.5/32");
	t.vpc.cidrs[t.vpc.n_cidrs++] = cidr_of("10.9.0.0/16");
	t.vpc.cidrs[t.vpc.n_cidrs++] = cidr_of("192.0.2.128/25");
	nettest_build(&t, 0);
	nettest_attach_links(&t);
	cr_expect(overlaps("192.0.2.128/25", "192.0.2.0/24"));
	cr_expect_eq(routes("10.9.0.0/16"), 1);
	cr_expect_eq(routes("192.0.2.128/25"), 0);
	cr_assert_eq(nettest_sh("ip addr del 192.0.2.5/24 dev lo; ip addr add 192.0.2.5/32 dev lo"), 0);
	NETTEST_UNTIL(&t, !overlap.there && routes("192.0.2.128/25") == 1);
	cr_assert_eq(nettest_sh("ip addr add 10.9.8.7/32 dev lo"), 0);
	NETTEST_UNTIL(&t, overlaps("10.9.0.0/16", "10.9.8.7/32") && routes("10.9.0.0/16") == 0);
	cr_expect_eq(routes("192.0.2.128/25"), 1);
	end(&t);
	cr_expect_not(overlap.there, "the VPC is gone");
}

/* Packets that the host end has sent into the uplink. */
static int sent(void)
{
	FILE *f = fopen("/proc/net/dev", "r");
	char line[512];
	int n = -1;

	cr_assert(f);
	while (fgets(line, sizeof(line), f)) {
		const char *numbers = strstr(line, HOST_END ":");

		if (numbers)
			cr_expect_eq(
				sscanf(numbers + strlen(HOST_END ":"), "%*u %*u %*u %*u %*u %*u %*u %*u %*u %d", &n),
				1);
	}
	fclose(f);
	return n;
}

/* What the host sends arrives at the uplink, from its own address and from 127.0.0.1. */
Test(net_host, the_hosts_packets_go_to_the_uplink)
{
	static const char *const to[] = {"127.0.0.1/5004", "192.0.2.5/5009", "203.0.113.9/7"};
	struct nettest t;

	build(&t);
	change(&t, true, 3, true);
	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		int before = sent();

		cr_assert_eq(nettest_sh("bash -c 'echo x >/dev/udp/%s'", to[i]), 0, "%s", to[i]);
		cr_expect_gt(sent(), before, "%s", to[i]);
	}
	change(&t, true, 3, false);
	end(&t);
}

Test(net_host, what_others_change_is_put_right)
{
	struct net_audit *a;
	uint32_t after = 0;
	struct nettest t;

	build(&t);
	change(&t, true, 1, true);
	nettest_loop(&t);
	/* what sends an event */
	cr_assert_eq(nettest_sh("ip route del 203.0.113.9 dev " HOST_END), 0);
	NETTEST_UNTIL(&t, routes("203.0.113.9") == 1);
	cr_assert_eq(nettest_sh("ip neigh del %s dev " HOST_END, transit()), 0);
	NETTEST_UNTIL(&t, nettest_lines("ip neigh show %s dev " HOST_END " | grep PERMANENT", transit()) == 1);
	cr_assert_eq(nettest_sh("ip route add 198.51.100.0/24 dev " HOST_END), 0);
	NETTEST_UNTIL(&t, routes("198.51.100.0/24") == 0);
	expect_clean(&t, true, 1, 0, "after events");
	/* what the audit finds */
	cr_assert_eq(nettest_sh("nft flush chain " TABLE " output"), 0);
	expect_clean(&t, true, 1, 1, "a flushed chain");
	cr_assert_eq(net_audit_begin(t.net, &after, 8, &a), 0);
	cr_assert_eq(net_audit_run(a), 0);
	net_audit_free(a);
	expect_clean(&t, true, 1, 0, "after the audit");
	cr_assert_eq(nettest_sh("nft delete table " TABLE), 0);
	ensure(&t, true, 1);
	expect_clean(&t, true, 1, 0, "after a repair");
	/* the uplink is made again, with all of it */
	cr_assert_eq(nettest_sh("ip link del " HOST_END), 0);
	ensure(&t, true, 1);
	nettest_attach_links(&t);
	expect_clean(&t, true, 1, 0, "after the uplink was made again");
	change(&t, true, 1, false);
	end(&t);
}

/* P6 */
Test(net_host, a_start_adopts_it_or_removes_it)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;
	struct nettest t;

	build(&t);
	change(&t, true, 2, true);
	for (int last = 0; last < 2; last++) {
		net_free(t.net);
		cr_expect_eq(table_lines("vpcd-nettest"), 1);
		cr_expect_eq(routes("203.0.113.9"), 1);
		cr_assert_eq(net_new(&t.config, NULL, NULL, &t.net, &error), 0);
		cr_assert_eq(netns_make(&t.vpc, "nettest", &ns, &error), 0);
		cr_assert_eq(net_add_vpc(t.net, &t.vpc, &ns), 0);
		if (last)
			break;
		cr_assert_eq(nettest_sh("nft monitor >/run/nft.log & echo $! >/run/nft.pid; sleep 0.3"), 0);
		ensure(&t, true, 2);
		cr_assert_eq(nettest_sh("sleep 0.2; kill $(cat /run/nft.pid)"), 0);
		cr_expect_eq(nettest_lines("grep vpcd-nettest /run/nft.log"), 0, "it was made anew");
		expect_clean(&t, true, 2, 0, "after a start");
	}
	/* deleted while vpcd did not run */
	ensure(&t, false, 0);
	cr_expect_eq(routes("203.0.113.9"), 0);
	cr_expect_eq(routes(transit()), 0);
	expect_clean(&t, false, 0, 0, "after a start without them");
	end(&t);
}

Test(net_host, a_purge_removes_the_table)
{
	struct nettest t;

	build(&t);
	change(&t, false, 2, true);
	cr_assert_eq(nettest_sh("nft add table ip vpcd-other"), 0);
	cr_assert_eq(net_purge("nettest"), 0);
	cr_expect_eq(table_lines("vpcd-nettest"), 0);
	cr_expect_eq(table_lines("vpcd-other"), 1);
	nettest_end(&t);
}

/* A start of vpcd with another configuration: the host forwards what leaves VPCs, or doesn't. */
static void restart(struct nettest *t, bool forward)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;

	net_free(t->net);
	t->config.forward = forward;
	cr_assert_eq(net_new(&t->config, NULL, NULL, &t->net, &error), 0);
	cr_assert_eq(netns_make(&t->vpc, "nettest", &ns, &error), 0);
	cr_assert_eq(net_add_vpc(t->net, &t->vpc, &ns), 0);
	ensure(t, false, 1);
}

/* P6, and that a firewall beside sees a packet that it may judge by itself. */
Test(net_host, what_the_host_forwards_is_not_tracked)
{
	struct nettest t;

	build(&t);
	change(&t, false, 1, true);
	cr_expect_eq(table_lines("notrack"), 0);
	restart(&t, true);
	cr_expect_eq(table_lines("vpcd-nettest"), 2, "of IPv4 and of IPv6");
	cr_expect_eq(table_lines("iifname \"vu-\\*\" fib daddr type != local notrack"), 2);
	cr_expect_eq(table_lines("dnat to tcp dport map"), 1);
	expect_clean(&t, false, 1, 0, "with forwarding");
	cr_assert_eq(nettest_sh("nft flush chain ip6 vpcd-nettest prerouting"), 0);
	expect_clean(&t, false, 1, 1, "a flushed chain");
	ensure(&t, false, 1);
	expect_clean(&t, false, 1, 0, "after a repair");
	change(&t, false, 1, false);
	cr_expect_eq(table_lines("notrack"), 2, "without a published port");
	change(&t, false, 1, true);
	restart(&t, false);
	cr_expect_eq(table_lines("vpcd-nettest"), 1);
	cr_expect_eq(table_lines("notrack"), 0);
	expect_clean(&t, false, 1, 0, "without forwarding");
	change(&t, false, 1, false);
	end(&t);
}

Test(net_host, instances_have_transit_addresses_of_their_own)
{
	cr_expect_neq(host_transit("default", 7), host_transit("nettest", 7));
	cr_expect_neq(host_transit("default", 7), host_transit("default", 8));
	cr_expect_eq(ntohl(host_transit("default", 7)) & 0xffffc000u, 0xa9fe4000u);
}
