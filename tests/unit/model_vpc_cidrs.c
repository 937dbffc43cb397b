/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CIDRs that a VPC gets and loses later. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;
static char vpc[OBJECT_ID_MAX];

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	strcpy(vpc, model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'}"));
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_vpc_cidrs, .init = open_bench, .fini = close_bench);

#define ADD(cidr)    "{'op': 'vpc.add-cidr', 'vpc_id': 'v', 'cidr': '" cidr "'}"
#define REMOVE(cidr) "{'op': 'vpc.remove-cidr', 'vpc_id': 'v', 'cidr': '" cidr "'}"

Test(model_vpc_cidrs, added_and_removed)
{
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"), "[]");
	model_ok(&b, ADD("10.1.0.0/16"));
	model_ok(&b, ADD("192.168.0.0/24"));
	cr_assert_str_eq(model_shown(&b, vpc, "cidr"), "10.0.0.0/16");
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"), "[\"10.1.0.0/16\",\"192.168.0.0/24\"]");
	model_ok(&b, REMOVE("10.1.0.0/16"));
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"), "[\"192.168.0.0/24\"]");
	model_refused(&b, "InvalidVpcCidrBlockAssociationID.NotFound", "cidr", REMOVE("10.1.0.0/16"));
	model_refused(&b, "InvalidVpcCidrBlockAssociationID.NotFound", "cidr", REMOVE("192.168.0.0/25"));
	model_refused(&b, "CannotDelete", "cidr", REMOVE("10.0.0.0/16"));
}

Test(model_vpc_cidrs, the_first_of_ipv6_is_the_vpcs)
{
	cr_assert_str_eq(model_shown(&b, vpc, "cidr6"), "null");
	model_ok(&b, ADD("fd00::/56"));
	cr_assert_str_eq(model_shown(&b, vpc, "cidr6"), "fd00::/56");
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"), "[]");
	model_ok(&b, ADD("10.1.0.0/16"));
	model_ok(&b, ADD("fd01::/56"));
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"), "[\"10.1.0.0/16\",\"fd01::/56\"]");
	model_ok(&b, REMOVE("fd00::/56"));
	cr_assert_str_eq(model_shown(&b, vpc, "cidr6"), "fd01::/56");
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"), "[\"10.1.0.0/16\"]");
	model_ok(&b, REMOVE("fd01::/56"));
	cr_assert_str_eq(model_shown(&b, vpc, "cidr6"), "null");
}

Test(model_vpc_cidrs, refused)
{
	model_refused(&b, "InvalidVpc.Range", "cidr", ADD("169.254.0.0/16"));
	model_refused(&b, "InvalidVpc.Range", "cidr", ADD("10.0.0.0/7"));
	model_refused(&b, "InvalidVpc.Range", "cidr", ADD("10.1.0.0/29"));
	model_refused(&b, "InvalidVpc.Range", "cidr", ADD("fe80::/56"));
	model_refused(&b, "InvalidCidr.HostBits", "cidr", ADD("10.1.0.1/16"));
	model_refused(&b, "InvalidParameterValue", "cidr", ADD("10.1.0.1"));
	model_refused(&b, "CidrConflict", "cidr", ADD("10.0.0.0/16"));
	model_refused(&b, "CidrConflict", "cidr", ADD("10.0.0.0/15"));
	model_refused(&b, "CidrConflict", "cidr", ADD("10.0.128.0/17"));
	model_refused(&b, "InvalidVpcID.NotFound", "vpc_id",
		      "{'op': 'vpc.add-cidr', 'vpc_id': 'w', 'cidr': '10.1.0.0/16'}");
	model_ok(&b, ADD("10.1.0.0/16"));
	model_refused(&b, "CidrConflict", "cidr", ADD("10.1.0.0/24"));
}

Test(model_vpc_cidrs, five_of_each_family)
{
	model_ok(&b, "[" ADD("10.1.0.0/16") "," ADD("10.2.0.0/16") "," ADD("10.3.0.0/16") "," ADD("10.4.0.0/16") "]");
	model_refused(&b, "ResourceLimitExceeded", "cidr", ADD("10.5.0.0/16"));
	model_ok(&b, "[" ADD("fd00::/56") "," ADD("fd01::/56") "," ADD("fd02::/56") "," ADD("fd03::/56") "," ADD(
			     "fd04::/56") "]");
	model_refused(&b, "ResourceLimitExceeded", "cidr", ADD("fd05::/56"));
	model_ok(&b, "[" REMOVE("10.2.0.0/16") "," ADD("10.5.0.0/16") "]");
	cr_assert_str_eq(model_shown(&b, vpc, "secondary_cidrs"),
			 "[\"10.1.0.0/16\",\"10.3.0.0/16\",\"10.4.0.0/16\",\"fd01::/56\",\"fd02::/56\","
			 "\"fd03::/56\",\"fd04::/56\",\"10.5.0.0/16\"]");
}

