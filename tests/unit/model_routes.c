/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Route tables and routes: what they may say, what they lead to, and what becomes of them. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;
static char vpc[OBJECT_ID_MAX], subnet[OBJECT_ID_MAX];

static const char *find(enum object_kind kind, const char *name)
{
	for (const struct object *o = NULL; (o = model_next(b.m, kind, o));)
		if (!strcmp(o->name, name))
			return o->id;
	cr_assert_fail("nothing is called %s", name);
	return NULL;
}

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	strcpy(vpc, model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'}"));
	strcpy(subnet, model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'}"));
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_routes, .init = open_bench, .fini = close_bench);

/* "destination target-kind state" of each route of the table, with commas. */
static const char *routes(const char *table)
{
	static char text[1024];
	json_t *json = model_to_json(b.m, model_object_of(&b, table)), *route;
	size_t i, used = 0;

	text[0] = '\0';
	json_array_foreach (json_object_get(json, "routes"), i, route)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s %s", i ? ", " : "",
					 json_string_value(json_object_get(route, "destination")),
					 json_string_value(json_object_get(route, "target_kind")),
					 json_string_value(json_object_get(route, "state")));
	json_decref(json);
	return text;
}

#define LOCAL "10.0.0.0/16 local active, fd00::/56 local active"

Test(model_routes, a_vpc_is_born_with_a_main_table)
{
	const char *table = find(OBJECT_ROUTE_TABLE, "main");

	cr_assert_str_eq(model_shown(&b, table, "main"), "true");
	cr_assert_str_eq(model_shown(&b, table, "vpc_id"), vpc);
	cr_assert_str_eq(model_shown(&b, table, "subnets"), "[]");
	cr_assert_str_eq(routes(table), LOCAL);
	cr_assert_str_eq(model_shown(&b, subnet, "route_table_id"), table);
	model_refused(&b, "CannotDelete", "route_table_id", "{'op': 'route-table.delete', 'route_table_id': 'main'}");
	model_refused(&b, "InvalidParameterValue", "name",
		      "{'op': 'route-table.update', 'route_table_id': 'main', 'name': 'other'}");
	model_ok(&b, "{'op': 'route-table.update', 'route_table_id': 'main', 'tags': {'a': 'b'}}");
	model_ok(&b, "[{'op': 'subnet.delete', 'subnet_id': 's'}, {'op': 'vpc.delete', 'vpc_id': 'v'}]");
	cr_assert_eq(model_count(b.m, OBJECT_ROUTE_TABLE), 0, "it goes with the VPC");
}

Test(model_routes, association)
{
	const char *main = find(OBJECT_ROUTE_TABLE, "main");
	char table[OBJECT_ID_MAX], other[OBJECT_ID_MAX], list[64];

	strcpy(table, model_ok(&b, "{'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}"));
	strcpy(other, model_ok(&b, "{'op': 'route-table.create', 'vpc_id': 'v'}"));
	cr_assert_str_eq(model_shown(&b, other, "name"), "");
	model_ok(&b, "{'op': 'route-table.associate', 'route_table_id': 't', 'subnets': ['s']}");
	snprintf(list, sizeof(list), "[\"%s\"]", subnet);
	cr_assert_str_eq(model_shown(&b, table, "subnets"), list);
	cr_assert_str_eq(model_shown(&b, subnet, "route_table_id"), table);
	model_refused(&b, "DependencyViolation", "", "{'op': 'route-table.delete', 'route_table_id': 't'}");
	cr_assert_eq(b.error.n_holders, 1);
	cr_assert_str_eq(b.error.holders[0], subnet);
	model_ok(&b, "{'op': 'route-table.associate', 'route_table_id': '%s', 'subnets': ['s']}", other);
	cr_assert_str_eq(model_shown(&b, table, "subnets"), "[]", "a subnet uses one");
	cr_assert_str_eq(model_shown(&b, subnet, "route_table_id"), other);
	model_refused(&b, "InvalidParameterValue", "subnets[0]",
		      "{'op': 'route-table.disassociate', 'route_table_id': 't', 'subnets': ['s']}");
	model_refused(&b, "InvalidSubnetID.NotFound", "subnets[1]",
		      "{'op': 'route-table.associate', 'route_table_id': 't', 'subnets': ['s', 'nobody']}");
	model_refused(&b, "MissingParameter", "subnets",
		      "{'op': 'route-table.associate', 'route_table_id': 't', 'subnets': []}");
	model_ok(&b, "{'op': 'route-table.disassociate', 'route_table_id': '%s', 'subnets': ['s']}", other);
	cr_assert_str_eq(model_shown(&b, subnet, "route_table_id"), main);
	model_ok(&b,
		 "[{'op': 'route-table.associate', 'route_table_id': 't', 'subnets': ['s']},"
		 " {'op': 'subnet.delete', 'subnet_id': 's'}, {'op': 'route-table.delete', 'route_table_id': 't'}]");
}

