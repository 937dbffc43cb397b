/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the host's own addresses a VPC may talk with. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;
static char vpc[OBJECT_ID_MAX];

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	strcpy(vpc, model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'}"));
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_host_access, .init = open_bench, .fini = close_bench);

#define SET_OF(vpc, list) "{'op': 'vpc.set', 'vpc_id': '" vpc "', 'host_access': [" list "]}"
#define SET(list)	  SET_OF("v", list)

static const struct vpc *v(void)
{
	return vpc_of(model_find(b.m, OBJECT_VPC, vpc));
}

Test(model_host_access, given_replaced_and_taken_away)
{
	cr_assert_str_eq(model_shown(&b, vpc, "host_access"), "[]");
	cr_assert_not(v()->routed_out);
	model_ok(&b, SET("'192.0.2.1/32', '2001:db8::1/128'"));
	cr_assert_str_eq(model_shown(&b, vpc, "host_access"), "[\"192.0.2.1/32\",\"2001:db8::1/128\"]");
	cr_assert(v()->routed_out, "it has an uplink");
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'v', 'name': 'w'}");
	cr_assert_str_eq(model_shown(&b, vpc, "host_access"), "[\"192.0.2.1/32\",\"2001:db8::1/128\"]");
	model_ok(&b, SET_OF("w", "'0.0.0.0/0'"));
	cr_assert_str_eq(model_shown(&b, vpc, "host_access"), "[\"0.0.0.0/0\"]");
	model_ok(&b, SET_OF("w", ""));
	cr_assert_str_eq(model_shown(&b, vpc, "host_access"), "[]");
	cr_assert_not(v()->routed_out);
}

Test(model_host_access, refused)
{
	model_ok(&b, SET("'192.0.2.1/32'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'192.0.2.1'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'everybody'"));
	model_refused(&b, "InvalidCidr.HostBits", "host_access", SET("'192.0.2.1/24'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'192.0.2.0/24', '192.0.2.0/24'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'169.254.169.254/32'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'127.0.0.0/8'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'224.0.0.1/32'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'fe80::/64'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'10.0.5.0/24'"));
	model_refused(&b, "InvalidParameterValue", "host_access", SET("'fd00::1/128'"));
	model_refused(&b, "ResourceLimitExceeded", "host_access",
		      SET("'192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/32', '192.0.2.4/32', '192.0.2.5/32',"
			  "'192.0.2.6/32', '192.0.2.7/32', '192.0.2.8/32', '192.0.2.9/32'"));
	cr_assert_str_eq(model_shown(&b, vpc, "host_access"), "[\"192.0.2.1/32\"]");
}

/* The host has one route to an address. Each family is for itself. */
Test(model_host_access, vpcs_that_overlap)
{
	model_ok(&b, "{'op': 'vpc.create', 'name': 'o', 'cidr': '10.0.0.0/8', 'cidr6': 'fd00::/48', 'internet': true}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'p', 'cidr': '10.9.0.0/16'}");
	model_ok(&b, SET("'192.0.2.1/32'"));
	model_refused(&b, "CidrConflict", "", SET_OF("o", "'192.0.2.9/32'"));
	model_ok(&b, SET_OF("p", "'192.0.2.9/32'"));
	model_refused(&b, "CidrConflict", "", "{'op': 'vpc.add-cidr', 'vpc_id': 'p', 'cidr': '10.0.8.0/24'}");
	/* the world reaches o's IPv6 addresses */
	model_refused(&b, "CidrConflict", "", SET("'2001:db8::1/128'"));
	model_ok(&b, "{'op': 'route.delete', 'route_table_id': 'main', 'vpc': 'o', 'destination': '::/0'}");
	model_ok(&b, SET("'2001:db8::1/128'"));
	model_refused(&b, "CidrConflict", "",
		      "{'op': 'route.add', 'route_table_id': 'main', 'vpc': 'o', 'destination': '::/0', 'target': "
		      "'internet'}");
}

Test(model_host_access, in_the_store)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct model *again;
	json_t *document;

	model_ok(&b, SET("'192.0.2.1/32'"));
	again = model_reload(b.m);
	model_expect_same(b.m, again);
	cr_assert(vpc_of(model_next(again, OBJECT_VPC, NULL))->routed_out);
	model_free(again);
	document = model_to_document(b.m, &v()->o);
	json_object_set_new(document, "host_access", json_pack("[s]", "10.0.1.0/24"));
	cr_assert_eq(model_new(model_limits(b.m), &again), 0);
	cr_assert_lt(model_load(again, OBJECT_VPC, document, &error), 0, "it is inside the VPC");
	json_object_del(document, "host_access");
	cr_assert_eq(model_load(again, OBJECT_VPC, document, &error), 0, "of an earlier version");
	cr_assert_eq(vpc_of(model_next(again, OBJECT_VPC, NULL))->n_host_access, 0);
	json_decref(document);
	model_free(again);
	vpc_error_clear(&error);
}
