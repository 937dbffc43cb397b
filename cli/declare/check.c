/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/declare/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/value.h"
#include "cli/lib/nearest.h"

#define UNKNOWN	 "UnknownParameter"
#define MISSING	 "MissingParameter"
#define INVALID	 "InvalidParameterValue"
#define NAME_KEY "name"

/* The object that is being checked, and how messages call it. */
struct place {
	struct text_error *error;
	const struct declared *declared;
	enum object_kind kind;
	const char *name; /* of the object; NULL: it has none */
	unsigned line;
};

static const char *called(const struct place *p, char buf[320])
{
	if (p->name)
		snprintf(buf, 320, "%s '%.255s'", kind_of(p->kind)->title, p->name);
	else
		snprintf(buf, 320, "%s %s", kind_of(p->kind)->article, kind_of(p->kind)->title);
	return buf;
}

static int refuse_key(const struct place *p, unsigned line, const char *key, const char *nearest)
{
	char what[320];

	return text_refuse(p->error, line, UNKNOWN, "%s has no '%.64s'%s%s%s", called(p, what), key,
			   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static unsigned line_at(const json_t *object, const char *key, unsigned otherwise)
{
	unsigned line = text_line(object, key);

	return line ? line : otherwise;
}

/* Every member of an object is in the table. extra: one more that is, or NULL. */
static int check_keys(const struct place *p, const json_t *object, const struct declared_field *fields, size_t n,
		      const char *extra)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		struct nearest near = {.word = key};

		if (!strcmp(key, TEXT_LINES) || (extra && !strcmp(key, extra)) || declared_find(fields, n, key))
			continue;
		if (extra)
			nearest_try(&near, extra);
		for (size_t i = 0; i < n; i++)
			nearest_try(&near, fields[i].key);
		return refuse_key(p, line_at(object, key, p->line), key, near.found);
	}
	return 0;
}

static const char *wanted(const struct declared_field *f)
{
	switch (f->type) {
	case DECLARED_INTEGER:
		return "a whole number";
	case DECLARED_BOOL:
		return "true or false";
	case DECLARED_TEXTS:
		return "a list of texts";
	case DECLARED_TAGS:
		return "a mapping of texts: {team: core}";
	case DECLARED_ITEMS:
		return "a list of mappings";
	default:
		return "a text; quote what YAML takes for something else";
	}
}

static bool are_texts(json_t *value)
{
	const char *key;
	json_t *v;
	size_t i;

	json_array_foreach (value, i, v)
		if (!json_is_string(v))
			return false;
	json_object_foreach (value, key, v)
		if (strcmp(key, TEXT_LINES) != 0 && !json_is_string(v))
			return false;
	return true;
}

static bool has_type(const struct declared_field *f, json_t *value)
{
	if (json_is_null(value))
		return f->flags & (DECLARED_NULL | DECLARED_CHOSEN);
	switch (f->type) {
	case DECLARED_TEXT:
		return json_is_string(value);
	case DECLARED_INTEGER:
		return json_is_integer(value);
	case DECLARED_BOOL:
		return json_is_boolean(value);
	case DECLARED_TEXTS:
		return json_is_array(value) && are_texts(value);
	case DECLARED_TAGS:
		return json_is_object(value) && are_texts(value);
	case DECLARED_ITEMS:
		return json_is_array(value);
	}
	return false;
}

static int check_item(const struct place *p, const struct declared_field *f, const json_t *item)
{
	unsigned line = line_at(item, "", p->line);
	char what[320];

	for (size_t i = 0; i < f->n_items; i++) {
		const struct declared_field *of = &f->items[i];
		json_t *value = json_object_get(item, of->key);

		if (!value && !of->absent)
			return text_refuse(p->error, line, MISSING, "%s of %s needs %s", f->key, called(p, what),
					   of->key);
		/* a protocol may be a number */
		if (value && !has_type(of, value) && !(!strcmp(of->key, "protocol") && json_is_integer(value)))
			return text_refuse(p->error, line_at(item, of->key, line), INVALID, "%s of %s: %s must be %s",
					   f->key, called(p, what), of->key, wanted(of));
	}
	return 0;
}