Test(model_routes, destinations)
{
	static const struct {
		const char *destination, *code;
	} wrong[] = {
		{"10.0.0.0/16", "InvalidParameterValue"},     {"10.0.7.0/24", "InvalidParameterValue"},
		{"fd00:0:0:1::/64", "InvalidParameterValue"}, {"169.254.169.254/32", "InvalidParameterValue"},
		{"fe80::/10", "InvalidParameterValue"},	      {"224.0.0.0/4", "InvalidParameterValue"},
		{"127.0.0.0/8", "InvalidParameterValue"},     {"10.0.0.1/8", "InvalidCidr.HostBits"},
		{"everybody", "InvalidParameterValue"},	      {"10.0.0.1", "InvalidParameterValue"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		model_refused(
			&b, wrong[i].code, "destination",
			"{'op': 'route.add', 'route_table_id': 'main', 'destination': '%s', 'target': 'blackhole'}",
			wrong[i].destination);
	model_ok(&b,
		 "[{'op': 'route.add', 'route_table_id': 'main', 'destination': '10.0.0.0/8', 'target': 'blackhole'},"
		 " {'op': 'route.add', 'route_table_id': 'main', 'destination': '::/0', 'target': 'blackhole'},"
		 " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'blackhole'}]");
	cr_assert_str_eq(routes(find(OBJECT_ROUTE_TABLE, "main")), LOCAL
			 ", 0.0.0.0/0 blackhole blackhole, 10.0.0.0/8 blackhole blackhole, ::/0 blackhole blackhole");
	model_refused(&b, "RouteAlreadyExists", "destination",
		      "{'op': 'route.add', 'route_table_id': 'main', 'destination': '::/0', 'target': 'blackhole'}");
	model_refused(&b, "InvalidRoute.NotFound", "destination",
		      "{'op': 'route.delete', 'route_table_id': 'main', 'destination': '192.0.2.0/24'}");
	model_refused(&b, "InvalidRoute.NotFound", "destination",
		      "{'op': 'route.replace', 'route_table_id': 'main', 'destination': '192.0.2.0/24', 'target': "
		      "'blackhole'}");
	model_refused(&b, "InvalidParameterValue", "destination",
		      "{'op': 'route.delete', 'route_table_id': 'main', 'destination': '10.0.0.0/16'}");
	model_ok(&b, "{'op': 'route.delete', 'route_table_id': 'main', 'destination': '10.0.0.0/8'}");
	cr_assert_str_eq(routes(find(OBJECT_ROUTE_TABLE, "main")),
			 LOCAL ", 0.0.0.0/0 blackhole blackhole, ::/0 blackhole blackhole");
}

Test(model_routes, targets)
{
	static const char add[] =
		"{'op': 'route.add', 'route_table_id': 'main', 'destination': '%s', 'target': '%s', 'vpc': 'v'}";

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'nat.create', 'name': 'theirs', 'vpc_id': 'w'},"
		     " {'op': 'igw.create', 'name': 'away', 'vpc_id': 'w'}, {'op': 'igw.create', 'name': 'loose'},"
		     " {'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}, {'op': 'eigw.create', 'name': 'six', "
		     "'vpc_id': 'v'},"
		     " {'op': 'igw.create', 'name': 'gate', 'vpc_id': 'v'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's'},"
		     " {'op': 'eni.create', 'name': 'twice', 'subnet_id': 's'},"
		     " {'op': 'nat.create', 'name': 'twice', 'vpc_id': 'v'}]");
	model_refused(&b, "InvalidGatewayID.NotFound", "target", add, "0.0.0.0/0", "nobody");
	model_refused(&b, "InvalidGatewayID.NotFound", "target", add, "0.0.0.0/0", "theirs");
	model_refused(&b, "NatGatewayNotFound", "target", add, "0.0.0.0/0", find(OBJECT_NAT, "theirs"));
	model_refused(&b, "NatGatewayNotFound", "target", add, "0.0.0.0/0", "nat-00000000000000000");
	model_refused(&b, "InvalidParameterValue", "target", add, "0.0.0.0/0", "away");
	model_refused(&b, "InvalidParameterValue", "target", add, "0.0.0.0/0", find(OBJECT_IGW, "loose"));
	model_refused(&b, "InvalidParameterValue", "target", add, "0.0.0.0/0", subnet);
	model_refused(&b, "AmbiguousName", "target", add, "0.0.0.0/0", "twice");
	model_refused(&b, "InvalidParameterCombination", "target", add, "::/0", "n");
	model_refused(&b, "InvalidParameterCombination", "target", add, "0.0.0.0/0", "six");
	model_ok(&b, add, "0.0.0.0/0", "n");
	model_ok(&b, add, "::/0", "six");
	model_ok(&b, add, "192.0.2.0/24", "e");
	model_ok(&b, add, "198.51.100.0/24", "gate");
	model_ok(&b, add, "2001:db8::/32", "gate");
	cr_assert_str_eq(model_shown(&b, find(OBJECT_NAT, "n"), "elastic_ip_id"), "null");
}

