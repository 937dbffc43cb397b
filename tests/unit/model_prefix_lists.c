/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefix lists: entries, versions, limits, and who names them. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>

#include "model/internal.h"
#include "tests/unit/model_util.h"

static struct model_bench b;
static char list[OBJECT_ID_MAX];

#define CHANGE_OF(verb, rest) "{'op': 'prefix-list." verb "', 'prefix_list_id': 'l', " rest "}"
#define ADD(...)	      CHANGE_OF("add", "'entries': [" __VA_ARGS__ "]")
#define REMOVE(...)	      CHANGE_OF("remove", "'entries': [" __VA_ARGS__ "]")
#define RESTORE(version)      CHANGE_OF("restore", "'version': " version)

static void open_bench(void)
{
	model_bench_open(&b, NULL);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'sg.create', 'name': 'g', 'vpc_id': 'v'}]");
	strcpy(list, model_ok(&b, "{'op': 'prefix-list.create', 'name': 'l', 'max_entries': 3}"));
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(model_prefix_lists, .init = open_bench, .fini = close_bench);

/* "10.1.0.0/16 10.2.0.0/16": the entries of a version. */
static void expect_entries(uint32_t version, const char *expected)
{
	json_t *json = model_prefix_entries_json(b.m, prefix_list_of(model_object_of(&b, list)), version), *entry;
	char text[256] = "";
	size_t i;

	json_array_foreach (json_object_get(json, "entries"), i, entry) {
		strcat(text, i ? " " : "");
		strcat(text, json_string_value(json_object_get(entry, "cidr")));
	}
	cr_expect_str_eq(text, expected, "version %u", version);
	json_decref(json);
}

static void expect_list(uint32_t version, uint32_t oldest, uint32_t n)
{
	const struct prefix_list *l = prefix_list_of(model_object_of(&b, list));

	cr_expect_eq(l->version, version, "version %u", l->version);
	cr_expect_eq(l->oldest, oldest, "oldest %u", l->oldest);
	cr_expect_eq(l->n_entries, n, "%u entries", l->n_entries);
}

Test(model_prefix_lists, each_change_of_the_entries_makes_a_version)
{
	expect_list(1, 1, 0);
	model_ok(&b, ADD("{'cidr': '10.1.0.0/16', 'description': 'one'}, {'cidr': '10.2.0.0/16'}"));
	model_ok(&b, REMOVE("{'cidr': '10.1.0.0/16'}"));
	model_ok(&b, "{'op': 'prefix-list.update', 'prefix_list_id': 'l', 'max_entries': 4}");
	expect_list(3, 1, 1);
	expect_entries(1, "");
	expect_entries(2, "10.1.0.0/16 10.2.0.0/16");
	expect_entries(3, "10.2.0.0/16");
}

Test(model_prefix_lists, restoring_makes_a_version_with_those_entries)
{
	model_ok(&b, ADD("{'cidr': '10.1.0.0/16', 'description': 'one'}, {'cidr': '10.2.0.0/16'}"));
	model_ok(&b, REMOVE("{'cidr': '10.1.0.0/16'}"));
	model_ok(&b, ADD("{'cidr': '10.1.0.0/16', 'description': 'other'}, {'cidr': '10.3.0.0/16'}"));
	model_ok(&b, RESTORE("2"));
	expect_list(5, 1, 2);
	expect_entries(5, "10.2.0.0/16 10.1.0.0/16");
	expect_entries(4, "10.2.0.0/16 10.1.0.0/16 10.3.0.0/16");
	model_ok(&b, RESTORE("1"));
	expect_list(6, 1, 0);
	model_refused(&b, "InvalidPrefixListVersion.NotFound", "version", RESTORE("7"));
	model_refused(&b, "InvalidPrefixListVersion.NotFound", "version", RESTORE("0"));
	model_refused(&b, "PrefixListMaxEntriesExceeded", "entries",
		      "[{'op': 'prefix-list.update', 'prefix_list_id': 'l', 'max_entries': 2}, " RESTORE("4") "]");
}

