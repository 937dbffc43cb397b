/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The objects that the API gives out, for the OpenAPI document. Pure. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include <stddef.h>

struct schema_field {
	const char *name;
	const char *schema; /* JSON text */
	const char *text;   /* or NULL */
};

struct schema {
	const char *name;
	const struct schema_field *fields;
	size_t n;
	const char *base; /* schema whose fields it has too, or NULL */
};

extern const struct schema schemas[];
extern const size_t n_schemas;

#endif