Test(model_routes, what_goes_leaves_a_blackhole)
{
	char table[OBJECT_ID_MAX], nat[OBJECT_ID_MAX];

	strcpy(table, find(OBJECT_ROUTE_TABLE, "main"));
	model_ok(&b, "[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}, {'op': 'eigw.create', 'name': 'six', "
		     "'vpc_id': 'v'},"
		     " {'op': 'igw.create', 'name': 'gate', 'vpc_id': 'v'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'n'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '192.0.2.0/24', 'target': 'gate'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '198.51.100.0/24', 'target': 'e'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '::/0', 'target': 'six'}]");
	strcpy(nat, find(OBJECT_NAT, "n"));
	cr_assert_str_eq(routes(table), LOCAL ", 0.0.0.0/0 nat active, 192.0.2.0/24 igw active, "
					      "198.51.100.0/24 eni active, ::/0 eigw active");
	model_ok(&b, "[{'op': 'nat.delete', 'nat_gateway_id': 'n'}, {'op': 'eni.delete', 'eni_id': 'e'},"
		     " {'op': 'eigw.delete', 'egress_only_internet_gateway_id': 'six'},"
		     " {'op': 'igw.detach', 'internet_gateway_id': 'gate'}]");
	cr_assert_str_eq(routes(table), LOCAL ", 0.0.0.0/0 nat blackhole, 192.0.2.0/24 igw blackhole, "
					      "198.51.100.0/24 eni blackhole, ::/0 eigw blackhole");
	cr_assert_not_null(strstr(model_shown(&b, table, "routes"), nat), "what it led to stays to be seen");
	model_ok(&b, "{'op': 'igw.attach', 'internet_gateway_id': 'gate', 'vpc_id': 'v'}");
	cr_assert_not_null(strstr(routes(table), "192.0.2.0/24 igw active"), "attached again, it leads there again");
	model_ok(&b,
		 "[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'},"
		 " {'op': 'route.replace', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': '$0.id'}]");
	cr_assert_not_null(strstr(routes(table), "0.0.0.0/0 nat active"));
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'igw.detach', 'internet_gateway_id': 'gate'},"
		     " {'op': 'igw.attach', 'internet_gateway_id': 'gate', 'vpc_id': 'w'}]");
	cr_assert_not_null(strstr(routes(table), "192.0.2.0/24 igw blackhole"), "it is another VPC's");
}

