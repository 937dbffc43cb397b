/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts as vpcctl reads them, YAML or JSON. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/text.h"

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
