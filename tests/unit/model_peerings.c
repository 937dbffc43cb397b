/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peerings: their states, whom they are refused, and what VPCs, routes and rules of groups have to do with them. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;
static char vpc_a[OBJECT_ID_MAX], vpc_b[OBJECT_ID_MAX];

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	strcpy(vpc_a, model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.1.0.0/16', 'cidr6': 'fd01::/56'}"));
	strcpy(vpc_b, model_ok(&b, "{'op': 'vpc.create', 'name': 'b', 'cidr': '10.2.0.0/16', 'cidr6': 'fd02::/56'}"));
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_peerings, .init = open_bench, .fini = close_bench);

#define CREATE	     "{'op': 'peering.create', 'name': 'ab', 'vpc_id': 'a', 'peer_vpc_id': 'b'}"
#define CREATE_BACK  "{'op': 'peering.create', 'vpc_id': 'b', 'peer_vpc_id': 'a'}"
#define ACCEPT	     "{'op': 'peering.accept', 'peering_id': 'ab'}"
#define REJECT	     "{'op': 'peering.reject', 'peering_id': 'ab'}"
#define DELETE	     "{'op': 'peering.delete', 'peering_id': 'ab'}"
#define VPC_C(cidr)  "{'op': 'vpc.create', 'name': 'c', 'cidr': '" cidr "'}"
#define ADD(v, cidr) "{'op': 'vpc.add-cidr', 'vpc_id': '" v "', 'cidr': '" cidr "'}"

static const char *main_table(const char *vpc)
{
	for (const struct object *o = NULL; (o = model_next(b.m, OBJECT_ROUTE_TABLE, o));)
		if (!strcmp(o->name, "main") && !strcmp(model_shown(&b, o->id, "vpc_id"), vpc))
			return o->id;
	cr_assert_fail("%s has no main table", vpc);
	return NULL;
}

/* The state of the VPC's route to that destination. */
static const char *route_state(const char *vpc, const char *destination)
{
	static char text[32];
	json_t *json = model_to_json(b.m, model_object_of(&b, main_table(vpc))), *route;
	size_t i;

	text[0] = '\0';
	json_array_foreach (json_object_get(json, "routes"), i, route)
		if (!strcmp(json_string_value(json_object_get(route, "destination")), destination))
			strcpy(text, json_string_value(json_object_get(route, "state")));
	json_decref(json);
	return text;
}

static bool is_peered(const char *vpc)
{
	return vpc_of(model_object_of(&b, vpc))->peered;
}

static void expect_holder(const char *id)
{
	for (size_t i = 0; i < b.error.n_holders; i++)
		if (!strcmp(b.error.holders[i], id))
			return;
	cr_assert_fail("%s is no holder: %s", id, b.error.message);
}

/* Whether the rule is shown as one that matches nothing. */
static bool is_stale(const char *rule)
{
	return !strcmp(model_shown(&b, rule, "stale"), "true");
}

static void expect_reloads(void)
{
	struct model *again = model_reload(b.m);

	model_expect_same(b.m, again);
	model_free(again);
}

/* --- states ------------------------------------------------------------------------------------------------------ */

Test(model_peerings, asked_for_and_accepted)
{
	char pcx[OBJECT_ID_MAX];

	strcpy(pcx, model_ok(&b, CREATE));
	cr_assert_eq(strncmp(pcx, "pcx-", 4), 0);
	cr_assert_str_eq(model_shown(&b, pcx, "status"), "pending-acceptance");
	cr_assert_str_eq(model_shown(&b, pcx, "vpc_id"), vpc_a);
	cr_assert_str_eq(model_shown(&b, pcx, "peer_vpc_id"), vpc_b);
	cr_assert_not(is_peered(vpc_a) || is_peered(vpc_b));
	model_ok(&b, ACCEPT);
	cr_assert_str_eq(model_shown(&b, pcx, "status"), "active");
	cr_assert(is_peered(vpc_a) && is_peered(vpc_b));
	model_refused(&b, "InvalidStateTransition", "peering_id", ACCEPT);
	model_refused(&b, "InvalidStateTransition", "peering_id", REJECT);
	expect_reloads();
	model_ok(&b, DELETE);
	cr_assert_not(is_peered(vpc_a) || is_peered(vpc_b));
	model_refused(&b, "InvalidVpcPeeringConnectionID.NotFound", "peering_id", DELETE);
	model_refused(&b, "InvalidVpcPeeringConnectionID.NotFound", "peering_id", ACCEPT);
}

