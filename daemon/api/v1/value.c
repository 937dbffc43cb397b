/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/v1/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/number.h>

#include "model/change.h"

#define DRAIN_MAX_S 86400

/* Names come from the request and may have any length: a cut one still says where to look. */
const char *place_member(char buf[PLACE_SIZE], const char *at, const char *name)
{
	int n = snprintf(buf, PLACE_SIZE, "%s%s%s", at, at[0] ? "." : "", name);

	if (n >= PLACE_SIZE) {
		/* Not in the middle of a UTF-8 character: the field goes back as JSON. */
		size_t end = PLACE_SIZE - 1;

		while (end > 0 && ((unsigned char)buf[end - 1] & 0xc0) == 0x80)
			end--;
		if (end > 0 && ((unsigned char)buf[end - 1] & 0x80))
			end--;
		buf[end] = '\0';
	}
	return buf;
}

const char *place_element(char buf[PLACE_SIZE], const char *at, size_t i)
{
	snprintf(buf, PLACE_SIZE, "%.40s[%zu]", at, i);
	return buf;
}

static int refuse(struct vpc_error *reterr, const char *at, const char *expected)
{
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, at, "%s must be %s", at, expected);
}

static int copy_string(const char *s, char **ret, struct vpc_error *reterr)
{
	*ret = strdup(s);
	return *ret ? 0 : vpc_error_oom(reterr);
}

static int decode_string(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	(void)extra;
	if (!json_is_string(json))
		return refuse(reterr, at, "a string");
	return copy_string(json_string_value(json), value, reterr);
}

static int decode_nullable_string(const json_t *json, void *value, void *extra, const char *at,
				  struct vpc_error *reterr)
{
	if (json_is_null(json))
		return VALUE_ABSENT;
	return decode_string(json, value, extra, at, reterr);
}

static int decode_bool(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	(void)extra;
	if (!json_is_boolean(json))
		return refuse(reterr, at, "true or false");
	*(bool *)value = json_is_true(json);
	return 0;
}

static int decode_integer(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	(void)extra;
	if (!json_is_integer(json))
		return refuse(reterr, at, "a whole number");
	*(int64_t *)value = json_integer_value(json);
	return 0;
}

static int decode_revision(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	(void)extra;
	if (!json_is_integer(json) || json_integer_value(json) < 1)
		return refuse(reterr, at, "a revision: a whole number from 1");
	*(uint64_t *)value = (uint64_t)json_integer_value(json);
	return 0;
}

