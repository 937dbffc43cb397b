/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/declare/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include <vpc/json.h>
#include <vpc/number.h>

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	struct text_error *error;
	unsigned depth;
};

int text_refuse(struct text_error *error, unsigned line, const char *code, const char *format, ...)
{
	va_list ap;

	error->line = line;
	error->code = code;
	va_start(ap, format);
	vsnprintf(error->message, sizeof(error->message), format, ap);
	va_end(ap);
	return -EINVAL;
}

unsigned text_line(const json_t *object, const char *key)
{
	return (unsigned)json_integer_value(json_object_get(json_object_get(object, TEXT_LINES), key));
}

json_t *text_strip(const json_t *value)
{
	json_t *copy, *v;
	const char *key;
	size_t i;

	if (json_is_object(value)) {
		copy = json_object();
		json_object_foreach ((json_t *)value, key, v)
			if (strcmp(key, TEXT_LINES) != 0)
				json_object_set_new(copy, key, text_strip(v));
		return copy;
	}
	if (!json_is_array(value))
		return json_incref((json_t *)value);
	copy = json_array();
	json_array_foreach (value, i, v)
		json_array_append_new(copy, text_strip(v));
	return copy;
}

#define MALFORMED "MalformedRequest"

static unsigned line_of(const struct reader *r)
{
	return (unsigned)r->event.start_mark.line + 1;
}

static int next_event(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return text_refuse(r->error, (unsigned)r->parser.problem_mark.line + 1, MALFORMED, "this is not YAML: %s",
			   r->parser.problem ? r->parser.problem : "unknown error");
}

/* A scalar without quotes, as YAML's JSON schema has it; anything else is a text. */
static json_t *plain_value(const char *text)
{
	uint64_t n;

	if (!strcmp(text, "") || !strcmp(text, "~") || !strcmp(text, "null"))
		return json_null();
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return json_boolean(text[0] == 't');
	if (number_parse(text, INT64_MAX, &n) == 0 && (text[0] != '0' || !text[1]))
		return json_integer((json_int_t)n);
	if (text[0] == '-' && text[1] != '0' && number_parse(text + 1, INT64_MAX, &n) == 0)
		return json_integer(-(json_int_t)n);
	return json_string(text);
}

static int read_scalar(struct reader *r, json_t **ret)
{
	const char *text = (const char *)r->event.data.scalar.value;
	bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (strlen(text) != r->event.data.scalar.length)
		return text_refuse(r->error, line_of(r), MALFORMED, "texts have no NUL characters");
	if (r->event.data.scalar.tag)
		return text_refuse(r->error, line_of(r), MALFORMED, "tags (!…) are not supported; leave them out");
	*ret = plain ? plain_value(text) : json_string(text);
	return *ret ? 0 : -ENOMEM;
}

static int read_value(struct reader *r, json_t **ret);

static int read_sequence(struct reader *r, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	int n = list ? next_event(r) : -ENOMEM;

	while (n == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
		json_t *value = NULL;

		n = read_value(r, &value);
		if (n == 0 && json_array_append_new(list, value) < 0)
			n = -ENOMEM;
		if (n == 0)
			n = next_event(r);
	}
	if (n == 0)
		*ret = TAKE_PTR(list);
	return n;
}

static int read_member(struct reader *r, json_t *object, json_t *lines)
{
	_cleanup_json_ json_t *key = NULL;
	json_t *value = NULL;
	unsigned line = line_of(r);
	const char *text;
	int n;

	if (r->event.type != YAML_SCALAR_EVENT)
		return text_refuse(r->error, line, MALFORMED, "a key must be a text");
	text = (const char *)r->event.data.scalar.value;
	key = strlen(text) == r->event.data.scalar.length ? json_string(text) : NULL;
	if (!key)
		return text_refuse(r->error, line, MALFORMED, "a key must be a text");
	text = json_string_value(key);
	if (json_object_get(object, text) || text[0] == '\001')
		return text_refuse(r->error, line, MALFORMED, "the key '%.64s' is here twice; keep one", text);
	n = next_event(r);
	if (n == 0)
		n = read_value(r, &value);
	if (n < 0)
		return n;
	if (json_object_set_new(object, text, value) < 0 || json_object_set_new(lines, text, json_integer(line)) < 0)
		return -ENOMEM;
	return next_event(r);
}

