/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPCs and subnets, names, tags, references, revisions, and their error codes. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;

static void open_bench(void)
{
	model_bench_open(&b, NULL);
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_resources, .init = open_bench, .fini = close_bench);

Test(model_resources, vpc_create_makes_default_group)
{
	char vpc[OBJECT_ID_MAX];
	const struct vpc *v;
	json_t *json, *rules;

	strcpy(vpc, model_ok(&b, "{'op': 'vpc.create', 'name': 'prod', 'cidr': '10.0.0.0/16', 'tags': {'a': 'b'}}"));
	cr_assert_eq(strlen(vpc), strlen("vpc-") + 17);
	cr_assert_eq(strspn(vpc + 4, "0123456789abcdef"), 17);
	cr_assert_str_eq(model_shown(&b, vpc, "cidr"), "10.0.0.0/16");
	cr_assert_str_eq(model_shown(&b, vpc, "cidr6"), "null");
	cr_assert_str_eq(model_shown(&b, vpc, "mtu"), "1500");
	cr_assert_str_eq(model_shown(&b, vpc, "netns"), vpc);
	cr_assert_str_eq(model_shown(&b, vpc, "tags"), "{\"a\":\"b\"}");
	cr_assert_str_eq(model_shown(&b, vpc, "revision"), "1");
	cr_assert_eq(model_count(b.m, OBJECT_SG), 1);
	v = vpc_of(model_object_of(&b, vpc));
	json = model_to_json(b.m, model_by_number(b.m, OBJECT_SG, v->default_sg));
	cr_assert_str_eq(json_string_value(json_object_get(json, "name")), "default");
	cr_assert_str_eq(json_string_value(json_object_get(json, "vpc_id")), vpc);
	rules = json_object_get(json, "rules");
	cr_assert_eq(json_array_size(rules), 3);
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rules, 0), "direction")), "ingress");
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rules, 0), "sg_id")),
			 json_string_value(json_object_get(json, "id")));
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rules, 1), "cidr")), "0.0.0.0/0");
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rules, 2), "cidr")), "::/0");
	json_decref(json);
}

Test(model_resources, netns_name_has_instance)
{
	const char *vpc = model_ok(&b, "{'op': 'vpc.create', 'name': 'prod', 'cidr': '10.0.0.0/16'}");

	model_set_instance(b.m, "blue");
	cr_assert_eq(strncmp(model_shown(&b, vpc, "netns"), "blue-vpc-", 9), 0);
	model_set_instance(b.m, "default");
	cr_assert_str_eq(model_shown(&b, vpc, "netns"), vpc);
}

Test(model_resources, vpc_ranges)
{
	static const char *const bad[] = {"0.0.0.0/7",	    "10.0.0.0/29",	"0.0.0.0/8",   "0.1.0.0/16",
					  "127.0.0.0/8",    "127.1.1.0/24",	"126.0.0.0/7", "169.254.0.0/16",
					  "169.254.1.0/24", "169.254.0.0/15",	"168.0.0.0/7", "224.0.0.0/8",
					  "240.0.0.0/16",   "255.255.255.0/24", "10.0.0.0/32", "169.0.0.0/8"};
	static const char *const bad6[] = {"2001:db8::/43", "2001:db8::/61", "2001:db8::/64", "fe80::/48",
					   "4000::/48",	    "ff00::/48",     "::/48",	      "64:ff9b::/48"};

	model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/8', 'cidr6': '2001:db8::/44'}");
	model_ok(&b,
		 "{'op': 'vpc.create', 'name': 'b', 'cidr': '10.0.0.16/28', 'cidr6': 'fd00:1:2:30::/60', 'mtu': 9216}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'c', 'cidr': '10.0.0.0/8', 'mtu': 1280}");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		model_refused(&b, "InvalidVpc.Range", "cidr", "{'op': 'vpc.create', 'name': 'x', 'cidr': '%s'}",
			      bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad6); i++)
		model_refused(&b, "InvalidVpc.Range", "cidr6",
			      "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'cidr6': '%s'}", bad6[i]);
	model_refused(&b, "InvalidCidr.HostBits", "cidr", "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.1/16'}");
	cr_assert_not_null(strstr(b.error.message, "10.0.0.0/16"), "says what was meant: %s", b.error.message);
	model_refused(&b, "InvalidCidr.HostBits", "cidr6",
		      "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'cidr6': '2001:db8::1/48'}");
	model_refused(&b, "InvalidParameterValue", "cidr", "{'op': 'vpc.create', 'name': 'x', 'cidr': 'nonsense'}");
	model_refused(&b, "InvalidParameterValue", "cidr",
		      "{'op': 'vpc.create', 'name': 'x', 'cidr': '2001:db8::/48'}");
	model_refused(&b, "InvalidParameterValue", "cidr6",
		      "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'cidr6': '10.0.0.0/16'}");
	model_refused(&b, "InvalidParameterValue", "mtu",
		      "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'mtu': 1279}");
	model_refused(&b, "InvalidParameterValue", "mtu",
		      "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'mtu': 9217}");
}

