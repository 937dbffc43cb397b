/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel is told of routes, gateways, elastic IPs and published ports. */
#include <netinet/in.h>
#include <string.h>

#include "compiler_util.h"

MODEL_SUITE(compiler_edge);

static struct plan change(const char *text)
{
	return compiled(&b, text);
}

static uint32_t be(const char *text)
{
	struct ip ip;

	cr_assert_eq(ip_parse(text, &ip), 0);
	return ip_v4_be(&ip);
}

static uint32_t number_of(enum object_kind kind, const char *name)
{
	for (const struct object *o = NULL; (o = model_next(b.m, kind, o));)
		if (!strcmp(o->name, name))
			return o->number;
	cr_assert_fail("nothing is called %s", name);
	return 0;
}

static const char world[] = "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'},"
			    " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'},"
			    " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'secondary_ips': ['10.0.1.99']}]";

Test(compiler_edge, subnets_use_a_table)
{
	_cleanup_(plan_clear) struct plan made = change(world);
	uint32_t subnet = number_of(OBJECT_SUBNET, "s"), main = number_of(OBJECT_ROUTE_TABLE, "main");
	_cleanup_(plan_clear) struct plan moved =
		change("[{'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'},"
		       " {'op': 'route-table.associate', 'route_table_id': 't', 'subnets': ['s']}]");
	uint32_t table = number_of(OBJECT_ROUTE_TABLE, "t");
	_cleanup_(plan_clear) struct plan again =
		change("[{'op': 'route-table.associate', 'route_table_id': 't', 'subnets': ['s']}]");
	_cleanup_(plan_clear) struct plan gone =
		change("[{'op': 'eni.delete', 'eni_id': 'e'}, {'op': 'subnet.delete', 'subnet_id': 's'},"
		       " {'op': 'route-table.delete', 'route_table_id': 't'}, {'op': 'vpc.delete', 'vpc_id': 'v'}]");

	cr_assert_eq(made.n_associations, 1);
	cr_expect(!made.associations[0].has_before && made.associations[0].has_after);
	cr_expect_eq(made.associations[0].after.subnet, subnet);
	cr_expect_eq(made.associations[0].after.table, main);
	cr_expect_eq(made.n_routes, 0, "the VPC's own space stands in no table");
	cr_assert_eq(moved.n_associations, 1);
	cr_expect(moved.associations[0].has_before && moved.associations[0].has_after);
	cr_expect_eq(moved.associations[0].before.table, main);
	cr_expect_eq(moved.associations[0].after.table, table);
	cr_expect_eq(again.n_associations + again.n_subnets, 0);
	cr_assert_eq(gone.n_associations, 1);
	cr_expect(gone.associations[0].has_before && !gone.associations[0].has_after);
	cr_expect_eq(gone.associations[0].before.table, table);
}

static const struct plan_route *route_to(const struct plan *p, const char *destination)
{
	struct cidr c;

	cr_assert_eq(cidr_parse(destination, &c), 0);
	for (size_t i = 0; i < p->n_routes; i++) {
		const struct plan_route *r = &p->routes[i];

		if (!memcmp(r->has_after ? &r->after.destination : &r->before.destination, &c, sizeof(c)))
			return r;
	}
	cr_assert_fail("no route to %s", destination);
	return NULL;
}

#define TARGET(kind, number) (VPC_TARGET_##kind << VPC_TARGET_SHIFT | (number))

