/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internet gateways, egress-only ones, NAT gateways, elastic IPs and published ports. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;
static char vpc[OBJECT_ID_MAX], eni[OBJECT_ID_MAX];

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	model_bench_pool(&b, "203.0.113.0/29");
	strcpy(vpc, model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'}"));
	model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'}");
	strcpy(eni,
	       model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'secondary_ips': ['10.0.1.99']}"));
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_gateways, .init = open_bench, .fini = close_bench);

static bool routed_out(void)
{
	return vpc_of(model_object_of(&b, vpc))->routed_out;
}

static void expect_holder(const char *id)
{
	for (size_t i = 0; i < b.error.n_holders; i++)
		if (!strcmp(b.error.holders[i], id))
			return;
	cr_assert_fail("%s is no holder: %s", id, b.error.message);
}

/* --- internet gateways ------------------------------------------------------------------------------------------- */

Test(model_gateways, an_internet_gateway_is_attached_to_one_vpc)
{
	char igw[OBJECT_ID_MAX];

	strcpy(igw, model_ok(&b, "{'op': 'igw.create'}"));
	cr_assert_eq(strncmp(igw, "igw-", 4), 0);
	cr_assert_str_eq(model_shown(&b, igw, "vpc_id"), "null");
	cr_assert_str_eq(model_shown(&b, igw, "name"), "");
	cr_assert_not(routed_out());
	model_ok(&b, "{'op': 'igw.attach', 'internet_gateway_id': '%s', 'vpc_id': 'v'}", igw);
	cr_assert_str_eq(model_shown(&b, igw, "vpc_id"), vpc);
	cr_assert(routed_out());
	model_refused(&b, "IncorrectState", "internet_gateway_id",
		      "{'op': 'igw.attach', 'internet_gateway_id': '%s', 'vpc_id': 'v'}", igw);
	model_refused(&b, "IncorrectState", "vpc_id", "{'op': 'igw.create', 'vpc_id': 'v'}");
	model_refused(&b, "IncorrectState", "vpc_id",
		      "[{'op': 'igw.create'}, {'op': 'igw.attach', 'internet_gateway_id': '$0.id', 'vpc_id': 'v'}]");
	expect_holder(igw);
	model_refused(&b, "DependencyViolation", "", "{'op': 'igw.delete', 'internet_gateway_id': '%s'}", igw);
	expect_holder(vpc);
	model_refused(&b, "DependencyViolation", "",
		      "[{'op': 'eni.delete', 'eni_id': 'e'}, {'op': 'subnet.delete', 'subnet_id': 's'},"
		      " {'op': 'vpc.delete', 'vpc_id': 'v'}]");
	expect_holder(igw);
	model_ok(&b, "{'op': 'igw.detach', 'internet_gateway_id': '%s'}", igw);
	cr_assert_not(routed_out());
	model_refused(&b, "IncorrectState", "internet_gateway_id", "{'op': 'igw.detach', 'internet_gateway_id': '%s'}",
		      igw);
	model_ok(&b, "{'op': 'igw.delete', 'internet_gateway_id': '%s'}", igw);
	model_refused(&b, "InvalidInternetGatewayID.NotFound", "internet_gateway_id",
		      "{'op': 'igw.delete', 'internet_gateway_id': '%s'}", igw);
}

Test(model_gateways, an_internet_gateway_stays_while_enis_have_elastic_ips)
{
	char eip[OBJECT_ID_MAX];

	model_ok(&b, "{'op': 'igw.create', 'name': 'gate', 'vpc_id': 'v'}");
	strcpy(eip,
	       model_ok(&b,
			"[{'op': 'eip.allocate'}, {'op': 'eip.associate', 'elastic_ip_id': '$0.id', 'eni_id': 'e'}]"));
	model_refused(&b, "DependencyViolation", "", "{'op': 'igw.detach', 'internet_gateway_id': 'gate'}");
	expect_holder(eip);
	model_ok(&b,
		 "[{'op': 'eip.disassociate', 'elastic_ip_id': '%s'}, {'op': 'igw.detach', 'internet_gateway_id': "
		 "'gate'}]",
		 eip);
}

