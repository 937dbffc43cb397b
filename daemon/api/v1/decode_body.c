/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a request's body, before anything is known of what it asks for. */
#include "api/v1/decode.h"

/* Whether the text nests deeper than allowed. Jansson's own limit is 2048. */
static bool too_deep(const char *body, size_t size)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		char c = body[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DECODE_DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

int decode_body(const char *body, size_t size, json_t **ret, struct vpc_error *reterr)
{
	json_error_t e;
	json_t *json;

	if (too_deep(body, size))
		return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, NULL,
				     "the body nests deeper than %d levels; no request needs that", DECODE_DEPTH_MAX);
	json = json_loadb(body, size, JSON_REJECT_DUPLICATES, &e);
	if (!json)
		return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, NULL, "the body is not JSON: line %d: %s", e.line,
				     e.text);
	if (!json_is_object(json)) {
		json_decref(json);
		return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, NULL, "the body must be a JSON object");
	}
	*ret = json;
	return 0;
}