Test(compiler_edge, routes)
{
	_cleanup_(plan_clear) struct plan made = change(world);
	_cleanup_(plan_clear) struct plan added = change(
		"[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}, {'op': 'igw.create', 'name': 'i', 'vpc_id': 'v'},"
		" {'op': 'eigw.create', 'name': 'w', 'vpc_id': 'v'},"
		" {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'n'},"
		" {'op': 'route.add', 'route_table_id': 'main', 'destination': '192.0.2.0/24', 'target': 'i'},"
		" {'op': 'route.add', 'route_table_id': 'main', 'destination': '198.51.100.0/24', 'target': 'e'},"
		" {'op': 'route.add', 'route_table_id': 'main', 'destination': '10.0.0.0/8', 'target': 'blackhole'},"
		" {'op': 'route.add', 'route_table_id': 'main', 'destination': '::/0', 'target': 'w'}]");
	uint32_t table = number_of(OBJECT_ROUTE_TABLE, "main"), nat = number_of(OBJECT_NAT, "n"),
		 eni = number_of(OBJECT_ENI, "e");
	_cleanup_(plan_clear) struct plan tagged =
		change("[{'op': 'route-table.update', 'route_table_id': 'main', 'tags': {}}]");
	_cleanup_(plan_clear) struct plan detached = change("[{'op': 'igw.detach', 'internet_gateway_id': 'i'}]");
	_cleanup_(plan_clear) struct plan switched =
		change("[{'op': 'route.delete', 'route_table_id': 'main', 'destination': '0.0.0.0/0'},"
		       " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'e'},"
		       " {'op': 'route.delete', 'route_table_id': 'main', 'destination': '10.0.0.0/8'}]");

	cr_assert_eq(added.n_routes, 5);
	for (size_t i = 0; i < added.n_routes; i++)
		cr_expect(!added.routes[i].has_before && added.routes[i].after.table == table);
	cr_expect_eq(route_to(&added, "0.0.0.0/0")->after.target, TARGET(NAT, nat));
	cr_expect_eq(route_to(&added, "192.0.2.0/24")->after.target, TARGET(IGW, 0));
	cr_expect_eq(route_to(&added, "198.51.100.0/24")->after.target, TARGET(ENI, eni));
	cr_expect_eq(route_to(&added, "10.0.0.0/8")->after.target, TARGET(BLACKHOLE, 0));
	cr_expect_eq(route_to(&added, "::/0")->after.target, TARGET(EIGW, 0));
	cr_expect_eq(tagged.n_routes, 0);
	cr_assert_eq(detached.n_routes, 1);
	cr_expect_eq(detached.routes[0].before.target, TARGET(IGW, 0));
	cr_expect_eq(detached.routes[0].after.target, TARGET(BLACKHOLE, 0));
	cr_assert_eq(switched.n_routes, 2);
	cr_expect(route_to(&switched, "0.0.0.0/0")->has_before && route_to(&switched, "0.0.0.0/0")->has_after,
		  "the destination is never without a route");
	cr_expect_eq(route_to(&switched, "0.0.0.0/0")->after.target, TARGET(ENI, eni));
	cr_expect(!route_to(&switched, "10.0.0.0/8")->has_after);
}

Test(compiler_edge, a_vpc_with_a_way_out_has_an_uplink)
{
	_cleanup_(plan_clear) struct plan made = change(world);
	_cleanup_(plan_clear) struct plan first = change("[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}]");
	_cleanup_(plan_clear) struct plan second = change(
		"[{'op': 'publish.create', 'name': 'p', 'eni_id': 'e', 'from_port': 80, 'host_from_port': 8080}]");
	_cleanup_(plan_clear) struct plan fewer = change("[{'op': 'nat.delete', 'nat_gateway_id': 'n'}]");
	_cleanup_(plan_clear) struct plan last = change("[{'op': 'eni.delete', 'eni_id': 'e'}]");
	_cleanup_(plan_clear) struct plan both =
		change("[{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16', 'internet': true}]");

	cr_expect_not(made.vpcs[0].after.routed_out);
	cr_assert_eq(first.n_vpcs, 1);
	cr_expect(!first.vpcs[0].before.routed_out && first.vpcs[0].after.routed_out);
	cr_expect_eq(second.n_vpcs + fewer.n_vpcs, 0);
	cr_assert_eq(last.n_vpcs, 1);
	cr_expect(last.vpcs[0].before.routed_out && !last.vpcs[0].after.routed_out);
	cr_assert_eq(last.n_publishes, 1);
	cr_expect(last.publishes[0].has_before && !last.publishes[0].has_after);
	cr_assert_eq(both.n_vpcs, 1);
	cr_expect(both.vpcs[0].after.routed_out && !both.vpcs[0].has_before);
	cr_expect(both.n_nats == 1 && both.n_routes == 1);
}

