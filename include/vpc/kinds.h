/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds of objects and what they are called, from kinds.def. */
#ifndef VPC_KINDS_H
#define VPC_KINDS_H

#include <stddef.h>
#include <string.h>

#include <vpc/error.h>
#include <vpc/limits.h>

enum object_kind {
#define KIND(SYMBOL, ...) OBJECT_##SYMBOL,
#include <vpc/kinds.def>
	OBJECT_KINDS,
};

enum kind_scope {
	SCOPE_PART, /* no name */
	SCOPE_HOST,
	SCOPE_VPC,
	SCOPE_SUBNET,
};

struct kind {
	const char *noun;
	const char *id_prefix;
	enum vpc_code not_found;
	const char *article, *title;
	const char *list;
	const char *schema;
	const char *limit; /* its name, and where struct vpc_limits has it */
	size_t limit_offset;
	enum kind_scope scope;
	const char *field;    /* of a resource, as the two below: "security_group" */
	const char *field_id; /* "security_group_id" */
	const char *path;     /* "security-groups" */
};

/* kind: less than OBJECT_KINDS. */
static inline const struct kind *kind_of(enum object_kind kind)
{
	static const struct kind kinds[OBJECT_KINDS] = {
#define KIND_COLUMNS(noun, prefix, code, article, title, list, schema, limit) \
	noun, prefix, VPC_E_##code, article, title, list, schema, #limit, offsetof(struct vpc_limits, limit)
#define RESOURCE(SYMBOL, symbol, noun, prefix, code, article, title, list, schema, limit, scope, field, path)      \
	[OBJECT_##SYMBOL] = {KIND_COLUMNS(noun, prefix, code, article, title, list, schema, limit), SCOPE_##scope, \
			     field, field "_id", path},
#define PART(SYMBOL, symbol, noun, prefix, code, article, title, list, schema, limit) \
	[OBJECT_##SYMBOL] = {KIND_COLUMNS(noun, prefix, code, article, title, list, schema, limit), SCOPE_PART},
#include <vpc/kinds.def>
#undef KIND_COLUMNS
	};

	return &kinds[kind];
}

/* The resource whose ids begin as text does; OBJECT_KINDS: none, so text may be a name. */
static inline enum object_kind kind_of_id(const char *id)
{
	for (unsigned i = 0; i < OBJECT_KINDS; i++)
		if (!strncmp(id, kind_of((enum object_kind)i)->id_prefix,
			     strlen(kind_of((enum object_kind)i)->id_prefix)))
			return (enum object_kind)i;
	return OBJECT_KINDS;
}

#endif