static int check_items(const struct place *p, const struct declared_field *f, json_t *list)
{
	char what[320];
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		int r;

		if (!json_is_object(item))
			return text_refuse(p->error, p->line, INVALID, "%s of %s must be %s", f->key, called(p, what),
					   wanted(f));
		r = check_keys(p, item, f->items, f->n_items, NULL);
		if (r == 0)
			r = check_item(p, f, item);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A list's items differ in their keys. normalized: sorted, so equal ones are neighbours unless order counts. */
static int check_twice(const struct place *p, const struct declared_field *f, const json_t *normalized, unsigned line)
{
	_cleanup_json_ json_t *seen = json_object();
	char what[320];
	json_t *item;
	size_t i;

	json_array_foreach (normalized, i, item) {
		_cleanup_free_ char *key = json_is_object(item) ? value_key(f->items, f->n_items, item)
								: strdup(json_string_value(item) ?: "");
		_cleanup_free_ char *shown = NULL;

		if (!key || !seen)
			return -ENOMEM;
		if (json_object_get(seen, key)) {
			shown = json_dumps(item, JSON_ENCODE_ANY);
			return text_refuse(p->error, line, INVALID, "%s of %s has this twice: %.200s", f->key,
					   called(p, what), shown ? shown : "");
		}
		if (json_object_set_new_nocheck(seen, key, json_true()) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int check_field(const struct place *p, const struct declared_field *f, const json_t *object, json_t *ret)
{
	json_t *value = json_object_get(object, f->key), *normalized;
	unsigned line = line_at(object, f->key, p->line);
	char what[320];
	int r = 0;

	if (!value)
		return 0;
	if (!has_type(f, value))
		return text_refuse(p->error, line, INVALID, "%s of %s must be %s", f->key, called(p, what), wanted(f));
	if (f->type == DECLARED_ITEMS)
		r = check_items(p, f, value);
	if (r < 0)
		return r;
	normalized = value_normalize(p->declared, f, text_strip(value));
	if (json_object_set_new(ret, f->key, normalized) < 0)
		return -ENOMEM;
	return json_is_array(value) ? check_twice(p, f, normalized, line) : 0;
}

static int check_object(struct place *p, const json_t *object, json_t **ret)
{
	const struct declared *d = p->declared;
	json_t *name = json_object_get(object, NAME_KEY);
	_cleanup_json_ json_t *checked = json_pack("{s:i}", DECLARED_LINE_KEY, (int)p->line);
	char what[320];
	int r;

	p->name = json_string_value(name);
	if (name && (!p->name || !*p->name))
		return text_refuse(p->error, line_at(object, NAME_KEY, p->line), INVALID,
				   "name of %s must be a text; quote what YAML takes for something else",
				   called(p, what));
	if (!name && !d->name_optional)
		return text_refuse(p->error, p->line, MISSING, "%s needs a name", called(p, what));
	r = check_keys(p, object, d->fields, d->n_fields, NAME_KEY);
	if (r == 0 && name)
		r = json_object_set(checked, NAME_KEY, name) < 0 ? -ENOMEM : 0;
	for (size_t i = 0; r == 0 && i < d->n_fields; i++)
		r = check_field(p, &d->fields[i], object, checked);
	if (r == 0)
		*ret = TAKE_PTR(checked);
	return r;
}

static int check_list(enum object_kind kind, json_t *list, unsigned line, json_t *ret, struct text_error *error)
{
	json_t *checked = json_array(), *object;
	size_t i;

	if (json_object_set_new(ret, kind_of(kind)->list, checked) < 0)
		return -ENOMEM;
	if (!json_is_array(list) && !json_is_null(list))
		return text_refuse(error, line, INVALID, "%s must be a list", kind_of(kind)->list);
	json_array_foreach (list, i, object) {
		struct place p = {error, declared_of(kind), kind, NULL, line_at(object, "", line)};
		json_t *one = NULL;
		int r;

		if (!json_is_object(object))
			return text_refuse(error, line, INVALID, "%s must be a list of mappings", kind_of(kind)->list);
		r = check_object(&p, object, &one);
		if (r < 0)
			return r;
		if (json_array_append_new(checked, one) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int check_head(const json_t *raw, const char *key, json_t *value, unsigned line, json_t *ret,
		      struct text_error *error)
{
	if (!strcmp(key, DECLARED_FORMAT_KEY)) {
		const char *format = json_string_value(value);

		if (!format || strcmp(format, DECLARED_FORMAT) != 0)
			return text_refuse(error, line, INVALID,
					   "format must be " DECLARED_FORMAT ": this vpcctl reads no other");
		return 0;
	}
	(void)raw;
	if (!(json_is_string(value) && !strcmp(json_string_value(value), DECLARED_SCOPE_HOST)) &&
	    !(json_is_array(value) && are_texts(value)))
		return text_refuse(error, line, INVALID, "scope must be host, or a list of names of VPCs");
	return json_object_set(ret, DECLARED_SCOPE_KEY, value) < 0 ? -ENOMEM : 0;
}

static int refuse_list(const char *key, unsigned line, struct text_error *error)
{
	struct nearest near = {.word = key};

	nearest_try(&near, DECLARED_FORMAT_KEY);
	nearest_try(&near, DECLARED_SCOPE_KEY);
	for (unsigned k = 0; k < OBJECT_KINDS; k++)
		if (declared_of(k))
			nearest_try(&near, kind_of(k)->list);
	if (near.found)
		return text_refuse(error, line, UNKNOWN, "a document has no '%.64s'; did you mean '%s'?", key,
				   near.found);
	return text_refuse(error, line, UNKNOWN,
			   "a document has no '%.64s'; its lists are those that vpcctl export writes, as %s and %s",
			   key, kind_of(OBJECT_VPC)->list, kind_of(OBJECT_SG)->list);
}

int check_document(const json_t *raw, json_t **ret, struct text_error *error)
{
	_cleanup_json_ json_t *checked = json_object();
	const char *key;
	json_t *value;
	int r = checked ? 0 : -ENOMEM;

	if (!json_is_object(raw))
		return text_refuse(error, 1, "MalformedRequest",
				   "the document must be a mapping: vpcs:, security_groups:, …");
	json_object_foreach ((json_t *)raw, key, value) {
		unsigned line = text_line(raw, key), kind = 0;

		while (kind < OBJECT_KINDS && (!declared_of(kind) || strcmp(kind_of(kind)->list, key) != 0))
			kind++;
		if (r < 0 || !strcmp(key, TEXT_LINES))
			continue;
		if (!strcmp(key, DECLARED_FORMAT_KEY) || !strcmp(key, DECLARED_SCOPE_KEY))
			r = check_head(raw, key, value, line, checked, error);
		else if (kind == OBJECT_KINDS)
			r = refuse_list(key, line, error);
		else
			r = check_list(kind, value, line, checked, error);
	}
	if (r == 0)
		*ret = TAKE_PTR(checked);
	return r;
}