/* --- NAT gateways ------------------------------------------------------------------------------------------------ */

Test(model_gateways, a_nat_gateway_is_in_a_subnet_or_a_vpc)
{
	char nat[OBJECT_ID_MAX], subnet[OBJECT_ID_MAX];

	strcpy(subnet, model_next(b.m, OBJECT_SUBNET, NULL)->id);
	model_refused(&b, "MissingParameter", "subnet_id", "{'op': 'nat.create', 'name': 'n'}");
	strcpy(nat, model_ok(&b, "{'op': 'nat.create', 'name': 'n', 'subnet_id': 's'}"));
	cr_assert_str_eq(model_shown(&b, nat, "vpc_id"), vpc);
	cr_assert_str_eq(model_shown(&b, nat, "subnet_id"), subnet);
	cr_assert_str_eq(model_shown(&b, nat, "address"), "null");
	cr_assert(routed_out());
	model_refused(&b, "DependencyViolation", "",
		      "[{'op': 'eni.delete', 'eni_id': 'e'}, {'op': 'subnet.delete', 'subnet_id': 's'}]");
	expect_holder(nat);
	strcpy(nat, model_ok(&b, "{'op': 'nat.create', 'vpc_id': 'v'}"));
	cr_assert_str_eq(model_shown(&b, nat, "subnet_id"), "null");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "InvalidSubnetID.NotFound", "subnet_id",
		      "{'op': 'nat.create', 'vpc_id': 'w', 'subnet_id': '%s'}", subnet);
	model_ok(&b, "[{'op': 'nat.delete', 'nat_gateway_id': 'n'}, {'op': 'nat.delete', 'nat_gateway_id': '%s'}]",
		 nat);
	cr_assert_not(routed_out());
}

Test(model_gateways, internet_comes_and_goes_with_the_vpc)
{
	char id[OBJECT_ID_MAX];
	const struct object *nat, *table;
	json_t *json;

	strcpy(id, model_ok(&b, "{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56', "
				"'internet': true}"));
	cr_assert(vpc_of(model_object_of(&b, id))->routed_out);
	nat = model_next(b.m, OBJECT_NAT, NULL);
	cr_assert(nat && model_count(b.m, OBJECT_EIGW) == 1 && model_count(b.m, OBJECT_IGW) == 0);
	cr_assert_str_eq(nat->name, "internet");
	cr_assert_str_eq(model_shown(&b, nat->id, "with_vpc"), "true");
	table = model_by_number(b.m, OBJECT_ROUTE_TABLE, vpc_of(model_object_of(&b, id))->main_route_table);
	json = model_to_json(b.m, table);
	cr_assert_eq(json_array_size(json_object_get(json, "routes")), 4, "two local ones and two default routes");
	json_decref(json);
	/* both gateways have one name, and the destination's family says which is meant */
	strcpy(id, table->id);
	model_ok(&b,
		 "[{'op': 'route.add', 'route_table_id': '%s', 'destination': '192.0.2.0/24', 'target': 'internet'},"
		 " {'op': 'route.add', 'route_table_id': '%s', 'destination': '2001:db8::/32', 'target': 'internet'}]",
		 id, id);
	model_ok(&b, "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'internet': true}");
	cr_assert_eq(model_count(b.m, OBJECT_NAT), 2);
	cr_assert_eq(model_count(b.m, OBJECT_EIGW), 1, "without IPv6 there is nothing to be egress-only for");
	model_refused(&b, "DependencyViolation", "",
		      "[{'op': 'nat.create', 'vpc_id': 'w'}, {'op': 'vpc.delete', 'vpc_id': 'w'}]");
	model_ok(&b, "{'op': 'vpc.delete', 'vpc_id': 'w'}");
	cr_assert_eq(model_count(b.m, OBJECT_NAT), 1);
	cr_assert_eq(model_count(b.m, OBJECT_EIGW), 0);
	model_ok(&b, "{'op': 'vpc.create', 'name': 'y', 'cidr': '10.0.0.0/16', 'internet': false}");
	cr_assert_eq(model_count(b.m, OBJECT_NAT), 1);
}