Test(model_resources, fields)
{
	model_refused(&b, "MissingParameter", "name", "{'op': 'vpc.create', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "MissingParameter", "cidr", "{'op': 'vpc.create', 'name': 'x'}");
	model_refused(&b, "UnknownParameter", "mac",
		      "{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'mac': '02:00:00:00:00:01'}");
	model_refused(&b, "InvalidVpcID.NotFound", "vpc_id",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'nope', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "InvalidVpcID.NotFound", "vpc_id", "{'op': 'vpc.delete', 'vpc_id': 'vpc-00000000000000000'}");
	model_refused(&b, "InvalidSubnetID.NotFound", "subnet_id", "{'op': 'subnet.delete', 'subnet_id': 'x'}");
	model_refused(&b, "InvalidGroup.NotFound", "security_group_id", "{'op': 'sg.delete', 'security_group_id': ''}");
	model_refused(&b, "InvalidNetworkInterfaceID.NotFound", "eni_id", "{'op': 'eni.delete', 'eni_id': 'x'}");
	model_refused(&b, "InvalidVpcID.NotFound", "vpc", "{'op': 'eni.delete', 'eni_id': 'x', 'vpc': 'nope'}");
}

Test(model_resources, names)
{
	char name[1100] = "";
	static const char *const bad[] = {"",	       "vpc-1",	     "subnet-x", "sg-x",  "sgr-x",
					  "eni-x",     "pl-x",	     "rtb-x",	 "igw-x", "eigw-x",
					  "nat-x",     "eipalloc-x", "acl-x",	 "pcx-x", "a\\u0001b",
					  "a\\u007fb", "a\\u0085b",  "$0.id",	 "a\\nb"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		model_refused(&b, "InvalidParameterValue", "name",
			      "{'op': 'vpc.create', 'name': '%s', 'cidr': '10.0.0.0/16'}", bad[i]);
	for (unsigned i = 0; i < 255; i++)
		strcat(name, "\xc3\xa4");
	model_ok(&b, "{'op': 'vpc.create', 'name': '%s', 'cidr': '10.0.0.0/16'}", name);
	strcat(name, "b");
	model_refused(&b, "InvalidParameterValue", "name", "{'op': 'vpc.create', 'name': '%s', 'cidr': '10.0.0.0/16'}",
		      name);
	model_ok(&b, "{'op': 'vpc.create', 'name': 'prod', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "InvalidParameterValue", "name",
		      "{'op': 'vpc.create', 'name': 'prod', 'cidr': '10.0.0.0/16'}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'Prod', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "InvalidParameterValue", "name", "{'op': 'vpc.update', 'vpc_id': 'Prod', 'name': 'prod'}");
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'Prod', 'name': 'Prod'}");
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'Prod', 'name': 'other', 'tags': {'x': ''}}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'Prod', 'cidr': '10.0.0.0/16'}");
}

/* jansson refuses bad UTF-8 before the model sees it; other callers might not. */
Test(model_resources, names_are_utf8)
{
	static const char *const bad[] = {
		"\xff", "a\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct model_context context = {.revision = 1, .seed = 1};
		struct change c = {.op = CHANGE_VPC_CREATE, .present = FIELD_BIT(FIELD_NAME) | FIELD_BIT(FIELD_CIDR)};
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		struct change_result result;
		struct model_txn *t;

		c.name = (char *)bad[i];
		c.cidr = (char *)"10.0.0.0/16";
		cr_assert_eq(model_begin(b.m, &context, &t), 0);
		cr_assert_lt(model_apply(t, &c, &result, &error), 0);
		cr_assert_eq(error.code, VPC_E_INVALID_PARAMETER_VALUE);
		cr_assert_str_eq(error.field, "name");
		model_abort(t);
	}
}

