/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefix lists as destinations of routes: what is refused on either side, what counts against limits, what is kept. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;
static char list[OBJECT_ID_MAX];

#define ADD(...)    "{'op': 'prefix-list.add', 'prefix_list_id': 'l', 'entries': [" __VA_ARGS__ "]}"
#define REMOVE(...) "{'op': 'prefix-list.remove', 'prefix_list_id': 'l', 'entries': [" __VA_ARGS__ "]}"
/* verb: add, replace, delete; rest: ", 'target': …" */
#define ROUTE(verb, table, list, rest) \
	"{'op': 'route." verb "', 'route_table_id': '" table "', 'destination_prefix_list_id': '" list "'" rest "}"
#define TO(target) ", 'target': '" target "'"

static void open_limited(const struct vpc_limits *limits)
{
	model_bench_open(&b, limits);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'},"
		     " {'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'},"
		     " {'op': 'eigw.create', 'name': 'six', 'vpc_id': 'v'}]");
	strcpy(list, model_ok(&b, "{'op': 'prefix-list.create', 'name': 'l', 'max_entries': 3}"));
}

static void open_bench(void)
{
	open_limited(NULL);
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_route_lists, .init = open_bench, .fini = close_bench);

static const struct object *main_of(const char *vpc)
{
	for (const struct object *o = NULL; (o = model_next(b.m, OBJECT_ROUTE_TABLE, o));) {
		const struct object *v = model_by_number(b.m, OBJECT_VPC, route_table_of(o)->vpc);

		if (route_table_of(o)->main && !strcmp(v->name, vpc))
			return o;
	}
	cr_assert_fail("no VPC %s", vpc);
	return NULL;
}

/* The route of the VPC's main table to the list; owned. NULL: there is none. */
static json_t *route_to(const char *vpc, const char *list_id)
{
	json_t *json = model_to_json(b.m, main_of(vpc)), *route, *found = NULL;
	size_t i;

	json_array_foreach (json_object_get(json, "routes"), i, route) {
		const char *of = json_string_value(json_object_get(route, "destination_prefix_list_id"));

		if (of && !strcmp(of, list_id))
			found = json_incref(route);
	}
	json_decref(json);
	return found;
}

static void expect_route(const char *vpc, const char *kind, const char *state)
{
	json_t *route = route_to(vpc, list);

	cr_assert_not_null(route);
	cr_expect_str_eq(json_string_value(json_object_get(route, "destination")), list);
	cr_expect_str_eq(json_string_value(json_object_get(route, "target_kind")), kind);
	cr_expect_str_eq(json_string_value(json_object_get(route, "state")), state);
	json_decref(route);
}

Test(model_route_lists, added_replaced_and_deleted)
{
	model_ok(&b, ROUTE("add", "main", "l", TO("n")));
	expect_route("v", "nat", "active");
	model_refused(&b, "RouteAlreadyExists", "destination_prefix_list_id", ROUTE("add", "main", "l", TO("n")));
	model_ok(&b, ROUTE("replace", "main", "l", TO("blackhole")));
	expect_route("v", "blackhole", "blackhole");
	model_ok(&b, ROUTE("replace", "main", "l", TO("n")));
	model_ok(&b, "{'op': 'nat.delete', 'nat_gateway_id': 'n'}");
	expect_route("v", "nat", "blackhole");
	model_ok(&b, ROUTE("delete", "main", "l", ""));
	cr_expect_null(route_to("v", list));
	model_refused(&b, "InvalidRoute.NotFound", "destination_prefix_list_id", ROUTE("delete", "main", "l", ""));
	model_refused(&b, "InvalidRoute.NotFound", "destination_prefix_list_id",
		      ROUTE("replace", "main", "l", TO("blackhole")));
}

Test(model_route_lists, how_a_request_names_the_list)
{
#define ROUTE_BY(destination) \
	"{'op': 'route.add', 'route_table_id': 'main', 'target': 'blackhole', 'destination': '" destination "'}"
	model_ok(&b, "{'op': 'route.add', 'route_table_id': 'main', 'target': 'n', 'destination': '%s'}", list);
	expect_route("v", "nat", "active");
	model_ok(&b, "{'op': 'route.delete', 'route_table_id': 'main', 'destination': 'l'}");
	cr_expect_null(route_to("v", list));
	model_ok(&b, "[{'op': 'prefix-list.create', 'name': 'new', 'max_entries': 1},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination_prefix_list_id': '$0.id',"
		     "  'target': 'blackhole'}]");
	model_refused(&b, "InvalidPrefixListID.NotFound", "destination_prefix_list_id",
		      ROUTE("add", "main", "nobody", TO("n")));
	model_refused(&b, "InvalidPrefixListID.NotFound", "destination", ROUTE_BY("pl-00000000000000000"));
	model_refused(&b, "InvalidParameterValue", "destination", ROUTE_BY("nobody"));
	model_refused(&b, "MissingParameter", "destination",
		      "{'op': 'route.add', 'route_table_id': 'main', 'target': 'n'}");
	model_refused(&b, "InvalidParameterCombination", "destination_prefix_list_id",
		      ROUTE("add", "main", "l", TO("n") ", 'destination': '0.0.0.0/0'"));
	/* What is a CIDR is one, also where a list has that name. */
	model_ok(&b, "[{'op': 'prefix-list.create', 'name': '192.0.2.0/24', 'max_entries': 1}, " ROUTE_BY(
			     "192.0.2.0/24") "]");
	cr_expect_eq(route_table_of(main_of("v"))->n_routes, 1);
}

