/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A refusal says what to do next. */
#include <stdio.h>
#include <string.h>

#include "model_util.h"

MODEL_SUITE(model_refusals);

static void prepare(void)
{
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.1.0/28'},"
		     " {'op': 'vpc.add-cidr', 'vpc_id': 'v', 'cidr': 'fd00::/56'},"
		     " {'op': 'subnet.create', 'name': 's6', 'vpc_id': 'v', 'cidr': '10.0.2.0/28',"
		     "  'cidr6': 'fd00::/64'},"
		     " {'op': 'sg.create', 'name': 'web', 'vpc_id': 'v'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'ip': '10.0.1.5'}]");
	model_ok(
		&b,
		"[{'op': 'igw.create', 'name': 'g', 'vpc_id': 'v'},"
		" {'op': 'eip.allocate', 'name': 'a', 'address': '203.0.113.4'},"
		" {'op': 'prefix-list.create', 'name': 'p', 'max_entries': 1, 'entries': [{'cidr': '192.0.2.0/24'}]}]");
}

/* A change with a tag more than a resource may have. */
static const char *too_many_tags(void)
{
	static char text[4096];
	size_t n = (size_t)snprintf(text, sizeof(text),
				    "{'op': 'sg.create', 'name': 'x', 'vpc_id': 'v', 'tags': {'first': ''");

	for (unsigned i = 0; i < vpc_limits_default.tags; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", 't%u': ''", i);
	snprintf(text + n, sizeof(text) - n, "}}");
	return text;
}

Test(model_refusals, say_what_to_do)
{
	static const struct {
		const char *change, *code, *field, *next;
	} cases[] = {
		{"{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'v', 'cidr': '10.1.0.0/24'}", "InvalidSubnet.Range",
		 "cidr", "vpcctl vpc add-cidr"},
		{"{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'v', 'cidr': '10.0.9.0/29'}", "InvalidSubnet.Range",
		 "cidr", "the smallest subnet is a /28"},
		{"{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'v', 'cidr': 'ten'}", "InvalidParameterValue", "cidr",
		 "give one as 10.0.0.0/16"},
		{"{'op': 'subnet.create', 'name': 'x', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'}", "InvalidSubnet.Conflict",
		 "cidr", "choose a range that no subnet has"},
		{"{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.3.0/24'}", "InvalidParameterValue",
		 "name", "choose another"},
		{"{'op': 'subnet.delete', 'subnet_id': 's'}", "DependencyViolation", "",
		 "(e); delete or change that first"},
		{"{'op': 'sg.create', 'name': 'default', 'vpc_id': 'v'}", "InvalidGroup.Reserved", "name",
		 "choose another name"},
		{"{'op': 'sg.revoke', 'security_group_id': 'web', 'rule_ids': ['sgr-0123456789abcdef0']}",
		 "InvalidSecurityGroupRuleId.NotFound", "rule_ids[0]", "vpcctl sg show lists its rules"},
		{"{'op': 'sg.detach', 'security_group_id': 'web', 'enis': ['e']}", "InvalidParameterValue", "enis[0]",
		 "vpcctl eni show lists its groups"},
		{"{'op': 'eni.create', 'name': 'x', 'subnet_id': 's', 'ip': '10.0.1.5'}", "InvalidIPAddress.InUse",
		 "ip", "choose another address"},
		{"{'op': 'eni.create', 'name': 'x', 'subnet_id': 's', 'ip': '10.0.1.1'}", "InvalidParameterValue", "ip",
		 "choose another"},
		{"{'op': 'eni.create', 'name': 'x', 'subnet_id': 's6', 'ip6': 'fd00::3'}", "InvalidParameterValue",
		 "ip6", "as its first four addresses are; choose another"},
		{"{'op': 'eni.create', 'name': 'x', 'subnet_id': 's', 'mac': '01:00:00:00:00:01'}",
		 "InvalidParameterValue", "mac", "02:00:00:00:00:11"},
		{"{'op': 'eni.detach', 'eni_id': 'e'}", "IncorrectState", "eni_id", "there is nothing to detach"},
		{"{'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'tap', 'ifname': 'all'}}",
		 "InvalidParameterValue", "attachment.ifname", "but not 'all' or 'default'"},
		{"{'op': 'eni.delete', 'eni_id': 'nobody'}", "InvalidNetworkInterfaceID.NotFound", "eni_id",
		 "vpcctl eni list shows those there are"},
		{"{'op': 'prefix-list.create', 'name': 'q', 'max_entries': 1,"
		 " 'entries': [{'cidr': '192.0.2.0/24'}, {'cidr': '198.51.100.0/24'}]}",
		 "PrefixListMaxEntriesExceeded", "entries", "give it fewer"},
		{"{'op': 'eni.set', 'eni_id': 'e', 'security_groups': []}", "InvalidParameterCombination",
		 "security_groups", "give it one without rules"},
		{"{'op': 'eip.allocate', 'address': '198.51.100.1'}", "InvalidParameterValue", "address",
		 "leave it out"},
		{"{'op': 'eip.allocate', 'address': '203.0.113.4'}", "InvalidIPAddress.InUse", "address",
		 "choose another address"},
		{"{'op': 'eip.disassociate', 'elastic_ip_id': 'a'}", "IncorrectState", "elastic_ip_id",
		 "vpcctl eip list"},
		{"{'op': 'igw.create', 'name': 'x', 'vpc_id': 'v'}", "IncorrectState", "vpc_id",
		 "use that, or detach it first"},
		{"{'op': 'route.delete', 'route_table_id': 'main', 'destination': '192.0.2.0/24'}",
		 "InvalidRoute.NotFound", "destination", "vpcctl route-table show"},
		{"{'op': 'prefix-list.add', 'prefix_list_id': 'p', 'entries': [{'cidr': '198.51.100.0/24'}]}",
		 "PrefixListMaxEntriesExceeded", "entries", "vpcctl prefix-list set"},
		{"{'op': 'vpc.remove-cidr', 'vpc_id': 'v', 'cidr': '10.9.0.0/16'}",
		 "InvalidVpcCidrBlockAssociationID.NotFound", "cidr", "vpcctl vpc show"},
		{"{'op': 'vpc.set', 'vpc_id': 'v', 'host_access': ['10.0.5.0/24']}", "InvalidParameterValue",
		 "host_access", "name addresses that this host has"},
	};

	prepare();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		model_refused(&b, cases[i].code, cases[i].field, "%s", cases[i].change);
		cr_expect(strstr(b.error.message, cases[i].next), "%s: does not say '%s': %s", cases[i].change,
			  cases[i].next, b.error.message);
	}
}

/* A limit is raised in vpcd.conf only where that has lowered it. */
Test(model_refusals, limits)
{
	struct vpc_limits limits = vpc_limits_default;

	model_bench_close(&b);
	limits.vpcs = 1;
	model_bench_open(&b, &limits);
	model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'}");
	model_refused(&b, "VpcLimitExceeded", "", "{'op': 'vpc.create', 'name': 'w', 'cidr': '10.1.0.0/16'}");
	cr_expect(strstr(b.error.message, "the limit vpcs (VPCs per host) is 1, and this would make 2; ask for fewer, "
					  "or take others away first, or raise the limit in vpcd.conf"),
		  "%s", b.error.message);
	model_refused(&b, "ResourceLimitExceeded", "tags", "%s", too_many_tags());
	cr_expect(strstr(b.error.message, "take others away first") && !strstr(b.error.message, "vpcd.conf"), "%s",
		  b.error.message);
}
