/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces: addresses, MACs, groups (rules 2 and 6), attachment, and their error codes. */
#include <string.h>

#include "model/internal.h"
#include "model_util.h"

static struct model_bench b;

static void open_with(const struct vpc_limits *l)
{
	model_bench_open(&b, l);
	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56', 'mtu': 1400},"
		 " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/28'},"
		 " {'op': 'subnet.create', 'name': 'six', 'vpc_id': 'a', 'cidr': '10.0.1.0/24', 'cidr6': "
		 "'fd00:0:0:1::/64'},"
		 " {'op': 'vpc.create', 'name': 'b', 'cidr': '10.0.0.0/16'},"
		 " {'op': 'subnet.create', 'name': 't', 'vpc_id': 'b', 'cidr': '10.0.0.0/24'},"
		 " {'op': 'sg.create', 'name': 'web', 'vpc_id': 'a'}, {'op': 'sg.create', 'name': 'db', 'vpc_id': 'a'},"
		 " {'op': 'sg.create', 'name': 'far', 'vpc_id': 'b'}]");
}

static void open_bench(void)
{
	open_with(NULL);
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_enis, .init = open_bench, .fini = close_bench);

static const struct eni *eni_named(const char *name)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct object *o;

	cr_assert_eq(model_resolve(b.m, OBJECT_ENI, name, NULL, "x", &o, &error), 0, "%s", error.message);
	return eni_of(o);
}

Test(model_enis, create)
{
	char e[OBJECT_ID_MAX];
	const struct eni *eni;

	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 'six'}"));
	eni = eni_of(model_object_of(&b, e));
	cr_assert_str_eq(model_shown(&b, e, "ip"), "10.0.1.4");
	cr_assert_str_eq(model_shown(&b, e, "ip6"), "fd00:0:0:1::4");
	cr_assert_str_eq(model_shown(&b, e, "secondary_ips"), "[]");
	cr_assert_str_eq(model_shown(&b, e, "mtu"), "1400");
	cr_assert_str_eq(model_shown(&b, e, "source_dest_check"), "true");
	cr_assert_str_eq(model_shown(&b, e, "delete_on_termination"), "false");
	cr_assert_str_eq(model_shown(&b, e, "attachment"), "null");
	cr_assert_str_eq(model_shown(&b, e, "detach_reason"), "null");
	cr_assert_str_eq(model_shown(&b, e, "number"), "1024");
	cr_assert_eq(strncmp(model_shown(&b, e, "mac"), "02:", 3), 0);
	cr_assert_eq(eni->n_groups, 1);
	cr_assert_eq(eni->groups[0], vpc_of(model_by_number(b.m, OBJECT_VPC, eni->vpc))->default_sg);
	cr_assert_neq(eni->incarnation, 0);
	cr_assert_eq(eni->tcp_idle_s, 432000);
	model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'source_dest_check': false, "
		     "'delete_on_termination': true, 'security_groups': []}");
	cr_assert_str_eq(model_shown(&b, b.id, "delete_on_termination"), "true");
	cr_assert_str_eq(model_shown(&b, b.id, "ip6"), "null");
	cr_assert_str_eq(model_shown(&b, b.id, "source_dest_check"), "false");
	model_refused(&b, "InvalidParameterValue", "name", "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 't'}");
	cr_assert_str_eq(model_shown(&b, b.id, "ip"), "10.0.0.4", "another VPC may use the same addresses");
}