Test(model_vpc_cidrs, subnets)
{
	char s[OBJECT_ID_MAX];

	model_refused(&b, "InvalidSubnet.Range", "cidr",
		      "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.1.1.0/24'}");
	model_ok(&b, "[" ADD("10.1.0.0/16") "," ADD("fd00::/56") "," ADD("fd01::/56") "]");
	strcpy(s, model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.1.1.0/24',"
			       " 'cidr6': 'fd01::/64'}"));
	model_refused(&b, "InvalidSubnet.Range", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'v', 'cidr': '10.0.0.0/15'}");
	cr_assert_not_null(strstr(b.error.message, "10.0.0.0/16, 10.1.0.0/16"));
	model_refused(&b, "DependencyViolation", "", REMOVE("10.1.0.0/16"));
	cr_assert_eq(b.error.n_holders, 1);
	cr_assert_str_eq(b.error.holders[0], s);
	model_refused(&b, "DependencyViolation", "", REMOVE("fd01::/56"));
	model_ok(&b, REMOVE("fd00::/56"));
	model_ok(&b, "[{'op': 'subnet.delete', 'subnet_id': 's'}," REMOVE("10.1.0.0/16") "," REMOVE("fd01::/56") "]");
}

Test(model_vpc_cidrs, routes)
{
	char table[OBJECT_ID_MAX];

	strcpy(table, model_ok(&b, "{'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}"));
	model_ok(&b, "{'op': 'route.add', 'route_table_id': 't', 'destination': '10.1.2.0/24', 'target': 'blackhole'}");
	model_ok(&b, "{'op': 'route.add', 'route_table_id': 't', 'destination': '10.2.0.0/15', 'target': 'blackhole'}");
	model_refused(&b, "CidrConflict", "cidr", ADD("10.1.0.0/16"));
	cr_assert_eq(b.error.n_holders, 1);
	cr_assert_str_eq(b.error.holders[0], table);
	model_refused(&b, "CidrConflict", "cidr", ADD("10.1.2.0/24"));
	model_ok(&b, ADD("10.1.2.0/25"));
	model_ok(&b, ADD("10.2.0.0/16"));
	model_refused(
		&b, "InvalidParameterValue", "destination",
		"{'op': 'route.add', 'route_table_id': 't', 'destination': '10.2.3.0/24', 'target': 'blackhole'}");
	cr_assert_not_null(
		strstr(model_shown(&b, table, "routes"), "{\"destination\":\"10.2.0.0/16\",\"target\":\"local\""));
}

Test(model_vpc_cidrs, documents)
{
	struct model *again;

	model_ok(&b, "[" ADD("10.1.0.0/16") "," ADD("fd00::/56") "," ADD("fd01::/56") "]");
	model_ok(&b,
		 "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.1.1.0/24', 'cidr6': 'fd01::/64'}");
	again = model_reload(b.m);
	model_expect_same(b.m, again);
	model_free(again);
}

/* A store of a version that had no secondary CIDRs. */
Test(model_vpc_cidrs, documents_without_them)
{
	struct model *again = NULL;
	json_t *document = model_to_document(b.m, model_object_of(&b, vpc));
	struct vpc_error error = VPC_ERROR_INIT;

	cr_assert_eq(model_new(model_limits(b.m), &again), 0);
	cr_assert_eq(json_object_del(document, "secondary_cidrs"), 0);
	cr_assert_eq(model_load(again, OBJECT_VPC, document, &error), 0, "%s", error.message);
	cr_assert_eq(vpc_of(model_next(again, OBJECT_VPC, NULL))->n_secondary, 0);
	json_object_set_new(document, "secondary_cidrs", json_pack("[s]", "10.0.1.0/24"));
	model_free(again);
	cr_assert_eq(model_new(model_limits(b.m), &again), 0);
	cr_assert_lt(model_load(again, OBJECT_VPC, document, &error), 0, "it overlaps the first one");
	json_decref(document);
	model_free(again);
	vpc_error_clear(&error);
}