/* --- elastic IPs ------------------------------------------------------------------------------------------------- */

static const char *allocate(void)
{
	const char *id = model_ok(&b, "{'op': 'eip.allocate'}");

	return model_shown(&b, id, "address");
}

Test(model_gateways, addresses_of_a_pool)
{
	char first[OBJECT_ID_MAX];

	strcpy(first, model_ok(&b, "{'op': 'eip.allocate', 'name': 'x'}"));
	cr_assert_str_eq(model_shown(&b, first, "address"), "203.0.113.1");
	cr_assert_str_eq(model_shown(&b, first, "pool"), "public");
	cr_assert_str_eq(allocate(), "203.0.113.2");
	model_ok(&b, "{'op': 'eip.release', 'elastic_ip_id': 'x'}");
	cr_assert_str_eq(allocate(), "203.0.113.3", "a released address rests");
	model_refused(&b, "InvalidIPAddress.InUse", "address", "{'op': 'eip.allocate', 'address': '203.0.113.3'}");
	model_refused(&b, "InvalidParameterValue", "address", "{'op': 'eip.allocate', 'address': '203.0.113.0'}");
	model_refused(&b, "InvalidParameterValue", "address", "{'op': 'eip.allocate', 'address': '203.0.113.7'}");
	model_refused(&b, "InvalidParameterValue", "address", "{'op': 'eip.allocate', 'address': '203.0.114.3'}");
	model_refused(&b, "InvalidParameterValue", "address", "{'op': 'eip.allocate', 'address': '2001:db8::1'}");
	model_refused(&b, "InvalidParameterValue", "pool", "{'op': 'eip.allocate', 'pool': 'private'}");
	model_ok(&b, "{'op': 'eip.allocate', 'address': '203.0.113.6', 'pool': 'public'}");
	cr_assert_str_eq(allocate(), "203.0.113.4");
	cr_assert_str_eq(allocate(), "203.0.113.5");
	cr_assert_str_eq(allocate(), "203.0.113.1", "the one that rested longest");
	model_refused(&b, "InsufficientAddressCapacity", "", "{'op': 'eip.allocate'}");
}

Test(model_gateways, without_a_pool_there_are_no_elastic_ips)
{
	model_set_pools(b.m, NULL, 0);
	model_refused(&b, "InvalidParameterValue", "pool", "{'op': 'eip.allocate'}");
}