Test(model_routes, limits)
{
	struct vpc_limits limits = vpc_limits_default;
	static const char add[] =
		"{'op': 'route.add', 'route_table_id': '%s', 'destination': '192.0.2.%u/32', 'target': 'blackhole'}";

	model_bench_close(&b);
	limits.routes_per_table = 2;
	limits.routes = 3;
	limits.route_tables_per_vpc = 2;
	limits.route_tables = 3;
	model_bench_open(&b, &limits);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}]");
	model_refused(&b, "ResourceLimitExceeded", "", "{'op': 'route-table.create', 'vpc_id': 'v'}");
	model_ok(&b, add, "t", 1);
	model_ok(&b, add, "t", 2);
	model_refused(&b, "ResourceLimitExceeded", "", add, "t", 3);
	model_ok(&b, add, "main", 3);
	model_refused(&b, "ResourceLimitExceeded", "", add, "main", 4);
	model_ok(&b, "{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "ResourceLimitExceeded", "", "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16'}");
}

Test(model_routes, documents)
{
	struct model *copy;

	model_ok(&b, "[{'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}, {'op': 'igw.create', 'name': 'gate', "
		     "'vpc_id': 'v'},"
		     " {'op': 'eigw.create', 'vpc_id': 'v'}, {'op': 'route-table.create', 'vpc_id': 'v'},"
		     " {'op': 'route-table.associate', 'route_table_id': '$3.id', 'subnets': ['s']},"
		     " {'op': 'nat.create', 'name': 'gone', 'vpc_id': 'v'},"
		     " {'op': 'route.add', 'route_table_id': '$3.id', 'destination': '0.0.0.0/0', 'target': 'n'},"
		     " {'op': 'route.add', 'route_table_id': '$3.id', 'destination': '192.0.2.0/24', 'target': 'gate'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'gone'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '::/0', 'target': 'blackhole'}]");
	model_ok(&b, "{'op': 'nat.delete', 'nat_gateway_id': 'gone'}");
	copy = model_reload(b.m);
	model_expect_same(b.m, copy);
	model_free(copy);
}

/* A store of an earlier version has no route tables and no network ACLs. */
Test(model_routes, earlier_stores_get_main_tables)
{
	struct model_context context = {.revision = 9, .seed = 4};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct delta *deltas;
	struct model_txn *t;
	struct model *old;
	size_t n;

	cr_assert_eq(model_new(&vpc_limits_default, &old), 0);
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		for (const struct object *o = NULL;
		     k != OBJECT_ROUTE_TABLE && k != OBJECT_ACL && (o = model_next(b.m, (enum object_kind)k, o));) {
			json_t *document = model_to_document(b.m, o), *json;

			json_object_del(document, "route_table_id");
			json_object_del(document, "network_acl_id");
			cr_assert_eq(model_load(old, (enum object_kind)k, document, &error), 0, "%s", error.message);
			json_decref(document);
			json = model_to_json(old, model_find(old, o->kind, o->id));
			cr_assert(json, "it can be shown all the same");
			json_decref(json);
		}
	}
	cr_assert_eq(model_begin(old, &context, &t), 0);
	cr_assert_eq(model_upgrade(t, &error), 0, "%s", error.message);
	cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
	cr_assert_eq(n, 2);
	for (size_t i = 0; i < n; i++)
		cr_assert(!deltas[i].before &&
			  (deltas[i].after->kind == OBJECT_ROUTE_TABLE || deltas[i].after->kind == OBJECT_ACL));
	model_commit(t);
	cr_assert_eq(model_count(old, OBJECT_ROUTE_TABLE), 1);
	cr_assert(route_table_of(model_next(old, OBJECT_ROUTE_TABLE, NULL))->main);
	cr_assert_eq(vpc_of(model_next(old, OBJECT_VPC, NULL))->main_route_table,
		     model_next(old, OBJECT_ROUTE_TABLE, NULL)->number);
	cr_assert_eq(model_count(old, OBJECT_ACL), 1);
	cr_assert(acl_of(model_next(old, OBJECT_ACL, NULL))->is_default);
	cr_assert_eq(acl_of(model_next(old, OBJECT_ACL, NULL))->n_rules, 4);
	cr_assert_eq(model_begin(old, &context, &t), 0);
	cr_assert_eq(model_upgrade(t, &error), 0);
	cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
	cr_assert_eq(n, 0, "once");
	model_abort(t);
	model_free(old);
}