Test(model_enis, addresses_given)
{
	static const char *const wrong[] = {"10.0.0.0",	 "10.0.0.1",  "10.0.0.2", "10.0.0.3",
					    "10.0.0.15", "10.0.0.16", "nope",	  "fd00::9"};
	static const char *const wrong6[] = {"fd00:0:0:1::", "fd00:0:0:1::1", "fd00:0:0:1::3", "fd00::9", "10.0.1.9"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		model_refused(&b, "InvalidParameterValue", "ip",
			      "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'ip': '%s'}", wrong[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wrong6); i++)
		model_refused(&b, "InvalidParameterValue", "ip6",
			      "{'op': 'eni.create', 'name': 'e', 'subnet_id': 'six', 'ip6': '%s'}", wrong6[i]);
	model_refused(&b, "InvalidParameterValue", "ip6",
		      "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'ip6': 'fd00:0:0:1::9'}");
	model_ok(&b,
		 "{'op': 'eni.create', 'name': 'e', 'subnet_id': 'six', 'ip': '10.0.1.4', 'ip6': 'fd00:0:0:1:5::4'}");
	model_refused(&b, "InvalidIPAddress.InUse", "ip",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'ip': '10.0.1.4'}");
	model_refused(&b, "InvalidIPAddress.InUse", "ip6",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'ip6': 'fd00:0:0:1:5:0:0:4'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six'}");
	cr_assert_str_eq(model_shown(&b, b.id, "ip"), "10.0.1.5");
	cr_assert_str_eq(model_shown(&b, b.id, "ip6"), "fd00:0:0:1::4");
}

Test(model_enis, secondary_addresses)
{
	char e[OBJECT_ID_MAX];

	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 'six', 'secondary_ips':"
			       " ['10.0.1.4', 'fd00:0:0:1::4', '10.0.1.9']}"));
	cr_assert_str_eq(model_shown(&b, e, "ip"), "10.0.1.5", "not one of its own secondary ones");
	cr_assert_str_eq(model_shown(&b, e, "ip6"), "fd00:0:0:1::5");
	cr_assert_str_eq(model_shown(&b, e, "secondary_ips"), "[\"10.0.1.4\",\"fd00:0:0:1::4\",\"10.0.1.9\"]");
	cr_assert_str_eq(model_shown(&b, eni_named("e")->o.id, "ip"), "10.0.1.5");
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(model_eni_by_ip(b.m, eni_named("e")->vpc, &eni_named("e")->secondary[i]), eni_named("e"));
	model_refused(&b, "InvalidParameterValue", "secondary_ips[0]",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'ip': '10.0.1.8', 'secondary_ips': "
		      "['10.0.1.8']}");
	model_refused(
		&b, "InvalidParameterValue", "secondary_ips[1]",
		"{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'secondary_ips': ['10.0.1.8', '10.0.1.8']}");
	model_refused(
		&b, "InvalidIPAddress.InUse", "secondary_ips[1]",
		"{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'secondary_ips': ['10.0.1.8', '10.0.1.9']}");
	model_refused(&b, "InvalidParameterValue", "secondary_ips[0]",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'secondary_ips': ['fd00:0:0:1::99']}");
	/* A replaced list may keep what the ENI has. */
	model_ok(&b, "{'op': 'eni.update', 'eni_id': 'e', 'secondary_ips': ['10.0.1.9', '10.0.1.10']}");
	cr_assert_str_eq(model_shown(&b, e, "secondary_ips"), "[\"10.0.1.9\",\"10.0.1.10\"]");
	model_refused(&b, "InvalidParameterValue", "secondary_ips[0]",
		      "{'op': 'eni.update', 'eni_id': 'e', 'secondary_ips': ['10.0.1.5']}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six'}");
	cr_assert_str_eq(model_shown(&b, b.id, "ip"), "10.0.1.4", "the lowest that is free");
	cr_assert_str_eq(model_shown(&b, eni_named("e")->o.id, "source_dest_check"), "true");
	model_ok(&b,
		 "{'op': 'eni.update', 'eni_id': 'e', 'secondary_ips': [], 'source_dest_check': false, 'name': 'z'}");
	cr_assert_str_eq(model_shown(&b, e, "secondary_ips"), "[]");
	cr_assert_str_eq(model_shown(&b, e, "source_dest_check"), "false");
	model_ok(&b, "{'op': 'eni.update', 'eni_id': 'z', 'delete_on_termination': true}");
	cr_assert_str_eq(model_shown(&b, e, "delete_on_termination"), "true");
	cr_assert_str_eq(model_shown(&b, e, "source_dest_check"), "false");
}