Test(model_gateways, an_elastic_ip_moves)
{
	char x[OBJECT_ID_MAX], y[OBJECT_ID_MAX], nat[OBJECT_ID_MAX];

	strcpy(x, model_ok(&b, "{'op': 'eip.allocate', 'name': 'x'}"));
	strcpy(y, model_ok(&b, "{'op': 'eip.allocate', 'name': 'y'}"));
	strcpy(nat, model_ok(&b, "{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}"));
	model_refused(&b, "MissingParameter", "eni_id", "{'op': 'eip.associate', 'elastic_ip_id': 'x'}");
	model_refused(&b, "InvalidParameterCombination", "nat_gateway_id",
		      "{'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e', 'nat_gateway_id': 'n'}");
	model_refused(&b, "InvalidParameterValue", "private_ip",
		      "{'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e', 'private_ip': '10.0.1.50'}");
	model_refused(&b, "IncorrectState", "elastic_ip_id", "{'op': 'eip.disassociate', 'elastic_ip_id': 'x'}");
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e'}");
	cr_assert_str_eq(model_shown(&b, x, "eni_id"), eni);
	cr_assert_str_eq(model_shown(&b, x, "private_ip"), "10.0.1.4");
	cr_assert_str_eq(model_shown(&b, x, "vpc_id"), vpc);
	model_refused(&b, "DependencyViolation", "", "{'op': 'eip.release', 'elastic_ip_id': 'x'}");
	expect_holder(eni);
	model_refused(&b, "IncorrectState", "elastic_ip_id",
		      "{'op': 'nat.create', 'vpc_id': 'v', 'elastic_ip_id': 'x'}");
	/* another address of the same ENI */
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'y', 'eni_id': 'e', 'private_ip': '10.0.1.99'}");
	cr_assert_str_eq(model_shown(&b, x, "eni_id"), eni);
	/* the place is taken, and so is the elastic IP */
	model_refused(&b, "IncorrectState", "elastic_ip_id",
		      "{'op': 'eip.associate', 'elastic_ip_id': 'y', 'eni_id': 'e', 'allow_reassociation': false}");
	model_ok(&b, "{'op': 'eip.disassociate', 'elastic_ip_id': 'y'}");
	model_refused(&b, "IncorrectState", "eni_id",
		      "{'op': 'eip.associate', 'elastic_ip_id': 'y', 'eni_id': 'e', 'allow_reassociation': false}");
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'y', 'eni_id': 'e', 'private_ip': '10.0.1.99', "
		     "'allow_reassociation': false}");
	/* it takes the place of the one that was there */
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'y', 'eni_id': 'e'}");
	cr_assert_str_eq(model_shown(&b, x, "eni_id"), "null");
	cr_assert_str_eq(model_shown(&b, y, "private_ip"), "10.0.1.4");
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'y', 'nat_gateway_id': 'n'}");
	cr_assert_str_eq(model_shown(&b, y, "nat_gateway_id"), nat);
	cr_assert_str_eq(model_shown(&b, y, "eni_id"), "null");
	cr_assert_str_eq(model_shown(&b, nat, "elastic_ip_id"), y);
	cr_assert_str_eq(model_shown(&b, nat, "address"), "203.0.113.2");
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'x', 'nat_gateway_id': 'n'}");
	cr_assert_str_eq(model_shown(&b, nat, "elastic_ip_id"), x);
	cr_assert_str_eq(model_shown(&b, y, "nat_gateway_id"), "null");
	model_ok(&b, "{'op': 'nat.delete', 'nat_gateway_id': 'n'}");
	cr_assert_str_eq(model_shown(&b, x, "nat_gateway_id"), "null", "it stays allocated");
	model_ok(&b, "{'op': 'eip.release', 'elastic_ip_id': 'x'}");
}

Test(model_gateways, an_elastic_ip_outlives_its_address)
{
	char x[OBJECT_ID_MAX], y[OBJECT_ID_MAX];

	strcpy(x, model_ok(&b, "{'op': 'eip.allocate'}"));
	strcpy(y, model_ok(&b, "{'op': 'eip.allocate'}"));
	model_ok(&b,
		 "[{'op': 'eip.associate', 'elastic_ip_id': '%s', 'eni_id': 'e'},"
		 " {'op': 'eip.associate', 'elastic_ip_id': '%s', 'eni_id': 'e', 'private_ip': '10.0.1.99'}]",
		 x, y);
	model_ok(&b, "{'op': 'eni.update', 'eni_id': 'e', 'secondary_ips': ['10.0.1.98']}");
	cr_assert_str_eq(model_shown(&b, y, "eni_id"), "null");
	cr_assert_str_eq(model_shown(&b, x, "eni_id"), eni);
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'e'}");
	cr_assert_str_eq(model_shown(&b, x, "eni_id"), "null");
	cr_assert_str_eq(model_shown(&b, x, "private_ip"), "null");
}

/* --- published ports --------------------------------------------------------------------------------------------- */