Test(model_prefix_lists, old_versions_go)
{
	uint32_t kept = vpc_limits_default.prefix_list_versions;

	for (unsigned i = 0; i < kept; i++)
		model_ok(&b, i % 2 ? REMOVE("{'cidr': '10.1.0.0/16'}") : ADD("{'cidr': '10.1.0.0/16'}"));
	expect_list(kept + 1, 2, 0);
	cr_expect_eq(model_count(b.m, OBJECT_PREFIX_ENTRY), kept / 2, "the entry of version 2 is still there");
	model_ok(&b, ADD("{'cidr': '10.1.0.0/16'}"));
	expect_list(kept + 2, 3, 1);
	cr_expect_eq(model_count(b.m, OBJECT_PREFIX_ENTRY), kept / 2, "one came, and that of version 2 went");
	model_refused(&b, "InvalidPrefixListVersion.NotFound", "version", RESTORE("2"));
	model_ok(&b, "{'op': 'prefix-list.delete', 'prefix_list_id': 'l'}");
	cr_expect_eq(model_count(b.m, OBJECT_PREFIX_ENTRY), 0);
}

Test(model_prefix_lists, what_is_refused)
{
	model_ok(&b, ADD("{'cidr': '10.1.0.0/16'}"));
	model_refused(&b, "InvalidPrefixListModification", "entries[1]",
		      ADD("{'cidr': '10.2.0.0/16'}, {'cidr': '10.1.0.0/16'}"));
	model_refused(&b, "InvalidPrefixListModification", "entries[1]",
		      ADD("{'cidr': '10.2.0.0/16'}, {'cidr': '10.2.0.0/16'}"));
	model_refused(&b, "InvalidPrefixListModification", "entries[0]", REMOVE("{'cidr': '10.2.0.0/16'}"));
	model_refused(&b, "InvalidCidr.HostBits", "entries[0].cidr", ADD("{'cidr': '10.2.0.1/16'}"));
	model_refused(&b, "InvalidParameterValue", "entries[0].cidr", ADD("{'cidr': 'fd00::/56'}"));
	model_refused(&b, "MissingParameter", "entries", ADD(""));
	model_refused(&b, "PrefixListMaxEntriesExceeded", "entries",
		      ADD("{'cidr': '10.2.0.0/16'}, {'cidr': '10.3.0.0/16'}, {'cidr': '10.4.0.0/16'}"));
	model_refused(&b, "InvalidParameterValue", "max_entries",
		      "{'op': 'prefix-list.create', 'name': 'm', 'max_entries': 0}");
	model_refused(&b, "ResourceLimitExceeded", "max_entries",
		      "{'op': 'prefix-list.create', 'name': 'm', 'max_entries': 100001}");
	model_refused(&b, "InvalidParameterValue", "family",
		      "{'op': 'prefix-list.create', 'name': 'm', 'max_entries': 1, 'family': 5}");
	model_ok(&b, ADD("{'cidr': '10.2.0.0/16'}"));
	model_refused(&b, "PrefixListMaxEntriesExceeded", "max_entries",
		      "{'op': 'prefix-list.update', 'prefix_list_id': 'l', 'max_entries': 1}");
	expect_list(3, 1, 2);
}

Test(model_prefix_lists, rules_name_them)
{
#define RULE(verb, protocol)                                                                                        \
	"{'op': 'sg." verb "', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': '" protocol \
	"', 'prefix_list_id': 'l'}]}"
	model_ok(&b, RULE("authorize", "all"));
	cr_assert_str_eq(model_shown(&b, b.rule, "prefix_list_id"), list);
	model_refused(&b, "InvalidPermission.Duplicate", "rules[0]", RULE("authorize", "all"));
	model_refused(&b, "InvalidParameterCombination", "rules[0].prefix_list_id", RULE("authorize", "icmpv6"));
	model_ok(&b, RULE("authorize", "icmp"));
	model_refused(&b, "DependencyViolation", "", "{'op': 'prefix-list.delete', 'prefix_list_id': 'l'}");
	cr_expect_eq(b.error.n_holders, 2);
	model_ok(&b, "[" RULE("revoke", "all") ", " RULE("revoke", "icmp") "]");
	model_ok(&b, "{'op': 'prefix-list.delete', 'prefix_list_id': 'l'}");
}