Test(model_peerings, rejected_and_asked_for_again)
{
	char pcx[OBJECT_ID_MAX];

	strcpy(pcx, model_ok(&b, CREATE));
	model_ok(&b, REJECT);
	cr_assert_str_eq(model_shown(&b, pcx, "status"), "rejected");
	cr_assert_not(is_peered(vpc_a) || is_peered(vpc_b));
	model_refused(&b, "InvalidStateTransition", "peering_id", ACCEPT);
	model_ok(&b, "[" CREATE_BACK ", {'op': 'peering.accept', 'peering_id': '$0.id'}]");
	cr_assert(is_peered(vpc_a) && is_peered(vpc_b));
	expect_reloads();
	model_ok(&b, DELETE);
	cr_assert(is_peered(vpc_a) && is_peered(vpc_b)); /* by the other one */
}

Test(model_peerings, one_of_two_ends)
{
	model_ok(&b, VPC_C("10.3.0.0/16"));
	model_ok(&b,
		 "[" CREATE "," ACCEPT ", {'op': 'peering.create', 'name': 'ac', 'vpc_id': 'c', 'peer_vpc_id': 'a'},"
		 " {'op': 'peering.accept', 'peering_id': 'ac'}]");
	model_ok(&b, DELETE);
	cr_assert(is_peered(vpc_a));
	cr_assert_not(is_peered(vpc_b));
}

/* --- refused ----------------------------------------------------------------------------------------------------- */

Test(model_peerings, one_for_a_pair)
{
	char pcx[OBJECT_ID_MAX];

	model_refused(&b, "InvalidParameterValue", "peer_vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'a', 'peer_vpc_id': 'a'}");
	model_refused(&b, "InvalidVpcID.NotFound", "peer_vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'a', 'peer_vpc_id': 'x'}");
	model_refused(&b, "InvalidVpcID.NotFound", "vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'x', 'peer_vpc_id': 'a'}");
	model_refused(&b, "MissingParameter", "peer_vpc_id", "{'op': 'peering.create', 'vpc_id': 'a'}");
	strcpy(pcx, model_ok(&b, CREATE));
	model_refused(&b, "VpcPeeringConnectionAlreadyExists", "peer_vpc_id", CREATE_BACK);
	expect_holder(pcx);
	model_ok(&b, ACCEPT);
	model_refused(&b, "VpcPeeringConnectionAlreadyExists", "peer_vpc_id", CREATE_BACK);
	model_ok(&b, VPC_C("10.3.0.0/16"));
	model_refused(&b, "InvalidParameterValue", "name",
		      "{'op': 'peering.create', 'name': 'ab', 'vpc_id': 'a', 'peer_vpc_id': 'c'}");
}

Test(model_peerings, addresses_that_overlap)
{
	model_ok(&b, VPC_C("10.2.128.0/17"));
	model_refused(&b, "InvalidParameterValue", "peer_vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'b', 'peer_vpc_id': 'c'}");
	model_ok(&b, "{'op': 'peering.create', 'vpc_id': 'a', 'peer_vpc_id': 'c'}");
	/* secondary ones, of both families */
	model_ok(&b, "{'op': 'vpc.create', 'name': 'd', 'cidr': '10.4.0.0/16'}");
	model_ok(&b, "[" ADD("b", "10.5.0.0/16") "," ADD("d", "10.5.64.0/18") "]");
	model_refused(&b, "InvalidParameterValue", "peer_vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'b', 'peer_vpc_id': 'd'}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'e', 'cidr': '10.6.0.0/16', 'cidr6': 'fd02::/60'}");
	model_refused(&b, "InvalidParameterValue", "peer_vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'e', 'peer_vpc_id': 'b'}");
}

Test(model_peerings, a_cidr_of_the_other)
{
	model_ok(&b, CREATE);
	model_refused(&b, "CidrConflict", "cidr", ADD("a", "10.2.0.0/17"));
	model_ok(&b, ACCEPT);
	model_ok(&b, ADD("b", "10.5.0.0/16"));
	model_refused(&b, "CidrConflict", "cidr", ADD("a", "10.5.0.0/24"));
	model_refused(&b, "CidrConflict", "cidr", ADD("a", "10.4.0.0/15"));
	model_refused(&b, "CidrConflict", "cidr", ADD("a", "fd02::/48"));
	model_refused(&b, "CidrConflict", "cidr", ADD("b", "10.1.0.0/24"));
	model_ok(&b, ADD("a", "10.6.0.0/16"));
	model_ok(&b, DELETE);
	model_ok(&b, ADD("a", "10.5.0.0/24"));
	model_refused(&b, "InvalidParameterValue", "peer_vpc_id", CREATE);
}

Test(model_peerings, a_rejected_one_reserves_nothing)
{
	model_ok(&b, "[" CREATE "," REJECT "]");
	model_ok(&b, ADD("a", "10.2.0.0/17"));
	expect_reloads();
}