Test(model_gateways, published_ports)
{
	char id[OBJECT_ID_MAX];

	strcpy(id, model_ok(&b, "{'op': 'publish.create', 'eni_id': 'e', 'from_port': 80, 'host_from_port': 8080}"));
	cr_assert_eq(strncmp(id, "pub-", 4), 0);
	cr_assert_str_eq(model_shown(&b, id, "protocol"), "tcp");
	cr_assert_str_eq(model_shown(&b, id, "to_port"), "80");
	cr_assert_str_eq(model_shown(&b, id, "host_to_port"), "8080");
	cr_assert_str_eq(model_shown(&b, id, "host_address"), "null");
	cr_assert_str_eq(model_shown(&b, id, "vpc_id"), vpc);
	cr_assert(routed_out());
	model_refused(&b, "InvalidIPAddress.InUse", "host_from_port",
		      "{'op': 'publish.create', 'eni_id': 'e', 'from_port': 1, 'host_from_port': 8080, 'host_address': "
		      "'192.0.2.1'}");
	expect_holder(id);
	model_ok(&b,
		 "{'op': 'publish.create', 'eni_id': 'e', 'from_port': 80, 'host_from_port': 8080, 'protocol': 'udp'}");
	model_ok(&b,
		 "[{'op': 'publish.create', 'eni_id': 'e', 'from_port': 100, 'to_port': 199, 'host_from_port': 1100,"
		 "  'host_address': '192.0.2.1'},"
		 " {'op': 'publish.create', 'eni_id': 'e', 'from_port': 100, 'to_port': 199, 'host_from_port': 1100,"
		 "  'host_to_port': 1199, 'host_address': '192.0.2.2'}]");
	model_refused(&b, "InvalidIPAddress.InUse", "host_from_port",
		      "{'op': 'publish.create', 'eni_id': 'e', 'from_port': 1, 'to_port': 2, 'host_from_port': 1199}");
	model_ok(&b, "{'op': 'publish.delete', 'publication_id': '%s'}", id);
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'e'}");
	cr_assert_eq(model_count(b.m, OBJECT_PUBLISH), 0, "they go with the ENI");
	cr_assert_not(routed_out());
}

Test(model_gateways, wrong_publications)
{
	static const struct {
		const char *code, *field, *rest;
	} wrong[] = {
		{"InvalidParameterValue", "from_port", "'from_port': 0, 'host_from_port': 1"},
		{"InvalidParameterValue", "from_port", "'from_port': 65536, 'host_from_port': 1"},
		{"InvalidParameterValue", "host_from_port", "'from_port': 1, 'host_from_port': 0"},
		{"InvalidParameterValue", "host_to_port", "'from_port': 1, 'to_port': 9, 'host_from_port': 65530"},
		{"InvalidParameterValue", "to_port",
		 "'from_port': 9, 'to_port': 8, 'host_from_port': 80, 'host_to_port': 80"},
		{"InvalidParameterCombination", "host_to_port",
		 "'from_port': 1, 'to_port': 2, 'host_from_port': 1, 'host_to_port': 3"},
		{"InvalidParameterValue", "protocol", "'from_port': 1, 'host_from_port': 1, 'protocol': 'icmp'"},
		{"InvalidParameterValue", "host_address",
		 "'from_port': 1, 'host_from_port': 1, 'host_address': 'eth0'"},
		{"InvalidParameterValue", "host_address",
		 "'from_port': 1, 'host_from_port': 1, 'host_address': '224.0.0.1'"},
		{"InvalidParameterValue", "host_address",
		 "'from_port': 1, 'host_from_port': 1, 'host_address': 'fd00::1'"},
		{"InvalidParameterValue", "host_address",
		 "'from_port': 1, 'host_from_port': 1, 'host_address': '203.0.113.3'"},
		{"MissingParameter", "host_from_port", "'from_port': 1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		model_refused(&b, wrong[i].code, wrong[i].field, "{'op': 'publish.create', 'eni_id': 'e', %s}",
			      wrong[i].rest);
	model_refused(&b, "InvalidNetworkInterfaceID.NotFound", "eni_id",
		      "{'op': 'publish.create', 'eni_id': 'nobody', 'from_port': 1, 'host_from_port': 1}");
}

/* --- documents --------------------------------------------------------------------------------------------------- */

Test(model_gateways, documents)
{
	struct model *copy;

	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56', 'internet': true},"
		 " {'op': 'igw.create', 'vpc_id': 'v'}, {'op': 'igw.create'}, {'op': 'eip.allocate', 'name': 'x'},"
		 " {'op': 'eip.allocate'}, {'op': 'eip.allocate'},"
		 " {'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e', 'private_ip': '10.0.1.99'},"
		 " {'op': 'nat.create', 'subnet_id': 's', 'elastic_ip_id': '$4.id'},"
		 " {'op': 'publish.create', 'eni_id': 'e', 'from_port': 1, 'to_port': 9, 'host_from_port': 11,"
		 "  'protocol': 'udp', 'host_address': '192.0.2.7', 'tags': {'a': 'b'}}]");
	copy = model_reload(b.m);
	model_expect_same(b.m, copy);
	for (const struct object *o = NULL; (o = model_next(b.m, OBJECT_VPC, o));) {
		const struct vpc *read = vpc_of(model_find(copy, OBJECT_VPC, o->id));

		cr_assert_eq(vpc_of(o)->routed_out, read->routed_out);
		cr_assert_eq(vpc_of(o)->routed_out6, read->routed_out6);
	}
	model_free(copy);
}