Test(model_enis, subnet_runs_full)
{
	char subnet[OBJECT_ID_MAX];

	memcpy(subnet, model_by_number(b.m, OBJECT_SUBNET, 1)->id, sizeof(subnet));
	for (unsigned i = 0; i < 11; i++) {
		char ip[16];

		snprintf(ip, sizeof(ip), "10.0.0.%u", 4 + i);
		model_ok(&b, "{'op': 'eni.create', 'name': 'e%u', 'subnet_id': 's'}", i);
		cr_assert_str_eq(model_shown(&b, b.id, "ip"), ip);
	}
	cr_assert_str_eq(model_shown(&b, subnet, "available_ips"), "0");
	model_refused(&b, "InsufficientFreeAddressesInSubnet", "",
		      "{'op': 'eni.create', 'name': 'x', 'subnet_id': 's'}");
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'e5'}");
	cr_assert_str_eq(model_shown(&b, subnet, "available_ips"), "1");
	/* Refused after the address was chosen: it is free again. */
	model_refused(&b, "InvalidVpcID.NotFound", "vpc_id",
		      "[{'op': 'eni.create', 'name': 'x', 'subnet_id': 's'}, {'op': 'vpc.delete', 'vpc_id': 'x'}]");
	model_ok(&b, "{'op': 'eni.create', 'name': 'x', 'subnet_id': 's'}");
	cr_assert_str_eq(model_shown(&b, b.id, "ip"), "10.0.0.9");
}

Test(model_enis, macs)
{
	static const char *const wrong[] = {
		"01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "0a:56:00:00:00:01", "nope",
		"02:00:00:00:00"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		model_refused(&b, "InvalidParameterValue", "mac",
			      "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'mac': '%s'}", wrong[i]);
	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'mac': '52:54:00:AB:cd:ef'}");
	cr_assert_str_eq(model_shown(&b, b.id, "mac"), "52:54:00:ab:cd:ef");
	model_refused(&b, "InvalidParameterValue", "mac",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'mac': '52:54:00:ab:cd:ef'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 't', 'mac': '52:54:00:ab:cd:ef'}");
}

/* "An address keeps its neighbours": who is given an address has the MAC that its neighbours remember. */
Test(model_enis, mac_follows_from_vpc_and_address)
{
	char e[OBJECT_ID_MAX], mac[MAC_STRLEN], other[MAC_STRLEN];

	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}"));
	strcpy(mac, model_shown(&b, e, "mac"));
	strcpy(other, model_shown(&b, model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's'}"), "mac"));
	cr_assert_str_neq(mac, other);
	model_ok(&b, "{'op': 'eni.create', 'name': 'g', 'subnet_id': 't', 'ip': '10.0.0.4'}");
	cr_assert_str_neq(model_shown(&b, b.id, "mac"), mac, "the same address in another VPC");
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'e'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'h', 'subnet_id': 's', 'ip': '10.0.0.4'}");
	cr_assert_str_eq(model_shown(&b, b.id, "mac"), mac);
	/* not where somebody has it by choice */
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'h'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'i', 'subnet_id': 'six', 'mac': '%s'}", mac);
	model_ok(&b, "{'op': 'eni.create', 'name': 'h', 'subnet_id': 's', 'ip': '10.0.0.4'}");
	cr_assert_str_neq(model_shown(&b, b.id, "mac"), mac);
	strcpy(other, model_shown(&b, b.id, "mac"));
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'h'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'h', 'subnet_id': 's', 'ip': '10.0.0.4'}");
	cr_assert_str_eq(model_shown(&b, b.id, "mac"), other, "the same one each time");
}