Test(compiler_edge, elastic_ips_and_nat_gateways)
{
	_cleanup_(plan_clear) struct plan made = change(world);
	_cleanup_(plan_clear) struct plan allocated = change("[{'op': 'eip.allocate', 'name': 'x'}]");
	_cleanup_(plan_clear) struct plan given =
		change("[{'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e', 'private_ip': '10.0.1.99'}]");
	_cleanup_(plan_clear) struct plan nat = change("[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}]");
	_cleanup_(plan_clear) struct plan moved =
		change("[{'op': 'eip.associate', 'elastic_ip_id': 'x', 'nat_gateway_id': 'n'}]");
	uint32_t eip = number_of(OBJECT_EIP, "x"), gateway = number_of(OBJECT_NAT, "n");
	_cleanup_(plan_clear) struct plan deleted =
		change("[{'op': 'nat.delete', 'nat_gateway_id': 'n'}, {'op': 'eip.release', 'elastic_ip_id': 'x'}]");

	cr_assert_eq(allocated.n_eips, 1);
	cr_expect_eq(allocated.eips[0].after.address, be("203.0.113.1"));
	cr_expect_eq(allocated.eips[0].after.target, 0, "nobody's");
	cr_expect_eq(allocated.eips[0].after.number, eip);
	cr_assert_eq(given.n_eips, 1);
	cr_expect_eq(given.eips[0].after.target, VPC_EIP_ENI << VPC_TARGET_SHIFT | number_of(OBJECT_ENI, "e"));
	cr_expect_eq(given.eips[0].after.vpc, number_of(OBJECT_VPC, "v"));
	cr_expect_eq(given.eips[0].after.private_address, be("10.0.1.99"));
	cr_assert_eq(nat.n_nats, 1);
	cr_expect_eq(nat.nats[0].after.eip, VPC_NAT_HOST_ADDRESS);
	cr_expect_neq(nat.nats[0].after.incarnation, 0);
	cr_expect_eq(nat.nats[0].after.vpc, number_of(OBJECT_VPC, "v"));
	cr_assert(moved.n_eips == 1 && moved.n_nats == 1);
	cr_expect_eq(moved.eips[0].after.target, VPC_EIP_NAT << VPC_TARGET_SHIFT | gateway);
	cr_expect(!moved.eips[0].after.vpc && !moved.eips[0].after.private_address);
	cr_expect_eq(moved.nats[0].before.eip, VPC_NAT_HOST_ADDRESS);
	cr_expect_eq(moved.nats[0].after.eip, eip);
	cr_expect_eq(moved.nats[0].after.incarnation, nat.nats[0].after.incarnation);
	cr_assert(deleted.n_eips == 1 && deleted.n_nats == 1);
	cr_expect(!deleted.eips[0].has_after && !deleted.nats[0].has_after);
}

Test(compiler_edge, published_ports)
{
	_cleanup_(plan_clear) struct plan made = change(world);
	_cleanup_(plan_clear) struct plan p = change(
		"[{'op': 'publish.create', 'eni_id': 'e', 'from_port': 5060, 'to_port': 5070, 'host_from_port': 15060,"
		" 'protocol': 'udp', 'host_address': '192.0.2.1'}]");
	const struct publish_record *r = &p.publishes[0].after;

	cr_assert_eq(p.n_publishes, 1);
	cr_expect_eq(r->eni, number_of(OBJECT_ENI, "e"));
	cr_expect_eq(r->vpc, number_of(OBJECT_VPC, "v"));
	cr_expect_eq(r->private_address, be("10.0.1.4"));
	cr_expect_eq(r->host_address, be("192.0.2.1"));
	cr_expect_eq(r->protocol, IPPROTO_UDP);
	cr_expect_eq(r->port, 5060);
	cr_expect_eq(r->host_first, 15060);
	cr_expect_eq(r->host_last, 15070);
}

/* What a start tells the kernel is what the changes told it. */
Test(compiler_edge, all_is_there_at_a_start)
{
	_cleanup_(plan_clear) struct plan made = change(world), all = {0};
	_cleanup_(plan_clear) struct plan more =
		change("[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'},"
		       " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'n'},"
		       " {'op': 'eip.allocate', 'name': 'x'}, {'op': 'eip.associate', 'elastic_ip_id': 'x', "
		       "'nat_gateway_id': 'n'},"
		       " {'op': 'publish.create', 'eni_id': 'e', 'from_port': 80, 'host_from_port': 8080}]");
	struct model *copy = model_reload(b.m);
	struct model_bench again = {.m = copy};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	model_bench_pool(&again, "203.0.113.0/28");
	cr_assert_eq(compile_all(copy, "test", 0, &all, &error), 0, "%s", error.message);
	cr_assert(all.n_routes == 1 && all.n_associations == 1 && all.n_nats == 1 && all.n_eips == 1 &&
		  all.n_publishes == 1);
	cr_expect(all.vpcs[0].after.routed_out);
	cr_expect_arr_eq(&all.routes[0].after, &more.routes[0].after, sizeof(all.routes[0].after));
	cr_expect_arr_eq(&all.nats[0].after, &more.nats[0].after, sizeof(all.nats[0].after));
	cr_expect_arr_eq(&all.eips[0].after, &more.eips[0].after, sizeof(all.eips[0].after));
	cr_expect_arr_eq(&all.publishes[0].after, &more.publishes[0].after, sizeof(all.publishes[0].after));
	model_free(copy);
}
