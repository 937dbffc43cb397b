/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of requests as texts: malformed ones, deep ones, transactions. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "api/v1/decode.h"

Test(api_bodies, malformed_bodies)
{
	static const struct {
		const char *text;
		size_t size;
	} cases[] = {
#define CASE(text) {text, sizeof(text) - 1}
		CASE(""),
		CASE(" "),
		CASE("{"),
		CASE("[]"),
		CASE("1"),
		CASE("\"a\""),
		CASE("null"),
		CASE("{} {}"),
		CASE("{}x"),
		CASE("{\"a\": 1, \"a\": 2}"),
		CASE("{\"a\": \"\\u0000\"}"),
		CASE("{\"a\": \"\0\"}"),
		CASE("{\"a\": \"\xff\"}"),
		CASE("{\"\xc3\": 1}"),
		CASE("{\"a\": 99999999999999999999}"),
		CASE("{'a': 1}"),
		CASE("{\"a\": 1,}"),
		CASE("{\"a\": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}"),
#undef CASE
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vpc_error e = VPC_ERROR_INIT;
		json_t *o = NULL;

		cr_expect_lt(decode_body(cases[i].text, cases[i].size, &o, &e), 0, "%s", cases[i].text);
		cr_expect_eq(e.code, VPC_E_MALFORMED_REQUEST, "%s", cases[i].text);
		cr_expect_null(o);
	}
}

Test(api_bodies, a_very_deep_body_is_refused_before_it_is_parsed)
{
	size_t size = 4 << 20;
	char *text = malloc(size);
	struct vpc_error e = VPC_ERROR_INIT;
	json_t *o = NULL;

	memset(text, '[', size);
	cr_assert_lt(decode_body(text, size, &o, &e), 0);
	cr_expect_eq(e.code, VPC_E_MALFORMED_REQUEST);
	free(text);
}

static int decode_transaction_text(const char *text, struct change **changes, size_t *n, bool *dry_run,
				   struct vpc_error *e)
{
	json_t *o = NULL;
	int r = decode_body(text, strlen(text), &o, e);

	if (r == 0)
		r = decode_transaction(o, 3, changes, n, dry_run, e);
	json_decref(o);
	return r;
}

Test(api_bodies, transactions)
{
	struct vpc_error e = VPC_ERROR_INIT;
	struct change *changes = NULL;
	size_t n = 0;
	bool dry_run = false;
	int r = decode_transaction_text(
		"{\"changes\": [{\"op\": \"vpc.create\", \"name\": \"a\", \"cidr\": \"10.0.0.0/8\"},"
		"{\"op\": \"subnet.delete\", \"subnet_id\": \"s\", \"vpc\": \"$0.id\", \"if_match\": 2}],"
		"\"dry_run\": true}",
		&changes, &n, &dry_run, &e);

	cr_assert_eq(r, 0, "%s", e.message);
	cr_expect(dry_run);
	cr_assert_eq(n, 2);
	cr_expect_eq(changes[0].op, CHANGE_VPC_CREATE);
	cr_expect_eq(changes[1].op, CHANGE_SUBNET_DELETE);
	cr_expect_str_eq(changes[1].scope, "$0.id");
	cr_expect_eq(changes[1].if_match, 2);
	change_list_free(changes, n);
}

Test(api_bodies, transactions_refused)
{
#define GOOD "{\"op\": \"vpc.delete\", \"vpc_id\": \"v\"}"
	static const struct {
		const char *text;
		enum vpc_code code;
		const char *field;
		int change;
	} cases[] = {
		{"{}", VPC_E_MISSING_PARAMETER, "changes", -1},
		{"{\"changes\": []}", VPC_E_INVALID_PARAMETER_VALUE, "changes", -1},
		{"{\"changes\": {}}", VPC_E_INVALID_PARAMETER_VALUE, "changes", -1},
		{"{\"changes\": [" GOOD "], \"x\": 1}", VPC_E_UNKNOWN_PARAMETER, "x", -1},
		{"{\"changes\": [" GOOD "], \"dry_run\": 1}", VPC_E_INVALID_PARAMETER_VALUE, "dry_run", -1},
		{"{\"changes\": [" GOOD "," GOOD "," GOOD "," GOOD "]}", VPC_E_RESOURCE_LIMIT_EXCEEDED, "changes", -1},
		{"{\"changes\": [" GOOD ", 1]}", VPC_E_INVALID_PARAMETER_VALUE, "changes", 1},
		{"{\"changes\": [" GOOD ", {}]}", VPC_E_MISSING_PARAMETER, "op", 1},
		{"{\"changes\": [" GOOD ", {\"op\": \"vpc.destroy\"}]}", VPC_E_INVALID_PARAMETER_VALUE, "op", 1},
		{"{\"changes\": [" GOOD ", {\"op\": 1}]}", VPC_E_INVALID_PARAMETER_VALUE, "op", 1},
		{"{\"changes\": [" GOOD ", {\"op\": \"vpc.delete\"}]}", VPC_E_MISSING_PARAMETER, "vpc_id", 1},
		{"{\"changes\": [{\"op\": \"vpc.delete\", \"vpc_id\": \"v\", \"dry_run\": true}]}",
		 VPC_E_UNKNOWN_PARAMETER, "dry_run", 0},
		{"{\"changes\": [{\"op\": \"vpc.delete\", \"vpc_id\": \"v\", \"if_match\": 0}]}",
		 VPC_E_INVALID_PARAMETER_VALUE, "if_match", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vpc_error e = VPC_ERROR_INIT;
		struct change *changes;
		size_t n;
		bool dry_run;

		cr_assert_lt(decode_transaction_text(cases[i].text, &changes, &n, &dry_run, &e), 0, "%s",
			     cases[i].text);
		cr_expect_eq(e.code, cases[i].code, "%s: %s", cases[i].text, vpc_code_string(e.code));
		cr_expect_str_eq(e.field, cases[i].field, "%s: %s", cases[i].text, e.field);
		cr_expect_eq(e.change, cases[i].change, "%s: %d", cases[i].text, e.change);
	}
}