Test(model_route_lists, the_family_is_that_of_the_list)
{
	model_refused(&b, "InvalidParameterCombination", "target", ROUTE("add", "main", "l", TO("six")));
	model_ok(&b, "{'op': 'prefix-list.create', 'name': 'l6', 'max_entries': 1, 'family': 6}");
	model_refused(&b, "InvalidParameterCombination", "target", ROUTE("add", "main", "l6", TO("n")));
	model_ok(&b, ROUTE("add", "main", "l6", TO("six")));
}

Test(model_route_lists, no_entry_is_what_no_route_can_be)
{
	static const char *const never[] = {"10.0.0.0/16", "10.0.7.0/24", "169.254.169.254/32", "127.0.0.0/8",
					    "224.0.0.0/4"};
	char id[OBJECT_ID_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		model_ok(&b, ADD("{'cidr': '%s'}"), never[i]);
		model_refused(&b, "InvalidParameterValue", "destination_prefix_list_id",
			      ROUTE("add", "main", "l", TO("n")));
		cr_expect(strstr(b.error.message, never[i]) && strstr(b.error.message, list), "%s", b.error.message);
		model_ok(&b, REMOVE("{'cidr': '%s'}"), never[i]);
	}
	model_ok(&b, "[" ADD("{'cidr': '10.0.0.0/8'}") ", " ROUTE("add", "main", "l", TO("n")) "]");
	strcpy(id, main_of("v")->id);
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		model_refused(&b, "InvalidParameterValue", "entries[1].cidr",
			      ADD("{'cidr': '192.0.2.0/24'}, {'cidr': '%s'}"), never[i]);
		cr_expect(strstr(b.error.message, id) && strstr(b.error.message, list), "%s", b.error.message);
		cr_assert_eq(b.error.n_holders, 1);
		cr_expect_str_eq(b.error.holders[0], id);
	}
	/* The space of a VPC whose tables have no route to the list is nobody's here. */
	model_ok(&b, "{'op': 'vpc.create', 'name': 'w', 'cidr': '172.16.0.0/16'}");
	model_ok(&b, ADD("{'cidr': '172.16.1.0/24'}"));
	model_refused(&b, "InvalidParameterValue", "destination_prefix_list_id",
		      "{'op': 'route.add', 'route_table_id': 'main', 'vpc': 'w', 'destination_prefix_list_id': 'l',"
		      " 'target': 'blackhole'}");
}

Test(model_route_lists, restoring_is_refused_as_adding_is)
{
	model_ok(&b, ADD("{'cidr': '10.0.7.0/24'}, {'cidr': '192.0.2.0/24'}"));
	model_ok(&b, REMOVE("{'cidr': '10.0.7.0/24'}"));
	model_ok(&b, ROUTE("add", "main", "l", TO("n")));
	model_refused(&b, "InvalidParameterValue", "version",
		      "{'op': 'prefix-list.restore', 'prefix_list_id': 'l', 'version': 2}");
	cr_expect_not_null(strstr(b.error.message, "10.0.7.0/24"), "%s", b.error.message);
	model_ok(&b, "{'op': 'prefix-list.restore', 'prefix_list_id': 'l', 'version': 1}");
	model_ok(&b, "{'op': 'prefix-list.restore', 'prefix_list_id': 'l', 'version': 3}");
}