/* A quoted text is cut in the middle of a character, has a control character, is not UTF-8 at all. */
Test(model_resources, messages_are_utf8)
{
	static const char *const refs[] = {"\xff\x1b[31m", "a\xc2\x85", NULL};
	char cut[600] = "x";

	for (unsigned i = 0; i < 200; i++)
		strcat(cut, "\xc3\xa4");
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		const struct object *o;
		json_t *text;

		cr_assert_lt(model_resolve(b.m, OBJECT_VPC, refs[i] ? refs[i] : cut, NULL, "x", &o, &error), 0);
		text = json_string(error.message);
		cr_assert_not_null(text, "not UTF-8");
		cr_assert_null(strpbrk(error.message, "\x1b\x85"));
		json_decref(text);
	}
}

Test(model_resources, group_names)
{
	model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'b', 'cidr': '10.0.0.0/16'}");
	model_ok(&b, "{'op': 'sg.create', 'name': 'Web ._-:/()#,@[]+=&;{}!$*1', 'vpc_id': 'a'}");
	model_ok(&b, "{'op': 'sg.create', 'name': 'web', 'vpc_id': 'a', 'description': 'front'}");
	model_refused(&b, "InvalidGroup.Duplicate", "name", "{'op': 'sg.create', 'name': 'WEB', 'vpc_id': 'a'}");
	model_ok(&b, "{'op': 'sg.create', 'name': 'WEB', 'vpc_id': 'b'}");
	model_refused(&b, "InvalidGroup.Reserved", "name", "{'op': 'sg.create', 'name': 'Default', 'vpc_id': 'a'}");
	model_refused(&b, "InvalidParameterValue", "name", "{'op': 'sg.create', 'name': 'a|b', 'vpc_id': 'a'}");
	model_refused(&b, "InvalidParameterValue", "name", "{'op': 'sg.create', 'name': 'ä', 'vpc_id': 'a'}");
	model_refused(&b, "InvalidParameterValue", "name",
		      "{'op': 'sg.update', 'security_group_id': 'default', 'vpc': 'a', 'name': 'x'}");
	model_refused(&b, "InvalidGroup.Reserved", "name",
		      "{'op': 'sg.update', 'security_group_id': 'web', 'vpc': 'a', 'name': 'DEFAULT'}");
	model_refused(&b, "AmbiguousName", "security_group_id", "{'op': 'sg.delete', 'security_group_id': 'wEb'}");
	cr_assert_eq(b.error.n_holders, 2);
	cr_assert_not_null(strstr(b.error.message, b.error.holders[0]));
	cr_assert_not_null(strstr(b.error.message, b.error.holders[1]));
	model_refused(&b, "CannotDelete", "security_group_id",
		      "{'op': 'sg.delete', 'security_group_id': 'default', 'vpc': 'b'}");
	model_ok(&b, "{'op': 'sg.delete', 'security_group_id': 'wEb', 'vpc': 'a'}");
	model_ok(&b, "{'op': 'sg.delete', 'security_group_id': 'web'}");
}

Test(model_resources, descriptions_and_tags)
{
	char text[300];

	memset(text, 'x', 256);
	text[256] = '\0';
	model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "InvalidParameterValue", "description",
		      "{'op': 'sg.create', 'name': 'web', 'vpc_id': 'a', 'description': '%s'}", text);
	model_refused(&b, "InvalidParameterValue", "tags", "{'op': 'vpc.update', 'vpc_id': 'a', 'tags': {'': 'x'}}");
	model_refused(&b, "InvalidParameterValue", "tags", "{'op': 'vpc.update', 'vpc_id': 'a', 'tags': {'%s': 'x'}}",
		      text);
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'a', 'tags': {'k': '%s'}}", text);
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'a', 'tags': {}}");
	cr_assert_str_eq(model_shown(&b, b.id, "tags"), "{}");
}