Test(model_peerings, limits)
{
	struct vpc_limits limits = vpc_limits_default;

	model_bench_close(&b);
	limits.peerings_per_vpc = 1;
	limits.peerings = 3;
	model_bench_open(&b, &limits);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.1.0.0/16'},"
		     " {'op': 'vpc.create', 'name': 'b', 'cidr': '10.2.0.0/16'},"
		     " {'op': 'vpc.create', 'name': 'c', 'cidr': '10.3.0.0/16'}]");
	model_ok(&b, CREATE);
	model_refused(&b, "VpcPeeringConnectionsPerVpcLimitExceeded", "vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'b', 'peer_vpc_id': 'c'}");
	model_refused(&b, "VpcPeeringConnectionsPerVpcLimitExceeded", "peer_vpc_id",
		      "{'op': 'peering.create', 'vpc_id': 'c', 'peer_vpc_id': 'a'}");
	model_ok(&b, REJECT);
	model_ok(&b, "[{'op': 'peering.create', 'name': 'bc', 'vpc_id': 'b', 'peer_vpc_id': 'c'},"
		     " {'op': 'peering.reject', 'peering_id': 'bc'}]");
	model_ok(&b, CREATE_BACK);
	model_refused(&b, "ResourceLimitExceeded", "", "{'op': 'peering.create', 'vpc_id': 'c', 'peer_vpc_id': 'a'}");
}

/* --- VPCs -------------------------------------------------------------------------------------------------------- */

Test(model_peerings, a_vpc_with_one_is_not_deleted)
{
	char pcx[OBJECT_ID_MAX];

	strcpy(pcx, model_ok(&b, CREATE));
	model_refused(&b, "DependencyViolation", "", "{'op': 'vpc.delete', 'vpc_id': 'a'}");
	expect_holder(pcx);
	model_refused(&b, "DependencyViolation", "", "{'op': 'vpc.delete', 'vpc_id': 'b'}");
	model_ok(&b, ACCEPT);
	model_refused(&b, "DependencyViolation", "", "{'op': 'vpc.delete', 'vpc_id': 'b'}");
	expect_holder(pcx);
	model_ok(&b, "[" DELETE ", {'op': 'vpc.delete', 'vpc_id': 'b'}]");
	model_refused(&b, "InvalidVpcPeeringConnectionID.NotFound", "peering_id", DELETE);
}

Test(model_peerings, a_rejected_one_goes_with_its_vpc)
{
	model_ok(&b, "[" CREATE "," REJECT "]");
	model_ok(&b, "{'op': 'vpc.delete', 'vpc_id': 'b'}");
	model_refused(&b, "InvalidVpcPeeringConnectionID.NotFound", "peering_id", DELETE);
	expect_reloads();
}

/* --- routes ------------------------------------------------------------------------------------------------------ */

static void add_route(const char *vpc, const char *destination, const char *target)
{
	model_ok(&b, "{'op': 'route.add', 'route_table_id': '%s', 'destination': '%s', 'target': '%s'}",
		 main_table(vpc), destination, target);
}

static void refused_route(const char *vpc, const char *destination, const char *target)
{
	model_refused(&b, "InvalidParameterValue", "target",
		      "{'op': 'route.add', 'route_table_id': '%s', 'destination': '%s', 'target': '%s'}",
		      main_table(vpc), destination, target);
}

Test(model_peerings, routes_lead_there_while_it_is_active)
{
	model_ok(&b, CREATE);
	add_route(vpc_a, "10.2.0.0/16", "ab");
	cr_assert_str_eq(route_state(vpc_a, "10.2.0.0/16"), "blackhole");
	model_ok(&b, ACCEPT);
	cr_assert_str_eq(route_state(vpc_a, "10.2.0.0/16"), "active");
	add_route(vpc_b, "10.1.0.0/16", "ab");
	add_route(vpc_b, "fd01::/56", "ab");
	cr_assert_str_eq(route_state(vpc_b, "fd01::/56"), "active");
	expect_reloads();
	model_ok(&b, DELETE);
	cr_assert_str_eq(route_state(vpc_a, "10.2.0.0/16"), "blackhole");
	cr_assert_str_eq(route_state(vpc_b, "10.1.0.0/16"), "blackhole");
	cr_assert_str_eq(route_state(vpc_b, "fd01::/56"), "blackhole");
	expect_reloads();
	/* Another peering of the two isn't the one that the routes name. */
	model_ok(&b, "[" CREATE "," ACCEPT "]");
	cr_assert_str_eq(route_state(vpc_a, "10.2.0.0/16"), "blackhole");
}

