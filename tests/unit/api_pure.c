/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's small pure parts: paths, digests, problems, the OpenAPI document. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "api/v1/decode.h"
#include "api/http/digest.h"
#include "api/v1/openapi.h"
#include "api/http/problem.h"
#include "api/v1/route.h"
#include "api/v1/schema.h"
#include "api/http/url.h"
#include "api_fake_engine.h"

Test(api_url, decode)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
		{"", ""},	{"web", "web"},	      {"a%20b", "a b"}, {"a%2Fb%2fc", "a/b/c"}, {"%C3%A9", "\xc3\xa9"},
		{"a+b", "a+b"}, {"%", NULL},	      {"%4", NULL},	{"%zz", NULL},		{"a%00b", NULL},
		{"%ff", NULL},	{"%25%32%30", "%20"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *out = NULL;
		int r = url_decode(cases[i].in, strlen(cases[i].in), &out);

		cr_expect_eq(r, cases[i].out ? 0 : -EINVAL, "%s", cases[i].in);
		if (r == 0)
			cr_expect_str_eq(out, cases[i].out);
		free(out);
	}
}

Test(api_url, match)
{
	static const struct {
		const char *path, *id; /* id NULL: doesn't fit "/v1/enis/{id}/attachment" */
	} cases[] = {
		{"/v1/enis/a/attachment", "a"},
		{"/v1/enis/a%2Fb/attachment", "a%2Fb"},
		{"/v1/enis//attachment", NULL},
		{"/v1/enis/a/attachment/", NULL},
		{"/v1/enis/a/attach", NULL},
		{"/v1/enis/a/b/attachment", NULL},
		{"/v1/enis/a/attachmentx", NULL},
		{"/v1/enis", NULL},
		{"", NULL},
		{"v1/enis/a/attachment", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *id = NULL;
		size_t size = 0;
		bool fits = url_match("/v1/enis/{id}/attachment", cases[i].path, &id, &size);

		cr_expect_eq(fits, cases[i].id != NULL, "%s", cases[i].path);
		if (fits && cases[i].id)
			cr_expect(size == strlen(cases[i].id) && memcmp(id, cases[i].id, size) == 0);
	}
}

Test(api_route, methods)
{
	char allow[ALLOW_SIZE];
	const char *id;
	size_t size;

	cr_assert(route_find(&v1_router, "GET", "/v1/vpcs", false, &id, &size, allow));
	cr_assert_not(route_find(&v1_router, "PUT", "/v1/vpcs/x", false, &id, &size, allow));
	cr_expect_str_eq(allow, "GET, PATCH, DELETE");
	cr_assert_not(route_find(&v1_router, "DELETE", "/v1/vpcs/x", true, &id, &size, allow));
	cr_expect_str_eq(allow, "GET");
	cr_assert_not(route_find(&v1_router, "GET", "/v1/nothing", false, &id, &size, allow));
	cr_expect_str_eq(allow, "");
}

Test(api_digest, tells_parts_apart)
{
	struct digest_part a[] = {{"ab", 2}, {"c", 1}}, b[] = {{"a", 1}, {"bc", 2}}, c[] = {{"ab", 2}, {NULL, 0}},
			   d[] = {{"ab", 2}, {"", 0}};
	char *hex[5];

	cr_assert_eq(digest_make(a, 2, &hex[0]), 0);
	cr_assert_eq(digest_make(b, 2, &hex[1]), 0);
	cr_assert_eq(digest_make(c, 2, &hex[2]), 0);
	cr_assert_eq(digest_make(d, 2, &hex[3]), 0);
	cr_assert_eq(digest_make(a, 2, &hex[4]), 0);
	cr_expect_str_eq(hex[0], hex[4]);
	cr_expect_eq(strlen(hex[0]), 64);
	for (int i = 0; i < 4; i++) {
		for (int j = i + 1; j < 4; j++)
			cr_expect_str_neq(hex[i], hex[j]);
	}
	for (int i = 0; i < 5; i++)
		free(hex[i]);
}

Test(api_problem, has_what_the_error_has)
{
	struct vpc_error e = VPC_ERROR_INIT;
	json_t *j;

	vpc_error_set(&e, VPC_E_DEPENDENCY_VIOLATION, "security_group_id", "still used");
	vpc_error_add_holder(&e, "eni-1");
	vpc_error_add_holder(&e, "eni-2");
	e.change = 4;
	j = problem_json(&e, true);
	cr_expect_str_eq(json_string_value(json_object_get(j, "code")), "DependencyViolation");
	cr_expect_eq(json_integer_value(json_object_get(j, "status")), 409);
	cr_expect_eq(json_integer_value(json_object_get(j, "change")), 4);
	cr_expect_str_eq(json_string_value(json_object_get(j, "field")), "security_group_id");
	cr_expect_eq(json_array_size(json_object_get(j, "holders")), 2);
	json_decref(j);
	j = problem_json(&e, false);
	cr_expect_null(json_object_get(j, "change"));
	json_decref(j);
	vpc_error_clear(&e);
}

Test(api_problem, is_json_whatever_was_quoted)
{
	struct vpc_error e = VPC_ERROR_INIT;
	json_t *j;

	vpc_error_set(&e, VPC_E_UNKNOWN_PARAMETER, "f\xff", "no \xc3");
	j = problem_json(&e, false);
	cr_assert(j);
	cr_expect_str_eq(json_string_value(json_object_get(j, "detail")), "no ?");
	cr_expect_str_eq(json_string_value(json_object_get(j, "field")), "f?");
	json_decref(j);
}

/* --- the document against the tables --- */

static void collect_references(const json_t *j, const json_t *schemas_json)
{
	const char *key;
	json_t *v;
	size_t i;

	json_array_foreach ((json_t *)j, i, v)
		collect_references(v, schemas_json);
	json_object_foreach ((json_t *)j, key, v) {
		if (strcmp(key, "$ref") == 0) {
			const char *name = strrchr(json_string_value(v), '/') + 1;

			cr_expect(json_object_get(schemas_json, name), "%s is referred to and not there", name);
		}
		collect_references(v, schemas_json);
	}
}

static const json_t *find(const json_t *j, const char *const *keys)
{
	for (; j && *keys; keys++)
		j = json_object_get(j, *keys);
	return j;
}
#define FIND(j, ...) find(j, (const char *const[]){__VA_ARGS__, NULL})

static bool has_string(const json_t *array, const char *s)
{
	size_t i;
	json_t *v;

	json_array_foreach ((json_t *)array, i, v) {
		if (strcmp(json_string_value(v), s) == 0)
			return true;
	}
	return false;
}

Test(api_openapi, every_route_is_there)
{
	json_t *document = openapi_json();
	size_t n_found = 0;
	const char *key;
	json_t *v;

	cr_assert(document);
	for (size_t i = 0; i < n_operations; i++) {
		char method[8] = "";
		const json_t *operation;

		for (size_t c = 0; operations[i].route.method[c]; c++)
			method[c] = (char)(operations[i].route.method[c] | 0x20);
		operation = FIND(document, "paths", operations[i].route.pattern, method);
		cr_assert(operation, "%s %s", operations[i].route.method, operations[i].route.pattern);
		cr_expect_eq(json_object_get(operation, "requestBody") != NULL, operations[i].body != BODY_NONE);
		cr_expect(FIND(operation, "responses", "default", "content", PROBLEM_CONTENT_TYPE));
	}
	json_object_foreach (json_object_get(document, "paths"), key, v)
		n_found += json_object_size(v);
	cr_expect_eq(n_found, n_operations);
	collect_references(document, FIND(document, "components", "schemas"));
	json_decref(document);
}

Test(api_openapi, every_field_of_a_change_is_there)
{
	json_t *document = openapi_json();

	for (size_t i = 0; i < n_operations; i++) {
		const struct operation *o = &operations[i];
		const struct route *route = &o->route;
		char method[8] = "";
		const json_t *schema;

		if (o->op == CHANGE_OPS || o->body == BODY_ATTACHMENT)
			continue;
		for (size_t c = 0; route->method[c]; c++)
			method[c] = (char)(route->method[c] | 0x20);
		schema = FIND(document, "paths", route->pattern, method, "requestBody", "content", "application/json",
			      "schema");
		cr_assert(schema, "%s %s", route->method, route->pattern);
		for (int f = 0; f < FIELD_COUNT; f++) {
			bool in_path = (enum change_field)f == o->path;
			bool allowed = (change_op_allowed(o->op) & FIELD_BIT(f)) && !in_path;
			bool required = (change_op_required(o->op) & FIELD_BIT(f)) && !in_path;
			const char *name = change_field_name(f);

			cr_expect_eq(FIND(schema, "properties", name) != NULL, allowed, "%s %s: %s", route->method,
				     route->pattern, name);
			cr_expect_eq(has_string(json_object_get(schema, "required"), name), required, "%s %s: %s",
				     route->method, route->pattern, name);
		}
		cr_expect(FIND(schema, "properties", "dry_run"));
		cr_expect(json_is_false(json_object_get(schema, "additionalProperties")));
	}
	json_decref(document);
}

Test(api_openapi, every_op_of_a_transaction_is_there)
{
	json_t *document = openapi_json();
	const json_t *one_of = FIND(document, "paths", "/v1/transactions", "post", "requestBody", "content",
				    "application/json", "schema", "properties", "changes", "items", "oneOf");

	cr_expect_eq(json_array_size(one_of), CHANGE_OPS);
	for (int op = 0; op < CHANGE_OPS; op++) {
		const json_t *schema = FIND(document, "components", "schemas", change_op_name(op));

		cr_assert(schema, "%s", change_op_name(op));
		cr_expect(FIND(schema, "properties", "op"));
		for (int f = 0; f < FIELD_COUNT; f++)
			cr_expect_eq(FIND(schema, "properties", change_field_name(f)) != NULL,
				     (change_op_allowed(op) & FIELD_BIT(f)) != 0);
	}
	for (size_t i = 0; i < schema_n_others; i++)
		cr_expect(FIND(document, "components", "schemas", schema_others[i].name), "%s", schema_others[i].name);
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		cr_expect(FIND(document, "components", "schemas", kind_of((enum object_kind)kind)->schema));
	json_decref(document);
}
