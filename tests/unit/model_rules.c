/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Security groups and their rules: rules 1, 4, 5, 9, 10 and their error codes. */
#include <string.h>

#include "model_util.h"

static struct model_bench b;

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		 " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'},"
		 " {'op': 'sg.create', 'name': 'web', 'vpc_id': 'a'}, {'op': 'sg.create', 'name': 'db', 'vpc_id': 'a'},"
		 " {'op': 'vpc.create', 'name': 'b', 'cidr': '10.0.0.0/16'},"
		 " {'op': 'sg.create', 'name': 'far', 'vpc_id': 'b'}]");
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_rules, .init = open_bench, .fini = close_bench);

#define AUTHORIZE(rule) "{'op': 'sg.authorize', 'security_group_id': 'web', 'rules': [" rule "]}"
#define REVOKE(rule)	"{'op': 'sg.revoke', 'security_group_id': 'web', 'rules': [" rule "]}"
#define IN		"{'direction': 'ingress', "

static const struct object *sg_named(const char *name)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct object *o;

	cr_assert_eq(model_resolve(b.m, OBJECT_SG, name, NULL, "x", &o, &error), 0, "%s", error.message);
	return o;
}

/* Rule 1. */
Test(model_rules, new_group_allows_everything_out_and_nothing_in)
{
	const struct rule *r = model_next_rule(b.m, sg_named("web")->number, NULL);

	cr_assert_eq(r->direction, VPC_EGRESS);
	cr_assert_eq(r->protocol, PROTOCOL_ALL);
	cr_assert_str_eq(model_shown(&b, r->o.id, "cidr"), "0.0.0.0/0");
	r = model_next_rule(b.m, sg_named("web")->number, r);
	cr_assert_eq(r->direction, VPC_EGRESS);
	cr_assert_str_eq(model_shown(&b, r->o.id, "cidr"), "::/0");
	cr_assert_null(model_next_rule(b.m, sg_named("web")->number, r));
}

static void check_stored(const char *spec, const char *protocol, const char *from, const char *to,
			 const char *peer_field)
{
	model_ok(&b, "{'op': 'sg.authorize', 'security_group_id': 'web', 'rules': [%s]}", spec);
	cr_assert_str_eq(model_shown(&b, b.rule, "protocol"), protocol, "%s", spec);
	cr_assert_str_eq(model_shown(&b, b.rule, "from_port"), from, "%s", spec);
	cr_assert_str_eq(model_shown(&b, b.rule, "to_port"), to, "%s", spec);
	model_shown(&b, b.rule, peer_field);
	/* The same text takes it away again. */
	model_ok(&b, "{'op': 'sg.revoke', 'security_group_id': 'web', 'rules': [%s]}", spec);
}

/* Rule 4. */
Test(model_rules, protocols_and_ports)
{
	check_stored(IN "'protocol': 'tcp', 'from_port': 443, 'to_port': 443, 'cidr': '10.0.0.0/8'}", "tcp", "443",
		     "443", "cidr");
	check_stored(IN "'protocol': '6', 'from_port': 0, 'to_port': 65535, 'cidr': '::/0'}", "tcp", "0", "65535",
		     "cidr");
	check_stored(IN "'protocol': 'UDP', 'from_port': 1, 'to_port': 2, 'sg_id': 'db'}", "udp", "1", "2", "sg_id");
	check_stored(IN "'protocol': '17', 'from_port': 1, 'to_port': 2, 'cidr': '::/0'}", "udp", "1", "2", "cidr");
	check_stored(IN "'protocol': '1', 'from_port': 8, 'to_port': 0, 'cidr': '0.0.0.0/0'}", "icmp", "8", "0",
		     "cidr");
	check_stored(IN "'protocol': 'icmp', 'cidr': '0.0.0.0/0'}", "icmp", "-1", "-1", "cidr");
	check_stored(IN "'protocol': 'icmp', 'from_port': -1, 'to_port': 3, 'cidr': '0.0.0.0/0'}", "icmp", "-1", "-1",
		     "cidr");
	check_stored(IN "'protocol': 'icmp', 'from_port': 3, 'cidr': '0.0.0.0/0'}", "icmp", "3", "-1", "cidr");
	check_stored(IN "'protocol': '58', 'from_port': 128, 'to_port': -1, 'cidr': '::/0'}", "icmpv6", "128", "-1",
		     "cidr");
	check_stored(IN "'protocol': 'icmpv6', 'from_port': 255, 'to_port': 255, 'sg_id': 'web'}", "icmpv6", "255",
		     "255", "sg_id");
	check_stored(IN "'protocol': 'all', 'cidr': '1.2.3.4/32'}", "all", "null", "null", "cidr");
	check_stored(IN "'protocol': '-1', 'from_port': -1, 'to_port': -1, 'sg_id': 'db'}", "all", "null", "null",
		     "sg_id");
	check_stored(IN "'protocol': '132', 'from_port': 0, 'to_port': 65535, 'sg_id': 'db'}", "132", "null", "null",
		     "sg_id");
	check_stored(IN "'protocol': '0', 'cidr': '::/0'}", "0", "null", "null", "cidr");
	check_stored(IN "'protocol': '255', 'cidr': '::/0'}", "255", "null", "null", "cidr");
}