Test(model_peerings, routes_of_a_third_vpc_are_refused)
{
	char pcx[OBJECT_ID_MAX], vpc_c[OBJECT_ID_MAX];

	strcpy(pcx, model_ok(&b, CREATE));
	model_ok(&b, ACCEPT);
	strcpy(vpc_c, model_ok(&b, VPC_C("10.3.0.0/16")));
	refused_route(vpc_c, "10.1.0.0/16", pcx);
	refused_route(vpc_c, "10.1.0.0/16", "ab");
	/* A peering of others hides nothing of the VPC's own. */
	model_ok(&b, "{'op': 'nat.create', 'name': 'ab', 'vpc_id': 'c'}");
	add_route(vpc_c, "0.0.0.0/0", "ab");
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

#define GROUP(v, name) "{'op': 'sg.create', 'name': '" name "', 'vpc_id': '" v "'}"
#define RULE(group, peer)                                                                             \
	"{'op': 'sg.authorize', 'security_group_id': '" group "', 'rules': [{'direction': 'ingress'," \
	" 'protocol': 'tcp', 'from_port': 80, 'to_port': 80, 'sg_id': '" peer "'}]}"

Test(model_peerings, groups_of_the_other_vpc)
{
	char web[OBJECT_ID_MAX], rule[OBJECT_ID_MAX];

	strcpy(web, model_ok(&b, GROUP("a", "web")));
	model_ok(&b, GROUP("b", "db"));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id", RULE("db", "web"));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id",
		      "{'op': 'sg.authorize', 'security_group_id': 'db', 'rules': [{'direction': 'ingress',"
		      " 'protocol': 'all', 'sg_id': '%s'}]}",
		      web);
	model_ok(&b, CREATE);
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id", RULE("db", "web"));
	model_ok(&b, ACCEPT);
	model_ok(&b, RULE("db", "web"));
	strcpy(rule, b.rule);
	cr_assert_not(is_stale(rule));
	cr_assert_str_eq(model_shown(&b, rule, "sg_id"), web);
	model_refused(&b, "InvalidPermission.Duplicate", "rules[0]", RULE("db", "web"));
	model_refused(&b, "DependencyViolation", "", "{'op': 'sg.delete', 'security_group_id': 'web'}");
	expect_reloads();
	model_ok(&b, DELETE);
	cr_assert(is_stale(rule));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id",
		      "{'op': 'sg.authorize', 'security_group_id': 'db', 'rules': [{'direction': 'egress',"
		      " 'protocol': 'all', 'sg_id': '%s'}]}",
		      web);
	expect_reloads();
	model_ok(&b, "[" CREATE "," ACCEPT "]");
	cr_assert_not(is_stale(rule));
	model_ok(&b, "{'op': 'sg.revoke', 'security_group_id': 'db', 'rule_ids': ['%s']}", rule);
	model_ok(&b, "{'op': 'sg.delete', 'security_group_id': 'web'}");
}

Test(model_peerings, names_of_groups)
{
	char own[OBJECT_ID_MAX];

	model_ok(&b, VPC_C("10.3.0.0/16"));
	model_ok(&b,
		 "[" CREATE "," ACCEPT ", {'op': 'peering.create', 'name': 'bc', 'vpc_id': 'b', 'peer_vpc_id': 'c'},"
		 " {'op': 'peering.accept', 'peering_id': 'bc'}]");
	model_ok(&b, GROUP("b", "db"));
	model_ok(&b, GROUP("a", "web"));
	model_ok(&b, GROUP("c", "web"));
	model_refused(&b, "AmbiguousName", "rules[0].sg_id", RULE("db", "web"));
	strcpy(own, model_ok(&b, GROUP("b", "web"))); /* the VPC's own comes first */
	model_ok(&b, RULE("db", "web"));
	cr_assert_str_eq(model_shown(&b, b.rule, "sg_id"), own);
	/* c isn't peered with a */
	model_ok(&b, GROUP("c", "far"));
	model_ok(&b, GROUP("a", "near"));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id", RULE("near", "far"));
}

Test(model_peerings, a_vpc_whose_default_group_is_named_is_not_deleted)
{
	char rule[OBJECT_ID_MAX];

	model_ok(&b, "[" CREATE "," ACCEPT "," GROUP("b", "db") "]");
	for (const struct object *o = NULL; (o = model_next(b.m, OBJECT_SG, o));)
		if (!strcmp(o->name, "default") && !strcmp(model_shown(&b, o->id, "vpc_id"), vpc_a))
			model_ok(&b,
				 "{'op': 'sg.authorize', 'security_group_id': 'db', 'rules': [{'direction': 'ingress',"
				 " 'protocol': 'all', 'sg_id': '%s'}]}",
				 o->id);
	strcpy(rule, b.rule);
	model_ok(&b, DELETE);
	cr_assert(is_stale(rule));
	model_refused(&b, "DependencyViolation", "", "{'op': 'vpc.delete', 'vpc_id': 'a'}");
	model_ok(&b,
		 "[{'op': 'sg.revoke', 'security_group_id': 'db', 'rule_ids': ['%s']},"
		 " {'op': 'vpc.delete', 'vpc_id': 'a'}]",
		 rule);
}