/* Groups, 2. */
Test(model_enis, groups)
{
	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'security_groups': ['db', 'WEB']}");
	cr_assert_eq(eni_named("e")->n_groups, 2);
	cr_assert_lt(eni_named("e")->groups[0], eni_named("e")->groups[1]);
	model_refused(&b, "InvalidGroup.NotFound", "security_groups[1]",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'security_groups': ['web', 'far']}");
	model_refused(
		&b, "InvalidGroup.NotFound", "security_groups[0]",
		"{'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'security_groups': ['sg-00000000000000000']}");
	model_refused(&b, "InvalidParameterValue", "security_groups[1]",
		      "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'security_groups': ['web', 'Web']}");
	model_refused(&b, "InvalidParameterCombination", "security_groups",
		      "{'op': 'eni.set', 'eni_id': 'e', 'security_groups': []}");
	model_refused(&b, "MissingParameter", "security_groups", "{'op': 'eni.set', 'eni_id': 'e'}");
	model_ok(&b, "{'op': 'eni.set', 'eni_id': 'e', 'security_groups': ['default']}");
	cr_assert_eq(eni_named("e")->n_groups, 1);
	model_ok(&b, "{'op': 'sg.attach', 'security_group_id': 'web', 'enis': ['e', 'e']}");
	cr_assert_eq(eni_named("e")->n_groups, 2);
	cr_assert_eq(eni_named("e")->o.revision, b.revision);
	model_ok(&b, "{'op': 'sg.attach', 'security_group_id': 'web', 'enis': ['e']}");
	cr_assert_eq(eni_named("e")->o.revision, b.revision - 1, "it carried the group already");
	model_refused(&b, "InvalidParameterValue", "enis[0]",
		      "{'op': 'sg.detach', 'security_group_id': 'db', 'enis': ['e']}");
	cr_assert_not_null(strstr(b.error.message, eni_named("e")->o.id));
	model_ok(&b, "{'op': 'sg.detach', 'security_group_id': 'default', 'vpc': 'a', 'enis': ['e']}");
	model_refused(&b, "InvalidParameterCombination", "enis[0]",
		      "{'op': 'sg.detach', 'security_group_id': 'web', 'enis': ['e']}");
	model_refused(&b, "InvalidNetworkInterfaceID.NotFound", "enis[0]",
		      "{'op': 'sg.attach', 'security_group_id': 'far', 'enis': ['%s']}", eni_named("e")->o.id);
	model_refused(&b, "MissingParameter", "enis", "{'op': 'sg.attach', 'security_group_id': 'far', 'enis': []}");
}

Test(model_enis, limits)
{
	struct vpc_limits l = vpc_limits_default;

	model_bench_close(&b);
	l.groups_per_eni = 2;
	l.addresses_per_eni = 3;
	l.addresses = 6;
	l.enis = 3;
	open_with(&l);
	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'security_groups': ['web', 'db']}");
	model_refused(
		&b, "SecurityGroupsPerInterfaceLimitExceeded", "security_groups",
		"{'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'security_groups': ['web', 'db', 'default']}");
	model_refused(&b, "SecurityGroupsPerInterfaceLimitExceeded", "security_groups",
		      "{'op': 'eni.set', 'eni_id': 'e', 'security_groups': ['web', 'db', 'default']}");
	model_refused(&b, "SecurityGroupsPerInterfaceLimitExceeded", "enis[0]",
		      "{'op': 'sg.attach', 'security_group_id': 'default', 'vpc': 'a', 'enis': ['e']}");
	model_refused(
		&b, "ResourceLimitExceeded", "secondary_ips",
		"{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'secondary_ips': ['10.0.1.9', '10.0.1.10']}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 'six', 'secondary_ips': ['10.0.1.9']}");
	model_refused(&b, "ResourceLimitExceeded", "",
		      "{'op': 'eni.create', 'name': 'g', 'subnet_id': 'six', 'secondary_ips': ['10.0.1.10']}");
	cr_assert_not_null(strstr(b.error.message, "make 7"));
	model_ok(&b, "{'op': 'eni.create', 'name': 'g', 'subnet_id': 'six'}");
	model_refused(&b, "ResourceLimitExceeded", "", "{'op': 'eni.create', 'name': 'h', 'subnet_id': 's'}");
}

Test(model_enis, numbers_rest_before_they_are_used_again)
{
	struct vpc_limits l = vpc_limits_default;
	uint32_t incarnation;

	model_bench_close(&b);
	l.enis = 4;
	open_with(&l);
	model_ok(&b, "{'op': 'eni.create', 'name': 'a', 'subnet_id': 's'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'b', 'subnet_id': 's'}");
	cr_assert_eq(eni_named("a")->o.number, VPC_ENI_FIRST);
	incarnation = eni_named("a")->incarnation;
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'a'}");
	for (uint32_t i = 2; i < 5; i++) {
		model_ok(&b, "{'op': 'eni.create', 'name': 'c%u', 'subnet_id': 's'}", i);
		cr_assert_eq(model_object_of(&b, b.id)->number, VPC_ENI_FIRST + i % 4);
	}
	cr_assert_neq(eni_of(model_object_of(&b, b.id))->incarnation, incarnation);
	cr_assert_null(model_by_number(b.m, OBJECT_ENI, 0));
}