Test(model_gateways, a_network_interface_shows_its_elastic_ip)
{
	char address[64];

	cr_assert_str_eq(model_shown(&b, eni, "public_ip"), "null");
	model_ok(&b, "[{'op': 'eip.allocate', 'name': 'x'}, {'op': 'eip.allocate', 'name': 'y'},"
		     " {'op': 'eip.associate', 'elastic_ip_id': 'y', 'eni_id': 'e', 'private_ip': '10.0.1.99'}]");
	cr_assert_str_eq(model_shown(&b, eni, "public_ip"), "null", "it is another address's");
	strcpy(address, model_shown(&b, model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e'}"),
				    "address"));
	cr_assert_str_eq(model_shown(&b, eni, "public_ip"), address);
	/* Both lose theirs: one with its private address. */
	model_ok(&b, "{'op': 'eni.unassign-ip', 'eni_id': 'e', 'secondary_ips': ['10.0.1.99']}");
	model_ok(&b, "{'op': 'eip.disassociate', 'elastic_ip_id': 'x'}");
	model_ok(&b, "[{'op': 'eip.release', 'elastic_ip_id': 'x'}, {'op': 'eip.release', 'elastic_ip_id': 'y'}]");
	cr_assert_str_eq(model_shown(&b, eni, "public_ip"), "null");
}

/* --- two VPCs with the same IPv6 addresses ---------------------------------------------------------------------- */

#define ROUTE(op, table, destination, target)                                                                        \
	"{'op': 'route." op "', 'route_table_id': '" table "', 'destination': '" destination "', 'target': '" target \
	"'}"

static char twin[OBJECT_ID_MAX];

/* w has the IPv6 addresses of v, and is routed to the world. */
static void open_twin(void)
{
	strcpy(twin, model_ok(&b, "{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56', "
				  "'internet': true}"));
	model_ok(&b, "[{'op': 'eigw.create', 'name': 'e6', 'vpc_id': 'v'},"
		     " {'op': 'eigw.create', 'name': 'w6', 'vpc_id': 'w'},"
		     " {'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}]");
}

Test(model_gateways, one_vpc_is_routed_to_the_world_with_an_ipv6_address)
{
	open_twin();
	model_refused(
		&b, "CidrConflict", "",
		"{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/48', 'internet': true}");
	expect_holder(twin);
	model_refused(&b, "CidrConflict", "", ROUTE("add", "t", "::/0", "e6"));
	model_refused(&b, "CidrConflict", "", ROUTE("add", "t", "2001:db8::/32", "e6"));
	model_ok(&b, ROUTE("add", "t", "::/0", "blackhole"));
	model_refused(&b, "CidrConflict", "", ROUTE("replace", "t", "::/0", "e6"));
	/* The other one gives its route up. */
	model_ok(&b, "[{'op': 'route.delete', 'route_table_id': 'main', 'vpc': 'w', 'destination': '::/0'}," ROUTE(
			     "replace", "t", "::/0", "e6") "]");
	model_refused(&b, "CidrConflict", "",
		      "{'op': 'route.add', 'route_table_id': 'main', 'vpc': 'w', 'destination': '::/0',"
		      " 'target': 'w6'}");
	model_ok(&b, "{'op': 'route-table.delete', 'route_table_id': 't'}");
	model_ok(&b, "{'op': 'route.add', 'route_table_id': 'main', 'vpc': 'w', 'destination': '::/0',"
		     " 'target': 'w6'}");
}

