/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Schemas of the JSON objects in replies, for the OpenAPI document. Each kind has its table beside the code that writes
 * the JSON. The table also has what the engine adds to it (counters, state).
 */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include <stddef.h>

#define SCHEMA_STRING		 "{\"type\": \"string\"}"
#define SCHEMA_STRING_OR_NULL	 "{\"type\": [\"string\", \"null\"]}"
#define SCHEMA_INTEGER		 "{\"type\": \"integer\"}"
#define SCHEMA_INTEGER_OR_NULL	 "{\"type\": [\"integer\", \"null\"]}"
#define SCHEMA_BOOLEAN		 "{\"type\": \"boolean\"}"
#define SCHEMA_BOOLEAN_OR_NULL	 "{\"type\": [\"boolean\", \"null\"]}"
#define SCHEMA_STRINGS		 "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}"
#define SCHEMA_OBJECTS		 "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}"
#define SCHEMA_OBJECT		 "{\"type\": \"object\"}"
#define SCHEMA_COUNTS		 "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}"
#define SCHEMA_TEXTS		 "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}}"
#define SCHEMA_REF(name)	 "{\"$ref\": \"#/components/schemas/" name "\"}"
#define SCHEMA_REF_OR_NULL(name) "{\"oneOf\": [" SCHEMA_REF(name) ", {\"type\": \"null\"}]}"
#define SCHEMA_LIST_OF(name)	 "{\"type\": \"array\", \"items\": " SCHEMA_REF(name) "}"

struct schema_field {
	const char *name;
	const char *schema; /* JSON text */
	const char *text;   /* or NULL */
};

struct schema {
	const char *name; /* NULL: the kind's own, which kinds.def names */
	const struct schema_field *fields;
	size_t n;
};

#endif