Test(model_enis, attachment)
{
	static const char *const bad[] = {"",	 "a/b",	 "a b", "sixteencharacter", ".",      "..",
					  "a:b", "a%%d", "all", "default",	    "\\u00e4"};
	char e[OBJECT_ID_MAX];

	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		model_refused(&b, "InvalidParameterValue", "attachment.ifname",
			      "{'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'netns', 'ifname': '%s'}}",
			      bad[i]);
	model_refused(&b, "MissingParameter", "attachment.kind",
		      "{'op': 'eni.attach', 'eni_id': 'e', 'attachment': {}}");
	model_refused(&b, "IncorrectState", "eni_id", "{'op': 'eni.detach', 'eni_id': 'e'}");
	model_ok(&b, "{'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'netns', 'netns': 'web1',"
		     " 'path': '/run/netns/web1', 'ns_dev': -2, 'ns_ino': 4026532000, 'pid': 12, 'pid_start': 99,"
		     " 'boot_id': '0f3bb8d1-7b2f-4f3c-9d27-0a3c6c6b9a01'}}");
	cr_assert_str_eq(
		model_shown(&b, e, "attachment"),
		"{\"kind\":\"netns\",\"ifname\":\"eth0\",\"host_ifname\":\"p1024\",\"netns\":\"/run/netns/web1\","
		"\"owner\":null,\"pid\":12,\"netns_inode\":4026532000}");
	cr_assert_eq(eni_named("e")->attachment.ns_dev, UINT64_MAX - 1);
	cr_assert_str_eq(eni_named("e")->attachment.boot_id, "0f3bb8d1-7b2f-4f3c-9d27-0a3c6c6b9a01");
	model_refused(&b, "IncorrectState", "eni_id",
		      "{'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'netns', 'path': '/x'}}");
	model_refused(&b, "IncorrectState", "eni_id", "{'op': 'eni.delete', 'eni_id': 'e'}");
	model_ok(&b, "{'op': 'eni.detach', 'eni_id': 'e', 'reason': 'the namespace is gone'}");
	cr_assert_str_eq(model_shown(&b, e, "attachment"), "null");
	cr_assert_str_eq(model_shown(&b, e, "detach_reason"), "the namespace is gone");
	model_ok(&b, "{'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'tap', 'owner': 'alice', 'ifname': "
		     "'vm0'}}");
	cr_assert_str_eq(model_shown(&b, e, "detach_reason"), "null");
	cr_assert_str_eq(model_shown(&b, e, "attachment"),
			 "{\"kind\":\"tap\",\"ifname\":\"vm0\",\"host_ifname\":\"p1024\",\"netns\":null,"
			 "\"owner\":\"alice\",\"queues\":1,\"owner_uid\":0,\"pid\":null,\"netns_inode\":null}");
	model_ok(&b, "[{'op': 'eni.detach', 'eni_id': 'e'}, {'op': 'eni.delete', 'eni_id': 'e'}]");
	cr_assert_eq(model_count(b.m, OBJECT_ENI), 0);
}

/* Groups, 6: who carries a group, now. */
Test(model_enis, members_of_a_group)
{
	const struct posting *p;
	uint32_t web;

	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'security_groups': ['web']}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'f', 'subnet_id': 's'}");
	web = eni_named("e")->groups[0];
	cr_assert_eq(posting_count(index_referrers(&b.m->ix, OBJECT_SG, web, OBJECT_ENI)), 1);
	model_ok(&b, "{'op': 'sg.attach', 'security_group_id': 'web', 'enis': ['f']}");
	p = index_referrers(&b.m->ix, OBJECT_SG, web, OBJECT_ENI);
	cr_assert_eq(posting_count(p), 2);
	cr_assert(p->first->owner == &eni_named("e")->o && p->last->owner == &eni_named("f")->o, "current versions");
	cr_assert(model_refers(b.m, p->first->owner, OBJECT_SG, web));
	model_ok(&b, "{'op': 'sg.detach', 'security_group_id': 'web', 'enis': ['f']}");
	cr_assert_not(model_refers(b.m, &eni_named("f")->o, OBJECT_SG, web));
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'e'}");
	cr_assert_eq(posting_count(index_referrers(&b.m->ix, OBJECT_SG, web, OBJECT_ENI)), 0);
}

