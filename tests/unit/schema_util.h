/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether JSON is what the OpenAPI document says: a validator for the keywords that the document uses, and for no
 * others (a schema with another one fits nothing, so that none is overlooked). Stricter than JSON Schema in one thing:
 * an object whose schema names properties has no others, unless the schema allows them.
 */
#ifndef TESTS_UNIT_SCHEMA_UTIL_H
#define TESTS_UNIT_SCHEMA_UTIL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* document: where "$ref" leads. why: what doesn't fit, with its place ("/rules/0/cidr: …"); set on false. */
bool schema_fits(const json_t *document, const json_t *schema, const json_t *value, char *why, size_t size);

/* The schema of the reply to a method and an encoded path with this status, or NULL: the document has none. */
const json_t *schema_of_reply(const json_t *document, const char *method, const char *path, int status);

#endif
