/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts as vpcctl reads them, YAML or JSON, and how many objects a document has that must be made. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/check.h"
#include "cli/declare/plan.h"

/* What a text says, without its lines. Owned. */
static json_t *parsed(const char *text)
{
	struct text_error error = {0};
	_cleanup_json_ json_t *raw = NULL;

	cr_assert_eq(text_parse(text, strlen(text), &raw, &error), 0, "%s: %s", text, error.message);
	return text_strip(raw);
}

static void expect_parsed(const char *text, const char *wanted)
{
	_cleanup_json_ json_t *json = parsed(text);
	_cleanup_free_ char *shown = json_dumps(json, JSON_COMPACT);

	cr_expect_str_eq(shown, wanted, "%s", text);
}

Test(declare_text, a_list_of_changes_as_yaml_and_as_json)
{
	static const char wanted[] =
		"[{\"op\":\"sg.delete\",\"security_group_id\":\"web\",\"rules\":[{\"from_port\":443,"
		"\"protocol\":\"-1\",\"none\":null}]}]";

	expect_parsed(wanted, wanted);
	expect_parsed("- op: sg.delete\n  security_group_id: web\n  rules:\n"
		      "  - {from_port: 443, protocol: '-1', none: }\n",
		      wanted);
	/* what only a reader of JSON takes */
	expect_parsed("[\"\\ud83d\\ude00\",\t1]", "[\"\xf0\x9f\x98\x80\",1]");
	expect_parsed("{\t\"changes\":\t[\"\\ud83d\\ude00\"]}", "{\"changes\":[\"\xf0\x9f\x98\x80\"]}");
}

static void expect_refused(const char *text, unsigned line, const char *says)
{
	struct text_error error = {0};
	json_t *raw = NULL;

	cr_expect_eq(text_parse(text, strlen(text), &raw, &error), -EINVAL, "%s", text);
	cr_expect_str_eq(error.code, "MalformedRequest");
	cr_expect_not_null(strstr(error.message, says), "%s: %s lacks %s", text, error.message, says);
	cr_expect_eq(error.line, line, "%s: line %u", text, error.line);
	cr_expect_null(raw);
}

Test(declare_text, what_is_neither_is_refused)
{
	expect_refused("web", 1, "a mapping or a list");
	expect_refused("", 0, "empty");
	expect_refused(" \n", 0, "empty");
	expect_refused("[1", 2, "not YAML");
	expect_refused("[\"\\ud83d\\ude00\", 1}", 1, "not YAML");
	expect_refused("a: b\n---\nc: d\n", 2, "more than one");
	expect_refused("- a\n---\n- b\n", 2, "more than one");
	expect_refused("a: &x 1\nb: *x\n", 2, "aliases");
}

static size_t creates(const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->nodes[i]->action == ACTION_CREATE;
	return n;
}

/* least: what is told before the plan is made; and it isn't more than what the plan then has. */
static void expect_least(const struct snapshot *s, const char *text, size_t least, size_t made)
{
	struct text_error error = {0};
	_cleanup_json_ json_t *raw = NULL, *document = NULL;
	struct plan p;

	cr_assert_eq(text_parse(text, strlen(text), &raw, &error), 0, "%s", error.message);
	cr_assert_eq(check_document(raw, &document, &error), 0, "%s", error.message);
	cr_expect_eq(plan_least(s, document), least, "%s: %zu", text, plan_least(s, document));
	cr_assert_eq(plan_make(s, document, false, &p, &error), 0, "%s", error.message);
	cr_expect_eq(creates(&p), made);
	plan_clear(&p);
}

Test(declare_text, what_must_be_made_is_counted_before_the_plan)
{
	_cleanup_json_ json_t *old = json_pack("{s:s,s:s}", "name", "old", "cidr", "10.0.0.0/16");
	struct entry entry = {.kind = OBJECT_VPC, .id = "vpc-1", .name = "old", .vpc = "", .document = old};
	struct snapshot none = {0}, one = {.entries = &entry, .n = 1};

	/* every VPC is born with a group, a table and an ACL */
	expect_least(&none,
		     "vpcs: [{name: a, cidr: 10.1.0.0/16}]\n"
		     "security_groups: [{name: default, vpc: a}, {name: x, vpc: a}, {name: y, vpc: a}]\n"
		     "subnets: [{name: s, vpc: a, cidr: 10.1.1.0/24}]\n",
		     4, 4);
	expect_least(&one, "vpcs: [{name: old}, {name: a, cidr: 10.1.0.0/16}]\n", 1, 1);
	/* what is there may be something else than what is named */
	expect_least(&one, "vpcs: [{name: a, cidr: 10.1.0.0/16}]\n", 0, 1);
	expect_least(&one, "vpcs: []\n", 0, 0);
}
