/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema_util.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "api/http/url.h"

struct check {
	const json_t *document;
	char *why; /* NULL: only whether it fits */
	size_t size;
};

/* Says no, and why. */
__attribute__((__format__(__printf__, 3, 4))) static bool no(const struct check *c, const char *at, const char *format,
							     ...)
{
	va_list ap;
	int n;

	if (!c->why)
		return false;
	n = snprintf(c->why, c->size, "%s: ", at[0] ? at : "/");
	va_start(ap, format);
	if (n >= 0 && (size_t)n < c->size)
		vsnprintf(c->why + n, c->size - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

static bool fits(const struct check *c, const json_t *schema, const json_t *value, const char *at);

static const json_t *follow(const struct check *c, const json_t *schema)
{
	static const char prefix[] = "#/components/schemas/";
	const char *ref = json_string_value(json_object_get(schema, "$ref"));

	if (!ref || strncmp(ref, prefix, strlen(prefix)) != 0)
		return schema;
	return json_object_get(json_object_get(json_object_get(c->document, "components"), "schemas"),
			       ref + strlen(prefix));
}

static bool keywords_are_known(const struct check *c, const json_t *schema, const char *at)
{
	static const char *const known[] = {
		"$ref",	 "type",  "description", "properties", "required", "items",   "additionalProperties",
		"oneOf", "allOf", "const",	 "enum",       "pattern",  "minimum", "minItems"};
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)schema, key, v) {
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], key) != 0)
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return no(c, at, "the schema has '%s', which this validator doesn't know", key);
	}
	return true;
}

static bool is_of_type(const char *type, const json_t *value)
{
	return (!strcmp(type, "string") && json_is_string(value)) ||
	       (!strcmp(type, "integer") && json_is_integer(value)) ||
	       (!strcmp(type, "boolean") && json_is_boolean(value)) ||
	       (!strcmp(type, "object") && json_is_object(value)) || (!strcmp(type, "array") && json_is_array(value)) ||
	       (!strcmp(type, "null") && json_is_null(value));
}

static bool type_fits(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const json_t *type = json_object_get(schema, "type");
	json_t *one;
	size_t i;

	if (!type || (json_is_string(type) && is_of_type(json_string_value(type), value)))
		return true;
	json_array_foreach ((json_t *)type, i, one)
		if (is_of_type(json_string_value(one), value))
			return true;
	return no(c, at, "of another type than the schema says");
}

static bool pattern_fits(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));
	regex_t regex;
	bool matches;

	if (!pattern || !json_is_string(value))
		return true;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return no(c, at, "the pattern '%s' cannot be read", pattern);
	matches = regexec(&regex, json_string_value(value), 0, NULL, 0) == 0;
	regfree(&regex);
	return matches ? true : no(c, at, "'%s' is not of the pattern %s", json_string_value(value), pattern);
}

static bool scalar_fits(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const json_t *constant = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
	const json_t *minimum = json_object_get(schema, "minimum");
	bool found = !list;
	json_t *one;
	size_t i;

	if (constant && !json_equal(constant, value))
		return no(c, at, "not the constant");
	json_array_foreach ((json_t *)list, i, one)
		found = found || json_equal(one, value);
	if (!found)
		return no(c, at, "not in the enumeration");
	if (minimum && json_is_integer(value) && json_integer_value(value) < json_integer_value(minimum))
		return no(c, at, "less than the minimum");
	return pattern_fits(c, schema, value, at);
}

static bool one_of_fits(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const struct check quiet = {.document = c->document};
	json_t *list = json_object_get(schema, "oneOf"), *one;
	size_t i, n = 0;

	if (!list)
		return true;
	json_array_foreach (list, i, one)
		n += fits(&quiet, one, value, at);
	if (n == 1)
		return true;
	/* Of what may be null, it is said what is wrong with the other. */
	if (n == 0 && !json_is_null(value) && json_array_size(list) == 2)
		return fits(c, json_array_get(list, 0), value, at);
	return no(c, at, "fits %zu of the schemas of which it must be one", n);
}

/* The schema of a property, of this one or of those that it has in allOf. */
static const json_t *property(const struct check *c, const json_t *schema, const char *name, bool *ret_any)
{
	const json_t *s = follow(c, schema), *properties = json_object_get(s, "properties"), *found;
	json_t *base;
	size_t i;

	if (json_object_size(properties))
		*ret_any = true;
	found = json_object_get(properties, name);
	json_array_foreach (json_object_get(s, "allOf"), i, base)
		if (!found)
			found = property(c, base, name, ret_any);
	return found;
}

static bool required_are_there(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	json_t *name, *base;
	size_t i;

	json_array_foreach (json_object_get(schema, "required"), i, name)
		if (!json_object_get(value, json_string_value(name)))
			return no(c, at, "%s is missing", json_string_value(name));
	json_array_foreach (json_object_get(schema, "allOf"), i, base)
		if (!required_are_there(c, follow(c, base), value, at))
			return false;
	return true;
}

static bool members_fit(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const json_t *more = json_object_get(schema, "additionalProperties");
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)value, key, v) {
		bool closed = json_is_false(more);
		const json_t *s = property(c, schema, key, &closed);
		char place[256];

		snprintf(place, sizeof(place), "%s/%s", at, key);
		if (!s && json_is_object(more))
			s = more;
		if (!s && closed)
			return no(c, place, "the schema has no such property");
		if (s && !fits(c, s, v, place))
			return false;
	}
	return required_are_there(c, schema, value, at);
}

static bool items_fit(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const json_t *items = json_object_get(schema, "items");
	json_t *v;
	size_t i;

	if ((json_int_t)json_array_size(value) < json_integer_value(json_object_get(schema, "minItems")))
		return no(c, at, "too few items");
	json_array_foreach ((json_t *)value, i, v) {
		char place[256];

		snprintf(place, sizeof(place), "%s/%zu", at, i);
		if (items && !fits(c, items, v, place))
			return false;
	}
	return true;
}

static bool fits(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const json_t *s = follow(c, schema);

	if (!s)
		return no(c, at, "a $ref leads nowhere");
	return keywords_are_known(c, s, at) && type_fits(c, s, value, at) && scalar_fits(c, s, value, at) &&
	       one_of_fits(c, s, value, at) && (!json_is_object(value) || members_fit(c, s, value, at)) &&
	       (!json_is_array(value) || items_fit(c, s, value, at));
}

bool schema_fits(const json_t *document, const json_t *schema, const json_t *value, char *why, size_t size)
{
	const struct check c = {.document = document, .why = why, .size = size};

	return fits(&c, schema, value, "");
}

const json_t *schema_of_reply(const json_t *document, const char *method, const char *path, int status)
{
	json_t *paths = json_object_get(document, "paths"), *methods, *media;
	const json_t *responses = NULL, *response;
	char lower[16] = "", code[16], encoded[512];
	const char *pattern, *id;
	size_t id_size;

	snprintf(encoded, sizeof(encoded), "%.*s", (int)strcspn(path, "?"), path);
	for (size_t i = 0; method[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)method[i]);
	json_object_foreach (paths, pattern, methods)
		if (!responses && url_match(pattern, encoded, &id, &id_size))
			responses = json_object_get(json_object_get(methods, lower), "responses");
	snprintf(code, sizeof(code), "%d", status);
	response = json_object_get(responses, code);
	if (!response && status >= 400)
		response = json_object_get(responses, "default");
	json_object_foreach (json_object_get(response, "content"), pattern, media)
		return json_object_get(media, "schema");
	return NULL;
}
