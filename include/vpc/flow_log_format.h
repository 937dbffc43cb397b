/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The format of a flow log's lines: "${srcaddr} ${dstaddr}", or json. */
#ifndef VPC_FLOW_LOG_FORMAT_H
#define VPC_FLOW_LOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum flow_log_field {
#define FLOW_LOG_FIELD(SYMBOL, name, version) FLOW_LOG_##SYMBOL,
#include <vpc/flow_log_fields.def>
	FLOW_LOG_FIELDS
};

#define FLOW_LOG_JSON	     "json"
#define FLOW_LOG_DEFAULT     "default"
#define FLOW_LOG_FORMAT_MAX  1000 /* characters */
#define FLOW_LOG_COLUMNS_MAX 64	  /* a field may come twice */

/* What a line consists of. */
struct flow_log_format {
	int json;
	unsigned version; /* AWS's format that has all the fields */
	uint64_t fields;  /* a bit for each that is among the columns */
	size_t n;
	uint8_t column[FLOW_LOG_COLUMNS_MAX]; /* enum flow_log_field */
};

static inline const char *flow_log_field_name(enum flow_log_field field)
{
	static const char *const names[] = {
#define FLOW_LOG_FIELD(SYMBOL, name, version) name,
#include <vpc/flow_log_fields.def>
	};
	return names[field];
}

static inline unsigned flow_log_field_version(enum flow_log_field field)
{
	static const uint8_t versions[] = {
#define FLOW_LOG_FIELD(SYMBOL, name, version) version,
#include <vpc/flow_log_fields.def>
	};
	return versions[field];
}

/* Whether vpcd ever knows it. */
static inline int flow_log_field_known(enum flow_log_field field)
{
	static const uint8_t known[] = {
#define FLOW_LOG_FIELD(SYMBOL, name, version)	      1,
#define FLOW_LOG_FIELD_UNKNOWN(SYMBOL, name, version) 0,
#include <vpc/flow_log_fields.def>
	};
	return known[field];
}

static inline int flow_log_format_has(const struct flow_log_format *f, enum flow_log_field field)
{
	return f->fields >> field & 1;
}

_Static_assert(FLOW_LOG_FIELDS <= 64, "they are bits of flow_log_format.fields");

static inline void flow_log_format_add(struct flow_log_format *f, enum flow_log_field field)
{
	f->column[f->n++] = (uint8_t)field;
	f->fields |= UINT64_C(1) << field;
	if (flow_log_field_version(field) > f->version)
		f->version = flow_log_field_version(field);
}

/* Reads a format: fields as "${name}", separated by blanks; "default"; "json". Returns 0, or where in the text it is
 * wrong, counted from 1. */
static inline size_t flow_log_format_parse(const char *text, struct flow_log_format *ret)
{
	const char *at = text;

	*ret = (struct flow_log_format){.version = 2, .json = !strcmp(text, FLOW_LOG_JSON)};
	if (ret->json || !strcmp(text, FLOW_LOG_DEFAULT)) {
		for (unsigned i = 0; i < FLOW_LOG_FIELDS; i++)
			if (ret->json ? flow_log_field_known((enum flow_log_field)i)
				      : flow_log_field_version((enum flow_log_field)i) == 2)
				flow_log_format_add(ret, (enum flow_log_field)i);
		return 0;
	}
	while (*at) {
		size_t length = strcspn(at, " ");
		unsigned field = 0;

		if (length < 4 || at[0] != '$' || at[1] != '{' || at[length - 1] != '}' ||
		    ret->n == FLOW_LOG_COLUMNS_MAX)
			return (size_t)(at - text) + 1;
		for (; field < FLOW_LOG_FIELDS; field++) {
			const char *name = flow_log_field_name((enum flow_log_field)field);

			if (strlen(name) == length - 3 && !strncmp(name, at + 2, length - 3))
				break;
		}
		if (field == FLOW_LOG_FIELDS)
			return (size_t)(at - text) + 1;
		flow_log_format_add(ret, (enum flow_log_field)field);
		at += length;
		at += strspn(at, " ");
	}
	return ret->n ? 0 : 1;
}

#endif