static int read_mapping(struct reader *r, json_t **ret)
{
	_cleanup_json_ json_t *object = json_object(), *lines = json_pack("{s:i}", "", (int)line_of(r));
	int n = object && lines ? next_event(r) : -ENOMEM;

	while (n == 0 && r->event.type != YAML_MAPPING_END_EVENT)
		n = read_member(r, object, lines);
	if (n == 0 && json_object_set(object, TEXT_LINES, lines) < 0)
		n = -ENOMEM;
	if (n == 0)
		*ret = TAKE_PTR(object);
	return n;
}

static int read_value(struct reader *r, json_t **ret)
{
	int n;

	if (r->event.type == YAML_SCALAR_EVENT)
		return read_scalar(r, ret);
	if (r->event.type != YAML_SEQUENCE_START_EVENT && r->event.type != YAML_MAPPING_START_EVENT)
		return text_refuse(r->error, line_of(r), MALFORMED,
				   "anchors and aliases are not supported; write out what they stand for");
	if (++r->depth > TEXT_DEPTH_MAX)
		return text_refuse(r->error, line_of(r), MALFORMED, "the document nests deeper than %d levels",
				   TEXT_DEPTH_MAX);
	n = r->event.type == YAML_SEQUENCE_START_EVENT ? read_sequence(r, ret) : read_mapping(r, ret);
	r->depth--;
	return n;
}

static int read_document(struct reader *r, json_t **ret)
{
	_cleanup_json_ json_t *value = NULL;
	int n = next_event(r); /* the stream's start */

	if (n == 0)
		n = next_event(r);
	if (n == 0 && r->event.type != YAML_DOCUMENT_START_EVENT)
		return text_refuse(r->error, 0, MALFORMED,
				   "the document is empty; vpcctl export writes one to begin with");
	if (n == 0)
		n = next_event(r);
	if (n == 0 && r->event.type != YAML_MAPPING_START_EVENT && r->event.type != YAML_SEQUENCE_START_EVENT)
		return text_refuse(r->error, line_of(r), MALFORMED, "this must be a mapping or a list");
	if (n == 0)
		n = read_value(r, &value);
	if (n == 0)
		n = next_event(r); /* the document's end */
	if (n == 0)
		n = next_event(r);
	if (n == 0 && r->event.type != YAML_STREAM_END_EVENT)
		return text_refuse(r->error, line_of(r), MALFORMED,
				   "the file has more than one document; put each into a file of its own");
	if (n == 0)
		*ret = TAKE_PTR(value);
	return n;
}

/* JSON that libyaml doesn't take: pairs of surrogates, tabs. Its objects have no lines. */
static int read_json(const char *text, size_t size, json_t **ret, struct text_error *error)
{
	json_error_t e;
	json_t *json;
	unsigned depth = 0;

	for (size_t i = 0; i < size; i++) {
		depth += text[i] == '{' || text[i] == '[';
		depth -= (text[i] == '}' || text[i] == ']') && depth > 0;
		if (depth > 1024)
			return text_refuse(error, 0, MALFORMED, "the document nests too deep");
	}
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
	if (!json)
		return text_refuse(error, (unsigned)e.line, MALFORMED, "this is not JSON: %s", e.text);
	*ret = json;
	return 0;
}

int text_parse(const char *text, size_t size, json_t **ret, struct text_error *error)
{
	struct reader r = {.error = error};
	struct text_error of_json;
	char first;
	int n;

	if (size > TEXT_BYTES_MAX)
		return text_refuse(error, 0, "RequestEntityTooLarge",
				   "a document has at most %u MiB; apply it in parts", TEXT_BYTES_MAX >> 20);
	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
	n = read_document(&r, ret);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	first = text[strspn(text, " \t\r\n")];
	if (n == -EINVAL && (first == '{' || first == '[') && read_json(text, size, ret, &of_json) == 0)
		return 0;
	return n;
}
