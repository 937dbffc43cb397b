/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is often done with jansson's values. */
#ifndef VPC_JSON_H
#define VPC_JSON_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#define _cleanup_json_ _cleanup_(json_decrefp)

/* The member's text; borrowed from object. NULL: there is no such member, or it is no string. */
static inline const char *json_member_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* A string of any bytes: of a text that isn't UTF-8, which JSON strings are, each byte above 0x7f becomes '?'. Owned;
 * NULL: out of memory. */
static inline json_t *json_text_lossy(const char *text)
{
	json_t *json = json_string(text);
	_cleanup_free_ char *ascii = json ? NULL : strdup(text);

	if (json || !ascii)
		return json;
	for (char *c = ascii; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(ascii);
}

#endif
