/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The validator that holds replies against the OpenAPI document (schema_util.c) refuses what it should. */
#include <criterion/criterion.h>

#include "api/v1/openapi.h"
#include "schema_util.h"

static const char document_text[] =
	"{'components': {'schemas': {"
	"'Base': {'type': 'object', 'properties': {'id': {'type': 'string'}}, 'required': ['id']},"
	"'More': {'type': 'object', 'properties': {'n': {'type': ['integer', 'null'], 'minimum': 2}},"
	"  'allOf': [{'$ref': '#/components/schemas/Base'}]},"
	"'Open': {'type': 'object'},"
	"'Tags': {'type': 'object', 'additionalProperties': {'type': 'string'}},"
	"'Way': {'type': 'string', 'pattern': '^(cut|drain=[0-9]+)$'},"
	"'List': {'type': 'array', 'minItems': 1, 'items': {'$ref': '#/components/schemas/Base'}},"
	"'Either': {'oneOf': [{'$ref': '#/components/schemas/Base'}, {'type': 'null'}]},"
	"'Three': {'enum': ['a', 'b', 3]}, 'One': {'const': 'vpc.create'},"
	"'Lost': {'$ref': '#/components/schemas/Nowhere'}, 'New': {'maxLength': 3}}}}";

static json_t *from_quotes(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *s = copy; *s; s++)
		if (*s == '\'')
			*s = '"';
	json = json_loads(copy, JSON_DECODE_ANY, NULL);
	cr_assert(json, "%s", copy);
	free(copy);
	return json;
}

static const struct {
	const char *schema, *value;
	const char *why; /* NULL: it fits; else how the reason begins */
} cases[] = {
	{"Base", "{'id': 'x'}", NULL},
	{"Base", "{'id': 1}", "/id: of another type"},
	{"Base", "{}", "/: id is missing"},
	{"Base", "{'id': 'x', 'name': ''}", "/name: the schema has no such property"},
	{"Base", "[]", "/: of another type"},
	{"More", "{'id': 'x', 'n': 2}", NULL},
	{"More", "{'id': 'x', 'n': null}", NULL},
	{"More", "{'id': 'x', 'n': 1}", "/n: less than the minimum"},
	{"More", "{'n': 2}", "/: id is missing"},
	{"More", "{'id': 'x', 'm': 2}", "/m: the schema has no such property"},
	{"Open", "{'any': [1]}", NULL},
	{"Tags", "{'k': 'v'}", NULL},
	{"Tags", "{'k': 1}", "/k: of another type"},
	{"Way", "'drain=30'", NULL},
	{"Way", "'drain='", "/: 'drain=' is not of the pattern"},
	{"List", "[{'id': 'x'}]", NULL},
	{"List", "[]", "/: too few items"},
	{"List", "[{'id': 'x'}, {'id': null}]", "/1/id: of another type"},
	{"Either", "null", NULL},
	{"Either", "{'id': 'x'}", NULL},
	{"Either", "{'id': 1}", "/id: of another type"},
	{"Three", "3", NULL},
	{"Three", "'c'", "/: not in the enumeration"},
	{"One", "'vpc.create'", NULL},
	{"One", "'vpc.delete'", "/: not the constant"},
	{"Lost", "1", "/: a $ref leads nowhere"},
	{"New", "'x'", "/: the schema has 'maxLength'"},
};

Test(api_schema, refuses_what_does_not_fit)
{
	json_t *document = from_quotes(document_text);
	const json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *value = from_quotes(cases[i].value);
		char why[256] = "";
		bool fits = schema_fits(document, json_object_get(schemas, cases[i].schema), value, why, sizeof(why));

		cr_expect_eq(fits, cases[i].why == NULL, "%s: %s: %s", cases[i].schema, cases[i].value, why);
		cr_expect(!cases[i].why || strncmp(why, cases[i].why, strlen(cases[i].why)) == 0, "%s: %s: '%s'",
			  cases[i].schema, cases[i].value, why);
		json_decref(value);
	}
	json_decref(document);
}

Test(api_schema, finds_the_schema_of_a_reply)
{
	json_t *document = openapi_json();

	cr_expect(schema_of_reply(document, "GET", "/v1/enis/web1?vpc=prod", 200));
	cr_expect(schema_of_reply(document, "POST", "/v1/transactions", 409));
	cr_expect_not(schema_of_reply(document, "POST", "/v1/transactions", 302));
	cr_expect_not(schema_of_reply(document, "GET", "/v1/nothing", 200));
	json_decref(document);
}