Test(model_gateways, a_gateway_that_is_attached_again_routes_no_ipv6_address_of_another)
{
	model_ok(&b, "[{'op': 'igw.create', 'name': 'g', 'vpc_id': 'v'}," ROUTE(
			     "add", "main", "::/0", "g") ","
							 "{'op': 'igw.detach', 'internet_gateway_id': 'g'}]");
	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'},"
		 " {'op': 'eigw.create', 'name': 'e6', 'vpc_id': 'w'},"
		 " {'op': 'route.add', 'route_table_id': 'main', 'vpc': 'w', 'destination': '::/0', 'target': 'e6'}]");
	model_refused(&b, "CidrConflict", "", "{'op': 'igw.attach', 'internet_gateway_id': 'g', 'vpc_id': 'v'}");
	model_ok(&b, "{'op': 'eigw.delete', 'egress_only_internet_gateway_id': 'e6', 'vpc': 'w'}");
	model_ok(&b, "{'op': 'igw.attach', 'internet_gateway_id': 'g', 'vpc_id': 'v'}");
}

Test(model_gateways, a_further_cidr_is_no_ipv6_address_of_another)
{
	open_twin();
	model_ok(&b,
		 "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'cidr6': 'fd01::/56', 'internet': true}");
	model_refused(&b, "CidrConflict", "", "{'op': 'vpc.add-cidr', 'vpc_id': 'x', 'cidr': 'fd00::/52'}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'y', 'cidr': '10.0.0.0/16'}");
	model_ok(&b, "{'op': 'vpc.add-cidr', 'vpc_id': 'y', 'cidr': 'fd00::/52'}");
}

Test(model_gateways, flow_logs_are_of_one_thing_and_go_with_their_interface)
{
	char log[OBJECT_ID_MAX];

	model_ok(&b, "{'op': 'vpc.create', 'name': 'logged', 'cidr': '10.77.0.0/16'}");
	model_ok(&b, "{'op': 'subnet.create', 'name': 'logged-s', 'vpc_id': 'logged', 'cidr': '10.77.1.0/24'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'logged-e', 'subnet_id': 'logged-s'}");
	strcpy(log,
	       model_ok(&b, "{'op': 'flow-log.create', 'eni_id': 'logged-e', 'interval': 10, 'traffic': 'reject'}"));
	cr_assert_eq(strncmp(log, "fl-", 3), 0);
	cr_expect_str_eq(model_shown(&b, log, "interval"), "10");
	cr_expect_str_eq(model_shown(&b, log, "traffic"), "reject");
	cr_expect_str_eq(model_shown(&b, log, "format"), "default");
	model_refused(&b, "MissingParameter", "vpc_id", "{'op': 'flow-log.create'}");
	model_refused(&b, "InvalidParameterCombination", "eni_id",
		      "{'op': 'flow-log.create', 'eni_id': 'logged-e', 'subnet_id': 'logged-s'}");
	model_refused(&b, "InvalidParameterValue", "interval",
		      "{'op': 'flow-log.create', 'vpc_id': 'logged', 'interval': 0}");
	model_refused(&b, "InvalidParameterValue", "traffic",
		      "{'op': 'flow-log.create', 'vpc_id': 'logged', 'traffic': 'some'}");
	model_refused(&b, "InvalidParameterValue", "format",
		      "{'op': 'flow-log.create', 'vpc_id': 'logged', 'format': '${no}'}");
	model_ok(&b, "{'op': 'flow-log.create', 'subnet_id': 'logged-s', 'name': 'of-subnet'}");
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'logged-e'}");
	cr_expect_eq(model_count(b.m, OBJECT_FLOW_LOG), 1, "it went with its interface");
	model_refused(&b, "DependencyViolation", "", "{'op': 'subnet.delete', 'subnet_id': 'logged-s'}");
	model_ok(&b, "{'op': 'flow-log.delete', 'flow_log_id': 'of-subnet'}");
	model_ok(&b, "{'op': 'subnet.delete', 'subnet_id': 'logged-s'}");
}
