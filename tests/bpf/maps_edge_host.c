/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datapath/maps/edge.h: what follows the host's devices. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "datapath/maps/edge_state.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_edge_host, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

static const struct vpc_uplink one = {
	.ifindex = VPC_UPLINK_FIRST + 1, .host_ifindex = 70, .mtu = 1500, .flags = 1, .host_mac = {2, 0, 0, 0, 0, 1}};

static uint32_t uplink_leads_to(const struct maps *t, uint32_t host_ifindex)
{
	uint32_t vpc = 0;

	(void)bpf_map_lookup_elem(t->map[MAP_UPLINK_OF].fd, &host_ifindex, &vpc);
	return vpc;
}

static struct ip host_ip(uint8_t last)
{
	return (struct ip){.family = 4, .bytes = {[10] = 0xff, 0xff, 192, 0, 2, last}};
}

static uint32_t public_kind(const struct maps *t, uint8_t last)
{
	struct ip ip = host_ip(last);
	struct vpc_public row = {};

	(void)bpf_map_lookup_elem(t->map[MAP_PUBLIC].fd, ip.bytes, &row);
	return row.kind;
}

static bool outer_is(const struct maps *t, uint32_t ifindex, uint32_t mtu)
{
	struct vpc_outer row;

	return bpf_map_lookup_elem(t->map[MAP_OUTER].fd, &ifindex, &row) == 0 ? row.mtu == mtu : mtu == 0;
}

Test(maps_edge_host, an_uplink_comes_changes_and_goes)
{
	struct maps *t = maps_small(false);
	struct vpc_uplink moved = one, seen;

	cr_assert_eq(maps_uplink_set(t, 0, &one), -ERANGE);
	cr_assert_eq(maps_uplink_set(t, maps_limits_small.vpcs + 1, &one), -ERANGE);
	cr_assert_eq(maps_uplink_adjust(t, 1, 1400, 0), -ENOENT);
	cr_assert(!maps_uplink(t, 1, &seen));
	cr_assert_eq(maps_uplink_set(t, 1, &one), 0);
	cr_assert_eq(memcmp(uplink_at(t, 1), &one, sizeof(one)), 0);
	cr_assert_eq(uplink_leads_to(t, 70), 1);
	cr_assert_eq(maps_uplink_adjust(t, 1, 1400, 0), 0);
	cr_assert_eq(uplink_at(t, 1)->mtu, 1400);
	cr_assert_eq(uplink_at(t, 1)->flags, 0);
	moved.host_ifindex = 71;
	cr_assert_eq(maps_uplink_set(t, 1, &moved), 0);
	cr_assert_eq(uplink_leads_to(t, 70), 0);
	cr_assert_eq(uplink_leads_to(t, 71), 1);
	cr_assert(maps_uplink(t, 1, &seen));
	cr_assert_eq(seen.host_ifindex, 71);
	cr_assert_eq(maps_uplink_set(t, 1, NULL), 0);
	cr_assert_eq(uplink_leads_to(t, 71), 0);
	cr_assert_eq(uplink_at(t, 1)->ifindex, 0);
	maps_close(t);
}

Test(maps_edge_host, the_whole_list_is_told_each_time)
{
	struct maps *t = maps_small(false);
	struct maps_outer outers[] = {{.ifindex = 2, .row = {.mtu = 1500}}, {.ifindex = 3, .row = {.mtu = 9000}}};
	struct ip hosts[] = {host_ip(9), host_ip(1), host_ip(5)};

	cr_assert_eq(maps_outers_set(t, outers, 2), 0);
	cr_assert(outer_is(t, 2, 1500) && outer_is(t, 3, 9000));
	outers[1].row.mtu = 1492;
	cr_assert_eq(maps_outers_set(t, &outers[1], 1), 0);
	cr_assert(outer_is(t, 2, 0) && outer_is(t, 3, 1492));
	cr_assert_eq(maps_outers_set(t, outers, MAPS_OUTERS_MAX + 1), -E2BIG);

	cr_assert_eq(maps_host_addresses_set(t, hosts, 3), 0);
	cr_assert(public_kind(t, 1) == VPC_PUBLIC_HOST && public_kind(t, 5) == VPC_PUBLIC_HOST &&
		  public_kind(t, 9) == VPC_PUBLIC_HOST);
	cr_assert_eq(maps_host_addresses_set(t, &hosts[1], 1), 0);
	cr_assert(public_kind(t, 1) == VPC_PUBLIC_HOST && !public_kind(t, 5) && !public_kind(t, 9));
	cr_assert_eq(maps_host_addresses_set(t, hosts, MAPS_HOST_ADDRESSES_MAX + 1), -E2BIG);
	cr_assert_eq(public_kind(t, 1), VPC_PUBLIC_HOST);
	maps_close(t);
}

Test(maps_edge_host, the_next_run_takes_it_over)
{
	struct maps *t = maps_small(true);
	struct maps_outer outer = {.ifindex = 2, .row = {.mtu = 1500}};
	struct ip host = host_ip(7);
	struct vpc_uplink seen;

	cr_assert_eq(maps_uplink_set(t, 1, &one), 0);
	cr_assert_eq(maps_outers_set(t, &outer, 1), 0);
	cr_assert_eq(maps_host_addresses_set(t, &host, 1), 0);
	maps_edge_forward_set(t, true);
	maps_close(t);
	t = maps_small(true);
	cr_assert(maps_uplink(t, 1, &seen));
	cr_assert_eq(memcmp(&seen, &one, sizeof(one)), 0);
	cr_assert_eq(public_kind(t, 7), VPC_PUBLIC_HOST);
	cr_assert_eq(edge_ctl_at(t, 0)->flags, VPC_EDGE_FORWARD);
	cr_assert_eq(maps_outers_set(t, NULL, 0), 0);
	cr_assert(outer_is(t, 2, 0));
	cr_assert_eq(maps_host_addresses_set(t, NULL, 0), 0);
	cr_assert_eq(public_kind(t, 7), 0);
	maps_close(t);
}

Test(maps_edge_host, the_preferred_ports_are_beside_those_of_the_host)
{
	static const struct {
		uint32_t local_first, local_last, first, last;
	} cases[] = {
		{32768, 60999, 1024, 32767}, {10000, 20000, 20001, 65535}, {1024, 65535, 1024, 65535},
		{1, 500, 1024, 65535},	     {60000, 100, 1024, 65535},	   {1024, 1024, 1025, 65535},
	};
	struct maps *t = maps_small(false);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t first, last;

		edge_preferred_ports(cases[i].local_first, cases[i].local_last, &first, &last);
		cr_expect(first == cases[i].first && last == cases[i].last, "case %zu: %u to %u", i, first, last);
	}
	cr_assert_eq(edge_ctl_at(t, 0)->nat_port_first, 1024);
	cr_assert_eq(edge_ctl_at(t, 0)->nat_port_last, 65535);
	cr_assert_eq(edge_ctl_at(t, 0)->nat_prefer_last, 32767);
	maps_local_ports_set(t, 10000, 20000);
	cr_assert_eq(edge_ctl_at(t, 0)->nat_prefer_first, 20001);
	maps_close(t);
}