Test(model_rules, wrong_protocols_and_ports)
{
	static const char *const bad[] = {"", "256", "-2", "foo", "06", "1e1", " 6", "icmp6"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		model_refused(&b, "InvalidParameterValue", "rules[0].protocol",
			      AUTHORIZE(IN "'protocol': '%s', 'from_port': 1, 'to_port': 1, 'cidr': '::/0'}"), bad[i]);
	model_refused(&b, "MissingParameter", "rules[0].protocol", AUTHORIZE(IN "'cidr': '::/0'}"));
	model_refused(&b, "MissingParameter", "rules[0].direction", AUTHORIZE("{'protocol': 'all', 'cidr': '::/0'}"));
	model_refused(&b, "InvalidParameterValue", "rules[0].direction",
		      AUTHORIZE("{'direction': 'in', 'protocol': 'all', 'cidr': '::/0'}"));
	model_refused(&b, "MissingParameter", "rules[0].from_port", AUTHORIZE(IN "'protocol': 'tcp', 'cidr': '::/0'}"));
	model_refused(&b, "MissingParameter", "rules[0].to_port",
		      AUTHORIZE(IN "'protocol': 'udp', 'from_port': 5, 'cidr': '::/0'}"));
	model_refused(&b, "InvalidParameterValue", "rules[0].from_port",
		      AUTHORIZE(IN "'protocol': 'tcp', 'from_port': -1, 'to_port': 5, 'cidr': '::/0'}"));
	model_refused(&b, "InvalidParameterValue", "rules[0].to_port",
		      AUTHORIZE(IN "'protocol': 'tcp', 'from_port': 0, 'to_port': 65536, 'cidr': '::/0'}"));
	model_refused(&b, "InvalidPermission.Malformed", "rules[0].from_port",
		      AUTHORIZE(IN "'protocol': 'tcp', 'from_port': 6, 'to_port': 5, 'cidr': '::/0'}"));
	/* Never wider than written. */
	model_refused(&b, "InvalidPermission.Malformed", "rules[0].from_port",
		      AUTHORIZE(IN "'protocol': 'all', 'from_port': 80, 'to_port': 80, 'cidr': '::/0'}"));
	model_refused(&b, "InvalidPermission.Malformed", "rules[0].from_port",
		      AUTHORIZE(IN "'protocol': '132', 'from_port': 80, 'to_port': 80, 'cidr': '::/0'}"));
	model_refused(&b, "InvalidParameterValue", "rules[0].from_port",
		      AUTHORIZE(IN "'protocol': 'icmp', 'from_port': 256, 'cidr': '0.0.0.0/0'}"));
	model_refused(&b, "InvalidParameterValue", "rules[0].from_port",
		      AUTHORIZE(IN "'protocol': 'icmp', 'from_port': -2, 'cidr': '0.0.0.0/0'}"));
	model_refused(&b, "InvalidParameterValue", "rules[0].to_port",
		      AUTHORIZE(IN "'protocol': 'icmpv6', 'from_port': 1, 'to_port': 256, 'cidr': '::/0'}"));
	model_refused(&b, "InvalidParameterCombination", "rules[0].cidr",
		      AUTHORIZE(IN "'protocol': 'icmp', 'cidr': '::/0'}"));
	model_refused(&b, "InvalidParameterCombination", "rules[0].cidr",
		      AUTHORIZE(IN "'protocol': '58', 'cidr': '0.0.0.0/0'}"));
}

/* Rule 5. */
Test(model_rules, peers)
{
	model_refused(&b, "MissingParameter", "rules[0].cidr", AUTHORIZE(IN "'protocol': 'all'}"));
	model_refused(&b, "InvalidParameterCombination", "rules[0].cidr",
		      AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0', 'sg_id': 'db'}"));
	model_refused(&b, "InvalidParameterCombination", "rules[0].cidr",
		      AUTHORIZE(IN "'protocol': 'all', 'prefix_list_id': 'pl-1', 'sg_id': 'db'}"));
	model_refused(&b, "InvalidCidr.HostBits", "rules[0].cidr",
		      AUTHORIZE(IN "'protocol': 'all', 'cidr': '10.0.0.1/8'}"));
	model_refused(
		&b, "InvalidParameterValue", "rules[1].cidr",
		AUTHORIZE(IN "'protocol': 'all', 'cidr': '10.0.0.0/8'}," IN "'protocol': 'all', 'cidr': '10.0.0.0'}"));
	model_refused(&b, "InvalidPrefixListID.NotFound", "rules[0].prefix_list_id",
		      AUTHORIZE(IN "'protocol': 'all', 'prefix_list_id': 'pl-00000000000000000'}"));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id",
		      AUTHORIZE(IN "'protocol': 'all', 'sg_id': 'nope'}"));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id",
		      AUTHORIZE(IN "'protocol': 'all', 'sg_id': 'far'}"));
	model_refused(&b, "InvalidGroup.NotFound", "rules[0].sg_id", AUTHORIZE(IN "'protocol': 'all', 'sg_id': '%s'}"),
		      sg_named("far")->id);
	/* ::/0 is not 0.0.0.0/0; a name is looked up in the group's own VPC; a group may name itself. */
	model_ok(&b, AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0'}," IN "'protocol': 'all', 'cidr': '0.0.0.0/0'}," IN
				  "'protocol': 'all', 'sg_id': 'DEFAULT'}," IN "'protocol': 'all', 'sg_id': 'web'}"));
	cr_assert_str_eq(model_shown(&b, b.rule, "sg_id"), sg_named("web")->id);
	cr_assert_str_eq(model_shown(&b, b.rule, "security_group_id"), sg_named("web")->id);
}

