/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include <vpc/cleanup.h>

#define UNWRAPPED (-1)

static int emit(yaml_emitter_t *e, yaml_event_t *event, int made)
{
	if (!made)
		return -ENOMEM;
	return yaml_emitter_emit(e, event) ? 0 : e->error == YAML_MEMORY_ERROR ? -ENOMEM : -EIO;
}

/* Words of YAML 1.1 and 1.2 that are no strings. */
static bool is_word(const char *s)
{
	static const char *const words[] = {"y", "n", "yes", "no", "true", "false", "on", "off", "null"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(s, words[i]))
			return true;
	return false;
}

static int emit_scalar(yaml_emitter_t *e, const char *text, bool string)
{
	bool plain = !string || (isalpha((unsigned char)*text) && !strchr(text, '\n') && !is_word(text));
	yaml_event_t event;

	return emit(e, &event,
		    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text),
						 plain, 1,
						 plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE));
}

static int emit_value(yaml_emitter_t *e, const json_t *json);

static int emit_object(yaml_emitter_t *e, const json_t *json)
{
	yaml_event_t event;
	const char *key;
	json_t *value;
	int r = emit(e, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_ANY_MAPPING_STYLE));

	json_object_foreach ((json_t *)json, key, value) /* only reads, but takes no const */
	{
		if (r == 0)
			r = emit_scalar(e, key, true);
		if (r == 0)
			r = emit_value(e, value);
	}
	return r < 0 ? r : emit(e, &event, yaml_mapping_end_event_initialize(&event));
}

static int emit_array(yaml_emitter_t *e, const json_t *json)
{
	yaml_event_t event;
	json_t *value;
	size_t i;
	int r = emit(e, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_ANY_SEQUENCE_STYLE));

	json_array_foreach (json, i, value) {
		if (r == 0)
			r = emit_value(e, value);
	}
	return r < 0 ? r : emit(e, &event, yaml_sequence_end_event_initialize(&event));
}

static int emit_value(yaml_emitter_t *e, const json_t *json)
{
	if (json_is_object(json))
		return emit_object(e, json);
	if (json_is_array(json))
		return emit_array(e, json);
	if (json_is_string(json))
		return emit_scalar(e, json_string_value(json), true);
	else {
		_cleanup_free_ char *text = json_dumps(json, JSON_ENCODE_ANY);

		return text ? emit_scalar(e, text, false) : -ENOMEM;
	}
}

int yaml_write(FILE *f, const json_t *json)
{
	yaml_emitter_t e;
	yaml_event_t event;
	int r;

	if (!yaml_emitter_initialize(&e))
		return -ENOMEM;
	yaml_emitter_set_output_file(&e, f);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, UNWRAPPED);
	r = emit(&e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	if (r == 0)
		r = emit(&e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0));
	if (r == 0)
		r = emit_value(&e, json);
	if (r == 0)
		r = emit(&e, &event, yaml_document_end_event_initialize(&event, 1));
	if (r == 0)
		r = emit(&e, &event, yaml_stream_end_event_initialize(&event));
	yaml_emitter_delete(&e);
	return r;
}