Test(model_resources, subnets)
{
	char s[OBJECT_ID_MAX];

	model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16', 'cidr6': '2001:db8::/56'}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'four', 'cidr': '10.0.0.0/28'}");
	strcpy(s, model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.1.0/24',"
			       " 'cidr6': '2001:db8:0:1::/64'}"));
	cr_assert_str_eq(model_shown(&b, s, "gateway"), "10.0.1.1");
	cr_assert_str_eq(model_shown(&b, s, "gateway6"), "fe80::1");
	cr_assert_str_eq(model_shown(&b, s, "available_ips"), "251");
	model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'four', 'cidr': '10.0.0.0/28'}");
	cr_assert_str_eq(model_shown(&b, b.id, "gateway6"), "null");
	cr_assert_str_eq(model_shown(&b, b.id, "available_ips"), "11");
	model_refused(&b, "InvalidParameterValue", "name",
		      "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.2.0/24'}");
	model_refused(&b, "InvalidSubnet.Range", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.1.2.0/24'}");
	model_refused(&b, "InvalidSubnet.Range", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.0.0/15'}");
	model_refused(&b, "InvalidSubnet.Range", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.2.0/29'}");
	model_refused(&b, "InvalidCidr.HostBits", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.2.1/24'}");
	model_refused(&b, "InvalidSubnet.Conflict", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.1.128/25'}");
	model_refused(&b, "InvalidSubnet.Conflict", "cidr",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "InvalidSubnet.Conflict", "cidr6",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.2.0/24', 'cidr6': "
		      "'2001:db8:0:1::/64'}");
	model_refused(
		&b, "InvalidSubnet.Range", "cidr6",
		"{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.2.0/24', 'cidr6': '2001:db8::/63'}");
	model_refused(
		&b, "InvalidSubnet.Range", "cidr6",
		"{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.2.0/24', 'cidr6': '2001:db9::/64'}");
	model_refused(&b, "InvalidSubnet.Range", "cidr6",
		      "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'four', 'cidr': '10.0.0.0/28', 'cidr6': "
		      "'2001:db8::/64'}");
	model_ok(&b, "{'op': 'subnet.update', 'subnet_id': '%s', 'name': 't'}", s);
	cr_assert_str_eq(model_shown(&b, s, "name"), "t");
	model_ok(&b, "{'op': 'subnet.delete', 'subnet_id': 't'}");
	model_ok(&b, "{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'a', 'cidr': '10.0.0.0/16'}");
}

Test(model_resources, dependencies)
{
	char vpc[OBJECT_ID_MAX], s[OBJECT_ID_MAX], g[OBJECT_ID_MAX], e[OBJECT_ID_MAX];

	strcpy(vpc, model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}"));
	strcpy(s, model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'}"));
	strcpy(g, model_ok(&b, "{'op': 'sg.create', 'name': 'g', 'vpc_id': 'a'}"));
	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}"));
	model_refused(&b, "DependencyViolation", "", "{'op': 'vpc.delete', 'vpc_id': 'a'}");
	cr_assert_eq(b.error.n_holders, 3);
	cr_assert_str_eq(b.error.holders[0], s);
	cr_assert_str_eq(b.error.holders[1], g);
	cr_assert_str_eq(b.error.holders[2], e);
	for (size_t i = 0; i < 3; i++)
		cr_assert_not_null(strstr(b.error.message, b.error.holders[i]));
	model_refused(&b, "DependencyViolation", "", "{'op': 'subnet.delete', 'subnet_id': 's'}");
	cr_assert_eq(b.error.n_holders, 1);
	cr_assert_str_eq(b.error.holders[0], e);
	model_ok(&b, "[{'op': 'eni.delete', 'eni_id': 'e'}, {'op': 'subnet.delete', 'subnet_id': 's'},"
		     " {'op': 'sg.delete', 'security_group_id': 'g'}, {'op': 'vpc.delete', 'vpc_id': 'a'}]");
	cr_assert_str_eq(b.id, vpc);
	for (unsigned k = 0; k < OBJECT_KINDS; k++)
		cr_assert_eq(model_count(b.m, (enum object_kind)k), 0);
}

Test(model_resources, references)
{
	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		 " {'op': 'subnet.create', 'name': 's', 'vpc_id': '$0.id', 'cidr': '10.0.0.0/24'},"
		 " {'op': 'sg.create', 'name': 'g', 'vpc_id': '$0.id'},"
		 " {'op': 'eni.create', 'name': 'e', 'subnet_id': '$1.id', 'security_groups': ['$2.id', 'default']},"
		 " {'op': 'sg.authorize', 'security_group_id': '$2.id', 'rules': [{'direction': 'ingress', 'protocol': "
		 "'tcp',"
		 "  'from_port': 1, 'to_port': 2, 'sg_id': '$2.id'}]},"
		 " {'op': 'sg.create', 'name': 'h', 'vpc_id': 'a'},"
		 " {'op': 'sg.attach', 'security_group_id': 'h', 'vpc': '$0.id', 'enis': ['$3.id']}]");
	cr_assert_eq(eni_of(model_next(b.m, OBJECT_ENI, NULL))->n_groups, 3);
	model_refused(&b, "InvalidParameterValue", "vpc_id", "{'op': 'sg.create', 'name': 'x', 'vpc_id': '$0.id'}");
	model_refused(&b, "InvalidParameterValue", "vpc_id",
		      "[{'op': 'vpc.create', 'name': 'z', 'cidr': '10.0.0.0/16'},"
		      " {'op': 'sg.create', 'name': 'x', 'vpc_id': '$1.id'}]");
	model_refused(&b, "InvalidParameterValue", "vpc_id",
		      "{'op': 'sg.create', 'name': 'x', 'vpc_id': '$99999999999999999999.id'}");
	model_refused(&b, "InvalidSubnetID.NotFound", "subnet_id",
		      "[{'op': 'vpc.create', 'name': 'z', 'cidr': '10.0.0.0/16'},"
		      " {'op': 'eni.create', 'name': 'x', 'subnet_id': '$0.id'}]");
}

Test(model_resources, if_match)
{
	model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}");
	model_ok(&b, "{'op': 'sg.create', 'name': 'g', 'vpc_id': 'a'}");
	model_refused(&b, "RevisionMismatch", "vpc_id",
		      "{'op': 'vpc.update', 'vpc_id': 'a', 'name': 'z', 'if_match': 9}");
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'a', 'name': 'z', 'if_match': 1}");
	/* A group's revision moves when its rules change. */
	model_ok(&b,
		 "{'op': 'sg.authorize', 'security_group_id': 'g', 'if_match': 2, 'rules': [{'direction': 'ingress',"
		 " 'protocol': 'all', 'cidr': '10.0.0.0/8'}]}");
	model_refused(&b, "RevisionMismatch", "security_group_id",
		      "{'op': 'sg.update', 'security_group_id': 'g', 'name': 'h', 'if_match': 2}");
	/* Two changes of one request: both mean the version before it. */
	model_ok(&b, "[{'op': 'sg.update', 'security_group_id': 'g', 'name': 'h', 'if_match': 4},"
		     " {'op': 'sg.update', 'security_group_id': 'h', 'name': 'i', 'if_match': 4}]");
}

Test(model_resources, limits)
{
	struct vpc_limits l = vpc_limits_default;

	model_bench_close(&b);
	l.vpcs = 1;
	l.subnets_per_vpc = 1;
	l.groups_per_vpc = 2;
	l.tags = 1;
	l.enis_per_subnet = 1;
	l.changes_per_request = 3;
	model_bench_open(&b, &l);
	model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "VpcLimitExceeded", "", "{'op': 'vpc.create', 'name': 'b', 'cidr': '10.0.0.0/16'}");
	cr_assert_not_null(strstr(b.error.message, "vpcs"));
	cr_assert_not_null(strstr(b.error.message, " is 1,"));
	cr_assert_not_null(strstr(b.error.message, "make 2"));
	model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'}");
	model_refused(&b, "ResourceLimitExceeded", "",
		      "{'op': 'subnet.create', 'name': 't', 'vpc_id': 'a', 'cidr': '10.0.1.0/24'}");
	model_ok(&b, "{'op': 'sg.create', 'name': 'g', 'vpc_id': 'a'}");
	model_refused(&b, "SecurityGroupLimitExceeded", "", "{'op': 'sg.create', 'name': 'h', 'vpc_id': 'a'}");
	model_refused(&b, "ResourceLimitExceeded", "tags",
		      "{'op': 'vpc.update', 'vpc_id': 'a', 'tags': {'a': 'b', 'c': 'd'}}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}");
	model_refused(&b, "ResourceLimitExceeded", "", "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's'}");
	model_refused(&b, "ResourceLimitExceeded", "",
		      "[{'op': 'vpc.update', 'vpc_id': 'a'}, {'op': 'vpc.update', 'vpc_id': 'a'},"
		      " {'op': 'vpc.update', 'vpc_id': 'a'}, {'op': 'vpc.update', 'vpc_id': 'a'}]");
}