static int decode_strings(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	size_t *n = extra, size = json_array_size(json);
	char ***strings = value;

	if (!json_is_array(json))
		return refuse(reterr, at, "a list of strings");
	/* One more, so that an empty list is not NULL. */
	*strings = calloc(size + 1, sizeof(**strings));
	if (!*strings)
		return vpc_error_oom(reterr);
	for (*n = 0; *n < size; (*n)++) {
		char place[PLACE_SIZE];
		int r = decode_string(json_array_get(json, *n), &(*strings)[*n], NULL, place_element(place, at, *n),
				      reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_tags(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	struct tag **tags = value;
	size_t *n = extra;
	const char *key;
	json_t *v;

	if (!json_is_object(json))
		return refuse(reterr, at, "an object whose values are strings");
	*tags = calloc(json_object_size(json) + 1, sizeof(**tags));
	if (!*tags)
		return vpc_error_oom(reterr);
	*n = 0;
	/* json_object_foreach only reads, but takes no const. */
	json_object_foreach ((json_t *)json, key, v) {
		struct tag *tag = &(*tags)[*n];
		char place[PLACE_SIZE];

		place_member(place, at, key);
		if (!json_is_string(v))
			return refuse(reterr, place, "a string");
		(*n)++;
		if (copy_string(key, &tag->key, reterr) < 0 ||
		    copy_string(json_string_value(v), &tag->value, reterr) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Digits alone, no sign, no leading zero. */
static int parse_drain(const char *s, uint32_t *ret)
{
	uint64_t n;

	if (*s == '0' || number_parse(s, DRAIN_MAX_S, &n) < 0)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int decode_flows(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	enum flows_mode *mode = value;
	const char *s = json_string_value(json);

	if (s && strcmp(s, "cut") == 0) {
		*mode = FLOWS_CUT;
		return 0;
	}
	if (s && strcmp(s, "keep") == 0) {
		*mode = FLOWS_KEEP;
		return 0;
	}
	if (s && strncmp(s, "drain=", 6) == 0 && parse_drain(s + 6, extra) == 0) {
		*mode = FLOWS_DRAIN;
		return 0;
	}
	return refuse(reterr, at, "\"cut\", \"keep\" or \"drain=SECONDS\" with 1 to 86400 seconds");
}

static int decode_protocol(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	char number[24];

	(void)extra;
	if (json_is_string(json))
		return copy_string(json_string_value(json), value, reterr);
	if (!json_is_integer(json))
		return refuse(reterr, at, "a protocol's name or number");
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json));
	return copy_string(number, value, reterr);
}

static int decode_port(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	json_int_t n = json_integer_value(json);

	if (json_is_null(json))
		return VALUE_ABSENT;
	if (!json_is_integer(json) || n < INT32_MIN || n > INT32_MAX)
		return refuse(reterr, at, "a port number, or null");
	*(int32_t *)value = (int32_t)n;
	*(bool *)extra = true;
	return 0;
}

static int decode_pid(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	json_int_t n = json_integer_value(json);

	(void)extra;
	if (!json_is_integer(json) || n < 1 || n > INT32_MAX)
		return refuse(reterr, at, "the number of a process");
	*(pid_t *)value = (pid_t)n;
	return 0;
}

static int decode_attachment_kind(const json_t *json, void *value, void *extra, const char *at,
				  struct vpc_error *reterr)
{
	static const struct {
		const char *name;
		enum attachment_kind kind;
	} kinds[] = {{"netns", ATTACHMENT_NETNS}, {"tap", ATTACHMENT_TAP}, {"link", ATTACHMENT_LINK}};
	const char *s = json_string_value(json);

	(void)extra;
	for (size_t i = 0; s && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(s, kinds[i].name) == 0) {
			*(enum attachment_kind *)value = kinds[i].kind;
			return 0;
		}
	}
	return refuse(reterr, at, "\"netns\", \"tap\" or \"link\"");
}

const struct value_type value_string = {decode_string, "{\"type\": \"string\"}"};
const struct value_type value_nullable_string = {decode_nullable_string, "{\"type\": [\"string\", \"null\"]}"};
const struct value_type value_bool = {decode_bool, "{\"type\": \"boolean\"}"};
const struct value_type value_integer = {decode_integer, "{\"type\": \"integer\"}"};
const struct value_type value_revision = {decode_revision, "{\"type\": \"integer\", \"minimum\": 1}"};
const struct value_type value_strings = {decode_strings, "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}"};
const struct value_type value_tags = {decode_tags,
				      "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}}"};
const struct value_type value_flows = {decode_flows,
				       "{\"type\": \"string\", \"pattern\": \"^(cut|keep|drain=[1-9][0-9]{0,4})$\"}"};
const struct value_type value_protocol = {decode_protocol, "{\"type\": [\"string\", \"integer\"]}"};
const struct value_type value_port = {decode_port, "{\"type\": [\"integer\", \"null\"]}"};
const struct value_type value_pid = {decode_pid, "{\"type\": \"integer\", \"minimum\": 1}"};
const struct value_type value_attachment_kind = {decode_attachment_kind,
						 "{\"type\": \"string\", \"enum\": [\"netns\", \"tap\"]}"};

/* Finds an allowed member by name; *ret_set and *ret_i say which. */
static const struct member *find_member(struct member_set *sets, size_t n_sets, const char *name,
					struct member_set **ret_set, size_t *ret_i)
{
	for (size_t s = 0; s < n_sets; s++) {
		for (size_t i = 0; i < sets[s].n; i++) {
			if (!(sets[s].allowed & MEMBER_BIT(i)) || strcmp(sets[s].members[i].name, name) != 0)
				continue;
			*ret_set = &sets[s];
			*ret_i = i;
			return &sets[s].members[i];
		}
	}
	return NULL;
}

static int require_members(const struct member_set *set, const char *at, struct vpc_error *reterr)
{
	uint64_t missing = set->required & ~set->present;
	char place[PLACE_SIZE];

	if (!missing)
		return 0;
	place_member(place, at, set->members[__builtin_ctzll(missing)].name);
	return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, place, "%s is required", place);
}

int members_decode(const json_t *object, struct member_set *sets, size_t n_sets, const char *at,
		   struct vpc_error *reterr)
{
	const char *key;
	json_t *v;
	int r = 0;

	if (!json_is_object(object))
		return refuse(reterr, at[0] ? at : "the body", "an object");
	json_object_foreach ((json_t *)object, key, v) {
		struct member_set *set = NULL;
		size_t i = 0;
		const struct member *m = find_member(sets, n_sets, key, &set, &i);
		char place[PLACE_SIZE];

		place_member(place, at, key);
		if (!m)
			return vpc_error_set(reterr, VPC_E_UNKNOWN_PARAMETER, place,
					     "%s is not a field of this request; leave it out (/v1/openapi.json lists "
					     "those there are)",
					     place);
		r = m->type->decode(v, (char *)set->base + m->offset, (char *)set->base + m->extra, place, reterr);
		if (r < 0)
			return r;
		if (r != VALUE_ABSENT)
			set->present |= MEMBER_BIT(i);
	}
	for (size_t s = 0; s < n_sets; s++) {
		r = require_members(&sets[s], at, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}