Test(model_route_lists, a_vpc_gets_no_cidr_that_an_entry_is_in)
{
	model_ok(&b, "[" ADD("{'cidr': '10.1.2.0/24'}, {'cidr': '10.0.0.0/8'}") ", " ROUTE("add", "main", "l",
											   TO("n")) "]");
	model_refused(&b, "CidrConflict", "cidr", "{'op': 'vpc.add-cidr', 'vpc_id': 'v', 'cidr': '10.1.0.0/16'}");
	cr_expect_not_null(strstr(b.error.message, "10.1.2.0/24"), "%s", b.error.message);
	model_ok(&b, "{'op': 'vpc.add-cidr', 'vpc_id': 'v', 'cidr': '10.2.0.0/16'}");
	model_ok(&b, REMOVE("{'cidr': '10.1.2.0/24'}"));
	model_ok(&b, "{'op': 'vpc.add-cidr', 'vpc_id': 'v', 'cidr': '10.1.0.0/16'}");
	model_refused(&b, "InvalidParameterValue", "entries[0].cidr", ADD("{'cidr': '10.1.2.0/24'}"));
}

Test(model_route_lists, what_a_route_leads_to_is_not_deleted)
{
	model_ok(&b, ROUTE("add", "main", "l", TO("n")));
	model_refused(&b, "DependencyViolation", "", "{'op': 'prefix-list.delete', 'prefix_list_id': 'l'}");
	cr_assert_eq(b.error.n_holders, 1);
	cr_expect_str_eq(b.error.holders[0], main_of("v")->id);
	model_ok(&b, "[" ROUTE("delete", "main", "l", "") ", {'op': 'prefix-list.delete', 'prefix_list_id': 'l'}]");
	model_ok(&b, "[{'op': 'prefix-list.create', 'name': 'l', 'max_entries': 3}, "
		     "{'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}, " ROUTE(
			     "add", "t", "l", TO("n")) ", "
						       "{'op': 'route-table.delete', 'route_table_id': 't'}, "
						       "{'op': 'prefix-list.delete', 'prefix_list_id': 'l'}]");
}

/* A list counts by what it declares, whatever it has. */
Test(model_route_lists, limits)
{
	struct vpc_limits limits = vpc_limits_default;
#define CIDR_ROUTE(table, cidr) \
	"{'op': 'route.add', 'route_table_id': '" table "', 'destination': '" cidr "', 'target': 'n'}"
#define MAX_ENTRIES(n) "{'op': 'prefix-list.update', 'prefix_list_id': 'l', 'max_entries': " #n "}"

	close_bench();
	limits.routes_per_table = 5;
	limits.routes = 9;
	open_limited(&limits);
	model_ok(&b, "{'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}");
	model_ok(&b, "[" CIDR_ROUTE("main", "192.0.2.0/24") ", " ROUTE("add", "main", "l", TO("n")) "]");
	model_ok(&b, CIDR_ROUTE("main", "198.51.100.0/24"));
	model_refused(&b, "ResourceLimitExceeded", "", CIDR_ROUTE("main", "203.0.113.0/24"));
	model_refused(&b, "ResourceLimitExceeded", "max_entries", MAX_ENTRIES(4));
	cr_assert_eq(b.error.n_holders, 1);
	cr_expect_str_eq(b.error.holders[0], main_of("v")->id);
	model_ok(&b, MAX_ENTRIES(2));
	model_ok(&b, CIDR_ROUTE("main", "203.0.113.0/24"));
	model_ok(&b, ROUTE("add", "t", "l", TO("n")));
	model_ok(&b, CIDR_ROUTE("t", "192.0.2.0/24"));
	/* Of the host's nine there is one left; the list is in two tables. */
	model_ok(&b, "{'op': 'route.delete', 'route_table_id': 'main', 'destination': '203.0.113.0/24'}");
	model_ok(&b, CIDR_ROUTE("t", "203.0.113.0/24"));
	model_refused(&b, "ResourceLimitExceeded", "max_entries", MAX_ENTRIES(3));
	cr_expect_not_null(strstr(b.error.message, "routes (routes per host)"), "%s", b.error.message);
	model_ok(&b, "{'op': 'prefix-list.create', 'name': 'big', 'max_entries': 6}");
	model_refused(&b, "ResourceLimitExceeded", "", ROUTE("add", "t", "big", TO("n")));
	model_ok(&b, "[{'op': 'route.delete', 'route_table_id': 't', 'destination': '203.0.113.0/24'}, " MAX_ENTRIES(
			     3) "]");
}

/* Two VPCs use one list. Neither gets routes of the other, nor a target of the other. */
Test(model_route_lists, tables_of_two_vpcs_share_a_list_and_nothing_else)
{
	char before[OBJECT_ID_MAX];
#define IN_W(verb, target) \
	"{'op': 'route." verb "', 'route_table_id': 'main', 'vpc': 'w', 'destination_prefix_list_id': 'l'" target "}"

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'nat.create', 'name': 'wn', 'vpc_id': 'w'}]");
	model_ok(&b, "{'op': 'route.add', 'route_table_id': 'main', 'vpc': 'v', 'destination_prefix_list_id': 'l',"
		     " 'target': 'n'}");
	cr_expect_null(route_to("w", list));
	strcpy(before, model_shown(&b, main_of("w")->id, "revision"));
	model_ok(&b, ADD("{'cidr': '192.0.2.0/24'}"));
	cr_expect_str_eq(model_shown(&b, main_of("w")->id, "revision"), before);
	model_refused(&b, "InvalidGatewayID.NotFound", "target", IN_W("add", TO("n")));
	model_refused(&b, "InvalidRoute.NotFound", "destination_prefix_list_id", IN_W("delete", ""));
	model_ok(&b, IN_W("add", TO("wn")));
	model_ok(&b, IN_W("delete", ""));
	expect_route("v", "nat", "active");
}