/* Names and tags by which one thing could show as another. */
Test(model_enis, bidirectional_and_invisible_characters)
{
	static const char *const bad[] = {"web\u202e1", "\u200bweb", "we\u2066b", "web\u00ad", "web\ufeff",
					  "w\u3164b",	"web\ufe0f", "\u200eweb", "web\u2028x"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		model_refused(&b, "InvalidParameterValue", "name",
			      "{'op': 'eni.create', 'name': '%s', 'subnet_id': 's'}", bad[i]);
		model_refused(&b, "InvalidParameterValue", "name",
			      "{'op': 'vpc.create', 'name': '%s', 'cidr': '10.9.0.0/16'}", bad[i]);
		model_refused(&b, "InvalidParameterValue", "tags",
			      "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'tags': {'k': '%s'}}", bad[i]);
		model_refused(&b, "InvalidParameterValue", "tags",
			      "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'tags': {'%s': 'v'}}", bad[i]);
	}
	/* what turns direction is refused in a description too; letters of any script are names */
	model_refused(&b, "InvalidParameterValue", "description",
		      "{'op': 'sg.create', 'name': 'g', 'vpc_id': 'a', 'description': '\u202egnp.exe'}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'שלום мир 世界 é', 'subnet_id': 's'}");
}

Test(model_enis, addresses_assigned_and_unassigned)
{
	char e[OBJECT_ID_MAX], f[OBJECT_ID_MAX];

	model_ok(&b, "{'op': 'vpc.create', 'name': 'ips', 'cidr': '10.9.0.0/16'}");
	model_ok(&b, "{'op': 'subnet.create', 'name': 'ips', 'vpc_id': 'ips', 'cidr': '10.9.0.0/24'}");
	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'p', 'subnet_id': 'ips', 'ip': '10.9.0.10'}"));
	strcpy(f, model_ok(&b, "{'op': 'eni.create', 'name': 'q', 'subnet_id': 'ips', 'ip': '10.9.0.11'}"));
	model_ok(&b, "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.20', '10.9.0.21']}", e);
	model_ok(&b, "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.22']}", e);
	cr_assert_str_eq(model_shown(&b, e, "secondary_ips"), "[\"10.9.0.20\",\"10.9.0.21\",\"10.9.0.22\"]");
	model_refused(&b, "InvalidIPAddress.InUse", "secondary_ips[0]",
		      "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.20']}", f);
	model_refused(&b, "InvalidParameterValue", "secondary_ips[1]",
		      "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.30', '10.9.0.22']}", e);
	model_refused(&b, "InvalidParameterValue", "secondary_ips[0]",
		      "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.8.0.30']}", e);
	model_refused(&b, "MissingParameter", "secondary_ips",
		      "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': []}", e);
	model_refused(&b, "InvalidParameterValue", "secondary_ips[0]",
		      "{'op': 'eni.unassign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.10']}", e);
	/* An address moves. */
	model_ok(&b,
		 "[{'op': 'eni.unassign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.21']},"
		 " {'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.21']}]",
		 e, f);
	cr_assert_str_eq(model_shown(&b, e, "secondary_ips"), "[\"10.9.0.20\",\"10.9.0.22\"]");
	cr_assert_str_eq(model_shown(&b, f, "secondary_ips"), "[\"10.9.0.21\"]");
}

/* With the IPv4 address that it is born with, 63 more. */
Test(model_enis, sixty_four_addresses)
{
	char e[OBJECT_ID_MAX];

	model_ok(&b, "{'op': 'vpc.create', 'name': 'ips', 'cidr': '10.9.0.0/16'}");
	model_ok(&b, "{'op': 'subnet.create', 'name': 'ips', 'vpc_id': 'ips', 'cidr': '10.9.0.0/24'}");
	strcpy(e, model_ok(&b, "{'op': 'eni.create', 'name': 'p', 'subnet_id': 'ips', 'ip': '10.9.0.10'}"));
	for (unsigned i = 0; i < 63; i++)
		model_ok(&b, "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.%u']}", e, 100 + i);
	model_refused(&b, "ResourceLimitExceeded", "secondary_ips",
		      "{'op': 'eni.assign-ip', 'eni_id': '%s', 'secondary_ips': ['10.9.0.200']}", e);
}