Test(model_rules, descriptions_and_tags)
{
	char text[300];

	memset(text, 'x', 256);
	text[256] = '\0';
	model_refused(&b, "InvalidParameterValue", "rules[0].description",
		      AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0', 'description': '%s'}"), text);
	model_refused(&b, "InvalidParameterValue", "rules[0].tags",
		      AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0', 'tags': {'': ''}}"));
	model_ok(&b, AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0', 'description': '%s', 'tags': {'k': 'v'}}"),
		 text + 1);
	cr_assert_str_eq(model_shown(&b, b.rule, "description"), text + 1);
	cr_assert_str_eq(model_shown(&b, b.rule, "tags"), "{\"k\":\"v\"}");
	/* A description doesn't make it another rule. */
	model_refused(&b, "InvalidPermission.Duplicate", "rules[0]",
		      AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0'}"));
}

/* Rule 9. */
Test(model_rules, duplicates_and_what_is_not_there)
{
	char id[OBJECT_ID_MAX];

	model_ok(&b, AUTHORIZE(IN "'protocol': 'tcp', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/8'}"));
	strcpy(id, b.rule);
	model_refused(&b, "InvalidPermission.Duplicate", "rules[0]",
		      AUTHORIZE(IN "'protocol': '6', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/8'}"));
	cr_assert_not_null(strstr(b.error.message, id));
	model_refused(&b, "InvalidPermission.Duplicate", "rules[2]",
		      AUTHORIZE(IN "'protocol': 'all', 'cidr': '10.0.0.0/8'}," IN
				   "'protocol': 'all', 'cidr': '11.0.0.0/8'}," IN
				   "'protocol': '-1', 'cidr': '10.0.0.0/8'}"));
	/* Another direction, group, port, length or family is another rule. */
	model_ok(&b, AUTHORIZE("{'direction': 'egress', 'protocol': 'tcp', 'from_port': 1, 'to_port': 2, 'cidr': "
			       "'10.0.0.0/8'}," IN
			       "'protocol': 'tcp', 'from_port': 1, 'to_port': 1, 'cidr': '10.0.0.0/8'}," IN
			       "'protocol': 'tcp', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/9'}," IN
			       "'protocol': 'udp', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/8'}"));
	model_refused(&b, "InvalidPermission.NotFound", "rules[1]",
		      REVOKE(IN "'protocol': 'tcp', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/8'}," IN
				"'protocol': 'tcp', 'from_port': 1, 'to_port': 3, 'cidr': '10.0.0.0/8'}"));
	model_object_of(&b, id);
	model_refused(&b, "InvalidPermission.NotFound", "rules[1]",
		      REVOKE(IN "'protocol': 'tcp', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/8'}," IN
				"'protocol': 'tcp', 'from_port': 1, 'to_port': 2, 'cidr': '10.0.0.0/8'}"));
	model_refused(&b, "InvalidSecurityGroupRuleId.NotFound", "rule_ids[0]",
		      "{'op': 'sg.revoke', 'security_group_id': 'web', 'rule_ids': ['sgr-00000000000000000']}");
	model_refused(&b, "InvalidSecurityGroupRuleId.NotFound", "rule_ids[0]",
		      "{'op': 'sg.revoke', 'security_group_id': 'db', 'rule_ids': ['%s']}", id);
	model_refused(&b, "InvalidSecurityGroupRuleId.NotFound", "rule_ids[1]",
		      "{'op': 'sg.revoke', 'security_group_id': 'web', 'rule_ids': ['%s', '%s']}", id, id);
	model_refused(&b, "MissingParameter", "rules", "{'op': 'sg.revoke', 'security_group_id': 'web'}");
	model_refused(&b, "MissingParameter", "rules", AUTHORIZE(""));
	model_refused(&b, "InvalidParameterCombination", "rule_ids",
		      "{'op': 'sg.revoke', 'security_group_id': 'web', 'rule_ids': ['%s'], 'rules': [" IN
		      "'protocol': 'all', 'cidr': '::/0'}]}",
		      id);
	model_ok(&b, "{'op': 'sg.revoke', 'security_group_id': 'web', 'rule_ids': ['%s']}", id);
	cr_assert_str_eq(b.rule, id);
	cr_assert_null(model_find(b.m, OBJECT_RULE, id));
}

/* Rule 10. */
Test(model_rules, group_in_use_is_not_deleted)
{
	char rule[OBJECT_ID_MAX], eni[OBJECT_ID_MAX];

	strcpy(eni, model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'security_groups': ['db']}"));
	model_ok(&b, "{'op': 'sg.authorize', 'security_group_id': 'db', 'rules': [" IN
		     "'protocol': 'all', 'sg_id': 'db'}]}");
	model_ok(&b, AUTHORIZE(IN "'protocol': 'all', 'sg_id': 'db'}"));
	strcpy(rule, b.rule);
	model_refused(&b, "DependencyViolation", "", "{'op': 'sg.delete', 'security_group_id': 'db'}");
	cr_assert_eq(b.error.n_holders, 2, "its own rule is not in the way");
	cr_assert_str_eq(b.error.holders[0], rule);
	cr_assert_str_eq(b.error.holders[1], eni);
	cr_assert(strstr(b.error.message, rule) && strstr(b.error.message, eni));
	model_ok(&b, "{'op': 'sg.delete', 'security_group_id': 'web'}");
	model_ok(&b, "[{'op': 'eni.set', 'eni_id': 'e', 'security_groups': ['default']},"
		     " {'op': 'sg.delete', 'security_group_id': 'db'}]");
	cr_assert_null(model_find(b.m, OBJECT_RULE, rule));
}

Test(model_rules, holders_beyond_the_message)
{
	for (unsigned i = 0; i < 200; i++)
		model_ok(&b, "{'op': 'eni.create', 'name': 'e%u', 'subnet_id': 's', 'security_groups': ['db']}", i);
	model_refused(&b, "DependencyViolation", "", "{'op': 'sg.delete', 'security_group_id': 'db'}");
	cr_assert_eq(b.error.n_holders, 200);
	cr_assert_not_null(strstr(b.error.message, " more"));
}

Test(model_rules, limits)
{
	struct vpc_limits l = vpc_limits_default;

	model_bench_close(&b);
	l.rules_per_group = 3;
	l.rules = 9;
	model_bench_open(&b, &l);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'sg.create', 'name': 'web', 'vpc_id': 'a'}]");
	model_refused(&b, "RulesPerSecurityGroupLimitExceeded", "rules",
		      AUTHORIZE(IN "'protocol': '1', 'sg_id': 'web'}," IN "'protocol': '2', 'sg_id': 'web'}," IN
				   "'protocol': '3', 'sg_id': 'web'}," IN "'protocol': '4', 'sg_id': 'web'}"));
	cr_assert_not_null(strstr(b.error.message, "rules_per_group"));
	cr_assert_not_null(strstr(b.error.message, " is 3,"));
	cr_assert_not_null(strstr(b.error.message, "make 4"));
	model_ok(&b, AUTHORIZE(IN "'protocol': '1', 'sg_id': 'web'}," IN "'protocol': '2', 'sg_id': 'web'}," IN
				  "'protocol': '3', 'sg_id': 'web'}"));
	/* The other direction has its own count: one more, then the host's limit. */
	model_refused(&b, "RulesPerSecurityGroupLimitExceeded", "rules",
		      AUTHORIZE(IN "'protocol': '5', 'sg_id': 'web'}"));
	model_ok(&b, AUTHORIZE("{'direction': 'egress', 'protocol': '1', 'sg_id': 'web'}"));
	model_refused(&b, "RulesPerSecurityGroupLimitExceeded", "rules",
		      AUTHORIZE("{'direction': 'egress', 'protocol': '2', 'sg_id': 'web'}"));
	model_refused(&b, "ResourceLimitExceeded", "rules",
		      "{'op': 'sg.authorize', 'security_group_id': 'default', 'rules': [" IN
		      "'protocol': '5', 'sg_id': 'web'}]}");
}

Test(model_rules, numbers_are_never_given_twice)
{
	uint32_t first;
	struct model *copy;

	model_ok(&b, AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0'}"));
	first = model_object_of(&b, b.rule)->number;
	model_ok(&b, REVOKE(IN "'protocol': 'all', 'cidr': '::/0'}"));
	cr_assert_eq(model_next_rule_number(b.m), first + 1);
	/* The newest is gone, so the documents alone would not tell. */
	copy = model_reload(b.m);
	cr_assert_leq(model_next_rule_number(copy), first);
	model_set_next_rule_number(copy, model_next_rule_number(b.m));
	cr_assert_eq(model_next_rule_number(copy), first + 1);
	model_set_next_rule_number(copy, 1);
	cr_assert_eq(model_next_rule_number(copy), first + 1, "never down");
	model_free(copy);
	model_ok(&b, AUTHORIZE(IN "'protocol': 'all', 'cidr': '::/0'}"));
	cr_assert_eq(model_object_of(&b, b.rule)->number, first + 1);
	model_set_next_rule_number(b.m, UINT32_MAX);
	model_ok(&b, AUTHORIZE(IN "'protocol': 'tcp', 'from_port': 1, 'to_port': 1, 'cidr': '::/0'}"));
	cr_assert_eq(model_object_of(&b, b.rule)->number, UINT32_MAX);
	model_refused(&b, "ResourceLimitExceeded", "",
		      AUTHORIZE(IN "'protocol': 'tcp', 'from_port': 2, 'to_port': 2, 'cidr': '::/0'}"));
}