/* Adding an entry must not find out too late that the world would reach an IPv6 address in two VPCs. */
Test(model_route_lists, an_ipv6_list_without_entries_is_a_way_to_the_world)
{
	model_ok(&b,
		 "[{'op': 'prefix-list.create', 'name': 'l6', 'max_entries': 2, 'family': 6},"
		 " {'op': 'igw.create', 'name': 'gate', 'vpc_id': 'v'}, " ROUTE(
			 "add", "main", "l6",
			 TO("gate")) ","
				     " {'op': 'vpc.create', 'name': 'w', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'},"
				     " {'op': 'igw.create', 'name': 'gate2', 'vpc_id': 'w'}]");
	model_refused(
		&b, "CidrConflict", "",
		"{'op': 'route.add', 'route_table_id': 'main', 'vpc': 'w', 'destination': '::/0', 'target': 'gate2'}");
	model_ok(&b,
		 "[{'op': 'route.delete', 'route_table_id': 'main', 'vpc': 'v', 'destination_prefix_list_id': 'l6'},"
		 " {'op': 'route.add', 'route_table_id': 'main', 'vpc': 'w', 'destination': '::/0', 'target': "
		 "'gate2'}]");
}

Test(model_route_lists, documents)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct model *copy;
	json_t *document;

	model_ok(
		&b,
		"[{'op': 'prefix-list.create', 'name': 'a', 'max_entries': 2, 'family': 6},"
		" {'op': 'prefix-list.create', 'name': 'z', 'max_entries': 2}, " ADD(
			"{'cidr': '192.0.2.0/24'}") "," ROUTE("add", "main", "z",
							      TO("blackhole")) "," ROUTE("add", "main", "a",
											 TO("six")) ","
												    " {'op': "
												    "'route.add', "
												    "'route_table_id': "
												    "'main', "
												    "'destination': "
												    "'192.0.2.0/24', "
												    "'target': "
												    "'n'}," ROUTE(
													    "add",
													    "main", "l",
													    TO("n")) "]");
	model_ok(&b, "{'op': 'nat.delete', 'nat_gateway_id': 'n'}");
	copy = model_reload(b.m);
	model_expect_same(b.m, copy);
	/* A table can't have two routes to one list. */
	document = model_to_document(b.m, main_of("v"));
	json_object_set_new(document, "id", json_string("rtb-0123456789abcdef0"));
	json_object_set_new(document, "name", json_string("other"));
	json_object_set_new(document, "main", json_false());
	json_array_append(json_object_get(document, "routes"), json_array_get(json_object_get(document, "routes"), 1));
	cr_expect_lt(model_load(copy, OBJECT_ROUTE_TABLE, document, &error), 0);
	json_decref(document);
	model_free(copy);
}

/* The order in which lists were added decides between them, so it must outlive a restart. */
Test(model_route_lists, the_order_of_adding_is_kept)
{
	const struct vpc_route_table *rt;
	struct model *copy;
	uint32_t first, second;

	model_ok(&b, "[{'op': 'prefix-list.create', 'name': 'a', 'max_entries': 2}, " ROUTE(
			     "add", "main", "l", TO("n")) ", " ROUTE("add", "main", "a", TO("n")) "]");
	first = route_table_of(main_of("v"))->lists[0].list;
	second = route_table_of(main_of("v"))->lists[1].list;
	model_ok(&b, ROUTE("replace", "main", "l", TO("blackhole")));
	cr_expect_eq(route_table_of(main_of("v"))->lists[0].list, first, "replacing keeps the place");
	model_ok(&b, "[" ROUTE("delete", "main", "l", "") ", " ROUTE("add", "main", "l", TO("n")) "]");
	copy = model_reload(b.m);
	rt = route_table_of(model_find(copy, OBJECT_ROUTE_TABLE, main_of("v")->id));
	cr_assert_eq(rt->n_lists, 2);
	cr_expect(rt->lists[0].list == second && rt->lists[1].list == first, "added again, it is the last");
	cr_expect_lt(rt->lists[0].order, rt->lists[1].order);
	model_free(copy);
}
