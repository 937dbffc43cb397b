/* SPDX-License-Identifier: GPL-2.0-or-later */
/* traffic-path of flow logs: by which route a packet leaves its VPC. */
#include "model_util.h"
#include "observe/traffic_path.h"

MODEL_SUITE(traffic_path);

#define ROUTE(table, destination, target)                                                                         \
	"{'op': 'route.add', 'route_table_id': '" table "', 'destination': '" destination "', 'target': '" target \
	"', 'vpc': 'v'}"
#define TO_LIST(list, target)                                                                                        \
	"{'op': 'route.add', 'route_table_id': 'main', 'destination_prefix_list_id': '" list "', 'target': '" target \
	"', 'vpc': 'v'}"

static void make_world(void)
{
	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'},"
		 " {'op': 'vpc.create', 'name': 'w', 'cidr': '10.9.0.0/16'},"
		 " {'op': 'vpc.add-cidr', 'vpc_id': 'v', 'cidr': '10.1.0.0/16'},"
		 " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'},"
		 " {'op': 'subnet.create', 'name': 'p', 'vpc_id': 'v', 'cidr': '10.0.2.0/24'},"
		 " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's'},"
		 " {'op': 'eni.create', 'name': 'q', 'subnet_id': 'p'},"
		 " {'op': 'eni.create', 'name': 'fw', 'subnet_id': 's', 'source_dest_check': false},"
		 " {'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}, {'op': 'igw.create', 'name': 'i', 'vpc_id': 'v'},"
		 " {'op': 'eigw.create', 'name': 'x', 'vpc_id': 'v'},"
		 " {'op': 'peering.create', 'name': 'vw', 'vpc_id': 'v', 'peer_vpc_id': 'w'},"
		 " {'op': 'peering.accept', 'peering_id': 'vw'}]");
	model_ok(&b, "[" ROUTE("main", "0.0.0.0/0", "n") "," ROUTE("main", "192.0.2.0/24", "i") "," ROUTE(
			     "main", "192.0.2.128/25",
			     "fw") "," ROUTE("main", "10.9.0.0/16",
					     "vw") "," ROUTE("main", "198.51.100.0/24",
							     "blackhole") "," ROUTE("main", "::/0", "x") "]");
	model_ok(&b, "[{'op': 'route-table.create', 'name': 'public', 'vpc_id': 'v'},"
		     " {'op': 'route-table.associate', 'route_table_id': 'public', 'subnets': ['p']}," ROUTE(
			     "public", "203.0.113.0/24", "i") "]");
}

static int path(const char *eni, const char *destination)
{
	struct ip ip;

	cr_assert_eq(ip_parse(destination, &ip), 0);
	for (const struct object *o = model_next(b.m, OBJECT_ENI, NULL); o; o = model_next(b.m, OBJECT_ENI, o))
		if (!strcmp(o->name, eni))
			return (int)traffic_path(b.m, eni_of(o), &ip);
	cr_assert_fail("no %s", eni);
	return -1;
}

Test(traffic_path, the_longest_prefix_of_the_subnets_table)
{
	make_world();
	cr_expect_eq(path("e", "10.0.2.9"), 1, "the VPC's own");
	cr_expect_eq(path("e", "10.1.2.9"), 1, "by its secondary CIDR");
	cr_expect_eq(path("e", "fd00::9"), 1);
	cr_expect_eq(path("e", "8.8.8.8"), 1, "NAT gateway");
	cr_expect_eq(path("e", "192.0.2.127"), 8, "internet gateway");
	cr_expect_eq(path("e", "192.0.2.128"), 1, "an appliance");
	cr_expect_eq(path("e", "10.9.1.1"), 4, "peering");
	cr_expect_eq(path("e", "2001:db8::1"), 8, "egress-only internet gateway");
	cr_expect_eq(path("e", "198.51.100.1"), 0, "blackhole");
	/* another table */
	cr_expect_eq(path("q", "203.0.113.5"), 8);
	cr_expect_eq(path("q", "8.8.8.8"), 0, "no route");
	cr_expect_eq(path("q", "10.0.1.9"), 1);
}

Test(traffic_path, a_target_that_is_gone_leads_nowhere)
{
	make_world();
	model_ok(&b, "{'op': 'igw.detach', 'internet_gateway_id': 'i'}");
	cr_expect_eq(path("e", "192.0.2.127"), 0, "and not by the shorter route");
	model_ok(&b, "{'op': 'peering.delete', 'peering_id': 'vw'}");
	cr_expect_eq(path("e", "10.9.1.1"), 0);
}

Test(traffic_path, routes_to_prefix_lists)
{
	make_world();
	model_ok(&b,
		 "[{'op': 'prefix-list.create', 'name': 'l', 'max_entries': 5, 'entries': [{'cidr': '192.0.2.0/24'}, "
		 "{'cidr': '192.0.2.200/32'}, {'cidr': '172.16.0.0/12'}]},"
		 " {'op': 'prefix-list.create', 'name': 'k', 'max_entries': 5, 'entries': [{'cidr': "
		 "'172.16.0.0/12'}]}," TO_LIST("l", "vw") "," TO_LIST("k", "i") "]");
	cr_expect_eq(path("e", "192.0.2.127"), 8, "a CIDR's route comes first");
	cr_expect_eq(path("e", "192.0.2.200"), 4, "unless the list's prefix is longer");
	cr_expect_eq(path("e", "192.0.2.201"), 1);
	cr_expect_eq(path("e", "172.16.0.1"), 4, "the list that was added first");
	model_ok(&b, "{'op': 'prefix-list.remove', 'prefix_list_id': 'l', 'entries': [{'cidr': '172.16.0.0/12'}]}");
	cr_expect_eq(path("e", "172.16.0.1"), 8);
}
