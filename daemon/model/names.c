/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, descriptions and tags: what they may be, and whether they are free. */
#include <ctype.h>
#include <string.h>

#include <vpc/text.h>

#include "model/internal.h"

#define NAME_MAX_CHARS	    255
#define TAG_KEY_MAX_CHARS   128
#define TAG_VALUE_MAX_CHARS 256

/* Length of the UTF-8 sequence at s and the character it stands for (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF), or 0. */
static size_t utf8_decode(const char *text, uint32_t *ret)
{
	static const struct {
		uint8_t mask, lead, length;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
	const uint8_t *s = (const uint8_t *)text;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		uint32_t c = s[0] & (uint8_t)~forms[i].mask;

		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t k = 1; k < forms[i].length; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[k] & 0x3fu);
		}
		if (c < forms[i].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*ret = c;
		return forms[i].length;
	}
	return 0;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* name: people tell names apart by sight, so a name has no invisible characters. */
static int check(const char *text, size_t max, bool name, const char *field, struct vpc_error *reterr)
{
	size_t n = 0;

	for (const char *s = text; *s; n++) {
		uint32_t c;
		size_t length = utf8_decode(s, &c);

		if (!length)
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%s is not valid UTF-8; write it in UTF-8", field);
		if (is_control(c))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%s has a control character; leave it out", field);
		if (text_is_bidirectional(c))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%s has U+%04X, which turns the direction of text; leave it out", field,
					     (unsigned)c);
		if (name && text_is_invisible(c))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%s has U+%04X, which is invisible; leave it out", field, (unsigned)c);
		s += length;
	}
	if (n > max)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%s has %zu characters, at most %zu are allowed; shorten it", field, n, max);
	return 0;
}

int text_check(const char *text, size_t max, const char *field, struct vpc_error *reterr)
{
	return check(text, max, false, field, reterr);
}

void message_clean(struct vpc_error *e)
{
	for (char *s = e->message; *s;) {
		uint32_t c = 0;
		size_t length = utf8_decode(s, &c);

		if (length && !is_control(c) && !text_is_bidirectional(c) && !text_is_invisible(c)) {
			s += length;
			continue;
		}
		for (size_t i = 0; i < (length ? length : 1); i++)
			*s++ = '?';
	}
}

bool name_is_id(const char *name)
{
	return kind_of_id(name) != OBJECT_KINDS;
}

/* "$0.id" stands for what an earlier change made. */
static bool is_reference(const char *name)
{
	size_t digits;

	if (name[0] != '$')
		return false;
	digits = strspn(name + 1, "0123456789");
	return digits && !strcmp(name + 1 + digits, ".id");
}

/* A new name for an object of the kind. */
static int name_check(enum object_kind kind, const char *name, struct vpc_error *reterr)
{
	int r;

	if (!name[0])
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "name", "name must not be empty");
	r = check(name, NAME_MAX_CHARS, true, "name", reterr);
	if (r < 0)
		return r;
	if (name_is_id(name) || is_reference(name))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "name",
				     "name must not look like an id: '%.64s'; choose one that begins otherwise", name);
	return kind_ops(kind)->check_name ? kind_ops(kind)->check_name(name, reterr) : 0;
}

int tags_check(const struct model *m, const struct tag *tags, size_t n, const char *field, struct vpc_error *reterr)
{
	int r = limit_check(m, MODEL_LIMIT_tags, n, VPC_E_RESOURCE_LIMIT_EXCEEDED, field, reterr);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!tags[i].key || !tags[i].key[0])
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "a tag's key must not be empty");
		r = check(tags[i].key, TAG_KEY_MAX_CHARS, true, field, reterr);
		if (r >= 0 && tags[i].value)
			r = check(tags[i].value, TAG_VALUE_MAX_CHARS, true, field, reterr);
		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(tags[i].key, tags[k].key))
				return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
						     "the tag '%.128s' is there twice; give it once", tags[i].key);
	}
	return 0;
}

void name_lower(char *name)
{
	for (char *s = name; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

char *name_key(enum object_kind kind, uint32_t vpc, const char *name)
{
	char *key;

	if (asprintf(&key, "%s%u/%s", kind_of(kind)->id_prefix, vpc, name) < 0)
		return NULL;
	if (kind_ops(kind)->names_ignore_case)
		name_lower(key);
	return key;
}

/* -EINVAL if another object than old has the name that o is to have. */
static int check_free(const struct model *m, const struct object *o, const char *name, const struct object *old,
		      struct vpc_error *reterr)
{
	_cleanup_free_ char *key = name_key(o->kind, object_parent(o), name);
	enum vpc_code code = kind_ops(o->kind)->name_taken;
	const struct object *taken;

	if (!key)
		return vpc_error_oom(reterr);
	taken = index_by_key(&m->ix, key);
	if (!taken || taken == old)
		return 0;
	return vpc_error_set(reterr, code ? code : VPC_E_INVALID_PARAMETER_VALUE, "name",
			     "the name '%.255s' is taken by %s; choose another", name, taken->id);
}

int change_names(const struct model *m, const struct change *c, struct object *o, const struct object *old,
		 struct vpc_error *reterr)
{
	char **description = object_description(o);
	int r = 0;

	if (change_has(c, FIELD_NAME)) {
		const char *name = c->name ? c->name : "";

		r = name_check(o->kind, name, reterr);
		if (r >= 0)
			r = check_free(m, o, name, old, reterr);
		if (r >= 0 && object_set_name(o, name) < 0)
			r = vpc_error_oom(reterr);
	}
	if (r >= 0 && change_has(c, FIELD_DESCRIPTION) && description) {
		const char *text = c->description ? c->description : "";

		r = text_check(text, NAME_MAX_CHARS, "description", reterr);
		if (r >= 0 && text_set(description, text[0] ? text : NULL) < 0)
			r = vpc_error_oom(reterr);
	}
	if (r >= 0 && change_has(c, FIELD_TAGS)) {
		struct tag *tags;

		r = tags_check(m, c->tags, c->n_tags, "tags", reterr);
		if (r < 0)
			return r;
		if (tags_copy(c->tags, c->n_tags, &tags) < 0)
			return vpc_error_oom(reterr);
		tags_free(o->tags, o->n_tags);
		o->tags = tags;
		o->n_tags = c->n_tags;
	}
	return r;
}

int change_names_new(const struct model *m, const struct change *c, const char *name, struct object *o,
		     struct vpc_error *reterr)
{
	if (c)
		return change_names(m, c, o, NULL, reterr);
	return object_set_name(o, name) < 0 ? vpc_error_oom(reterr) : 0;
}
